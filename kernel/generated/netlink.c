// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Made from include/netlink/kssl.yaml by make nl-gen. Do not edit. */
#include "netlink.h"

const struct nla_policy kssl_keys_nl_policy[KSSL_A_KEYS_MAX + 1] = {
	[KSSL_A_KEYS_SECRET] = { .type = NLA_BINARY, .len = 48 },
	[KSSL_A_KEYS_KEY] = { .type = NLA_BINARY, .len = 32 },
	[KSSL_A_KEYS_IV] = { .type = NLA_BINARY, .len = 16 },
	[KSSL_A_KEYS_MAC] = { .type = NLA_BINARY, .len = 48 },
	[KSSL_A_KEYS_SEQ] = { .type = NLA_U64 },
	[KSSL_A_KEYS_FLAGS] = { .type = NLA_U32 },
};

const struct nla_policy kssl_exporter_nl_policy[KSSL_A_EXPORTER_MAX + 1] = {
	[KSSL_A_EXPORTER_SECRET] = { .type = NLA_BINARY, .len = 48 },
	[KSSL_A_EXPORTER_RANDOMS] = { .type = NLA_BINARY, .len = 64 },
};

const struct nla_policy kssl_worker_nl_policy[KSSL_A_WORKER_MAX + 1] = {
	[KSSL_A_WORKER_ABI] = { .type = NLA_U32 },
	[KSSL_A_WORKER_CAPACITY] = NLA_POLICY_RANGE(NLA_U32, 1, 32767),
};

const struct nla_policy kssl_hs_nl_policy[KSSL_A_HS_MAX + 1] = {
	[KSSL_A_HS_SESSION] = { .type = NLA_U32 },
	[KSSL_A_HS_ROLE] = { .type = NLA_U8 },
	[KSSL_A_HS_PEER_NAME] = { .type = NLA_NUL_STRING },
	[KSSL_A_HS_IDENTITY] = { .type = NLA_NUL_STRING },
	[KSSL_A_HS_ALPN] = { .type = NLA_NUL_STRING },
	[KSSL_A_HS_PEER_AUTH] = { .type = NLA_U8 },
	[KSSL_A_HS_LOCAL] = { .type = NLA_BINARY },
	[KSSL_A_HS_REMOTE] = { .type = NLA_BINARY },
	[KSSL_A_HS_UID] = { .type = NLA_U32 },
	[KSSL_A_HS_PID] = { .type = NLA_U32 },
	[KSSL_A_HS_COMM] = { .type = NLA_NUL_STRING },
	[KSSL_A_HS_TIMEOUT_MS] = { .type = NLA_U32 },
	[KSSL_A_HS_RECORDS] = { .type = NLA_BINARY },
	[KSSL_A_HS_BYTES] = { .type = NLA_BINARY, .len = 65000 },
	[KSSL_A_HS_CONSUMED] = { .type = NLA_U32 },
	[KSSL_A_HS_VERSION] = { .type = NLA_U16 },
	[KSSL_A_HS_SUITE] = { .type = NLA_U16 },
	[KSSL_A_HS_TX] = NLA_POLICY_NESTED(kssl_keys_nl_policy),
	[KSSL_A_HS_RX] = NLA_POLICY_NESTED(kssl_keys_nl_policy),
	[KSSL_A_HS_RECORD_LIMIT] = NLA_POLICY_MIN(NLA_U16, 64),
	[KSSL_A_HS_PEER_SUBJECT] = { .type = NLA_NUL_STRING, .len = 1023 },
	[KSSL_A_HS_PEER_CERT] = { .type = NLA_BINARY, .len = 16384 },
	[KSSL_A_HS_PEER_VERIFIED] = { .type = NLA_U8 },
	[KSSL_A_HS_SNI] = { .type = NLA_NUL_STRING, .len = 255 },
	[KSSL_A_HS_RESUMED] = { .type = NLA_U8 },
	[KSSL_A_HS_ERR] = NLA_POLICY_RANGE(NLA_U32, 1, 133),
	[KSSL_A_HS_ALERT] = { .type = NLA_U8 },
	[KSSL_A_HS_ALERT_RECEIVED] = { .type = NLA_U8 },
	[KSSL_A_HS_VERIFY] = { .type = NLA_U32 },
	[KSSL_A_HS_TEXT] = { .type = NLA_NUL_STRING, .len = 119 },
	[KSSL_A_HS_EXPORTER] = NLA_POLICY_NESTED(kssl_exporter_nl_policy),
	[KSSL_A_HS_PEER_SAN] = { .type = NLA_NUL_STRING, .len = 8191 },
	[KSSL_A_HS_PEER_FINGERPRINT] = { .type = NLA_BINARY, .len = 32 },
	[KSSL_A_HS_PEER_CHAIN] = { .type = NLA_BINARY, .len = 32768 },
	[KSSL_A_HS_POST_MAX] = NLA_POLICY_RANGE(NLA_U8, 1, 16),
	[KSSL_A_HS_POST_MS] = NLA_POLICY_RANGE(NLA_U32, 1, 30000),
	[KSSL_A_HS_MESSAGE] = { .type = NLA_BINARY },
};

