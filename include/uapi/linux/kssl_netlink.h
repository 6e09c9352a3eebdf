/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Made from include/netlink/kssl.yaml by make nl-gen. Do not edit. */
#ifndef _UAPI_LINUX_KSSL_NETLINK_H
#define _UAPI_LINUX_KSSL_NETLINK_H

#define KSSL_GENL_NAME		"kssl"
#define KSSL_GENL_VERSION	1
#define KSSL_MCGRP_EVENTS	"events"

#define KSSL_ABI		1

enum kssl_event_kind {
	KSSL_EVENT_KIND_ESTABLISHED = 1,
	KSSL_EVENT_KIND_FAILED,	/* See err and text for why. */
	KSSL_EVENT_KIND_CLOSED,
	KSSL_EVENT_KIND_REKEYED,
	KSSL_EVENT_KIND_LIMIT,	/* A usage limit was reached. */
	KSSL_EVENT_KIND_WORKER_JOINED,
	KSSL_EVENT_KIND_WORKER_LEFT,
};

enum kssl_a_caps {
	KSSL_A_CAPS_ABI = 1,	/* Version of this contract. */
	KSSL_A_CAPS_RELEASE,	/* Version of the module. */
	KSSL_A_CAPS_SUITE,
	KSSL_A_CAPS_WORKERS,	/* Workers registered in this network namespace. */
	KSSL_A_CAPS_LINGERING,	/* Closed sockets that the kernel holds in this network namespace. */

	__KSSL_A_CAPS_MAX,
	KSSL_A_CAPS_MAX = (__KSSL_A_CAPS_MAX - 1),
};

enum kssl_a_suite {
	KSSL_A_SUITE_ID = 1,	/* IANA number. */
	KSSL_A_SUITE_NAME,	/* IANA name. */
	KSSL_A_SUITE_VERSION,	/* 0x0303 or 0x0304. */
	KSSL_A_SUITE_DRIVER,	/* Driver that the kernel's crypto API chose, or its library; absent if there is none. */

	__KSSL_A_SUITE_MAX,
	KSSL_A_SUITE_MAX = (__KSSL_A_SUITE_MAX - 1),
};

enum kssl_a_worker {
	KSSL_A_WORKER_ABI = 1,	/* Version of this contract that the worker speaks. */
	KSSL_A_WORKER_CAPACITY,	/* Handshakes the worker takes at once. */

	__KSSL_A_WORKER_MAX,
	KSSL_A_WORKER_MAX = (__KSSL_A_WORKER_MAX - 1),
};

enum kssl_a_keys {
	KSSL_A_KEYS_SECRET = 1,	/* Application traffic secret. */
	KSSL_A_KEYS_KEY,
	KSSL_A_KEYS_IV,
	KSSL_A_KEYS_MAC,
	KSSL_A_KEYS_SEQ,	/* Sequence number of the next record. */
	KSSL_A_KEYS_FLAGS,	/* As in struct kssl_key. */

	__KSSL_A_KEYS_MAX,
	KSSL_A_KEYS_MAX = (__KSSL_A_KEYS_MAX - 1),
};

