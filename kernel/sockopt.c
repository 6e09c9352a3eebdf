// SPDX-License-Identifier: GPL-2.0
/*
 * Socket options: level SOL_KSSL, and which of TCP's stay open.  Values are
 * copied in before the socket lock is taken and copied out after it is dropped,
 * so nobody holds the lock over a page fault of the program's choosing.
 */
#include "sockopt.h"

#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <net/tcp.h>

#include "calls.h"
#include "exporter.h"
#include "keys.h"
#include "ktls.h"
#include "lobby.h"
#include "mib.h"
#include "peer.h"
#include "plain.h"
#include "rx.h"
#include "session.h"
#include "suite.h"
#include "tx.h"
#include "ulp.h"
#include "upcall.h"

/* Options of TCP that cannot touch the data stream. */
static bool tcp_option_open(int name)
{
	switch (name) {
	case TCP_NODELAY:
	case TCP_MAXSEG:
	case TCP_CORK:
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
	case TCP_SYNCNT:
	case TCP_LINGER2:
	case TCP_DEFER_ACCEPT:
	case TCP_WINDOW_CLAMP:
	case TCP_QUICKACK:
	case TCP_CONGESTION:
	case TCP_MD5SIG:
	case TCP_MD5SIG_EXT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
	case TCP_USER_TIMEOUT:
	case TCP_FASTOPEN:
	case TCP_TIMESTAMP:
	case TCP_NOTSENT_LOWAT:
	case TCP_CC_INFO:
	case TCP_INFO:
	case TCP_SAVE_SYN:
	case TCP_SAVED_SYN:
	case TCP_FASTOPEN_NO_COOKIE:
	case TCP_FASTOPEN_KEY:
	case TCP_TX_DELAY:
	case TCP_ULP:		/* EEXIST */
		return true;
	}
	return false;
}

static bool before_handshake(const struct kssl_session *s)
{
	return s->state == KSSL_STATE_INIT || s->state == KSSL_STATE_LISTEN;
}

/* Visible ASCII, no NUL: these go to the daemon and into logs. */
static bool printable(const char *text, unsigned int len)
{
	while (len--)
		if (text[len] <= 0x20 || text[len] >= 0x7f)
			return false;
	return true;
}

/*
 * @field becomes the text; an empty one clears it.  A listener's children copy
 * its strings in softirq, hence the spinlock.
 */
static int set_string(struct sock *sk, char **field, unsigned int max, sockptr_t val,
		      unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	char *text;
	int err = 0;

	if (len > max)
		return -EINVAL;
	text = kzalloc(len + 1, GFP_KERNEL_ACCOUNT);
	if (!text)
		return -ENOMEM;
	if (copy_from_sockptr(text, val, len))
		err = -EFAULT;
	else if (!printable(text, len))
		err = -EINVAL;
	if (err) {
		kfree(text);
		return err;
	}
	if (!len) {
		kfree(text);
		text = NULL;
	}
	lock_sock(sk);
	if (before_handshake(s)) {
		spin_lock_bh(&s->lock);
		swap(*field, text);
		spin_unlock_bh(&s->lock);
	} else {
		err = -EBUSY;
	}
	release_sock(sk);
	kfree(text);
	return err;
}

static int set_peer_name(struct sock *sk, sockptr_t val, unsigned int len)
{
	return set_string(sk, &kssl_of(sk)->peer_name, KSSL_NAME_MAX, val, len);
}

static int set_identity(struct sock *sk, sockptr_t val, unsigned int len)
{
	return set_string(sk, &kssl_of(sk)->identity, KSSL_IDENTITY_MAX, val, len);
}

static int set_alpn(struct sock *sk, sockptr_t val, unsigned int len)
{
	return set_string(sk, &kssl_of(sk)->alpn, KSSL_ALPN_MAX, val, len);
}

/* A number of at most @max. */
static int get_u32(sockptr_t val, unsigned int len, u32 max, u32 *n)
{
	if (len != sizeof(*n))
		return -EINVAL;
	if (copy_from_sockptr(n, val, sizeof(*n)))
		return -EFAULT;
	return *n > max ? -EINVAL : 0;
}

static int set_peer_auth(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	u32 n;
	int err = get_u32(val, len, KSSL_PEER_AUTH_REQUIRE, &n);

	if (err)
		return err;
	lock_sock(sk);
	if (before_handshake(s))
		s->peer_auth = n;
	else
		err = -EBUSY;
	release_sock(sk);
	return err;
}

