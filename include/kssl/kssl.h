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
};

struct kssl_policy {
	uint32_t grace_ms;
	uint32_t timeout_ms;
	uint32_t queue_max;
	uint32_t key_records;	/* 0: as the suite says */
	uint32_t rekey_seconds;	/* 0: never */
	uint32_t update_rate;	/* 0: no limit */
};

struct kssl_caps {
	uint32_t abi;
	uint32_t workers;
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
