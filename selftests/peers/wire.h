/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS records of every suite made and opened by libcrypto alone: an
 * implementation that shares no file and no thought with kernel/.  It can also
 * make what no peer sends: any padding, and anything at all before encryption.
 *
 *	AEAD, 1.2	explicit nonce | AEAD(text)		RFC 5288, 6655, 7905
 *	AEAD, 1.3	AEAD(text | type | zeros)		RFC 8446, 5.2
 *	CBC		IV | CBC(text | MAC | padding)		RFC 5246, 6.2.3.2
 *	CBC, EtM	IV | CBC(text | padding) | MAC		RFC 7366, 3
 *	MAC		text | MAC				RFC 5246, 6.2.3.1
 *	MAC, 1.3	text | type | zeros | MAC		RFC 9150, 5
 */
#ifndef WIRE_H
#define WIRE_H

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kssl.h>

#define WIRE_TEXT	16384
#define WIRE_MAX	(5 + 65535)	/* of any record */

enum wire_kind { WIRE_AEAD, WIRE_CBC, WIRE_MAC };

/*
 * The write IV of 1.3 is as long as the nonce (RFC 8446, 5.3), and for the
 * MAC-only suites that is as long as the hash (RFC 9150, 6).
 */
struct wire_suite {
	uint16_t id, version;
	enum wire_kind kind;
	const char *name;
	const char *cipher, *hash;	/* EVP's; hash of the MAC or of the key schedule */
	uint8_t key, iv, tag;		/* tag: of the AEAD, or the MAC */
};

#define W_AEAD(id, v, n, c, h, k, i, t) { id, v, WIRE_AEAD, n, c, h, k, i, t }
#define W_CBC(id, n, c, h, k, t) { id, 0x303, WIRE_CBC, n, c, h, k, 0, t }