enum kssl_a_hs {
	KSSL_A_HS_SESSION = 1,	/* Session id. */
	KSSL_A_HS_ROLE,	/* enum kssl_role of the socket. */
	KSSL_A_HS_PEER_NAME,	/* Name to verify (client). */
	KSSL_A_HS_IDENTITY,	/* hs-ready: identity asked for. hs-done: identity used. */
	KSSL_A_HS_ALPN,	/* hs-ready: list, comma separated. hs-done: the one chosen. */
	KSSL_A_HS_PEER_AUTH,	/* enum kssl_peer_auth. */
	KSSL_A_HS_LOCAL,	/* struct sockaddr_in or sockaddr_in6. */
	KSSL_A_HS_REMOTE,	/* struct sockaddr_in or sockaddr_in6. */
	KSSL_A_HS_UID,	/* User who attached the socket or its listener (effective). */
	KSSL_A_HS_PID,	/* His process. */
	KSSL_A_HS_COMM,	/* Its name. */
	KSSL_A_HS_TIMEOUT_MS,	/* Time left for the whole handshake. */
	KSSL_A_HS_RECORDS,	/* Whole TLS records received, headers included: all that are not consumed yet. */
	KSSL_A_HS_BYTES,	/* Bytes to send to the peer as they are. */
	KSSL_A_HS_CONSUMED,	/* How many of the records last offered are used up. */
	KSSL_A_HS_VERSION,	/* 0x0303 or 0x0304. */
	KSSL_A_HS_SUITE,	/* IANA number. */
	KSSL_A_HS_TX,
	KSSL_A_HS_RX,
	KSSL_A_HS_RECORD_LIMIT,	/* Peer's record_size_limit (RFC 8449); absent: none. */
	KSSL_A_HS_PEER_SUBJECT,
	KSSL_A_HS_PEER_CERT,	/* DER. */
	KSSL_A_HS_PEER_VERIFIED,	/* 1 if chain and name were verified. */
	KSSL_A_HS_SNI,	/* Name the client sent. */
	KSSL_A_HS_RESUMED,
	KSSL_A_HS_ERR,	/* Errno for the program (positive). */
	KSSL_A_HS_ALERT,	/* hs-data to the worker: the alert that the peer has earned; the answer is hs-fail. hs-fail: the alert sent, in bytes or, with tx, behind them. */
	KSSL_A_HS_ALERT_RECEIVED,	/* Alert description that the peer sent. */
	KSSL_A_HS_VERIFY,	/* What verification said of the peer's certificate (X509_V_*). */
	KSSL_A_HS_TEXT,	/* The reason in words. */
	KSSL_A_HS_EXPORTER,	/* Without it KSSL_EXPORTER is ENODATA. */
	KSSL_A_HS_PEER_SAN,	/* subjectAltNames, one a line, see KSSL_PEER_SAN. */
	KSSL_A_HS_PEER_FINGERPRINT,	/* SHA-256 of peer-cert. */
	KSSL_A_HS_PEER_CHAIN,	/* DER of the certificates above peer-cert, one after the other. */
	KSSL_A_HS_POST_MAX,	/* NewSessionTicket messages that the worker wants; absent: none. */
	KSSL_A_HS_POST_MS,	/* And for how long. */
	KSSL_A_HS_MESSAGE,	/* A decrypted handshake message, header included. */
	KSSL_A_HS_GID,	/* Its effective group. */
	KSSL_A_HS_GROUPS,	/* Its other groups, an array of u32, 256 at most. */
	KSSL_A_HS_EXE,	/* Path of its program in its own mount namespace: for people, anybody can have any path. */
	KSSL_A_HS_EXE_DEV,	/* st_dev of that file. Absent: no program is known. */
	KSSL_A_HS_EXE_INO,	/* st_ino. */
	KSSL_A_HS_EXE_BORN,	/* When the inode was made, nanoseconds; 0: the file system does not say. */
	KSSL_A_HS_CGROUP,	/* Path of its cgroup (version 2) from the root of the hierarchy; absent if longer than 511 bytes. */
	KSSL_A_HS_PAD,
	KSSL_A_HS_FRAGMENT,	/* max_fragment_length (RFC 6066) that the peer asked for: its own records are no longer either; absent: none. */

	__KSSL_A_HS_MAX,
	KSSL_A_HS_MAX = (__KSSL_A_HS_MAX - 1),
};

enum kssl_a_exporter {
	KSSL_A_EXPORTER_SECRET = 1,	/* TLS 1.3: exporter_master_secret. TLS 1.2: master_secret. */
	KSSL_A_EXPORTER_RANDOMS,	/* TLS 1.2: the client's random, then the server's. */

	__KSSL_A_EXPORTER_MAX,
	KSSL_A_EXPORTER_MAX = (__KSSL_A_EXPORTER_MAX - 1),
};

enum kssl_a_session {
	KSSL_A_SESSION_ID = 1,
	KSSL_A_SESSION_STATE,	/* enum kssl_state. */
	KSSL_A_SESSION_ROLE,	/* enum kssl_role. */
	KSSL_A_SESSION_VERSION,
	KSSL_A_SESSION_SUITE,
	KSSL_A_SESSION_SUITE_NAME,
	KSSL_A_SESSION_PEER_NAME,	/* Client: name verified. Server: SNI. */
	KSSL_A_SESSION_PEER_SUBJECT,
	KSSL_A_SESSION_PEER_VERIFIED,
	KSSL_A_SESSION_IDENTITY,
	KSSL_A_SESSION_ALPN,
	KSSL_A_SESSION_LOCAL,	/* struct sockaddr_in or sockaddr_in6. */
	KSSL_A_SESSION_REMOTE,	/* struct sockaddr_in or sockaddr_in6. */
	KSSL_A_SESSION_UID,
	KSSL_A_SESSION_PID,
	KSSL_A_SESSION_COMM,
	KSSL_A_SESSION_AGE_MS,	/* Since the handshake was done */
	KSSL_A_SESSION_TX_BYTES,
	KSSL_A_SESSION_RX_BYTES,
	KSSL_A_SESSION_TX_RECORDS,
	KSSL_A_SESSION_RX_RECORDS,
	KSSL_A_SESSION_TX_GENERATION,
	KSSL_A_SESSION_RX_GENERATION,
	KSSL_A_SESSION_RESUMED,
	KSSL_A_SESSION_ERR,	/* Errno (positive). */
	KSSL_A_SESSION_ALERT_SENT,
	KSSL_A_SESSION_ALERT_RECEIVED,
	KSSL_A_SESSION_TEXT,
	KSSL_A_SESSION_EVENT,
	KSSL_A_SESSION_PAD,
	KSSL_A_SESSION_REQUEST,	/* session-rekey: ask the peer for new keys too. */
	KSSL_A_SESSION_EXE,	/* As in set hs. */
	KSSL_A_SESSION_CGROUP,	/* As in set hs. */

