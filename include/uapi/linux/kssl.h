/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * kssl: TLS for TCP sockets by one setsockopt.
 *
 *	setsockopt(fd, SOL_TCP, TCP_ULP, "kssl", 4);
 *
 * On a listening socket every accepted socket is then a TLS server; on any
 * other TCP socket the socket is a TLS client.  The options below, level
 * SOL_KSSL, refine it; none of them is needed.  All structures have the same
 * layout for 32-bit and 64-bit programs.  The manual is kssl(7).
 */
#ifndef _UAPI_LINUX_KSSL_H
#define _UAPI_LINUX_KSSL_H

#include <linux/types.h>

#define KSSL_ULP_NAME		"kssl"

/* Socket option level: outside the range that Linux itself hands out. */
#define SOL_KSSL		27507

/**
 * enum kssl_option - socket options of level SOL_KSSL
 * @KSSL_PEER_NAME: string without NUL, set before the handshake.  Client: the
 *	host name that the peer's certificate must carry, also sent as SNI (in
 *	lower case, without a dot at the end; EINVAL if it is none);
 *	without it the certificate must carry the peer's IP address.  Server:
 *	after the handshake, get returns the SNI name the client sent.
 * @KSSL_IDENTITY: string, name of an identity (certificate and key) in the
 *	daemon's configuration; default: the daemon chooses.
 * @KSSL_ALPN: string.  Set: the protocols offered or accepted, comma
 *	separated, best first.  Get after the handshake: the one chosen.
 * @KSSL_PEER_AUTH: int, enum kssl_peer_auth.  Only to be stricter than policy,
 *	unless that says "relax".  A listener's counts for the sockets that it accepts.
 * @KSSL_ROLE: int, enum kssl_role, for a socket attached when connected.
 * @KSSL_HANDSHAKE: u32, run the handshake now; time-out in milliseconds, 0 for
 *	the default.  Blocks unless the socket is non-blocking.
 * @KSSL_INFO: get, struct kssl_info.
 * @KSSL_PEER_CERT: get, the peer's certificate in DER; ENODATA if there is none.
 * @KSSL_PEER_SUBJECT: get, string, the certificate's subject (RFC 2253 form), or
 *	"PSK:" and the name of a pre-shared key.
 * @KSSL_ERROR: get, struct kssl_error: why the session has failed, or reading was cut.
 * @KSSL_KEY_TX: set, struct kssl_key: own keys, sending direction.
 * @KSSL_KEY_RX: set, struct kssl_key: own keys, receiving direction.
 * @KSSL_KEY_UPDATE: set, u32, enum kssl_key_update: new sending keys now (TLS
 *	1.3), and the peer's too if asked for.
 * @KSSL_RECORD_SIZE: u32, most text in a record sent: 64 to 16384; 0, the
 *	default: what fits the congestion window while that is small, else 16384.
 *	Never more than the peer's record_size_limit or max_fragment_length.
 * @KSSL_PAD: u32, TLS 1.3: text is padded to a multiple of this, 2 to 16384; 0,
 *	the default: not at all.
 * @KSSL_EOF_MODE: u32, enum kssl_eof_mode: what a FIN without close_notify is.
 * @KSSL_EXPORTER: get, struct kssl_exporter, in and out: keying material that
 *	both ends can derive and nobody else (RFC 5705; RFC 8446, 7.5).  ENOTCONN
 *	before the handshake is done; ENODATA: own keys, a failed session, or TLS
 *	1.2 without extended master secret (RFC 7627, 5.4).
 * @KSSL_DETACH: set, u32, enum kssl_detach: end TLS, and go on in plain TCP.
 * @KSSL_RECORDS: u32, 1: recvmsg() tells which records its bytes came in, by a
 *	control message of level SOL_KSSL and type KSSL_RECORDS: an array of
 *	struct kssl_record.  A call ends with the last record that its control
 *	buffer has room for, or KSSL_RECORDS_MAX; if there is no room at all,
 *	MSG_CTRUNC is set and the bytes come without.  0, the default: it does not.
 * @KSSL_TEXT: set, bytes: text that the program's own TLS library had opened
 *	already, at most KSSL_TEXT_MAX at once; reads return it, in order, before
 *	anything from the network.  Length 0: the library had received the peer's
 *	close_notify, and reads return 0 after that.  After KSSL_KEY_RX and before any
 *	record is read (EBUSY).
 * @KSSL_PEER_SAN: get, string: the subjectAltNames of the peer's certificate, one
 *	a line ("DNS:a.example", "IP:192.0.2.7", "email:", "URI:", "DirName:"); a
 *	byte that is not visible ASCII, and the backslash, is \xHH.
 * @KSSL_PEER_FINGERPRINT: get, KSSL_FINGERPRINT_LEN bytes: SHA-256 of the peer's
 *	certificate in DER.
 * @KSSL_PEER_CHAIN: get, certificates in DER, concatenated, the peer's own first:
 *	those that were verified, without the root; or, where the policy accepts
 *	unverified peers, those that the peer sent.  A resumed session has kept
 *	the first alone.
 * @KSSL_PEER_VERIFY: get, u32: what verification said of the peer's certificate
 *	(X509_V_OK is 0, X509_V_ERR_*), also after it was refused.
 * @KSSL_ACCEPT: u32, before or after listen(); 1: accept() returns a connection, and
 *	poll() tells of one, only when TLS is up.  Those that fail, or say nothing until
 *	time is up, the program never sees.  It stays on (EBUSY), and connect() is refused.
 * @KSSL_CLOSE_HANDSHAKE: u32, of a listener and the sockets that it accepts.  1, the
 *	default: if the program closes before TLS is up, the kernel does the
 *	handshake and sends close_notify, so that the peer sees a clean end.  0:
 *	close() closes.
 *
 * What a peer did not send, or is longer than kssl keeps, is ENODATA.
 */