static const struct wire_suite wire_suites[] = {
	W_AEAD(0x1301, 0x304, "AES_128_GCM", "AES-128-GCM", "SHA256", 16, 12, 16),
	W_AEAD(0x1302, 0x304, "AES_256_GCM", "AES-256-GCM", "SHA384", 32, 12, 16),
	W_AEAD(0x1303, 0x304, "CHACHA20", "ChaCha20-Poly1305", "SHA256", 32, 12, 16),
	W_AEAD(0x1304, 0x304, "AES_128_CCM", "AES-128-CCM", "SHA256", 16, 12, 16),
	W_AEAD(0x1305, 0x304, "AES_128_CCM_8", "AES-128-CCM", "SHA256", 16, 12, 8),
	W_AEAD(0x009c, 0x303, "RSA_AES_128_GCM", "AES-128-GCM", "SHA256", 16, 4, 16),
	W_AEAD(0x009d, 0x303, "RSA_AES_256_GCM", "AES-256-GCM", "SHA384", 32, 4, 16),
	W_AEAD(0xc02b, 0x303, "ECDHE_ECDSA_AES_128_GCM", "AES-128-GCM", "SHA256", 16, 4, 16),
	W_AEAD(0xc02c, 0x303, "ECDHE_ECDSA_AES_256_GCM", "AES-256-GCM", "SHA384", 32, 4, 16),
	W_AEAD(0xc02f, 0x303, "ECDHE_RSA_AES_128_GCM", "AES-128-GCM", "SHA256", 16, 4, 16),
	W_AEAD(0xc030, 0x303, "ECDHE_RSA_AES_256_GCM", "AES-256-GCM", "SHA384", 32, 4, 16),
	W_AEAD(0xcca8, 0x303, "ECDHE_RSA_CHACHA20", "ChaCha20-Poly1305", "SHA256", 32, 12, 16),
	W_AEAD(0xcca9, 0x303, "ECDHE_ECDSA_CHACHA20", "ChaCha20-Poly1305", "SHA256", 32, 12, 16),
	W_AEAD(0xc09c, 0x303, "RSA_AES_128_CCM", "AES-128-CCM", "SHA256", 16, 4, 16),
	W_AEAD(0xc09d, 0x303, "RSA_AES_256_CCM", "AES-256-CCM", "SHA256", 32, 4, 16),
	W_AEAD(0xc0a0, 0x303, "RSA_AES_128_CCM_8", "AES-128-CCM", "SHA256", 16, 4, 8),
	W_AEAD(0xc0a1, 0x303, "RSA_AES_256_CCM_8", "AES-256-CCM", "SHA256", 32, 4, 8),
	W_AEAD(0xc0ac, 0x303, "ECDHE_ECDSA_AES_128_CCM", "AES-128-CCM", "SHA256", 16, 4, 16),
	W_AEAD(0xc0ad, 0x303, "ECDHE_ECDSA_AES_256_CCM", "AES-256-CCM", "SHA256", 32, 4, 16),
	W_AEAD(0xc0ae, 0x303, "ECDHE_ECDSA_AES_128_CCM_8", "AES-128-CCM", "SHA256", 16, 4, 8),
	W_AEAD(0xc0af, 0x303, "ECDHE_ECDSA_AES_256_CCM_8", "AES-256-CCM", "SHA256", 32, 4, 8),
	W_CBC(0x002f, "RSA_AES_128_CBC_SHA", "AES-128-CBC", "SHA1", 16, 20),
	W_CBC(0x0035, "RSA_AES_256_CBC_SHA", "AES-256-CBC", "SHA1", 32, 20),
	W_CBC(0x003c, "RSA_AES_128_CBC_SHA256", "AES-128-CBC", "SHA256", 16, 32),
	W_CBC(0x003d, "RSA_AES_256_CBC_SHA256", "AES-256-CBC", "SHA256", 32, 32),
	W_CBC(0xc009, "ECDHE_ECDSA_AES_128_CBC_SHA", "AES-128-CBC", "SHA1", 16, 20),
	W_CBC(0xc00a, "ECDHE_ECDSA_AES_256_CBC_SHA", "AES-256-CBC", "SHA1", 32, 20),
	W_CBC(0xc013, "ECDHE_RSA_AES_128_CBC_SHA", "AES-128-CBC", "SHA1", 16, 20),
	W_CBC(0xc014, "ECDHE_RSA_AES_256_CBC_SHA", "AES-256-CBC", "SHA1", 32, 20),
	W_CBC(0xc023, "ECDHE_ECDSA_AES_128_CBC_SHA256", "AES-128-CBC", "SHA256", 16, 32),
	W_CBC(0xc024, "ECDHE_ECDSA_AES_256_CBC_SHA384", "AES-256-CBC", "SHA384", 32, 48),
	W_CBC(0xc027, "ECDHE_RSA_AES_128_CBC_SHA256", "AES-128-CBC", "SHA256", 16, 32),
	W_CBC(0xc028, "ECDHE_RSA_AES_256_CBC_SHA384", "AES-256-CBC", "SHA384", 32, 48),
	{ 0x003b, 0x303, WIRE_MAC, "RSA_NULL_SHA256", NULL, "SHA256", 0, 0, 32 },
	{ 0xc0b4, 0x304, WIRE_MAC, "SHA256_SHA256", NULL, "SHA256", 32, 32, 32 },
	{ 0xc0b5, 0x304, WIRE_MAC, "SHA384_SHA384", NULL, "SHA384", 48, 48, 48 },
};

#define WIRE_SUITES (sizeof(wire_suites) / sizeof(wire_suites[0]))

/* One direction. */
struct wire_half {
	const struct wire_suite *suite;
	bool etm;
	uint64_t seq;
	uint8_t secret[48], key[48], iv[48], mac[48];
};

/* How a record is made; all zero: as everybody makes it. */
struct wire_how {
	uint8_t type;		/* content type; 0: application data */
	uint16_t pad;		/* CBC: padding with its length byte, 1 to 256; 0: fewest */
	uint16_t zeros;		/* TLS 1.3: zeros behind the content type */
	const uint8_t *iv;	/* CBC: this instead of a random one */
	/* changes what is about to be encrypted: text, MAC (MtE), padding */
	void (*spoil)(uint8_t *plain, size_t len, const void *arg);
	const void *arg;
};

/* What a record says. */
struct wire_seen {
	uint8_t type;
	size_t len;
	size_t pad;		/* CBC: with its length byte; TLS 1.3: zeros */
	uint8_t iv[16];		/* CBC */
};

static inline void wire_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wire: %s\n", what);
	abort();
}

