// SPDX-License-Identifier: GPL-2.0
/*
 * Level SOL_TLS: the keys and options of in-tree kernel TLS, with its errnos, as
 * of Linux 7.3 on every kernel.  "tls" sockets have all of it; on "kssl" sockets
 * the structures of TLS_TX and TLS_RX are one more way to bring own keys.  What
 * the calls of a "tls" socket do is in ktls_calls.c.
 */
#include "ktls.h"

#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <net/tcp.h>

#include "keys.h"
#include "mib.h"
#include "record.h"
#include "session.h"
#include "suite.h"
#include "trace.h"
#include "tx.h"
#include "ulp.h"

/* RFC 8449, 4: the least a peer may ask for; in TLS 1.3 it counts the type too. */
#define PAYLOAD_MIN	64

/**
 * struct cipher - a cipher of the in-tree interface
 * @id: TLS_CIPHER_*
 * @iv_len: size of the IV, bytes; it follows the head of the structure
 * @key_len: size of the key, which comes next
 * @salt_len: size of the salt, which comes next; then the sequence number
 * @suite12: the TLS 1.2 suite it stands for; without a cipher name if none
 * @suite13: the TLS 1.3 suite
 */
struct cipher {
	u16 id;
	u8 iv_len;
	u8 key_len;
	u8 salt_len;
	struct kssl_suite suite12;
	struct kssl_suite suite13;
};

#define ROW12(id_, name_, alg_, key_, b0_) {					\
	.id = id_, .version = TLS12, .name = name_, .cipher = alg_,		\
	.key_len = key_, .iv_len = 4, .explicit_len = 8, .tag_len = TLS_TAG_LEN,\
	.b0 = b0_, .limit = 1 << 23 }
#define ROW13(id_, name_, alg_, key_, b0_) {					\
	.id = id_, .version = TLS13, .name = name_, .cipher = alg_,		\
	.key_len = key_, .iv_len = 12, .tag_len = TLS_TAG_LEN,			\
	.b0 = b0_, .limit = 1 << 23 }
#define CHACHA(id_, version_, name_) {						\
	.id = id_, .version = version_, .name = name_,				\
	.cipher = "rfc7539(chacha20,poly1305)", .key_len = 32, .iv_len = 12,	\
	.tag_len = TLS_TAG_LEN, .limit = U64_MAX }
#define CCM_B0	2	/* three bytes of length: a nonce of twelve */

