// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A finished OpenSSL session goes to the kernel.  In a library of its own,
 * libkssl-ssl: programs that never see an SSL object, as ksslctl, need not load
 * libssl.
 *
 * What the kernel needs, and where it comes from:
 *   - TLS 1.3: the traffic secrets, from key log lines (_0 of the handshake, _N
 *     of each KeyUpdate); TLS 1.2: the key block, from master secret and randoms
 *     (suite.c), and whether encrypt-then-MAC was agreed on, from the ServerHello;
 *   - sequence numbers: record headers, counted as they go by.  A TLS 1.3 secret
 *     and a TLS 1.2 change_cipher_spec begin at 0;
 *   - what OpenSSL has read already: it is read out through a gate, a BIO that
 *     lets no byte of the socket through but those that complete a record.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <kssl/kssl.h>
#include "suite.h"

#define RECORD_HEADER 5

static int fail(int err)
{
	errno = err;
	return -1;
}

/* ---- what is remembered of an SSL object ---- */

/**
 * struct side - one direction
 * @keyed: a secret or a change_cipher_spec has been seen, so @seq counts
 * @seq: sequence number of the next record
 * @secret: TLS 1.3: traffic secret
 * @secret_len: its length, 0 in TLS 1.2
 */
struct side {
	bool keyed;
	uint64_t seq;
	uint8_t secret[KSSL_SECRET_MAX];
	uint16_t secret_len;
};

/**
 * struct memory - the SSL object's ex_data
 * @tx, @rx: directions
 * @hello: a ServerHello has been seen
 * @etm: the last one agreed to encrypt-then-MAC
 * @wbio: where the last record of data went
 * @written: what BIO_number_written(@wbio) is when all of it has gone
 * @text: text drained by kssl_attach_ssl() and not handed on yet
 * @text_len: its length
 * @text_size: room at @text
 * @closed: close_notify was drained
 */
struct memory {
	struct side tx;
	struct side rx;
	bool hello;
	bool etm;
	const BIO *wbio;
	uint64_t written;
	uint8_t *text;
	size_t text_len;
	size_t text_size;
	bool closed;
};

/* A context's ex_data: the program's own key log callback. */
struct context {
	SSL_CTX_keylog_cb_func keylog;
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static int ssl_index = -1, ctx_index = -1;
static BIO_METHOD *gate_method;

static void memory_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct memory *m = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	if (!m)
		return;
	OPENSSL_clear_free(m->text, m->text_size);
	OPENSSL_secure_clear_free(m, sizeof(*m));
}

/* SSL_dup(): the copy is another connection. */
static int memory_dup(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **ptr, int idx, long argl,
		      void *argp)
{
	(void)to, (void)from, (void)idx, (void)argl, (void)argp;
	*ptr = NULL;
	return 1;
}

static void context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	OPENSSL_free(ptr);
}

static struct memory *memory_get(const SSL *ssl)
{
	return ssl_index < 0 ? NULL : SSL_get_ex_data(ssl, ssl_index);
}

/* Without memory nothing is counted, and kssl_attach_ssl() says ENOKEY. */
static struct memory *memory_make(const SSL *ssl)
{
	struct memory *m = memory_get(ssl);

	if (m || ssl_index < 0)
		return m;
	m = OPENSSL_secure_zalloc(sizeof(*m));
	if (m && !SSL_set_ex_data((SSL *)ssl, ssl_index, m)) {
		OPENSSL_secure_clear_free(m, sizeof(*m));
		m = NULL;
	}
	return m;
}

/* Nothing of it is needed any more. */
static void memory_drop(SSL *ssl)
{
	struct memory *m = memory_get(ssl);

	SSL_set_ex_data(ssl, ssl_index, NULL);
	memory_free(NULL, m, NULL, 0, 0, NULL);
}

/* ---- callbacks ---- */

