/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkssl: TLS on TCP sockets by kssl.ko, for programs that do not want to call
 * setsockopt() themselves, and the netlink client that ksslctl uses.
 *
 * All functions that return int return 0, or -1 with errno set, unless said
 * otherwise.  None keeps a pointer of the caller's.  Sockets stay the caller's.
 * Everything may be called from several threads, each with its own handle.
 */
#ifndef KSSL_KSSL_H
#define KSSL_KSSL_H

#include <stddef.h>
#include <stdint.h>
#include <linux/kssl.h>
#include <linux/kssl_netlink.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KSSL_API __attribute__((visibility("default")))

/**
 * kssl_attach() - make a TCP socket a TLS client
 * @fd: socket, before or after connect()
 * @peer_name: name that the server's certificate must carry, also sent as SNI;
 *	NULL: the certificate must carry the server's IP address
 *
 * connect(), or the first read or write on a connected socket, then performs
 * the handshake.  On failure the socket must not be used: it may be attached.
 */
KSSL_API int kssl_attach(int fd, const char *peer_name);

/**
 * kssl_listen() - make a listening socket's connections TLS
 * @fd: socket, before or after listen()
 * @identity: identity in the daemon's configuration, NULL for its choice
 */
KSSL_API int kssl_listen(int fd, const char *identity);

/** kssl_info() - state, suite and counters of a socket */
KSSL_API int kssl_info(int fd, struct kssl_info *info);

/** kssl_error() - why a socket's session failed; err is 0 if it did not */
KSSL_API int kssl_error(int fd, struct kssl_error *error);

/**
 * kssl_check_keys() - would the kernel take such keys?
 * @key: keys of one direction
 *
 * Tried on a socket of its own, so nothing is changed.
 *
 * Errors: ENOENT (kssl.ko is not loaded, or the kernel lacks the cipher),
 * EINVAL (version, suite or sizes), ENOMEM, and those of socket().
 */
KSSL_API int kssl_check_keys(const struct kssl_key *key);

/**
 * kssl_attach_keys() - make a connected socket TLS with keys that you have
 * @fd: connected socket, plain TCP, at a record's end in both directions; or
 *	attached ("kssl") and without a handshake, if KSSL_ROLE was to be set: a
 *	socket is a TLS client unless it says otherwise
 * @tx: keys to send with
 * @rx: keys to receive with; same version and suite
 *
 * The keys stay the caller's, who wipes them.
 *
 * Errors, and the socket is as it was: EINVAL (version, suite or sizes; @tx and
 * @rx differ; NULL), ENOENT (kssl.ko is not loaded, or the kernel lacks the
 * cipher), ENOTCONN, EEXIST (it has another ULP), EOPNOTSUPP (not TCP), EBUSY
 * (it has keys, or a handshake was begun), EMFILE and the like.
 * ENOMEM and ENOTCONN can also come in the middle, when memory is short or the
 * peer resets: if kssl_info() succeeds then, only close() is left.
 */
KSSL_API int kssl_attach_keys(int fd, const struct kssl_key *tx, const struct kssl_key *rx);

/*
 * OpenSSL 3 sessions; link with -lkssl-ssl -lkssl -lssl -lcrypto.  SSL_CTX and SSL
 * by their other names, so that this header does not need OpenSSL's.
 *
 *	kssl_ctx_prepare(ctx);
 *	ssl = SSL_new(ctx);
 *	SSL_set_fd(ssl, fd);
 *	SSL_accept(ssl);		... SSL_read(), SSL_write() as you like
 *	if (!kssl_attach_ssl(ssl)) {
 *		SSL_free(ssl);
 *		read(fd, ...);		... plain calls from here on
 *	}
 */
struct ssl_st;
struct ssl_ctx_st;

/**
 * kssl_ctx_prepare() - have what kssl_attach_ssl() needs remembered
 * @ctx: context, before SSL_new(); each one that SSL_set_SSL_CTX() may choose
 *
 * Sets the context's key log and message callbacks.  A key log callback that is
 * set already is called as before.  A message callback cannot be asked for: a
 * program with its own sets that after this call, or for one SSL object, and
 * calls kssl_ssl_message() from it, for messages of every kind.  Secrets are kept with the SSL object,
 * in OpenSSL's secure heap if the program has one, until it is handed over or
 * freed.  Calling it again does no harm.
 *
 * Errors: ENOMEM.
 */
