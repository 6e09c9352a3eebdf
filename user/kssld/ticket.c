// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The keys that a server's tickets are encrypted with (RFC 5077, 4).  By default our own:
 * random, in memory alone, and a new one each lifetime, so that a ticket can be used for
 * its lifetime and its key is gone after two.  Or those of a file, the same on several
 * machines: the first encrypts, the others still decrypt.  They outlive a reload.
 *
 * A ticket also says when certificates were last exchanged: sessions that are resumed from
 * sessions end, too.
 */
#include "kssld.h"

#include <pthread.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#define LIFE_MAX (24 * 3600)	/* since the last handshake with certificates, seconds */

static struct {
	pthread_mutex_t lock;
	struct ticket_keys keys;
	bool own;
	time_t since;		/* of the first of our own, monotonic */
	time_t period;
} ring = { .lock = PTHREAD_MUTEX_INITIALIZER };

static time_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* ---- keys ---- */

/* The one that encrypts becomes the one that decrypts. */
static void turn(void)
{
	ring.keys.key[1] = ring.keys.key[0];
	if (RAND_priv_bytes((unsigned char *)&ring.keys.key[0], sizeof(ring.keys.key[0])) == 1) {
		ring.keys.nr = ring.keys.nr ? 2 : 1;
	} else {
		OPENSSL_cleanse(&ring.keys, sizeof(ring.keys));	/* no tickets, then */
		error("no random numbers for a ticket key");
	}
	ring.since = monotonic();
}

static void turn_if_old(void)
{
	time_t age = monotonic() - ring.since;

	if (!ring.own || (ring.keys.nr && age < ring.period))
		return;
	if (age >= 2 * ring.period)
		ring.keys.nr = 0;	/* nobody asked for long: that one is too old as well */
	turn();
}

/**
 * ticket_age() - a new key, if it is time
 */
void ticket_age(void)
{
	pthread_mutex_lock(&ring.lock);
	turn_if_old();
	pthread_mutex_unlock(&ring.lock);
}

/**
 * ticket_use() - the keys of a configuration that comes into force
 * @c: it; without keys of its own those that we made stay
 */
void ticket_use(const struct config *c)
{
	pthread_mutex_lock(&ring.lock);
	ring.period = c->ticket_lifetime;
	if (c->ticket_keys.nr) {
		ring.keys = c->ticket_keys;
		ring.own = false;
	} else if (!ring.own) {
		OPENSSL_cleanse(&ring.keys, sizeof(ring.keys));
		ring.own = true;
	}
	turn_if_old();
	pthread_mutex_unlock(&ring.lock);
}

/**
 * ticket_end() - wipe the keys
 */
void ticket_end(void)
{
	OPENSSL_cleanse(&ring.keys, sizeof(ring.keys));
}

static bool add_keys(struct config *c, const struct file_name *file, const char *text, size_t len)
{
	struct ticket_keys *to = &c->ticket_keys;
	size_t n = len / sizeof(to->key[0]);

	if (!len || len % sizeof(to->key[0])) {
		config_bad_file(c, file, "its length is no multiple of 80 bytes");
		return false;
	}
	if (n > TICKET_KEYS_MAX - to->nr) {
		config_bad_file(c, file, "more than 8 ticket keys");
		return false;
	}
	memcpy(&to->key[to->nr], text, len);
	to->nr += (unsigned int)n;
	return true;
}

/**
 * ticket_load() - read the key file
 * @c: configuration that names it, or none
 *
 * Return: false after a log line.
 */
bool ticket_load(struct config *c)
{
	size_t len;
	char *text;
	bool good;

	if (!c->ticket_file.path)
		return true;
	text = secret_read(c, &c->ticket_file, &len);
	good = text && add_keys(c, &c->ticket_file, text, len);
	secret_free(text);
	return good;
}

/* Copied, so that nobody waits for OpenSSL; the caller wipes it. */
static bool first_key(struct ticket_key *to)
{
	bool found;

	pthread_mutex_lock(&ring.lock);
	turn_if_old();
	found = ring.keys.nr;
	*to = ring.keys.key[0];
	pthread_mutex_unlock(&ring.lock);
	return found;
}