	__KSSL_A_SESSION_MAX,
	KSSL_A_SESSION_MAX = (__KSSL_A_SESSION_MAX - 1),
};

enum kssl_a_policy {
	KSSL_A_POLICY_GRACE_MS = 1,	/* How long a handshake waits for a first worker; 0 not at all. */
	KSSL_A_POLICY_TIMEOUT_MS,	/* Time for a whole handshake. */
	KSSL_A_POLICY_QUEUE_MAX,	/* Handshakes waiting for a worker; a user has at most as many places as are left free. */
	KSSL_A_POLICY_KEY_RECORDS,	/* Records sent with one key, if the suite's own limit is not lower; 0: the suite's. */
	KSSL_A_POLICY_REKEY_SECONDS,	/* Age at which a TLS 1.3 sending key is changed, before the next data; 0: never. */
	KSSL_A_POLICY_UPDATE_RATE,	/* KeyUpdates a second that a peer may send; 0: no limit. */
	KSSL_A_POLICY_MAC_ONLY,	/* 1: suites that authenticate but do not encrypt may be used. */
	KSSL_A_POLICY_LINGER_MAX,	/* Closed sockets that the kernel holds; a user has at most as many places as are left free. 0: none. */

	__KSSL_A_POLICY_MAX,
	KSSL_A_POLICY_MAX = (__KSSL_A_POLICY_MAX - 1),
};

enum kssl_cmd {
	KSSL_CMD_CAPS = 1,	/* What the module can do. Anyone may ask. */
	KSSL_CMD_WORKER_REGISTER,	/* Take handshakes on the socket that sends this. */
	KSSL_CMD_WORKER_LEAVE,	/* Take no new handshakes; those under way go on. */
	KSSL_CMD_HS_READY,	/* Kernel to worker, a new handshake. */
	KSSL_CMD_HS_DATA,	/* Both ways. Kernel to worker, records, and an alert if what the peer sent next is no record; worker to kernel, bytes to send and records consumed. */
	KSSL_CMD_HS_DONE,	/* Worker to kernel, the handshake succeeded. The bytes are sent before the first record is sealed. A refused one ends the session. */
	KSSL_CMD_HS_FAIL,	/* Worker to kernel, the handshake failed. With version, suite and tx, the kernel sends the alert under these keys, behind the bytes. A refused one ends the session. */
	KSSL_CMD_HS_CANCEL,	/* Kernel to worker, the program closed the socket or time is up. */
	KSSL_CMD_SESSION_GET,	/* One session, or all (dump). Without CAP_NET_ADMIN only those of one's own user id. */
	KSSL_CMD_EVENT,	/* Multicast to group events, sent with the session's attributes. */
	KSSL_CMD_POLICY_GET,	/* Limits of this network namespace. */
	KSSL_CMD_POLICY_SET,	/* Change limits of this network namespace. They count for open sessions too. */
	KSSL_CMD_SESSION_REKEY,	/* Change the sending keys of a TLS 1.3 session now. */
	KSSL_CMD_SESSION_CLOSE,	/* Send close_notify, as if the program had shut down its writing side; it can read on. */
	KSSL_CMD_SESSION_KILL,	/* Send a fatal alert and reset the connection; the program sees ECONNABORTED. */
	KSSL_CMD_POST_DATA,	/* Kernel to worker, a NewSessionTicket that it asked for in hs-done; without a message none will follow. */
	KSSL_CMD_LINGER_FLUSH,	/* End all closed sockets that the kernel holds in this network namespace. */

	__KSSL_CMD_MAX,
	KSSL_CMD_MAX = (__KSSL_CMD_MAX - 1),
};

#endif /* _UAPI_LINUX_KSSL_NETLINK_H */