KSSL_API int kssl_ctx_prepare(struct ssl_ctx_st *ctx);

/** kssl_ssl_message() - the message callback: counts records, reads the ServerHello */
KSSL_API void kssl_ssl_message(int write_p, int version, int type, const void *buf, size_t len,
			       struct ssl_st *ssl, void *arg);

/**
 * kssl_attach_ssl() - hand a finished session to the kernel
 * @ssl: client or server, TLS 1.2 or 1.3, handshake done, on a TCP socket by
 *	SSL_set_fd() or a socket BIO; nobody else uses either meanwhile
 *
 * Data may have gone through @ssl, and KeyUpdates.  What OpenSSL has read from
 * the socket is not lost: whole records are drained and are what read() returns
 * first, a close_notify among them is the end; of a record that is there in part
 * the rest, and no more, is read here: a blocking socket waits for it.  What
 * SSL_key_update() and SSL_new_session_ticket() have left to be sent is sent.
 *
 * On success the socket speaks by read() and write(), the memory of the secrets
 * is wiped, and no call on @ssl touches the socket any more; it tells about the
 * peer as before.  SSL_free() it soon: it has keys of its own (which OpenSSL 3.0
 * does not wipe, even then).  The socket
 * stays the caller's (a BIO made with BIO_CLOSE closes it with @ssl).
 * Tickets that come later are dropped: a client that wants them reads first.
 *
 * Errors, and @ssl goes on as it was, but see kssl_ssl_drained():
 * EAGAIN: the rest of a record, or room to send, is awaited: wait as
 * SSL_want() says, and call again.  EINTR: a signal; call again.
 * EBUSY: a handshake, renegotiation or SSL_write() is not finished.
 * ENOKEY: kssl_ctx_prepare() was not called in time, or its callbacks are gone.
 * ENOENT: kssl.ko is not loaded, or the kernel lacks the cipher.
 * EOPNOTSUPP: a version or suite that kssl does not have, compression,
 * max_fragment_length, or a BIO that is not just a TCP socket.
 * EEXIST: the socket has a ULP already (kTLS).  ENOTCONN: it is not connected.
 * EPIPE: SSL_shutdown() was called.
 * ENOBUFS: more was drained than the socket's receive buffer holds.
 * EMFILE and the like: a second socket, to ask the kernel, could not be made.
 * Errors by which the connection is over: EBADMSG (a bad record), ECONNABORTED
 * (a fatal alert), ECONNRESET and others of the socket.
 * ENOMEM and ENOTCONN can also come in the middle: if kssl_info() succeeds then,
 * only close() is left.
 *
 * A post-handshake authentication under way must be finished first.
 */
KSSL_API int kssl_attach_ssl(struct ssl_st *ssl);

/**
 * kssl_ssl_drained() - take back what kssl_attach_ssl() had drained
 * @ssl: after an error of kssl_attach_ssl()
 * @buf: where to
 * @len: room there
 *
 * This text comes before what SSL_read() returns.  Only needed to go on with
 * @ssl; kssl_attach_ssl(), called again, remembers it.
 *
 * Return: bytes, 0 if there are no more.
 */
KSSL_API size_t kssl_ssl_drained(struct ssl_st *ssl, void *buf, size_t len);

/** kssl_state_name() - "open", "failed" and so on; never NULL */
KSSL_API const char *kssl_state_name(int state);

/**
 * struct kssl_session_info - what the kernel tells of a session
 *
 * Numbers are 0 and strings "" where it says nothing.  Strings may hold what a
 * peer chose: clean them before they go to a terminal.
 */
struct kssl_session_info {
	uint32_t id;
	uint8_t state;
	uint8_t role;
	uint8_t peer_verified;
	uint8_t resumed;
	uint16_t version;
	uint16_t suite;
	uint32_t uid;
	uint32_t pid;
	uint32_t tx_generation;
	uint32_t rx_generation;
	uint32_t err;
	int alert_sent;		/* -1: none */
	int alert_received;	/* -1: none */
	uint64_t age_ms;
	uint64_t tx_bytes;
	uint64_t rx_bytes;
	uint64_t tx_records;
	uint64_t rx_records;
	char suite_name[64];
	char peer_name[KSSL_NAME_MAX + 1];
	char peer_subject[KSSL_SUBJECT_MAX + 1];
	char identity[KSSL_IDENTITY_MAX + 1];
	char alpn[KSSL_ALPN_MAX + 1];
	char comm[32];
	char local[64];		/* 192.0.2.1:443, [2001:db8::1]:443 */
	char remote[64];
	char text[KSSL_ERROR_TEXT_MAX];
	int event;		/* enum kssl_event_kind, 0 outside events */
	char exe[256];		/* as it sees it itself: for people */
	char cgroup[512];
};