/* A listener serves and a connecting socket does not, whatever is asked. */
static int set_role(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	u32 n;
	int err = get_u32(val, len, KSSL_ROLE_SERVER, &n);

	if (err)
		return err;
	lock_sock(sk);
	if (s->state != KSSL_STATE_INIT)
		err = -EBUSY;
	else if (n != KSSL_ROLE_AUTO)
		s->role = n;
	release_sock(sk);
	return err;
}

static int set_handshake(struct sock *sk, sockptr_t val, unsigned int len)
{
	bool nonblock = sk->sk_socket && sk->sk_socket->file &&
			sk->sk_socket->file->f_flags & O_NONBLOCK;
	long timeo = nonblock ? 0 : MAX_SCHEDULE_TIMEOUT;
	struct kssl_session *s = kssl_of(sk);
	u32 ms;
	int err = get_u32(val, len, U32_MAX, &ms);

	if (err)
		return err;
	lock_sock(sk);
	if (s->state == KSSL_STATE_LISTEN || s->own_keys)
		err = -EINVAL;
	else if (s->state == KSSL_STATE_INIT && sk->sk_state == TCP_ESTABLISHED)
		err = kssl_upcall_start(s, ms);
	if (!err)
		err = kssl_calls_await(s, &timeo);
	release_sock(sk);
	return err == -EAGAIN ? -EINPROGRESS : err;
}

/* Both directions speak one suite of one version. */
static bool fits_other(const struct kssl_session *s, const struct kssl_half *half)
{
	const struct kssl_half *other = s->seal ?: s->open;

	return !other || (other->suite->id == half->suite->id && other->version == half->version);
}

static int install_locked(struct kssl_session *s, struct kssl_half **half, bool tx)
{
	struct kssl_half **slot = tx ? &s->seal : &s->open;

	if (s->sk->sk_state != TCP_ESTABLISHED && s->sk->sk_state != TCP_CLOSE_WAIT)
		return -ENOTCONN;
	if (*slot || (s->state != KSSL_STATE_INIT && !s->own_keys) || s->error.err)
		return -EBUSY;
	if (!fits_other(s, *half))
		return -EINVAL;
	if (!kssl_keys_allowed(s->kn, *half))
		return -EACCES;
	s->own_keys = true;
	s->version = (*half)->version;
	s->suite = (*half)->suite->id;
	kssl_keys_install(s, tx ? half : NULL, tx ? NULL : half);
	kssl_mib_inc(s->kn, KSSL_MIB_OWN_KEYS);
	if (s->state == KSSL_STATE_INIT)
		kssl_session_open(s);
	else
		kssl_session_wake(s);
	return 0;
}

static int set_key(struct sock *sk, sockptr_t val, unsigned int len, bool tx)
{
	struct kssl_half *half;
	struct kssl_key key;
	const char *why;
	int err;

	if (len != sizeof(key))
		return -EINVAL;
	if (copy_from_sockptr(&key, val, sizeof(key))) {
		memzero_explicit(&key, sizeof(key));
		return -EFAULT;
	}
	half = kssl_keys_new(&key, &why);
	memzero_explicit(&key, sizeof(key));
	if (IS_ERR(half))
		return PTR_ERR(half);
	lock_sock(sk);
	err = install_locked(kssl_of(sk), &half, tx);
	release_sock(sk);
	kssl_keys_free(half);
	return err;
}

static int set_key_tx(struct sock *sk, sockptr_t val, unsigned int len)
{
	return set_key(sk, val, len, true);
}

static int set_key_rx(struct sock *sk, sockptr_t val, unsigned int len)
{
	return set_key(sk, val, len, false);
}

/*
 * TLS_TX and TLS_RX of in-tree kernel TLS: keys without a traffic secret, so that
 * there is no KeyUpdate in either direction.
 */
static int set_tls_key(struct sock *sk, int name, sockptr_t val, unsigned int len)
{
	union kssl_ktls_info info = {};
	struct kssl_half *half;
	int err;

	if (name != TLS_TX && name != TLS_RX)
		return -ENOPROTOOPT;
	if (len < sizeof(info.head) || len > sizeof(info))
		return -EINVAL;
	if (copy_from_sockptr(&info, val, len)) {
		memzero_explicit(&info, sizeof(info));
		return -EFAULT;
	}
	half = kssl_ktls_keys(&info, len);
	memzero_explicit(&info, sizeof(info));
	if (IS_ERR(half))
		return PTR_ERR(half);
	lock_sock(sk);
	err = install_locked(kssl_of(sk), &half, name == TLS_TX);
	release_sock(sk);
	kssl_keys_free(half);
	return err;
}