static const struct cipher ciphers[] = {
	{ TLS_CIPHER_AES_GCM_128, 8, 16, 4,
	  ROW12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "gcm(aes)", 16, 0),
	  ROW13(0x1301, "TLS_AES_128_GCM_SHA256", "gcm(aes)", 16, 0) },
	{ TLS_CIPHER_AES_GCM_256, 8, 32, 4,
	  ROW12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "gcm(aes)", 32, 0),
	  ROW13(0x1302, "TLS_AES_256_GCM_SHA384", "gcm(aes)", 32, 0) },
	{ TLS_CIPHER_AES_CCM_128, 8, 16, 4,
	  ROW12(0xc09c, "TLS_RSA_WITH_AES_128_CCM", "ccm(aes)", 16, CCM_B0),
	  ROW13(0x1304, "TLS_AES_128_CCM_SHA256", "ccm(aes)", 16, CCM_B0) },
	{ TLS_CIPHER_CHACHA20_POLY1305, 12, 32, 0,
	  CHACHA(0xcca8, TLS12, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
	  CHACHA(0x1303, TLS13, "TLS_CHACHA20_POLY1305_SHA256") },
	{ TLS_CIPHER_SM4_GCM, 8, 16, 4,
	  ROW12(0x00c6, "TLS_SM4_GCM_SM3", "gcm(sm4)", 16, 0),
	  ROW13(0x00c6, "TLS_SM4_GCM_SM3", "gcm(sm4)", 16, 0) },
	{ TLS_CIPHER_SM4_CCM, 8, 16, 4,
	  ROW12(0x00c7, "TLS_SM4_CCM_SM3", "ccm(sm4)", 16, CCM_B0),
	  ROW13(0x00c7, "TLS_SM4_CCM_SM3", "ccm(sm4)", 16, CCM_B0) },
	{ TLS_CIPHER_ARIA_GCM_128, 8, 16, 4,
	  ROW12(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", "gcm(aria)", 16, 0) },
	{ TLS_CIPHER_ARIA_GCM_256, 8, 32, 4,
	  ROW12(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", "gcm(aria)", 32, 0) },
};

static const struct cipher *find(u16 id)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ciphers); i++)
		if (ciphers[i].id == id)
			return &ciphers[i];
	return NULL;
}

static const struct kssl_suite *suite_of(const struct cipher *c, u16 version)
{
	const struct kssl_suite *suite = NULL;

	if (version == TLS_1_2_VERSION)
		suite = &c->suite12;
	else if (version == TLS_1_3_VERSION)
		suite = &c->suite13;
	return suite && suite->cipher ? suite : NULL;
}

static u32 iv_at(void)
{
	return sizeof(struct tls_crypto_info);
}

static u32 seq_at(const struct cipher *c)
{
	return iv_at() + c->iv_len + c->key_len + c->salt_len;
}

static u32 info_len(const struct cipher *c)
{
	return seq_at(c) + TLS_SEQ_LEN;
}

/**
 * kssl_ktls_keys() - keys from what the program gave
 * @info: version, cipher and material; the caller wipes it
 * @len: its length, as the program said
 *
 * Context: process.  Return: a half that the caller owns, or ERR_PTR: -EINVAL
 * (version, cipher, length), -ENOENT (the kernel lacks the algorithm), -ENOMEM.
 */
struct kssl_half *kssl_ktls_keys(const union kssl_ktls_info *info, unsigned int len)
{
	const struct cipher *c = find(info->head.cipher_type);
	const struct kssl_suite *suite;
	struct kssl_half *half;
	const u8 *iv, *key;
	u8 whole[TLS_NONCE_LEN];

	suite = c ? suite_of(c, info->head.version) : NULL;
	if (!suite || len != info_len(c))
		return ERR_PTR(-EINVAL);
	iv = info->bytes + iv_at();
	key = iv + c->iv_len;
	memcpy(whole, key + c->key_len, c->salt_len);
	memcpy(whole + c->salt_len, iv, c->iv_len);
	half = kssl_keys_new_raw(suite, key, whole,
				 get_unaligned_be64(info->bytes + seq_at(c)),
				 get_unaligned_be64(whole + 4));
	memzero_explicit(whole, sizeof(whole));
	return half;
}

/**
 * kssl_ktls_cipher() - the in-tree interface's number for a session's cipher
 * @s: a session; also without the socket lock
 *
 * Return: TLS_CIPHER_*, or 0 if there is none.
 */
u16 kssl_ktls_cipher(const struct kssl_session *s)
{
	u16 version = READ_ONCE(s->version), id = READ_ONCE(s->suite);
	const struct kssl_suite *suite = kssl_suite_find(version, id);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ciphers); i++) {
		const struct kssl_suite *mine = suite_of(&ciphers[i], version);

		if (!mine)
			continue;
		if (mine->id == id || (suite && suite->kind == KSSL_AEAD &&
				       suite->key_len == mine->key_len &&
				       !strcmp(suite->cipher, mine->cipher)))
			return ciphers[i].id;
	}
	return 0;
}

/**
 * kssl_ktls_check() - check a record's header by the in-tree rules
 * @s: the session of a "tls" socket, with receiving keys; socket lock
 * @hdr: TLS_HEADER_LEN bytes
 * @len: set to the length of what follows
 *
 * Return: 0; -EMSGSIZE (too long); -EBADMSG (too short); -EINVAL (version).
 */
int kssl_ktls_check(struct kssl_session *s, const u8 *hdr, u16 *len)
{
	const struct kssl_suite *suite = s->open->suite;
	u32 least = suite->explicit_len + suite->tag_len;
	u32 most = TLS_TEXT_MAX + least + (suite->version == TLS13);
	int err = 0;

	*len = get_unaligned_be16(hdr + 3);
	if (*len > most)
		err = -EMSGSIZE;
	else if (*len < least)
		err = -EBADMSG;
	else if (get_unaligned_be16(hdr + 1) != TLS12)
		err = -EINVAL;
	s->ktls->lost = err != 0;
	return err;
}

/**
 * kssl_ktls_fail() - an error that ends a direction of a "tls" socket
 * @s: its session; socket lock
 * @err: negative errno
 *
 * No alert and no wiping: the program's library sends alerts, if it wants to.
 */
void kssl_ktls_fail(struct kssl_session *s, int err)
{
	sock_owned_by_me(s->sk);
	if (s->error.err)
		return;
	s->error.err = -err;
	WRITE_ONCE(s->sk->sk_err, -err);
	sk_error_report(s->sk);
}

static int check_first(const union kssl_ktls_info *info, const union kssl_ktls_info *other)
{
	if (!other->head.cipher_type)
		return 0;
	return memcmp(&info->head, &other->head, sizeof(info->head)) ? -EINVAL : 0;
}