/* "SERVER_TRAFFIC_SECRET_0 random secret"; _N after a KeyUpdate. */
static void take_secret(struct side *side, const char *line, const char *label)
{
	const char *hex;
	size_t n;

	if (strncmp(line, label, strlen(label)))
		return;
	hex = line + strlen(label);
	if (strncmp(hex, "0 ", 2) && strncmp(hex, "N ", 2))
		return;
	hex = strchr(hex + 2, ' ');
	n = hex ? strlen(++hex) / 2 : 0;
	side->keyed = false;
	side->seq = 0;
	side->secret_len = 0;
	if (!n || n > sizeof(side->secret))
		return;
	for (side->secret_len = (uint16_t)n; n--;) {
		int hi = OPENSSL_hexchar2int((unsigned char)hex[2 * n]);
		int lo = OPENSSL_hexchar2int((unsigned char)hex[2 * n + 1]);

		if (hi < 0 || lo < 0)
			return;
		side->secret[n] = (uint8_t)(hi << 4 | lo);
	}
	side->keyed = true;
}

static void on_keylog(const SSL *ssl, const char *line)
{
	struct context *c = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
	struct memory *m = memory_make(ssl);

	if (m) {
		bool server = SSL_is_server(ssl);

		take_secret(server ? &m->tx : &m->rx, line, "SERVER_TRAFFIC_SECRET_");
		take_secret(server ? &m->rx : &m->tx, line, "CLIENT_TRAFFIC_SECRET_");
	}
	if (c && c->keylog)
		c->keylog(ssl, line);
}

/*
 * In TLS 1.2 a change_cipher_spec starts new keys (RFC 5246, 7.1); in TLS 1.3 it
 * means nothing, and comes before the secrets that count.
 */
static void count_record(struct side *side, uint8_t type)
{
	if (type == SSL3_RT_CHANGE_CIPHER_SPEC) {
		side->keyed = true;
		side->seq = 0;
	} else {
		side->seq++;
	}
}

static void take_hello(struct memory *m, const uint8_t *msg, size_t len)
{
	if (msg[0] != SSL3_MT_SERVER_HELLO)
		return;
	m->hello = true;
	m->etm = kssl_hello_etm(msg, len);
}

void kssl_ssl_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
		      void *arg)
{
	const uint8_t *head = buf;
	struct memory *m;

	(void)version, (void)arg;
	if (type != SSL3_RT_HEADER && type != SSL3_RT_HANDSHAKE)
		return;
	m = memory_make(ssl);
	if (!m || !len)
		return;
	if (type == SSL3_RT_HANDSHAKE) {
		take_hello(m, buf, len);
		return;
	}
	if (len != RECORD_HEADER)
		return;
	count_record(write_p ? &m->tx : &m->rx, head[0]);
	/* after the handshake OpenSSL makes a record when the last one has gone */
	if (write_p && SSL_is_init_finished(ssl)) {
		m->wbio = SSL_get_wbio(ssl);
		m->written = BIO_number_written(SSL_get_wbio(ssl)) + RECORD_HEADER +
			     ((unsigned int)head[3] << 8 | head[4]);
	}
}

/* ---- the gate ---- */

/**
 * struct gate - see above
 * @inner: the socket's BIO
 * @allowed: bytes that may still pass
 * @wanted: what OpenSSL asked for when it was told to wait; 0: it did not ask
 * @err: errno of the socket, 0 if there was none
 */
struct gate {
	BIO *inner;
	size_t allowed;
	int wanted;
	int err;
};

static int gate_read(BIO *bio, char *buf, int len)
{
	struct gate *g = BIO_get_data(bio);
	int n;

	BIO_clear_retry_flags(bio);
	if (!g->allowed) {
		g->wanted = len;
		BIO_set_retry_read(bio);
		return -1;
	}
	if ((size_t)len > g->allowed)
		len = (int)g->allowed;
	errno = 0;
	n = BIO_read(g->inner, buf, len);
	if (n > 0) {
		g->allowed -= (size_t)n;
		return n;
	}
	g->err = errno;
	if (BIO_should_retry(g->inner))
		BIO_set_retry_read(bio);
	else
		g->err = g->err ? g->err : ECONNRESET;
	return n;
}