const struct nla_policy kssl_session_nl_policy[KSSL_A_SESSION_MAX + 1] = {
	[KSSL_A_SESSION_ID] = { .type = NLA_U32 },
	[KSSL_A_SESSION_STATE] = { .type = NLA_U8 },
	[KSSL_A_SESSION_ROLE] = { .type = NLA_U8 },
	[KSSL_A_SESSION_VERSION] = { .type = NLA_U16 },
	[KSSL_A_SESSION_SUITE] = { .type = NLA_U16 },
	[KSSL_A_SESSION_SUITE_NAME] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_PEER_NAME] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_PEER_SUBJECT] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_PEER_VERIFIED] = { .type = NLA_U8 },
	[KSSL_A_SESSION_IDENTITY] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_ALPN] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_LOCAL] = { .type = NLA_BINARY },
	[KSSL_A_SESSION_REMOTE] = { .type = NLA_BINARY },
	[KSSL_A_SESSION_UID] = { .type = NLA_U32 },
	[KSSL_A_SESSION_PID] = { .type = NLA_U32 },
	[KSSL_A_SESSION_COMM] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_AGE_MS] = { .type = NLA_U64 },
	[KSSL_A_SESSION_TX_BYTES] = { .type = NLA_U64 },
	[KSSL_A_SESSION_RX_BYTES] = { .type = NLA_U64 },
	[KSSL_A_SESSION_TX_RECORDS] = { .type = NLA_U64 },
	[KSSL_A_SESSION_RX_RECORDS] = { .type = NLA_U64 },
	[KSSL_A_SESSION_TX_GENERATION] = { .type = NLA_U32 },
	[KSSL_A_SESSION_RX_GENERATION] = { .type = NLA_U32 },
	[KSSL_A_SESSION_RESUMED] = { .type = NLA_U8 },
	[KSSL_A_SESSION_ERR] = { .type = NLA_U32 },
	[KSSL_A_SESSION_ALERT_SENT] = { .type = NLA_U8 },
	[KSSL_A_SESSION_ALERT_RECEIVED] = { .type = NLA_U8 },
	[KSSL_A_SESSION_TEXT] = { .type = NLA_NUL_STRING },
	[KSSL_A_SESSION_EVENT] = { .type = NLA_U8 },
	[KSSL_A_SESSION_REQUEST] = { .type = NLA_FLAG },
};

const struct nla_policy kssl_policy_nl_policy[KSSL_A_POLICY_MAX + 1] = {
	[KSSL_A_POLICY_GRACE_MS] = { .type = NLA_U32 },
	[KSSL_A_POLICY_TIMEOUT_MS] = NLA_POLICY_MIN(NLA_U32, 1),
	[KSSL_A_POLICY_QUEUE_MAX] = NLA_POLICY_MIN(NLA_U32, 1),
	[KSSL_A_POLICY_KEY_RECORDS] = { .type = NLA_U32 },
	[KSSL_A_POLICY_REKEY_SECONDS] = { .type = NLA_U32 },
	[KSSL_A_POLICY_UPDATE_RATE] = { .type = NLA_U32 },
	[KSSL_A_POLICY_MAC_ONLY] = NLA_POLICY_RANGE(NLA_U32, 0, 1),
};