static bool named_key(const uint8_t *name, struct ticket_key *to, bool *is_first)
{
	bool found = false;
	unsigned int i;

	pthread_mutex_lock(&ring.lock);
	turn_if_old();
	for (i = 0; i < ring.keys.nr && !found; i++) {
		found = !memcmp(ring.keys.key[i].name, name, sizeof(to->name));
		if (found)
			*to = ring.keys.key[i];
		*is_first = !i;
	}
	pthread_mutex_unlock(&ring.lock);
	return found;
}

/* ---- what OpenSSL asks ---- */

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 6),
		OSSL_PARAM_END,
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1 go on, 0 no ticket, -1 an error */
static int encrypt_with(struct ticket_key *k, uint8_t *name, uint8_t *iv, EVP_CIPHER_CTX *cipher,
			EVP_MAC_CTX *mac)
{
	if (!first_key(k))
		return 0;
	memcpy(name, k->name, sizeof(k->name));
	if (RAND_bytes(iv, 16) != 1 ||
	    EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) != 1 ||
	    !set_mac(mac, k))
		return -1;
	return 1;
}

/*
 * 1 it is good, 2 and wants a new one, 0 it is not ours, -1 an error.  In TLS 1.3 clients
 * use a ticket once (RFC 8446, C.4).
 */
static int decrypt_with(struct ticket_key *k, bool once, const uint8_t *name, const uint8_t *iv,
			EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	bool is_first = false;

	if (!named_key(name, k, &is_first))
		return 0;
	if (!set_mac(mac, k) ||
	    EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->aes, iv) != 1)
		return -1;
	return is_first && !once ? 1 : 2;
}

static int on_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		  EVP_MAC_CTX *mac, int encrypting)
{
	struct ticket_key k;
	int ret;

	ret = encrypting ? encrypt_with(&k, name, iv, cipher, mac) :
			   decrypt_with(&k, SSL_version(ssl) == TLS1_3_VERSION, name, iv, cipher,
					mac);
	OPENSSL_cleanse(&k, sizeof(k));
	return ret;
}

/* What we say in a ticket beside what OpenSSL says. */
struct note {
	int64_t born;	/* the last handshake with certificates, seconds since 1970 */
};

static bool read_note(SSL_SESSION *session, struct note *note)
{
	void *data;
	size_t len;

	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len != sizeof(*note))
		return false;
	memcpy(note, data, len);
	return true;
}

static int on_write(SSL *ssl, void *arg)
{
	SSL_SESSION *session = SSL_get_session(ssl);
	struct note note;

	(void)arg;
	if (SSL_session_reused(ssl) && read_note(session, &note))
		return 1;
	note.born = time(NULL);
	return SSL_SESSION_set1_ticket_appdata(session, &note, sizeof(note));
}

/* OpenSSL does not ask whether the client's certificate has expired since. */
static bool is_old(SSL_SESSION *session)
{
	const X509 *cert = SSL_SESSION_get0_peer(session);
	int64_t now = time(NULL);
	struct note note;

	if (!read_note(session, &note) || now < note.born || now - note.born >= LIFE_MAX)
		return true;
	return cert && X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0;
}

static SSL_TICKET_RETURN on_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
				 size_t len, SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl;
	(void)name;
	(void)len;
	(void)arg;
	switch (status) {
	case SSL_TICKET_EMPTY:
	case SSL_TICKET_NO_DECRYPT:
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	case SSL_TICKET_SUCCESS:
		return is_old(session) ? SSL_TICKET_RETURN_IGNORE_RENEW : SSL_TICKET_RETURN_USE;
	case SSL_TICKET_SUCCESS_RENEW:
		return is_old(session) ? SSL_TICKET_RETURN_IGNORE_RENEW :
					 SSL_TICKET_RETURN_USE_RENEW;
	default:
		return SSL_TICKET_RETURN_ABORT;
	}
}

/**
 * ticket_offer() - to the clients of a context
 * @c: configuration
 * @ctx: context of a server
 *
 * Return: false on an error.
 */
bool ticket_offer(const struct config *c, SSL_CTX *ctx)
{
	SSL_CTX_set_timeout(ctx, c->ticket_lifetime);
	if (c->tickets)
		return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_key) == 1 &&
		       SSL_CTX_set_session_ticket_cb(ctx, on_write, on_read, NULL) == 1;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return SSL_CTX_set_num_tickets(ctx, 0) == 1;
}