static long gate_ctrl(BIO *bio, int cmd, long larg, void *parg)
{
	struct gate *g = BIO_get_data(bio);

	return cmd == BIO_CTRL_EOF ? BIO_ctrl(g->inner, cmd, larg, parg) : 0;
}

static int gate_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

/* From now on @ssl reads through @g. */
static int gate_close(SSL *ssl, struct gate *g)
{
	BIO *bio = BIO_new(gate_method);

	if (!bio)
		return fail(ENOMEM);
	memset(g, 0, sizeof(*g));
	g->inner = SSL_get_rbio(ssl);
	BIO_up_ref(g->inner);	/* SSL_set0_rbio() drops one */
	BIO_set_data(bio, g);
	SSL_set0_rbio(ssl, bio);
	return 0;
}

static void gate_remove(SSL *ssl, struct gate *g)
{
	SSL_set0_rbio(ssl, g->inner);
}

/* ---- preparation ---- */

static void init_once(void)
{
	int type = BIO_get_new_index();
	BIO_METHOD *method = type < 0 ? NULL : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "kssl gate");

	if (!method || !BIO_meth_set_read(method, gate_read) ||
	    !BIO_meth_set_ctrl(method, gate_ctrl) || !BIO_meth_set_create(method, gate_create)) {
		BIO_meth_free(method);
		return;
	}
	gate_method = method;
	ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, context_free);
	if (ctx_index >= 0)
		ssl_index = SSL_get_ex_new_index(0, NULL, NULL, memory_dup, memory_free);
}

int kssl_ctx_prepare(SSL_CTX *ctx)
{
	struct context *c;

	if (!CRYPTO_THREAD_run_once(&once, init_once) || ssl_index < 0)
		return fail(ENOMEM);
	if (SSL_CTX_get_ex_data(ctx, ctx_index))
		return 0;
	c = OPENSSL_zalloc(sizeof(*c));
	if (!c || !SSL_CTX_set_ex_data(ctx, ctx_index, c)) {
		OPENSSL_free(c);
		return fail(ENOMEM);
	}
	c->keylog = SSL_CTX_get_keylog_callback(ctx);
	SSL_CTX_set_keylog_callback(ctx, on_keylog);
	SSL_CTX_set_msg_callback(ctx, kssl_ssl_message);
	return 0;
}

/* ---- keys ---- */

static void key13(struct kssl_key *key, const struct side *side)
{
	key->secret_len = side->secret_len;
	memcpy(key->secret, side->secret, side->secret_len);
}

static void key_begin(struct kssl_key *key, SSL *ssl, const struct side *side)
{
	memset(key, 0, sizeof(*key));
	key->version = (uint16_t)SSL_version(ssl);
	key->suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
	key->seq = side->seq;
}

/* The keys as they are now; the caller wipes them, also after an error. */
static int keys_of(SSL *ssl, const struct memory *m, struct kssl_key *tx, struct kssl_key *rx)
{
	int err;

	key_begin(tx, ssl, &m->tx);
	key_begin(rx, ssl, &m->rx);
	if (tx->version == TLS1_2_VERSION) {
		if (!m->hello)
			return fail(ENOKEY);
		err = kssl_keys12(ssl, m->etm, tx, rx);
		return err ? fail(err) : 0;
	}
	if (!m->tx.secret_len || !m->rx.secret_len)
		return fail(ENOKEY);
	key13(tx, &m->tx);
	key13(rx, &m->rx);
	return 0;
}

/* ---- may it be handed over? ---- */

static bool plain_socket(BIO *bio)
{
	return bio && BIO_method_type(bio) & BIO_TYPE_DESCRIPTOR && !BIO_next(bio);
}

/* Is there something in this session that the kernel's records do not know? */
static bool beyond_us(SSL *ssl)
{
	SSL_SESSION *session = SSL_get_session(ssl);
	int fragment = session ? SSL_SESSION_get_max_fragment_length(session) : 0;

	return (SSL_version(ssl) != TLS1_2_VERSION && SSL_version(ssl) != TLS1_3_VERSION) ||
	       SSL_get_current_compression(ssl) || (fragment >= 1 && fragment <= 4) ||
	       !plain_socket(SSL_get_rbio(ssl)) || !plain_socket(SSL_get_wbio(ssl)) ||
	       SSL_get_rfd(ssl) != SSL_get_wfd(ssl);
}