static int set_key_update(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;
	int err = get_u32(val, len, KSSL_UPDATE_REQUESTED, &n);

	if (err)
		return err;
	lock_sock(sk);
	err = kssl_tx_key_update(kssl_of(sk), n == KSSL_UPDATE_REQUESTED);
	release_sock(sk);
	return err;
}

/* Least that a record may be limited to (RFC 8449, 4). */
#define RECORD_SIZE_MIN	64

static int set_record_size(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;
	int err = get_u32(val, len, TLS_TEXT_MAX, &n);

	if (err)
		return err;
	if (n && n < RECORD_SIZE_MIN)
		return -EINVAL;
	lock_sock(sk);
	kssl_of(sk)->tx.size = n;
	release_sock(sk);
	return 0;
}

/* A record that is begun has room for the padding that was asked for then. */
static int set_pad(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_tx *tx = &kssl_of(sk)->tx;
	u32 n;
	int err = get_u32(val, len, TLS_TEXT_MAX, &n);

	if (err)
		return err;
	if (n == 1)
		return -EINVAL;
	lock_sock(sk);
	if (tx->page)
		err = -EBUSY;
	else
		tx->pad = n;
	release_sock(sk);
	return err;
}

static int set_eof_mode(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;
	int err = get_u32(val, len, KSSL_EOF_LAX, &n);

	if (err)
		return err;
	lock_sock(sk);
	kssl_of(sk)->rx.lax = n == KSSL_EOF_LAX;
	release_sock(sk);
	return 0;
}

static int set_detach(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	u32 n;
	int err = get_u32(val, len, KSSL_DETACH_CLOSE, &n);

	if (err)
		return err;
	lock_sock(sk);
	err = n == KSSL_DETACH_CLOSE ? kssl_plain_close(s) : kssl_plain_enter(s);
	release_sock(sk);
	return err;
}

static int set_records(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;
	int err = get_u32(val, len, 1, &n);

	if (err)
		return err;
	lock_sock(sk);
	kssl_of(sk)->rx.records = n;
	release_sock(sk);
	return 0;
}

/* There may be guests, so there is no way back. */
static int set_accept(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	u32 n;
	int err = get_u32(val, len, 1, &n);

	if (err)
		return err;
	lock_sock(sk);
	if (s->wrapped || s->plain || (!n && s->lobby))
		err = -EBUSY;
	else if (n)
		err = kssl_lobby_open(s);
	release_sock(sk);
	return err;
}

static int set_close_handshake(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;
	int err = get_u32(val, len, 1, &n);

	if (err)
		return err;
	lock_sock(sk);
	kssl_of(sk)->close_handshake = n;
	release_sock(sk);
	return 0;
}