static inline const struct wire_suite *wire_suite(uint16_t id)
{
	size_t i;

	for (i = 0; i < WIRE_SUITES; i++)
		if (wire_suites[i].id == id)
			return &wire_suites[i];
	return NULL;
}

static inline void wire_be(uint8_t *p, uint64_t v, int n)
{
	while (n--) {
		p[n] = (uint8_t)v;
		v >>= 8;
	}
}

static inline size_t wire_secret_len(const struct wire_suite *s)
{
	return s->version == 0x304 ? (!strcmp(s->hash, "SHA384") ? 48 : 32) : 0;
}

/* ---- libcrypto's contexts, one of each for a thread: making them is slow ---- */

static inline EVP_MAC_CTX *wire_hmac(const char *hash)
{
	static __thread struct { const char *hash; EVP_MAC_CTX *ctx; } cache[3];
	OSSL_PARAM digest[] = {
		OSSL_PARAM_construct_utf8_string("digest", (char *)hash, 0),
		OSSL_PARAM_construct_end(),
	};
	int i = 0;

	while (i < 3 && cache[i].hash && strcmp(cache[i].hash, hash))
		i++;
	wire_must(i < 3, "hashes");
	if (!cache[i].hash) {
		EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

		cache[i].hash = hash;
		cache[i].ctx = EVP_MAC_CTX_new(mac);
		EVP_MAC_free(mac);
		wire_must(EVP_MAC_CTX_set_params(cache[i].ctx, digest) == 1, hash);
	}
	return cache[i].ctx;
}

static inline const EVP_CIPHER *wire_cipher(const char *name)
{
	static __thread EVP_CIPHER *cache[8];
	int i = 0;

	while (i < 8 && cache[i] && !EVP_CIPHER_is_a(cache[i], name))
		i++;
	wire_must(i < 8, "ciphers");
	if (!cache[i])
		cache[i] = EVP_CIPHER_fetch(NULL, name, NULL);
	wire_must(cache[i] != NULL, name);
	return cache[i];
}

static inline EVP_CIPHER_CTX *wire_ctx(void)
{
	static __thread EVP_CIPHER_CTX *ctx;

	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	else
		EVP_CIPHER_CTX_reset(ctx);
	return ctx;
}

/* HMAC over up to three pieces. */
static inline void wire_mac(const struct wire_suite *s, const uint8_t *key, size_t key_len,
			    const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
			    const uint8_t *c, size_t nc, uint8_t *out)
{
	EVP_MAC_CTX *ctx = wire_hmac(s->hash);
	size_t n;

	wire_must(EVP_MAC_init(ctx, key, key_len, NULL) && EVP_MAC_update(ctx, a, na) &&
		  EVP_MAC_update(ctx, b, nb) && EVP_MAC_update(ctx, c, nc) &&
		  EVP_MAC_final(ctx, out, &n, 64), "HMAC");
}

/* ---- keys ---- */

/* HKDF-Expand-Label without context, one block (RFC 8446, 7.1; RFC 5869, 2.3). */
static inline void wire_label(const struct wire_half *h, const char *label, uint8_t *out, size_t n)
{
	uint8_t info[64] = { 0, (uint8_t)n, (uint8_t)(6 + strlen(label)) }, block[64];
	size_t len = 3 + (size_t)sprintf((char *)info + 3, "tls13 %s", label);

	info[len++] = 0;
	info[len++] = 1;
	wire_mac(h->suite, h->secret, wire_secret_len(h->suite), info, len, info, 0, info, 0,
		 block);
	memcpy(out, block, n);
}

static inline void wire_derive(struct wire_half *h)
{
	wire_label(h, "key", h->key, h->suite->key);
	wire_label(h, "iv", h->iv, h->suite->iv);
}

/* The next generation (RFC 8446, 7.2). */
static inline void wire_update(struct wire_half *h)
{
	uint8_t next[48];

	wire_label(h, "traffic upd", next, wire_secret_len(h->suite));
	memcpy(h->secret, next, sizeof(next));
	wire_derive(h);
	h->seq = 0;
}

/* Random keys. */
static inline void wire_new(struct wire_half *h, const struct wire_suite *s, bool etm)
{
	memset(h, 0, sizeof(*h));
	h->suite = s;
	h->etm = etm;
	RAND_bytes(h->secret, sizeof(h->secret));
	RAND_bytes(h->key, sizeof(h->key));
	RAND_bytes(h->iv, sizeof(h->iv));
	RAND_bytes(h->mac, sizeof(h->mac));
	if (s->version == 0x304)
		wire_derive(h);
}