static int check_socket(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name);
	struct sockaddr_storage addr;
	socklen_t addr_len = sizeof(addr);

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len))
		return fail(errno == ENOPROTOOPT ? EOPNOTSUPP : errno);
	if (len && *name)
		return fail(EEXIST);
	return getpeername(fd, (struct sockaddr *)&addr, &addr_len);
}

/* All that OpenSSL was given to send is with TCP. */
static bool all_sent(SSL *ssl, const struct memory *m)
{
	BIO *wbio = SSL_get_wbio(ssl);

	return !SSL_want_write(ssl) &&
	       (m->wbio != wbio || BIO_number_written(wbio) >= m->written);
}

/*
 * With both of TLS 1.3's secrets, what OpenSSL is at is a message after the
 * handshake, to be read or sent; reading ends that.
 */
static bool handshake_done(SSL *ssl, const struct memory *m)
{
	if (!SSL_get_current_cipher(ssl))
		return false;
	return SSL_is_init_finished(ssl) ||
	       (SSL_version(ssl) == TLS1_3_VERSION && m && m->tx.keyed && m->rx.keyed);
}

static int check(SSL *ssl, const struct memory *m)
{
	if (!handshake_done(ssl, m))
		return fail(EBUSY);
	if (beyond_us(ssl))
		return fail(EOPNOTSUPP);
	if (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
		return fail(EPIPE);
	if (!m || !m->tx.keyed || !m->rx.keyed)
		return fail(ENOKEY);
	if (!all_sent(ssl, m) || SSL_renegotiate_pending(ssl))
		return fail(EBUSY);
	return check_socket(SSL_get_rfd(ssl));
}

/* Would the kernel take such keys?  Asked before anything is changed. */
static int check_kernel(SSL *ssl, const struct memory *m)
{
	struct kssl_key tx, rx;
	int ret = keys_of(ssl, m, &tx, &rx);

	if (!ret)
		ret = kssl_check_keys(&tx);
	OPENSSL_cleanse(&tx, sizeof(tx));
	OPENSSL_cleanse(&rx, sizeof(rx));
	return ret && errno == EINVAL ? fail(EOPNOTSUPP) : ret;
}

/* ---- what OpenSSL has read ---- */

static int text_room(struct memory *m)
{
	size_t size = m->text_len + SSL3_RT_MAX_PLAIN_LENGTH;
	uint8_t *text;

	if (size <= m->text_size)
		return 0;
	text = OPENSSL_clear_realloc(m->text, m->text_size, size);
	if (!text)
		return fail(ENOMEM);
	m->text = text;
	m->text_size = size;
	return 0;
}

/*
 * OpenSSL waits for more.  Read-ahead is off, so it asks for just what is
 * missing: five bytes in state "read header" mean that nothing was begun.
 */
static bool at_boundary(SSL *ssl, const struct gate *g)
{
	return g->wanted == RECORD_HEADER && !strcmp(SSL_rstate_string(ssl), "RH");
}

/* Returns 1: go on; 0: all drained; -1 with errno. */
static int wants_bytes(SSL *ssl, struct gate *g)
{
	if (g->err)
		return fail(g->err);
	if (!g->wanted)		/* a ticket went by, without SSL_MODE_AUTO_RETRY */
		return 1;
	if (at_boundary(ssl, g)) {
		if (SSL_is_init_finished(ssl))
			return 0;
		if (SSL_version(ssl) == TLS1_2_VERSION)	/* the peer renegotiates */
			return fail(EBUSY);
	}	/* else inside a record, or a message that goes on in the next one */
	g->allowed = (size_t)g->wanted;
	return 1;
}

static int read_error(const struct gate *g)
{
	unsigned long e = ERR_peek_last_error();

	if (g->err)
		return g->err;
	if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET)
		return ECONNABORTED;
	return ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE ? ENOMEM : EBADMSG;
}