static int set_text(struct sock *sk, sockptr_t val, unsigned int len)
{
	u8 *text = NULL;
	int err;

	static_assert(KSSL_TEXT_MAX == TLS_TEXT_MAX);
	if (len > KSSL_TEXT_MAX)
		return -EINVAL;
	if (len)
		text = memdup_sockptr(val, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	lock_sock(sk);
	err = kssl_rx_give(kssl_of(sk), text, len);
	release_sock(sk);
	kfree_sensitive(text);
	return err;
}

/* A value on its way out, filled under the socket lock. */
struct answer {
	void *data;
	unsigned int len;
	bool whole;		/* all or nothing, ERANGE tells the length */
};

static int answer_with(struct answer *a, const void *data, unsigned int len, bool whole)
{
	a->data = kmemdup(data, len, GFP_KERNEL);
	a->len = len;
	a->whole = whole;
	return a->data ? 0 : -ENOMEM;
}

static int get_string(const char *text, struct answer *a)
{
	a->whole = true;
	return text ? answer_with(a, text, strlen(text), true) : 0;
}

static int get_peer_name(struct kssl_session *s, struct answer *a)
{
	return get_string(s->peer_name, a);
}

static int get_identity(struct kssl_session *s, struct answer *a)
{
	return get_string(s->identity, a);
}

static int get_alpn(struct kssl_session *s, struct answer *a)
{
	return get_string(s->alpn, a);
}

static int get_subject(struct kssl_session *s, struct answer *a)
{
	return s->peer && s->peer->subject ? get_string(s->peer->subject, a) : -ENODATA;
}

static int get_san(struct kssl_session *s, struct answer *a)
{
	return s->peer && s->peer->san ? get_string(s->peer->san, a) : -ENODATA;
}

static int get_cert(struct kssl_session *s, struct answer *a)
{
	const struct kssl_peer *p = s->peer;

	return p && p->cert_len ? answer_with(a, p->der, p->cert_len, true) : -ENODATA;
}

static int get_chain(struct kssl_session *s, struct answer *a)
{
	const struct kssl_peer *p = s->peer;

	return p && p->chain_len ? answer_with(a, p->der, p->chain_len, true) : -ENODATA;
}

static int get_fingerprint(struct kssl_session *s, struct answer *a)
{
	const struct kssl_peer *p = s->peer;

	if (!p || !p->has_fingerprint)
		return -ENODATA;
	return answer_with(a, p->fingerprint, sizeof(p->fingerprint), true);
}

static int get_number(u32 n, struct answer *a)
{
	return answer_with(a, &n, sizeof(n), false);
}

static int get_verify(struct kssl_session *s, struct answer *a)
{
	if (s->peer)
		return get_number(s->peer->verify, a);
	return s->error.verify ? get_number(s->error.verify, a) : -ENODATA;
}

static int get_peer_auth(struct kssl_session *s, struct answer *a)
{
	return get_number(s->peer_auth, a);
}

static int get_role(struct kssl_session *s, struct answer *a)
{
	return get_number(s->role, a);
}

static int get_record_size(struct kssl_session *s, struct answer *a)
{
	return get_number(s->tx.size, a);
}

static int get_pad(struct kssl_session *s, struct answer *a)
{
	return get_number(s->tx.pad, a);
}

static int get_eof_mode(struct kssl_session *s, struct answer *a)
{
	return get_number(s->rx.lax ? KSSL_EOF_LAX : KSSL_EOF_STRICT, a);
}

static int get_records(struct kssl_session *s, struct answer *a)
{
	return get_number(s->rx.records, a);
}

static int get_accept(struct kssl_session *s, struct answer *a)
{
	return get_number(!!s->lobby, a);
}

static int get_close_handshake(struct kssl_session *s, struct answer *a)
{
	return get_number(s->close_handshake, a);
}

static int get_info(struct kssl_session *s, struct answer *a)
{
	struct kssl_info info = {
		.version = s->version,
		.suite = s->suite,
		.role = s->role,
		.state = s->state,
		.peer_verified = s->peer_verified,
		.resumed = s->resumed,
		.session_id = s->id,
		.tx_generation = s->tx_generation,
		.rx_generation = s->rx_generation,
		.tx_bytes = s->tx_bytes,
		.rx_bytes = s->rx_bytes,
		.tx_records = s->tx_records,
		.rx_records = s->rx_records,
	};

	return answer_with(a, &info, sizeof(info), false);
}

static int get_error(struct kssl_session *s, struct answer *a)
{
	struct kssl_error error = {
		.err = kssl_session_errno(s),
		.verify = s->error.verify,
		.alert_sent = s->error.alert_sent,
		.alert_received = s->error.alert_received,
	};

	strscpy(error.text, s->error.text ?: "", sizeof(error.text));
	return answer_with(a, &error, sizeof(error), false);
}

static int export_locked(const struct kssl_session *s, struct kssl_exporter *x)
{
	if (s->state < KSSL_STATE_OPEN)
		return -ENOTCONN;
	return s->master ? kssl_exporter_derive(s->master, x) : -ENODATA;
}

static int ask_exporter(struct sock *sk, char __user *val, int __user *len)
{
	struct kssl_exporter *x;
	int room, err;

	if (get_user(room, len))
		return -EFAULT;
	if (room != sizeof(*x))
		return -EINVAL;
	x = memdup_user(val, sizeof(*x));
	if (IS_ERR(x))
		return PTR_ERR(x);
	err = -EINVAL;
	if (kssl_exporter_valid(x)) {
		lock_sock(sk);
		err = export_locked(kssl_of(sk), x);
		release_sock(sk);
	}
	if (!err && copy_to_user(val + offsetof(struct kssl_exporter, out), x->out, x->out_len))
		err = -EFAULT;
	kfree_sensitive(x);
	return err;
}

/* set; get: fill an answer; ask: the value goes in and comes out. */
static const struct {
	int (*set)(struct sock *sk, sockptr_t val, unsigned int len);
	int (*get)(struct kssl_session *s, struct answer *a);
	int (*ask)(struct sock *sk, char __user *val, int __user *len);
} options[] = {
	[KSSL_PEER_NAME] = { set_peer_name, get_peer_name },
	[KSSL_IDENTITY] = { set_identity, get_identity },
	[KSSL_ALPN] = { set_alpn, get_alpn },
	[KSSL_PEER_AUTH] = { set_peer_auth, get_peer_auth },
	[KSSL_ROLE] = { set_role, get_role },
	[KSSL_HANDSHAKE] = { set_handshake, NULL },
	[KSSL_INFO] = { NULL, get_info },
	[KSSL_PEER_CERT] = { NULL, get_cert },
	[KSSL_PEER_SUBJECT] = { NULL, get_subject },
	[KSSL_ERROR] = { NULL, get_error },
	[KSSL_KEY_TX] = { set_key_tx, NULL },
	[KSSL_KEY_RX] = { set_key_rx, NULL },
	[KSSL_KEY_UPDATE] = { set_key_update, NULL },
	[KSSL_RECORD_SIZE] = { set_record_size, get_record_size },
	[KSSL_PAD] = { set_pad, get_pad },
	[KSSL_EOF_MODE] = { set_eof_mode, get_eof_mode },
	[KSSL_EXPORTER] = { .ask = ask_exporter },
	[KSSL_DETACH] = { set_detach, NULL },
	[KSSL_RECORDS] = { set_records, get_records },
	[KSSL_TEXT] = { set_text, NULL },
	[KSSL_PEER_SAN] = { NULL, get_san },
	[KSSL_PEER_FINGERPRINT] = { NULL, get_fingerprint },
	[KSSL_PEER_CHAIN] = { NULL, get_chain },
	[KSSL_PEER_VERIFY] = { NULL, get_verify },
	[KSSL_ACCEPT] = { set_accept, get_accept },
	[KSSL_CLOSE_HANDSHAKE] = { set_close_handshake, get_close_handshake },
};

static int find_and_get(struct sock *sk, int name, struct answer *a)
{
	int err;

	if (name < 0 || name >= ARRAY_SIZE(options) || !options[name].get)
		return -ENOPROTOOPT;
	lock_sock(sk);
	err = options[name].get(kssl_of(sk), a);
	release_sock(sk);
	return err;
}

static int copy_out(const struct answer *a, char __user *val, int __user *len)
{
	int room;

	if (get_user(room, len))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (put_user(a->whole ? a->len : min_t(unsigned int, room, a->len), len))
		return -EFAULT;
	if (a->whole && room < a->len)
		return -ERANGE;
	if (a->len && copy_to_user(val, a->data, min_t(unsigned int, room, a->len)))
		return -EFAULT;
	return 0;
}

/* Children that a listener has already take it over when they are accepted. */
static void count_setting(struct kssl_session *s)
{
	spin_lock_bh(&s->lock);
	WRITE_ONCE(s->settings, s->settings + 1);
	spin_unlock_bh(&s->lock);
}

/**
 * kssl_setsockopt() - setsockopt() on a socket of ours
 * @sk: the socket
 * @level: SOL_KSSL, SOL_TLS (keys), SOL_TCP (a list of harmless ones), or others
 * @name: option
 * @val: value
 * @len: its length
 *
 * Return: 0 or negative errno, see kssl(7).
 */
int kssl_setsockopt(struct sock *sk, int level, int name, sockptr_t val, unsigned int len)
{
	int err;

	if (level == SOL_TCP && !tcp_option_open(name))
		return -EOPNOTSUPP;
	if (level == SOL_TLS)
		return set_tls_key(sk, name, val, len);
	if (level != SOL_KSSL)
		return kssl_ulp_base_prot(sk)->setsockopt(sk, level, name, val, len);
	if (name < 0 || name >= ARRAY_SIZE(options) || !options[name].set)
		return -ENOPROTOOPT;
	err = options[name].set(sk, val, len);
	if (!err)
		count_setting(kssl_of(sk));
	return err;
}

/**
 * kssl_getsockopt() - getsockopt() on a socket of ours
 * @sk: the socket
 * @level: as for kssl_setsockopt()
 * @name: option
 * @val: where to
 * @len: room there; set to what was written, or to what is needed (ERANGE)
 *
 * No option returns the session's keys.  Return: 0 or negative errno, see kssl(7).
 */
int kssl_getsockopt(struct sock *sk, int level, int name, char __user *val, int __user *len)
{
	struct answer a = {};
	int err;

	if (level == SOL_TCP && !tcp_option_open(name))
		return -EOPNOTSUPP;
	if (level != SOL_KSSL)
		return kssl_ulp_base_prot(sk)->getsockopt(sk, level, name, val, len);
	if (name >= 0 && name < ARRAY_SIZE(options) && options[name].ask)
		return options[name].ask(sk, val, len);
	err = find_and_get(sk, name, &a);
	if (!err)
		err = copy_out(&a, val, len);
	kfree(a.data);
	return err;
}