/* The same keys as setsockopt() takes them. */
static inline struct kssl_key wire_key(const struct wire_half *h)
{
	const struct wire_suite *s = h->suite;
	struct kssl_key k = { .version = s->version, .suite = s->id, .seq = h->seq };

	if (s->version == 0x304) {
		k.secret_len = (uint16_t)wire_secret_len(s);
		memcpy(k.secret, h->secret, k.secret_len);
		return k;
	}
	k.flags = h->etm ? KSSL_KEY_ETM : 0;
	k.key_len = s->key;
	k.iv_len = s->iv;
	k.mac_len = s->kind == WIRE_AEAD ? 0 : s->tag;
	memcpy(k.key, h->key, k.key_len);
	memcpy(k.iv, h->iv, k.iv_len);
	memcpy(k.mac, h->mac, k.mac_len);
	return k;
}

/* ---- parts of a record ---- */

static inline void wire_header(uint8_t *p, uint8_t type, size_t len)
{
	p[0] = type;
	wire_be(p + 1, 0x303, 2);
	wire_be(p + 3, len, 2);
}

/* seq | type | version | length: 13 bytes of a MAC or additional data of 1.2 */
static inline void wire_pseudo(uint8_t *p, const struct wire_half *h, uint8_t type, size_t len)
{
	wire_be(p, h->seq, 8);
	wire_header(p + 8, type, len);
}

/* The MAC of TLS 1.2: over the pseudo header and these bytes. */
static inline void wire_mac12(const struct wire_half *h, uint8_t type, const uint8_t *p, size_t n,
			      uint8_t *out)
{
	uint8_t head[13], md[64];

	wire_pseudo(head, h, type, n);
	wire_mac(h->suite, h->mac, h->suite->tag, head, 13, p, n, p, 0, md);
	memcpy(out, md, h->suite->tag);
}

/* iv XOR seq, or salt | explicit nonce; as long as the IV of the suite. */
static inline size_t wire_nonce(const struct wire_half *h, const uint8_t *wire, uint8_t *nonce)
{
	size_t n = h->suite->iv, i;

	memcpy(nonce, h->iv, n);
	if (n == 4) {
		memcpy(nonce + 4, wire, 8);
		return 12;
	}
	for (i = 0; i < 8; i++)
		nonce[n - 1 - i] ^= (uint8_t)(h->seq >> 8 * i);
	return n;
}

/* AES-CBC without padding of its own, in place. */
static inline void wire_cbc(const struct wire_half *h, bool seal, const uint8_t *iv, uint8_t *p,
			    size_t len)
{
	EVP_CIPHER_CTX *ctx = wire_ctx();
	int n = 0;

	wire_must(len % 16 == 0 &&
		  EVP_CipherInit_ex(ctx, wire_cipher(h->suite->cipher), NULL, h->key, iv, seal) &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0) && EVP_CipherUpdate(ctx, p, &n, p, (int)len) &&
		  n == (int)len, "CBC");
}

/* Seal or open in place; the tag lies behind. */
static inline bool wire_aead(const struct wire_half *h, bool seal, const uint8_t *wire,
			     const uint8_t *aad, size_t aad_len, uint8_t *p, size_t len)
{
	const EVP_CIPHER *cipher = wire_cipher(h->suite->cipher);
	bool ccm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE, good;
	EVP_CIPHER_CTX *ctx = wire_ctx();
	uint8_t nonce[48], none;
	int n = 0, tag = h->suite->tag;

	wire_nonce(h, wire, nonce);
	good = EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, seal) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) &&
	       (seal ? !ccm || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag, NULL) :
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, tag, p + len)) &&
	       EVP_CipherInit_ex(ctx, NULL, NULL, h->key, nonce, seal) &&
	       (!ccm || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len)) &&
	       EVP_CipherUpdate(ctx, NULL, &n, aad, (int)aad_len);
	wire_must(good, "AEAD");
	/* CCM verifies here, and wants the call without text too */
	good = EVP_CipherUpdate(ctx, len ? p : &none, &n, p, (int)len) == 1;
	if (good && !ccm)
		good = EVP_CipherFinal_ex(ctx, &none, &n) == 1;
	if (seal)
		wire_must(good && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, tag, p + len),
			  "AEAD");
	return good;
}