/* TLS 1.3 alone has next keys, of the same version and cipher. */
static int check_next(const union kssl_ktls_info *info, const union kssl_ktls_info *old)
{
	if (old->head.version != TLS_1_3_VERSION)
		return -EBUSY;
	return memcmp(&info->head, &old->head, sizeof(info->head)) ? -EINVAL : 0;
}

static void first_keys(struct kssl_session *s, bool tx)
{
	kssl_mib_inc(s->kn, tx ? KSSL_MIB_KTLS_TX : KSSL_MIB_KTLS_RX);
	if (!tx)
		kssl_ulp_own_rx(s->sk);
	WRITE_ONCE(*(tx ? &s->ktls->sends : &s->ktls->receives), true);
	if (s->state == KSSL_STATE_INIT)
		kssl_session_open(s);
}

static void next_keys(struct kssl_session *s, bool tx)
{
	u32 *generation = tx ? &s->tx_generation : &s->rx_generation;

	kssl_mib_inc(s->kn, KSSL_MIB_KTLS_REKEY);
	WRITE_ONCE(*generation, *generation + 1);
	if (tx) {
		trace_kssl_rekey_tx(s, *generation);
	} else {
		trace_kssl_rekey_rx(s, *generation);
		s->ktls->wait_key = false;
	}
}

static int install(struct kssl_session *s, const union kssl_ktls_info *info, unsigned int len,
		   bool tx)
{
	union kssl_ktls_info *slot = tx ? &s->ktls->tx : &s->ktls->rx;
	bool next = tx ? s->ktls->sends : s->ktls->receives;
	struct kssl_half *half;
	int err;

	sock_owned_by_me(s->sk);
	if (s->state > KSSL_STATE_OPEN)
		return -EBADMSG;

	err = next ? check_next(info, slot) : check_first(info, tx ? &s->ktls->rx : &s->ktls->tx);
	if (err)
		return err;
	half = kssl_ktls_keys(info, len);
	if (IS_ERR(half))
		return PTR_ERR(half);
	if (tx && next)
		kssl_tx_flush(s);	/* text of MSG_MORE belongs to the old key */
	swap(*(tx ? &s->seal : &s->open), half);
	kssl_keys_free(half);
	memcpy(slot, info, sizeof(*info));
	s->version = info->head.version;
	s->suite = (tx ? s->seal : s->open)->suite->id;
	if (next)
		next_keys(s, tx);
	else
		first_keys(s, tx);
	kssl_session_wake(s);
	return 0;
}

static int set_keys(struct sock *sk, sockptr_t val, unsigned int len, bool tx)
{
	union kssl_ktls_info info = {};
	int err = -EFAULT;

	if (sockptr_is_null(val) || len < sizeof(info.head))
		return -EINVAL;
	if (!copy_from_sockptr(&info, val, min_t(unsigned int, len, sizeof(info)))) {
		lock_sock(sk);
		err = install(kssl_of(sk), &info, len, tx);
		release_sock(sk);
	}
	memzero_explicit(&info, sizeof(info));
	return err;
}

static int set_zerocopy(struct sock *sk, sockptr_t val, unsigned int len)
{
	u32 n;

	if (sockptr_is_null(val) || len != sizeof(n))
		return -EINVAL;
	if (copy_from_sockptr(&n, val, sizeof(n)))
		return -EFAULT;
	if (n > 1)
		return -EINVAL;
	lock_sock(sk);
	kssl_of(sk)->ktls->zerocopy_ro = n;
	release_sock(sk);
	return 0;
}

static bool may_no_pad(const struct kssl_session *s)
{
	return s->open && s->version == TLS13;
}

static int set_no_pad(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	int err = 0;
	u32 n;

	if (sockptr_is_null(val) || len < sizeof(n))
		return -EINVAL;
	if (copy_from_sockptr(&n, val, sizeof(n)))
		return -EFAULT;
	if (n > 1)
		return -EINVAL;
	err = check_zeroed_sockptr(val, sizeof(n), len - sizeof(n));
	if (err < 1)
		return err ?: -EINVAL;
	lock_sock(sk);
	err = may_no_pad(s) ? 0 : -EINVAL;
	if (!err)
		s->ktls->no_pad = n;
	release_sock(sk);
	return err;
}