static int drain(SSL *ssl, struct memory *m, struct gate *g)
{
	int ret = 1;

	while (ret > 0) {
		size_t n;

		if (text_room(m))
			return -1;
		g->wanted = 0;
		ERR_clear_error();
		if (SSL_read_ex(ssl, m->text + m->text_len, m->text_size - m->text_len, &n)) {
			m->text_len += n;
			continue;
		}
		switch (SSL_get_error(ssl, 0)) {
		case SSL_ERROR_WANT_READ:
			ret = wants_bytes(ssl, g);
			break;
		case SSL_ERROR_WANT_WRITE:
			return fail(EAGAIN);
		case SSL_ERROR_ZERO_RETURN:
			m->closed = true;
			return 0;
		default:
			return fail(read_error(g));
		}
	}
	return ret;
}

/* At a record's end in both directions, or an error. */
static int settle(SSL *ssl, struct memory *m)
{
	int ahead = SSL_get_read_ahead(ssl), ret, err;
	struct gate g;

	if (gate_close(ssl, &g))
		return -1;
	SSL_set_read_ahead(ssl, 0);
	ret = drain(ssl, m, &g);
	err = errno;
	gate_remove(ssl, &g);
	SSL_set_read_ahead(ssl, ahead);
	errno = err;
	return ret;
}

/* ---- the hand-over ---- */

static int check_room(int fd, const struct memory *m)
{
	socklen_t len = sizeof(int);
	int room = 0;

	if (m->text_len <= KSSL_TEXT_ROOM)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len))
		return -1;
	return m->text_len <= (size_t)room ? 0 : fail(ENOBUFS);
}

static int give_text(int fd, const struct memory *m)
{
	size_t at, n;

	for (at = 0; at < m->text_len; at += n) {
		n = m->text_len - at;
		if (n > KSSL_TEXT_MAX)
			n = KSSL_TEXT_MAX;
		if (setsockopt(fd, SOL_KSSL, KSSL_TEXT, m->text + at, (socklen_t)n))
			return -1;
	}
	return m->closed ? setsockopt(fd, SOL_KSSL, KSSL_TEXT, "", 0) : 0;
}

static int hand_over(int fd, int role, const struct memory *m, const struct kssl_key *tx,
		     const struct kssl_key *rx)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSSL_ULP_NAME, strlen(KSSL_ULP_NAME)) ||
	    setsockopt(fd, SOL_KSSL, KSSL_ROLE, &role, sizeof(role)) ||
	    setsockopt(fd, SOL_KSSL, KSSL_KEY_TX, tx, sizeof(*tx)) ||
	    setsockopt(fd, SOL_KSSL, KSSL_KEY_RX, rx, sizeof(*rx)))
		return -1;
	return give_text(fd, m);
}

int kssl_attach_ssl(SSL *ssl)
{
	struct memory *m = memory_get(ssl);
	struct kssl_key tx, rx;
	int fd, ret;

	if (check(ssl, m) || check_kernel(ssl, m) || settle(ssl, m))
		return -1;
	fd = SSL_get_rfd(ssl);
	if (!all_sent(ssl, m) || check_room(fd, m))
		return -1;
	ret = keys_of(ssl, m, &tx, &rx);
	if (!ret)
		ret = hand_over(fd, SSL_is_server(ssl) ? KSSL_ROLE_SERVER : KSSL_ROLE_CLIENT, m,
				&tx, &rx);
	OPENSSL_cleanse(&tx, sizeof(tx));
	OPENSSL_cleanse(&rx, sizeof(rx));
	if (ret)
		return -1;
	memory_drop(ssl);
	/* no call on the object touches the socket now, and its session stays good */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return 0;
}

size_t kssl_ssl_drained(SSL *ssl, void *buf, size_t len)
{
	struct memory *m = memory_get(ssl);

	if (!m || !m->text_len)
		return 0;
	if (len > m->text_len)
		len = m->text_len;
	memcpy(buf, m->text, len);
	m->text_len -= len;
	memmove(m->text, m->text + len, m->text_len);
	OPENSSL_cleanse(m->text + m->text_len, len);
	return len;
}