enum kssl_option {
	KSSL_PEER_NAME = 1,
	KSSL_IDENTITY = 2,
	KSSL_ALPN = 3,
	KSSL_PEER_AUTH = 4,
	KSSL_ROLE = 5,
	KSSL_HANDSHAKE = 6,
	KSSL_INFO = 7,
	KSSL_PEER_CERT = 8,
	KSSL_PEER_SUBJECT = 9,
	KSSL_ERROR = 10,
	KSSL_KEY_TX = 11,
	KSSL_KEY_RX = 12,
	KSSL_KEY_UPDATE = 13,
	KSSL_RECORD_SIZE = 14,
	KSSL_PAD = 15,
	KSSL_EOF_MODE = 16,
	KSSL_EXPORTER = 17,
	KSSL_DETACH = 18,
	KSSL_RECORDS = 19,
	KSSL_TEXT = 20,
	KSSL_PEER_SAN = 21,
	KSSL_PEER_FINGERPRINT = 22,
	KSSL_PEER_CHAIN = 23,
	KSSL_PEER_VERIFY = 24,
	KSSL_ACCEPT = 25,
	KSSL_CLOSE_HANDSHAKE = 26,
};

/* Longest strings, in bytes, without NUL. */
#define KSSL_NAME_MAX		255	/* PEER_NAME */
#define KSSL_IDENTITY_MAX	63
#define KSSL_ALPN_MAX		255
#define KSSL_SUBJECT_MAX	1023
#define KSSL_SAN_MAX		8191
#define KSSL_CERT_MAX		16384	/* DER, bytes */
#define KSSL_CHAIN_MAX		32768	/* DER, bytes, certificate included */
#define KSSL_FINGERPRINT_LEN	32

/* KSSL_TEXT: most bytes in one call; and what may lie there unread at least,
 * more if the socket's receive buffer (SO_RCVBUF) is larger (ENOBUFS). */
#define KSSL_TEXT_MAX		16384
#define KSSL_TEXT_ROOM		65536

/**
 * enum kssl_detach - what KSSL_DETACH does
 * @KSSL_DETACH_NOW: the socket is plain TCP again.  EBUSY unless close_notify was
 *	sent and received and all text is read: plaintext must not follow anything
 *	else.  What the peer sent behind its close_notify is read first.  TCP_ULP
 *	"kssl" begins TLS anew.
 * @KSSL_DETACH_CLOSE: send close_notify, but no FIN as shutdown() would: writing
 *	ends (EPIPE), reading goes on to the peer's close_notify.
 */
enum kssl_detach {
	KSSL_DETACH_NOW = 0,
	KSSL_DETACH_CLOSE = 1,
};