static int set_payload_len(struct sock *sk, sockptr_t val, unsigned int len)
{
	struct kssl_session *s = kssl_of(sk);
	int err = 0;
	u16 n;

	if (sockptr_is_null(val) || len != sizeof(n))
		return -EINVAL;
	if (copy_from_sockptr(&n, val, sizeof(n)))
		return -EFAULT;
	lock_sock(sk);
	if (s->tx.len)
		err = -EBUSY;
	else if (n < PAYLOAD_MIN - (s->version == TLS13) || n > TLS_TEXT_MAX)
		err = -EINVAL;
	else
		s->tx.limit = n;
	release_sock(sk);
	return err;
}

/**
 * kssl_ktls_setsockopt() - setsockopt() on a "tls" socket
 * @sk: the socket
 * @level: SOL_TLS; other levels are TCP's
 * @name: option
 * @val: value
 * @len: its length
 *
 * Return: 0 or negative errno, as in-tree.
 */
int kssl_ktls_setsockopt(struct sock *sk, int level, int name, sockptr_t val, unsigned int len)
{
	if (level != SOL_TLS)
		return kssl_ulp_base_prot(sk)->setsockopt(sk, level, name, val, len);
	switch (name) {
	case TLS_TX:
	case TLS_RX:
		return set_keys(sk, val, len, name == TLS_TX);
	case TLS_TX_ZEROCOPY_RO:
		return set_zerocopy(sk, val, len);
	case TLS_RX_EXPECT_NO_PAD:
		return set_no_pad(sk, val, len);
	case TLS_TX_MAX_PAYLOAD_LEN:
		return set_payload_len(sk, val, len);
	}
	return -ENOPROTOOPT;
}

/* The numbers in it are those of the next record, as in-tree. */
static int get_keys(struct kssl_session *s, bool tx, union kssl_ktls_info *info, int *len)
{
	const union kssl_ktls_info *slot = tx ? &s->ktls->tx : &s->ktls->rx;
	const struct kssl_half *half = tx ? s->seal : s->open;
	const struct cipher *c;

	if (*len < (int)sizeof(info->head))
		return -EINVAL;
	if (!slot->head.cipher_type)
		return -EBUSY;
	if (!half)
		return -EBADMSG;
	c = find(slot->head.cipher_type);
	memcpy(info, slot, sizeof(*info));
	if (*len == sizeof(info->head))
		return 0;
	if (*len != (int)info_len(c))
		return -EINVAL;
	if (tx && half->suite->explicit_len)
		put_unaligned_be64(half->seq + half->explicit_off, info->bytes + iv_at());
	put_unaligned_be64(half->seq, info->bytes + seq_at(c));
	return 0;
}

/* Fills in the value and its length; @len is the room on entry. */
static int get_locked(struct kssl_session *s, int name, union kssl_ktls_info *value, int *len)
{
	u32 n;

	switch (name) {
	case TLS_TX:
	case TLS_RX:
		return get_keys(s, name == TLS_TX, value, len);
	case TLS_TX_ZEROCOPY_RO:
		if (*len != sizeof(n))
			return -EINVAL;
		n = s->ktls->zerocopy_ro;
		break;
	case TLS_RX_EXPECT_NO_PAD:
		if (!may_no_pad(s) || *len < (int)sizeof(n))
			return -EINVAL;
		n = s->ktls->no_pad;
		break;
	case TLS_TX_MAX_PAYLOAD_LEN:
		if (*len < (int)sizeof(s->tx.limit))
			return -EINVAL;
		*len = sizeof(s->tx.limit);
		memcpy(value, &s->tx.limit, sizeof(s->tx.limit));
		return 0;
	default:
		return -ENOPROTOOPT;
	}
	*len = sizeof(n);
	memcpy(value, &n, sizeof(n));
	return 0;
}

/**
 * kssl_ktls_getsockopt() - getsockopt() on a "tls" socket
 * @sk: the socket
 * @level: SOL_TLS; other levels are TCP's
 * @name: option
 * @val: where to
 * @len: room there; set to what was written
 *
 * TLS_TX and TLS_RX give back the key that this socket's program has set, since
 * the in-tree interface does.  Return: 0 or negative errno, as in-tree.
 */
int kssl_ktls_getsockopt(struct sock *sk, int level, int name, char __user *val,
			 int __user *len)
{
	union kssl_ktls_info value = {};
	int n, err;

	if (level != SOL_TLS)
		return kssl_ulp_base_prot(sk)->getsockopt(sk, level, name, val, len);
	if (get_user(n, len))
		return -EFAULT;
	if (!val)
		return -EINVAL;
	lock_sock(sk);
	err = get_locked(kssl_of(sk), name, &value, &n);
	release_sock(sk);
	if (!err && (copy_to_user(val, &value, n) || put_user(n, len)))
		err = -EFAULT;
	memzero_explicit(&value, sizeof(value));
	return err;
}
