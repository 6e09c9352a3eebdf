/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types that the files of the daemon share. */
#ifndef KSSLD_H
#define KSSLD_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <linux/kssl.h>
#include "../lib/suite.h"

#define KSSLD_VERSION "0.1"
#define SHA256_LEN 32

/* ---- log.c ---- */

enum level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What peers can cause: so many lines a second at most, of each. */
enum log_cause { LOG_FAILED_HANDSHAKE, LOG_LEGACY_SUITE, NR_LOG_CAUSES };

void log_setup(enum level level, bool to_stderr);
void log_level(enum level level);
void log_copy(char *to, size_t room);
const char *log_reason(void);
void log_msg(enum level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_rated(enum log_cause cause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define error(...) log_msg(LOG_LEVEL_ERROR, __VA_ARGS__)
#define info(...) log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define debug(...) log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* ---- config.c ---- */

/**
 * enum crl_check - what a revocation list is for
 * @CRL_KNOWN: refuses what it lists; who has no list passes
 * @CRL_NO: nothing
 * @CRL_ALL: and every certificate below a root must have a list that covers it
 */
enum crl_check { CRL_KNOWN, CRL_NO, CRL_ALL };

enum client_auth { AUTH_NONE, AUTH_REQUEST, AUTH_REQUIRE };

/**
 * struct file_name - a file that the configuration names
 * @path: file, of a key also a URI; NULL: none
 * @line: where
 */
struct file_name {
	char *path;
	int line;
};

/**
 * struct credential - a certificate and its key (credential.c)
 * @cert_file: certificate and chain, perhaps the key too
 * @key_file: private key
 * @cert: own certificate
 * @chain: those above it
 * @key: private key
 */
struct credential {
	struct credential *next;
	struct file_name cert_file;
	struct file_name key_file;
	X509 *cert;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
};

/**
 * struct rate_limit - how often something may happen (rate.c)
 * @events: so many
 * @seconds: in so many seconds; 0 events: as often as it likes
 * @burst: so many of them at once
 */
struct rate_limit {
	int events;
	int seconds;
	int burst;
};

enum rate { RATE_HANDSHAKES, RATE_FAILURES, NR_RATES };

struct psk;

/**
 * struct staple - an OCSP response that a server sends (staple.c)
 * @file: where it is
 * @der: as it is sent
 * @len: its length
 * @basic: as it is read
 * @single: in @basic
 * @cert: whom it is about
 */
struct staple {
	struct staple *next;
	struct file_name file;
	unsigned char *der;
	size_t len;
	OCSP_BASICRESP *basic;
	OCSP_SINGLERESP *single;
	X509 *cert;
};

/**
 * struct issuers - a file of issuers that an identity trusts for clients' certificates
 * @file: certificates, or a folder of them
 */
struct issuers {
	struct issuers *next;
	struct file_name file;
};

/**
 * struct identity - who we can be
 * @name: section name
 * @line: where it begins
 * @credentials: in the order of the file, one for each kind of key
 * @staples: OCSP responses, of any of them
 * @pass_file: pass phrases of their files, a line each
 * @psk_file: external pre-shared keys; an identity needs these or certificates
 * @psks: what is in it
 * @names: host names and wildcards, with commas; default: those in the certificates
 * @alpn: comma separated protocols
 * @auth: what we ask of clients
 * @auth_line: where
 * @issuers: issuers of their certificates
 * @client_names: names of which a client's certificate must have one, with commas; or NULL
 * @legacy: KSSL_SUITE_* that are allowed; never more than the configuration's
 * @legacy_set: it has a line of its own
 * @is_default: for clients that name nobody we know
 * @owner: user whose its key files are; IDENTITY_NO_OWNER: not one user's, or no files
 * @has_policy: a section of the policy names it, or one that allows all is there
 * @server: context to serve with (identity.c)
 * @client: context to connect with (identity.c)
 */
struct identity {
	struct identity *next;
	char *name;
	int line;
	struct credential *credentials;
	struct staple *staples;
	struct file_name pass_file;
	struct file_name psk_file;
	struct psk *psks;
	char *names;
	char *alpn;
	enum client_auth auth;
	int auth_line;
	struct issuers *issuers;
	char *client_names;
	unsigned int legacy;
	bool legacy_set;
	bool is_default;
	uint32_t owner;
	bool has_policy;
	SSL_CTX *server;
	SSL_CTX *client;
};

#define IDENTITY_NO_OWNER UINT32_MAX

struct number_range {
	uint32_t from;
	uint32_t to;
};

struct numbers {
	struct number_range *range;
	size_t nr;
};

/**
 * struct policy - [policy NAME] (policy.c); what is not said is not asked
 * @name: its name
 * @line: where it begins
 *
 * Whom it is about:
 * @users, @groups: effective user; effective or other group
 * @exe: paths of programs
 * @cgroup: patterns of cgroups' paths; those below are in them
 * @unit: patterns of names of systemd's units
 * @ports: local ports; of servers alone
 * @role: KSSL_ROLE_CLIENT, KSSL_ROLE_SERVER or 0
 *
 * What it allows:
 * @identities: names or "none"; NULL: all
 * @min_version: or 0
 * @suites12, @suites13: in OpenSSL's form
 * @only: holds them; or NULL
 * @auth: what servers ask of clients at least
 * @relax: a client may leave its server unverified
 * @mark: SHA-256 of what sessions depend on
 */
struct policy {
	struct policy *next;
	char *name;
	int line;
	struct numbers users;
	struct numbers groups;
	char *exe;
	char *cgroup;
	char *unit;
	struct numbers ports;
	uint8_t role;
	char *identities;
	int min_version;
	char *suites12;
	char *suites13;
	SSL_CTX *only;
	enum client_auth auth;
	bool relax;
	uint8_t mark[SHA256_LEN];
};

#define TICKET_KEYS_MAX 8

/* As nginx and OpenSSL lay them out in a file. */
struct ticket_key {
	uint8_t name[16];
	uint8_t mac[32];
	uint8_t aes[32];
};

/* The first encrypts, all decrypt. */
struct ticket_keys {
	unsigned int nr;
	struct ticket_key key[TICKET_KEYS_MAX];
};

struct resume;
struct seen;
struct watch;

/**
 * struct config - one configuration file, read
 * @refs: who uses it: itself as the current one, and each handshake
 * @path: file
 * @line: in it, while it is read
 * @section: which that is in, while it is read
 * @watch: takes the names of files, while they are read
 * @watch_seconds: how often to look whether one has changed; 0: never
 * @expiry_days: how long before the end of a certificate it is told; 0: never
 * @control: socket for ksslctl (control.c); "none" for none
 * @control_set: it has a line of its own
 * @netns: other network namespaces to serve
 * @providers: of OpenSSL, comma separated
 * @crl: revocation lists, PEM
 * @crl_check: what they are for
 * @suites12, @suites13: in OpenSSL's form; NULL: ours (suites.c)
 * @groups: for key exchange, likewise
 * @sigalgs: signature algorithms, likewise; NULL: OpenSSL's
 * @legacy: KSSL_SUITE_* that are allowed, and no identity goes beyond
 * @client_legacy: to clients without an identity; never more
 * @client_legacy_set: it has a line of its own
 * @rates: of one address, at our servers
 * @tickets: servers give tickets
 * @ticket_lifetime: of each, seconds
 * @ticket_file: keys that several machines share
 * @ticket_keys: what is in it
 * @identities: in the order of the file
 * @policies: likewise
 * @trust_mark: changes with whom we trust (trust.c)
 * @anonymous: context of clients that present no certificate (identity.c)
 * @sessions: what clients can resume; NULL if they do not (resume.c)
 */
struct config {
	atomic_uint refs;
	char *path;
	int line;
	struct {
		int kind;
		struct identity *identity;
		struct policy *policy;
		struct seen *names;
		struct seen *keys;
	} section;
	struct watch *watch;
	int watch_seconds;
	int expiry_days;
	char *control;
	bool control_set;
	int workers;
	int capacity;
	char *keylog;
	char *netns;
	char *user;
	char *providers;
	char *suites12;
	char *suites13;
	char *groups;
	char *sigalgs;
	int min_version;
	int max_version;
	unsigned int legacy;
	unsigned int client_legacy;
	bool client_legacy_set;
	enum level log;
	struct file_name trust_file;
	struct file_name trust_dir;
	bool trust_system;
	struct file_name crl;
	enum crl_check crl_check;
	uint8_t trust_mark[SHA256_LEN];
	bool verify;
	bool resume;
	int resume_cache;
	struct rate_limit rates[NR_RATES];
	bool tickets;
	int ticket_lifetime;
	struct file_name ticket_file;
	struct ticket_keys ticket_keys;
	struct identity *identities;
	struct policy *policies;
	SSL_CTX *anonymous;
	struct resume *sessions;
	char problem[256];
};

struct config *config_read(const char *path, bool must_exist, struct watch *watch);
void config_bad_file(const struct config *c, const struct file_name *file, const char *why);
struct config *config_get(struct config *c);
void config_put(struct config *c);

/* ---- ini.c ---- */

bool ini_read(struct config *c, bool (*take)(struct config *c, const char *key, const char *value));

/* ---- reload.c ---- */

struct config *reload_first(const char *path, bool must_exist, bool verbose);
bool reload(void);
void reload_if_changed(void);
void reload_doubts(FILE *to);
void reload_end(void);
struct config *config_current(void);

/* ---- watch.c ---- */

struct watch *watch_new(void);
void watch_add(struct watch *w, const char *path);
bool watch_look(struct watch *w);
void watch_put_unreadable(const struct watch *w, FILE *to);
void watch_free(struct watch *w);

/* ---- control.c ---- */

int control_open(const char *at);
void control_serve(int listener);
void control_close(int fd);

/* ---- inventory.c ---- */

void inventory_put(const struct config *c, FILE *to);
void inventory_put_exposed(const struct config *c, FILE *to);

/* ---- latency.c ---- */

void latency_count(bool server, bool resumed, uint64_t us);
void latency_put(FILE *to);

/* ---- ask.c ---- */

void ask_policy(const struct config *c, char *words, FILE *to);

/* ---- privileges.c ---- */

void privileges_harden(void);
bool privileges_drop(const struct config *c);

/* ---- serve.c ---- */

int serve(void);

/* ---- secret.c ---- */

bool secret_exposed(const char *path);
char *secret_read(const struct config *c, const struct file_name *file, size_t *len);
void secret_free(char *text);

/* ---- credential.c ---- */

bool credential_is_uri(const char *name);
bool credential_load(const struct config *c, struct credential *cred, const char *phrases);
bool credential_use(const struct config *c, const struct credential *cred, SSL_CTX *ctx);
bool credential_provider(const char *name);
void credential_free(struct credential *cred);

/* ---- trust.c ---- */

bool trust_servers(const struct config *c, SSL_CTX *ctx);
bool trust_clients(const struct config *c, const struct identity *id, SSL_CTX *ctx);
bool trust_mark(struct config *c);
void trust_watch(const struct config *c);

/* ---- name.c ---- */

#define NAME_ROOM 254		/* with the NUL */

/* Better last. */
enum name_fit { NAME_FITS_NOT, NAME_FITS_WILDCARD, NAME_FITS };

bool name_normalise(const char *name, size_t len, char *out);
bool name_pattern(const char *name, size_t len, char *out);
enum name_fit name_fits(const char *list, const char *name);
bool name_allows(const char *list, const X509 *cert);

/* ---- staple.c ---- */

bool staple_load(const struct config *c, const struct identity *id, struct staple *s);
void staple_times(const struct staple *s, const ASN1_TIME **from, const ASN1_TIME **to);
void staple_free(struct staple *s);
void staple_offer(struct identity *id, SSL_CTX *ctx);
void staple_expect(SSL_CTX *ctx);

/* ---- rate.c ---- */

const char *rate_admit(const struct rate_limit *limits, const struct sockaddr_storage *remote,
		       int64_t now);
void rate_failed(const struct rate_limit *limits, const struct sockaddr_storage *remote,
		 int64_t now);

/* ---- psk.c ---- */

bool psk_load(const struct config *c, struct identity *id);
void psk_free(struct psk *p);
void psk_offer(SSL_CTX *ctx, bool server);
const char *psk_used(const SSL *ssl);

/* ---- ticket.c ---- */

bool ticket_load(struct config *c);
void ticket_use(const struct config *c);
void ticket_age(void);
void ticket_end(void);
bool ticket_offer(const struct config *c, SSL_CTX *ctx);

/* ---- expiry.c ---- */

void expiry_tell(const struct config *c);

/* ---- suites.c ---- */

unsigned int suites_legacy(const char *name, size_t len);
const char *suites_legacy_names(unsigned int legacy, char *out, size_t room);
void suites_warn(const struct config *c);
bool suites_set(const struct config *c, SSL_CTX *ctx, unsigned int legacy);
bool suites_set_groups(SSL_CTX *ctx, const char *groups);
bool suites_set_sigalgs(SSL_CTX *ctx, const char *sigalgs);
bool suites_allowed(const SSL_CIPHER *cipher, unsigned int legacy);

/* ---- identity.c ---- */

int identity_load(struct config *c);
struct identity *identity_named(const struct config *c, const char *name);
struct identity *identity_for_host(const struct config *c, const struct policy *p,
				   uint32_t uid, const char *host);
void keylog_open(const char *path);

/* ---- what a handshake is asked, and its result ---- */

#define GROUPS_MAX 256

/**
 * struct hs_owner - who attached the socket, beside the user
 * @gid, @groups, @nr_groups: his groups
 * @exe_dev, @exe_ino, @exe_born: file of the program; 0: not known
 * @exe: its path, for people
 * @cgroup: path, or "" if it is not known
 */
struct hs_owner {
	uint32_t gid;
	uint32_t groups[GROUPS_MAX];
	size_t nr_groups;
	uint64_t exe_dev;
	uint64_t exe_ino;
	uint64_t exe_born;
	char exe[256];
	char cgroup[512];
};

/**
 * struct hs_request - what the kernel asks for; strings are "" where it did not say
 * @owner: counts in handshake_new() alone
 */
struct hs_request {
	uint32_t session;
	bool server;
	uint8_t peer_auth;
	uint32_t uid;
	in_port_t port;
	const struct hs_owner *owner;
	char peer_name[256];
	char identity[64];
	char alpn[256];
	struct sockaddr_storage remote;
};

/**
 * struct hs_peer - the peer's certificate (peer.c)
 * @present: there is one; else nothing else counts, but for
 * @psk: the peer has a pre-shared key, whose name is in @subject
 * @verified: chain and name were verified
 * @verify: what verification said, X509_V_*
 * @fingerprint: SHA-256
 * @subject: as in RFC 2253; "" if it does not fit
 * @san: one name a line; "" if there is none or they do not fit
 * @cert_len: length of the certificate in @der; 0 if it does not fit
 * @chain_len: length of @der: the certificate and those above it
 */
struct hs_peer {
	bool present;
	bool psk;
	bool verified;
	long verify;
	uint8_t fingerprint[KSSL_FINGERPRINT_LEN];
	char subject[KSSL_SUBJECT_MAX + 1];
	char san[KSSL_SAN_MAX + 1];
	size_t cert_len;
	size_t chain_len;
	uint8_t der[KSSL_CHAIN_MAX];
};

/* What keying material is exported from (KSSL_EXPORTER); secret_len 0: nothing. */
struct hs_exporter {
	uint8_t secret[KSSL_SECRET_MAX];
	uint16_t secret_len;
	uint8_t randoms[2 * SSL3_RANDOM_SIZE];
	size_t randoms_len;
};

enum hs_state { HS_MORE, HS_DONE, HS_FAILED };

/* How a handshake ended. */
struct hs_result {
	uint16_t version;
	uint16_t suite;
	uint16_t record_limit;	/* of the peer (RFC 8449), 0: none */
	uint16_t fragment;	/* max_fragment_length, 0: none */
	struct kssl_key tx;
	struct kssl_key rx;
	struct hs_exporter exporter;
	struct hs_peer *peer;
	bool resumed;
	unsigned int legacy;	/* KSSL_SUITE_* that speak against the suite */
	uint8_t post_max;	/* tickets that we want to see, 0: none */
	uint32_t post_ms;	/* and for how long */
	char identity[64];
	char alpn[256];
	char sni[256];

	int err;
	int alert_sent;		/* in the output, or by the kernel */
	bool alert_sealed;	/* it is to be sent by the kernel, with @version, @suite and @tx */
	int alert_received;
	long verify;
	char text[120];
};

/* ---- policy.c ---- */

/* Who asks gets this, by that section of the configuration (NULL: there is none). */
struct verdict {
	const struct policy *policy;
	const struct identity *identity;
};

bool policy_ids(struct numbers *to, const char *value, bool group);
bool policy_ports(struct numbers *to, const char *value);
bool policy_paths(char **to, const char *value);
bool policy_units(char **to, const char *value);
bool policy_load(const struct config *c);
void policy_free(struct policy *p);
bool policy_file(const char *path, struct hs_owner *o);
bool policy_allows(const struct policy *p, const struct identity *id, uint32_t uid);
bool policy_judge(const struct config *c, const struct hs_request *req, struct verdict *v,
		  struct hs_result *why);
int policy_verify(const struct config *c, const struct verdict *v, const struct hs_request *req);
bool policy_restrict(const struct policy *p, SSL *ssl);
bool policy_kept(const struct policy *p, const SSL *ssl);
void policy_refused(const struct hs_request *req, const struct hs_result *why);
void policy_put_refused(FILE *to);

/* ---- handshake.c ---- */

struct handshake;

struct handshake *handshake_new(struct config *c, const struct hs_request *req,
				struct hs_result *why);
enum hs_state handshake_feed(struct handshake *h, const uint8_t *records, size_t len,
			     unsigned int *consumed);
size_t handshake_output(struct handshake *h, const uint8_t **bytes);
void handshake_sent(struct handshake *h);
void handshake_free(struct handshake *h);

/* Called by OpenSSL through identity.c's contexts. */
void handshake_keylog(const SSL *ssl, const char *line);
int handshake_client_hello(SSL *ssl, int *alert, void *arg);
int handshake_servername(SSL *ssl, int *alert, void *arg);
int handshake_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int in_len, void *arg);
const struct identity *handshake_identity(const SSL *ssl);

/* ---- result.c ---- */

#define HS_ALERT_LEN 7

size_t handshake_refusal(const struct hs_result *why, uint8_t *record);
enum hs_state handshake_refuse(struct handshake *h, int alert);
struct hs_result *handshake_result(struct handshake *h);
void handshake_linger(struct handshake *h);
bool handshake_post(struct handshake *h, const uint8_t *message, size_t len);
int handshake_new_session(SSL *ssl, SSL_SESSION *session);

/* ---- resume.c ---- */

/* SHA-256 of all that a session depends on. */
struct resume_key {
	uint8_t digest[32];
};

struct resume *resume_new(size_t max);
SSL_SESSION *resume_take(struct resume *r, const struct resume_key *key, time_t *born);
void resume_put(struct resume *r, const struct resume_key *key, const SSL_SESSION *session,
		time_t born);
void resume_free(struct resume *r);

/* ---- rewrap.c ---- */

/**
 * struct rewrap - how OpenSSL's next record from the server must look
 * @cipher: AEAD
 * @key: write key
 * @iv: write IV
 * @tag_len: authentication tag, bytes
 * @seq: sequence number
 */
struct rewrap {
	const EVP_CIPHER *cipher;
	uint8_t key[32];
	uint8_t iv[12];
	size_t tag_len;
	uint64_t seq;
};

bool rewrap_init(struct rewrap *r, SSL *ssl, const uint8_t *secret, size_t secret_len);
bool rewrap_message(struct rewrap *r, BIO *to, const uint8_t *message, size_t len);

/* ---- limit.c ---- */

bool limit_offer(SSL_CTX *ctx);
uint16_t limit_of_peer(const SSL *ssl);
uint16_t limit_of_both(const SSL *ssl);

/* ---- export.c ---- */

bool export_secret(const char *line, const char *label, uint8_t *secret, uint16_t *len);
void export_master12(SSL *ssl, struct hs_exporter *x);

/* ---- peer.c ---- */

struct hs_peer *peer_describe(SSL *ssl, STACK_OF(X509) *verified);

/* ---- netns.c ---- */

bool netns_each(const char *list, bool (*fn)(void *arg), void *arg);

/* ---- notify.c ---- */

void notify(const char *words);

/* ---- worker.c ---- */

struct worker;

struct worker *worker_open(int number);
bool worker_start(struct worker *w, int capacity);
void worker_stop(struct worker *w);

#endif