struct kssl_policy {
	uint32_t grace_ms;
	uint32_t timeout_ms;
	uint32_t queue_max;
	uint32_t key_records;	/* 0: as the suite says */
	uint32_t rekey_seconds;	/* 0: never */
	uint32_t update_rate;	/* 0: no limit */
	uint32_t mac_only;	/* 1: suites that do not encrypt may be used */
	uint32_t linger_max;	/* closed sockets that the kernel holds; 0: none */
};

struct kssl_caps {
	uint32_t abi;
	uint32_t workers;
	uint32_t lingering;	/* closed sockets that the kernel holds now */
	char release[32];
	unsigned int nr_suites;
	struct {
		uint16_t id;
		uint16_t version;
		char name[64];
		char driver[128];	/* "" : the kernel lacks the cipher */
	} suites[64];
};

struct kssl_nl;

/**
 * kssl_nl_open() - connect to the module
 *
 * Return: a handle for kssl_nl_close(), or NULL: errno ENOENT if the module is
 * not loaded.
 */
KSSL_API struct kssl_nl *kssl_nl_open(void);
KSSL_API void kssl_nl_close(struct kssl_nl *nl);

/** kssl_nl_why() - the kernel's words on the last refusal; never NULL */
KSSL_API const char *kssl_nl_why(const struct kssl_nl *nl);

typedef int (*kssl_session_fn)(const struct kssl_session_info *s, void *arg);

/**
 * kssl_nl_sessions() - all sessions that the caller may see
 * @nl: handle
 * @fn: called for each; a non-zero return is not looked at
 * @arg: passed on
 */
KSSL_API int kssl_nl_sessions(struct kssl_nl *nl, kssl_session_fn fn, void *arg);

/** kssl_nl_session() - one session; ENOENT if there is none to see */
KSSL_API int kssl_nl_session(struct kssl_nl *nl, uint32_t id, struct kssl_session_info *s);

/**
 * kssl_nl_session_rekey() - change the sending keys of a TLS 1.3 session now
 * @nl: handle
 * @id: its number
 * @want_answer: not 0: ask the peer to change its own too
 *
 * Needs CAP_NET_ADMIN, as the next two.  ENOENT: no such session; ENOTCONN: it
 * has no keys yet; EPIPE: it is closed; EOPNOTSUPP: TLS 1.2; EAGAIN: no room, or
 * the peer owes an answer.
 */
KSSL_API int kssl_nl_session_rekey(struct kssl_nl *nl, uint32_t id, int want_answer);

/** kssl_nl_session_close() - as if the program had called shutdown(SHUT_WR) */
KSSL_API int kssl_nl_session_close(struct kssl_nl *nl, uint32_t id);

/** kssl_nl_session_kill() - fatal alert and reset; the program sees ECONNABORTED */
KSSL_API int kssl_nl_session_kill(struct kssl_nl *nl, uint32_t id);

/** kssl_nl_linger_flush() - end the closed sockets that the kernel holds */
KSSL_API int kssl_nl_linger_flush(struct kssl_nl *nl);

/**
 * kssl_nl_monitor() - events, until @fn returns non-zero or an error
 *
 * Needs CAP_NET_ADMIN.
 */
KSSL_API int kssl_nl_monitor(struct kssl_nl *nl, kssl_session_fn fn, void *arg);

KSSL_API int kssl_nl_caps(struct kssl_nl *nl, struct kssl_caps *caps);
KSSL_API int kssl_nl_policy_get(struct kssl_nl *nl, struct kssl_policy *policy);

/** kssl_nl_policy_set() - all values; needs CAP_NET_ADMIN */
KSSL_API int kssl_nl_policy_set(struct kssl_nl *nl, const struct kssl_policy *policy);

#ifdef __cplusplus
}
#endif

#endif /* KSSL_KSSL_H */