/* struct kssl_record.flags */
#define KSSL_RECORD_BEGIN	1	/* the first byte is the record's first */
#define KSSL_RECORD_END		2	/* the last byte is the record's last */

/* Most records that one recvmsg() tells of. */
#define KSSL_RECORDS_MAX	256

/**
 * struct kssl_record - a record, or a part of one, within what recvmsg() returned
 * @len: how many of the bytes came in it
 * @type: content type (RFC 8446, 5.1); application_data, 23
 * @flags: KSSL_RECORD_*
 * @reserved: 0
 *
 * The lengths add up to what recvmsg() returned.  Text given by KSSL_TEXT counts
 * as a record, one for each time.  Records without text are not told of.
 */
struct kssl_record {
	__u32 len;
	__u8 type;
	__u8 flags;
	__u16 reserved;
};

enum kssl_role {
	KSSL_ROLE_AUTO = 0,
	KSSL_ROLE_CLIENT = 1,
	KSSL_ROLE_SERVER = 2,
};

/**
 * enum kssl_eof_mode - a FIN at the end of a record, without close_notify
 * @KSSL_EOF_STRICT: is an error, ECONNRESET: the stream may have been cut short
 * @KSSL_EOF_LAX: is the end of the stream, for protocols that know their length
 */
enum kssl_eof_mode {
	KSSL_EOF_STRICT = 0,
	KSSL_EOF_LAX = 1,
};

/**
 * enum kssl_peer_auth - what is asked of the peer
 * @KSSL_PEER_AUTH_DEFAULT: what the daemon's policy says
 * @KSSL_PEER_AUTH_NONE: server: no certificate of the client; client: any server,
 *	where the policy says "relax"
 * @KSSL_PEER_AUTH_REQUEST: server: a certificate, if the client has one; one that
 *	does not verify is refused all the same
 * @KSSL_PEER_AUTH_REQUIRE: server: a certificate that verifies; client: likewise,
 *	also where the policy accepts any server
 *
 * The stricter of this and the policy counts.
 */
enum kssl_peer_auth {
	KSSL_PEER_AUTH_DEFAULT = 0,
	KSSL_PEER_AUTH_NONE = 1,
	KSSL_PEER_AUTH_REQUEST = 2,
	KSSL_PEER_AUTH_REQUIRE = 3,
};

/**
 * enum kssl_key_update - what KSSL_KEY_UPDATE asks for (RFC 8446, 4.6.3)
 * @KSSL_UPDATE_NOT_REQUESTED: change our sending keys
 * @KSSL_UPDATE_REQUESTED: and ask the peer to change its own
 */
enum kssl_key_update {
	KSSL_UPDATE_NOT_REQUESTED = 0,
	KSSL_UPDATE_REQUESTED = 1,
};

/**
 * enum kssl_state - life of a session
 * @KSSL_STATE_INIT: attached, nothing asked for yet
 * @KSSL_STATE_LISTEN: listening socket
 * @KSSL_STATE_HANDSHAKE: the daemon is at work
 * @KSSL_STATE_OPEN: keys are in place
 * @KSSL_STATE_CLOSED: both directions have ended, without an error
 * @KSSL_STATE_FAILED: finished by an error, see KSSL_ERROR
 */
enum kssl_state {
	KSSL_STATE_INIT = 0,
	KSSL_STATE_LISTEN = 1,
	KSSL_STATE_HANDSHAKE = 2,
	KSSL_STATE_OPEN = 3,
	KSSL_STATE_CLOSED = 4,
	KSSL_STATE_FAILED = 5,
};

/**
 * struct kssl_info - what KSSL_INFO returns
 * @version: 0x0303 or 0x0304, 0 before the handshake is done
 * @suite: IANA cipher suite number, 0 before the handshake is done
 * @role: enum kssl_role
 * @state: enum kssl_state
 * @peer_verified: 1 if the peer's certificate chain and name were verified
 * @resumed: 1 if the session was resumed
 * @session_id: the number under which ksslctl shows the session
 * @tx_generation: KeyUpdates sent
 * @rx_generation: KeyUpdates received
 * @tx_bytes: application bytes sent
 * @rx_bytes: application bytes delivered to the program
 * @tx_records: records sealed
 * @rx_records: records opened
 */
