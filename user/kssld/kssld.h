/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types that the files of the daemon share. */
#ifndef KSSLD_H
#define KSSLD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

#define KSSLD_VERSION "0.1"

/* ---- log.c ---- */

enum level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_setup(enum level level, bool to_stderr);
void log_msg(enum level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_failed_handshake(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define error(...) log_msg(LOG_LEVEL_ERROR, __VA_ARGS__)
#define info(...) log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define debug(...) log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* ---- config.c ---- */

enum client_auth { AUTH_NONE, AUTH_REQUEST, AUTH_REQUIRE };

/**
 * struct identity - who we can be
 * @name: section name
 * @cert: file with the chain, PEM
 * @key: file with the private key, PEM
 * @names: comma separated host names; default: those in the certificate
 * @alpn: comma separated protocols
 * @auth: what we ask of clients
 * @is_default: for clients that name nobody we know
 * @server: context to serve with (identity.c)
 * @client: context to connect with (identity.c)
 */
struct identity {
	struct identity *next;
	char *name;
	char *cert;
	char *key;
	char *names;
	char *alpn;
	enum client_auth auth;
	bool is_default;
	SSL_CTX *server;
	SSL_CTX *client;
};

/**
 * struct config - one configuration file, read
 * @identities: in the order of the file
 * @anonymous: context of clients that present no certificate (identity.c)
 */
struct config {
	int workers;
	int capacity;
	char *keylog;
	char *user;
	char *suites12;
	char *suites13;
	int min_version;
	int max_version;
	enum level log;
	char *trust_file;
	char *trust_dir;
	bool trust_system;
	bool verify;
	struct identity *identities;
	SSL_CTX *anonymous;
	char problem[256];
};

struct config *config_read(const char *path, bool must_exist);
void config_free(struct config *c);

/* ---- identity.c ---- */

int identity_load(struct config *c);
struct identity *identity_named(const struct config *c, const char *name);
struct identity *identity_for_host(const struct config *c, const char *host);
void keylog_open(const char *path);

/* ---- handshake.c ---- */

/* What the kernel asks for; strings are "" where it did not say. */
struct hs_request {
	uint32_t session;
	bool server;
	uint8_t peer_auth;
	char peer_name[256];
	char identity[64];
	char alpn[256];
	struct sockaddr_storage remote;
};

#define SECRET_MAX 48

/* Keys of one direction, as struct kssl_key has them. */
struct hs_keys {
	uint8_t secret[SECRET_MAX];
	size_t secret_len;
	uint8_t key[32];
	size_t key_len;
	uint8_t iv[16];
	size_t iv_len;
	uint64_t seq;
};

/* What keying material is exported from (KSSL_EXPORTER); secret_len 0: nothing. */
struct hs_exporter {
	uint8_t secret[SECRET_MAX];
	size_t secret_len;
	uint8_t randoms[2 * SSL3_RANDOM_SIZE];
	size_t randoms_len;
};

enum hs_state { HS_MORE, HS_DONE, HS_FAILED };

/* How a handshake ended. */
struct hs_result {
	uint16_t version;
	uint16_t suite;
	uint16_t record_limit;	/* of the peer (RFC 8449), 0: none */
	struct hs_keys tx;
	struct hs_keys rx;
	struct hs_exporter exporter;
	char subject[1024];
	uint8_t *cert;
	size_t cert_len;
	bool verified;
	bool resumed;
	char identity[64];
	char alpn[256];
	char sni[256];

	int err;
	int alert_sent;
	int alert_received;
	long verify;
	char text[120];
};

struct handshake;

struct handshake *handshake_new(const struct config *c, const struct hs_request *req,
				struct hs_result *why);
enum hs_state handshake_feed(struct handshake *h, const uint8_t *records, size_t len,
			     unsigned int *consumed);
size_t handshake_output(struct handshake *h, const uint8_t **bytes);
void handshake_sent(struct handshake *h);
struct hs_result *handshake_result(struct handshake *h);
void handshake_free(struct handshake *h);

/* Called by OpenSSL through identity.c's contexts. */
void handshake_keylog(const SSL *ssl, const char *line);
int handshake_servername(SSL *ssl, int *alert, void *arg);
int handshake_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int in_len, void *arg);

/* ---- limit.c ---- */

bool limit_offer(SSL_CTX *ctx);
uint16_t limit_of_peer(const SSL *ssl);

/* ---- export.c ---- */

bool export_secret(const char *line, const char *label, uint8_t *secret, size_t *len);
bool export_keys12(SSL *ssl, bool server, struct hs_keys *tx, struct hs_keys *rx);
void export_master12(SSL *ssl, struct hs_exporter *x);

/* ---- worker.c ---- */

struct worker;

struct worker *worker_start(const struct config *c, int number);
void worker_stop(struct worker *w);

#endif