/* ---- make a record ---- */

static inline void wire_spoil(const struct wire_how *how, uint8_t *plain, size_t len)
{
	if (how->spoil)
		how->spoil(plain, len, how->arg);
}

/* Fewest bytes of padding behind a text of that length. */
static inline size_t wire_pad(const struct wire_half *h, size_t len)
{
	return 16 - (len + (h->etm ? 0 : h->suite->tag)) % 16;
}

static inline size_t wire_seal_cbc(struct wire_half *h, const struct wire_how *how, uint8_t type,
				   const uint8_t *text, size_t len, uint8_t *body)
{
	size_t tag = h->suite->tag, pad = how->pad ? how->pad : wire_pad(h, len), n = len;
	uint8_t *plain = body + 16;

	wire_must(pad >= 1 && pad <= 256 && pad % 16 == wire_pad(h, len) % 16, "padding");
	if (how->iv)
		memcpy(body, how->iv, 16);
	else
		RAND_bytes(body, 16);
	memcpy(plain, text, len);
	if (!h->etm) {
		wire_mac12(h, type, text, len, plain + n);
		n += tag;
	}
	memset(plain + n, (int)pad - 1, pad);
	n += pad;
	wire_spoil(how, plain, n);
	wire_cbc(h, true, body, plain, n);
	if (!h->etm)
		return 16 + n;
	wire_mac12(h, type, body, 16 + n, plain + n);
	return 16 + n + tag;
}

static inline size_t wire_seal12(struct wire_half *h, const struct wire_how *how, uint8_t type,
				 const uint8_t *text, size_t len, uint8_t *body)
{
	size_t explicit = h->suite->iv == 4 ? 8 : 0, tag = h->suite->tag;
	uint8_t aad[13];

	if (h->suite->kind == WIRE_CBC)
		return wire_seal_cbc(h, how, type, text, len, body);
	if (h->suite->kind == WIRE_MAC) {
		memcpy(body, text, len);
		wire_mac12(h, type, text, len, body + len);
		wire_spoil(how, body, len + tag);
		return len + tag;
	}
	wire_be(body, h->seq, (int)explicit);
	memcpy(body + explicit, text, len);
	wire_spoil(how, body + explicit, len);
	wire_pseudo(aad, h, type, len);
	wire_aead(h, true, body, aad, 13, body + explicit, len);
	return explicit + len + tag;
}

static inline size_t wire_seal13(struct wire_half *h, const struct wire_how *how, uint8_t type,
				 const uint8_t *text, size_t len, uint8_t *body)
{
	size_t n = len + 1 + how->zeros;
	uint8_t head[5], nonce[48], mac[64];

	memcpy(body, text, len);
	body[len] = type;
	memset(body + len + 1, 0, how->zeros);
	wire_spoil(how, body, n);
	wire_header(head, 23, n + h->suite->tag);
	if (h->suite->kind == WIRE_AEAD) {
		wire_aead(h, true, NULL, head, 5, body, n);
	} else {
		wire_mac(h->suite, h->key, h->suite->key, nonce, wire_nonce(h, NULL, nonce), head,
			 5, body, n, mac);
		memcpy(body + n, mac, h->suite->tag);
	}
	return n + h->suite->tag;
}

/* A record at out, of WIRE_MAX bytes; counts the sequence number.  Its length. */
static inline size_t wire_seal(struct wire_half *h, const struct wire_how *how,
			       const uint8_t *text, size_t len, uint8_t *out)
{
	bool v13 = h->suite->version == 0x304;
	uint8_t type = how->type ? how->type : 23;
	size_t n;

	n = (v13 ? wire_seal13 : wire_seal12)(h, how, type, text, len, out + 5);
	wire_must(n <= 65535, "too long for a record");
	wire_header(out, v13 ? 23 : type, n);
	h->seq++;
	return 5 + n;
}

/* ---- open a record ---- */