struct kssl_info {
	__u16 version;
	__u16 suite;
	__u8 role;
	__u8 state;
	__u8 peer_verified;
	__u8 resumed;
	__u32 session_id;
	__u32 tx_generation;
	__u32 rx_generation;
	__u32 reserved;
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 tx_records;
	__u64 rx_records;
};

#define KSSL_ERROR_TEXT_MAX	120
#define KSSL_ALERT_NONE		255

/**
 * struct kssl_error - what KSSL_ERROR returns
 * @err: the errno that reads return, 0 if there was no error
 * @verify: the daemon's certificate verification code (X509_V_ERR_*), 0 if none
 * @alert_sent: alert description (RFC 8446, 6) sent, KSSL_ALERT_NONE if none
 * @alert_received: alert description received, KSSL_ALERT_NONE if none
 * @text: the reason in words, NUL-terminated
 */
struct kssl_error {
	__s32 err;
	__s32 verify;
	__u8 alert_sent;
	__u8 alert_received;
	__u8 reserved[2];
	char text[KSSL_ERROR_TEXT_MAX];
};

#define KSSL_SECRET_MAX		48
#define KSSL_KEY_MAX		32
#define KSSL_IV_MAX		16
#define KSSL_MAC_MAX		48

/* struct kssl_key.flags, TLS 1.2 CBC suites: encrypt-then-MAC (RFC 7366) */
#define KSSL_KEY_ETM		1

/**
 * struct kssl_key - keys of one direction, for KSSL_KEY_TX and KSSL_KEY_RX
 * @version: 0x0303 or 0x0304
 * @suite: IANA cipher suite number
 * @flags: KSSL_KEY_ETM or 0
 * @seq: sequence number of the next record
 * @secret_len: TLS 1.3: length of the traffic secret, and the other lengths 0
 * @key_len: TLS 1.2: length of the write key
 * @iv_len: TLS 1.2: length of the fixed write IV (4 for GCM and CCM, 12 for
 *	ChaCha20, 0 for CBC)
 * @mac_len: TLS 1.2: length of the MAC write key, that of the MAC; 0 for AEAD
 * @secret: traffic secret (RFC 8446, 7.1: *_application_traffic_secret_N)
 * @key: slice of the key block (RFC 5246, 6.3)
 * @iv: slice of the key block
 * @mac: slice of the key block
 *
 * Can be set once per direction, before any byte went through the socket as
 * kssl; reading it back is not possible.
 */
struct kssl_key {
	__u16 version;
	__u16 suite;
	__u32 flags;
	__u64 seq;
	__u16 secret_len;
	__u16 key_len;
	__u16 iv_len;
	__u16 mac_len;
	__u8 secret[KSSL_SECRET_MAX];
	__u8 key[KSSL_KEY_MAX];
	__u8 iv[KSSL_IV_MAX];
	__u8 mac[KSSL_MAC_MAX];
};

#define KSSL_EXPORTER_LABEL_MAX		249	/* RFC 8446, 7.1 */
#define KSSL_EXPORTER_CONTEXT_MAX	1024
#define KSSL_EXPORTER_OUT_MAX		512

/**
 * struct kssl_exporter - what KSSL_EXPORTER is asked, and its answer
 * @label_len: in, length of the label, 1 to KSSL_EXPORTER_LABEL_MAX
 * @context_len: in, length of the context
 * @out_len: in, bytes wanted, 1 to KSSL_EXPORTER_OUT_MAX
 * @has_context: in, 0: no context, which in TLS 1.2 differs from an empty one
 * @reserved: 0
 * @label: in, the label; none that begins like one of TLS itself ("client
 *	finished", "server finished", "master secret", "extended master secret",
 *	"key expansion")
 * @context: in, the context
 * @out: out, the keying material; nothing else is written
 *
 * The option's length is that of the structure.  EINVAL for all that is not so.
 */
struct kssl_exporter {
	__u16 label_len;
	__u16 context_len;
	__u16 out_len;
	__u8 has_context;
	__u8 reserved;
	char label[256];
	__u8 context[KSSL_EXPORTER_CONTEXT_MAX];
	__u8 out[KSSL_EXPORTER_OUT_MAX];
};

#endif /* _UAPI_LINUX_KSSL_H */