static inline const char *wire_open_cbc(struct wire_half *h, uint8_t type, uint8_t *body, size_t n,
					uint8_t **text, struct wire_seen *seen)
{
	size_t tag = h->suite->tag, i;
	uint8_t mac[64];

	if (n < 16 + (h->etm ? 16 + tag : 16))
		return "too short";
	if (h->etm) {
		n -= tag;
		wire_mac12(h, type, body, n, mac);
		if (CRYPTO_memcmp(mac, body + n, tag))
			return "bad MAC over the ciphertext";
	}
	memcpy(seen->iv, body, 16);
	n -= 16;
	if (n % 16)
		return "not a number of blocks";
	*text = body + 16;
	wire_cbc(h, false, seen->iv, *text, n);
	seen->pad = (*text)[n - 1] + 1u;
	if (seen->pad + (h->etm ? 0 : tag) > n)
		return "padding longer than the record";
	for (i = 0; i < seen->pad; i++)
		if ((*text)[n - 1 - i] != seen->pad - 1)
			return "bad padding";
	seen->len = n - seen->pad;
	if (h->etm)
		return NULL;
	seen->len -= tag;
	wire_mac12(h, type, *text, seen->len, mac);
	return CRYPTO_memcmp(mac, *text + seen->len, tag) ? "bad MAC" : NULL;
}

static inline const char *wire_open12(struct wire_half *h, uint8_t type, uint8_t *body, size_t n,
				      uint8_t **text, struct wire_seen *seen)
{
	size_t explicit = h->suite->iv == 4 ? 8 : 0, tag = h->suite->tag;
	uint8_t aad[13], mac[64];

	seen->type = type;
	if (h->suite->kind == WIRE_CBC)
		return wire_open_cbc(h, type, body, n, text, seen);
	if (n < explicit + tag)
		return "too short";
	*text = body + explicit;
	seen->len = n - explicit - tag;
	if (h->suite->kind == WIRE_MAC) {
		wire_mac12(h, type, body, seen->len, mac);
		return CRYPTO_memcmp(mac, body + seen->len, tag) ? "bad MAC" : NULL;
	}
	wire_pseudo(aad, h, type, seen->len);
	return wire_aead(h, false, body, aad, 13, *text, seen->len) ? NULL : "bad tag";
}

static inline const char *wire_open13(struct wire_half *h, const uint8_t *head, uint8_t *body,
				      size_t n, uint8_t **text, struct wire_seen *seen)
{
	size_t tag = h->suite->tag;
	uint8_t nonce[48], mac[64];

	if (head[0] != 23 || n < tag + 1)
		return "type or length";
	n -= tag;
	*text = body;
	if (h->suite->kind == WIRE_AEAD) {
		if (!wire_aead(h, false, NULL, head, 5, body, n))
			return "bad tag";
	} else {
		wire_mac(h->suite, h->key, h->suite->key, nonce, wire_nonce(h, NULL, nonce), head,
			 5, body, n, mac);
		if (CRYPTO_memcmp(mac, body + n, tag))
			return "bad MAC";
	}
	for (seen->pad = 0; n && !body[n - 1]; n--)
		seen->pad++;
	if (!n)
		return "no content type";
	seen->type = body[n - 1];
	seen->len = n - 1;
	return NULL;
}

/*
 * Open a whole record into text, of WIRE_TEXT bytes; counts the sequence number
 * if all is good.  NULL, or what is wrong.
 */
static inline const char *wire_open(struct wire_half *h, const uint8_t *record, size_t len,
				    uint8_t *text, struct wire_seen *seen)
{
	static __thread uint8_t body[WIRE_MAX];
	uint8_t *at = body;
	const char *why;

	memset(seen, 0, sizeof(*seen));
	if (len < 5 || len > sizeof(body) || record[1] != 3 || record[2] != 3 ||
	    (size_t)(record[3] << 8 | record[4]) != len - 5)
		return "bad header";
	if (len - 5 > WIRE_TEXT + (h->suite->version == 0x304 ? 256 : 2048))
		return "too long";
	memcpy(body, record + 5, len - 5);
	if (h->suite->version == 0x304)
		why = wire_open13(h, record, body, len - 5, &at, seen);
	else
		why = wire_open12(h, record[0], body, len - 5, &at, seen);
	if (!why && seen->len > WIRE_TEXT)
		why = "text too long";
	if (why)
		return why;
	memcpy(text, at, seen->len);
	h->seq++;
	return NULL;
}

#endif
