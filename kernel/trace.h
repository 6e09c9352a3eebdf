/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: what happens to sessions, for perf, bpftrace and tracefs.  Numbers only:
 * no key, no text of a record, no address in memory.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kssl

#if !defined(_KSSL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KSSL_TRACE_H

#include <linux/tracepoint.h>
#include "session.h"

TRACE_DEFINE_ENUM(KSSL_STATE_INIT);
TRACE_DEFINE_ENUM(KSSL_STATE_LISTEN);
TRACE_DEFINE_ENUM(KSSL_STATE_HANDSHAKE);
TRACE_DEFINE_ENUM(KSSL_STATE_OPEN);
TRACE_DEFINE_ENUM(KSSL_STATE_CLOSED);
TRACE_DEFINE_ENUM(KSSL_STATE_FAILED);

#define show_kssl_state(state)						\
	__print_symbolic(state,						\
			 { KSSL_STATE_INIT, "init" },			\
			 { KSSL_STATE_LISTEN, "listen" },		\
			 { KSSL_STATE_HANDSHAKE, "handshake" },		\
			 { KSSL_STATE_OPEN, "open" },			\
			 { KSSL_STATE_CLOSED, "closed" },		\
			 { KSSL_STATE_FAILED, "failed" })

#define show_kssl_type(type)						\
	__print_symbolic(type,						\
			 { 20, "change_cipher_spec" },			\
			 { 21, "alert" },				\
			 { 22, "handshake" },				\
			 { 23, "application_data" })

/* The socket goes to another state; err: the errno of its end, positive. */
TRACE_EVENT(kssl_state,
	TP_PROTO(const struct kssl_session *s, u8 state),
	TP_ARGS(s, state),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, session)
		__field(u8, server)
		__field(u8, from)
		__field(u8, to)
		__field(u16, version)
		__field(u16, suite)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->netns = s->kn->net->ns.inum;
		__entry->session = s->id;
		__entry->server = s->role == KSSL_ROLE_SERVER;
		__entry->from = s->state;
		__entry->to = state;
		__entry->version = s->version;
		__entry->suite = s->suite;
		__entry->err = s->error.err;
	),
	TP_printk("netns=%u session=%u %s %s -> %s version=0x%04x suite=0x%04x err=%d",
		  __entry->netns, __entry->session, __entry->server ? "server" : "client",
		  show_kssl_state(__entry->from), show_kssl_state(__entry->to),
		  __entry->version, __entry->suite, __entry->err)
);

/* A record was sealed, or opened and found authentic; len: of its text. */
DECLARE_EVENT_CLASS(kssl_record,
	TP_PROTO(const struct kssl_session *s, u8 type, u32 len),
	TP_ARGS(s, type, len),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, session)
		__field(u8, type)
		__field(u32, len)
	),
	TP_fast_assign(
		__entry->netns = s->kn->net->ns.inum;
		__entry->session = s->id;
		__entry->type = type;
		__entry->len = len;
	),
	TP_printk("netns=%u session=%u %s len=%u", __entry->netns, __entry->session,
		  show_kssl_type(__entry->type), __entry->len)
);

DEFINE_EVENT(kssl_record, kssl_record_tx,
	TP_PROTO(const struct kssl_session *s, u8 type, u32 len),
	TP_ARGS(s, type, len));

DEFINE_EVENT(kssl_record, kssl_record_rx,
	TP_PROTO(const struct kssl_session *s, u8 type, u32 len),
	TP_ARGS(s, type, len));

/* An alert in a record of an open session; level and description of RFC 8446, 6. */
DECLARE_EVENT_CLASS(kssl_alert,
	TP_PROTO(const struct kssl_session *s, u8 level, u8 description),
	TP_ARGS(s, level, description),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, session)
		__field(u8, level)
		__field(u8, description)
	),
	TP_fast_assign(
		__entry->netns = s->kn->net->ns.inum;
		__entry->session = s->id;
		__entry->level = level;
		__entry->description = description;
	),
	TP_printk("netns=%u session=%u level=%u description=%u", __entry->netns,
		  __entry->session, __entry->level, __entry->description)
);

DEFINE_EVENT(kssl_alert, kssl_alert_tx,
	TP_PROTO(const struct kssl_session *s, u8 level, u8 description),
	TP_ARGS(s, level, description));

DEFINE_EVENT(kssl_alert, kssl_alert_rx,
	TP_PROTO(const struct kssl_session *s, u8 level, u8 description),
	TP_ARGS(s, level, description));

/* The next keys of a direction are in use; generation: how often that was. */
DECLARE_EVENT_CLASS(kssl_rekey,
	TP_PROTO(const struct kssl_session *s, u32 generation),
	TP_ARGS(s, generation),
	TP_STRUCT__entry(
		__field(u32, netns)
		__field(u32, session)
		__field(u32, generation)
	),
	TP_fast_assign(
		__entry->netns = s->kn->net->ns.inum;
		__entry->session = s->id;
		__entry->generation = generation;
	),
	TP_printk("netns=%u session=%u generation=%u", __entry->netns, __entry->session,
		  __entry->generation)
);

DEFINE_EVENT(kssl_rekey, kssl_rekey_tx,
	TP_PROTO(const struct kssl_session *s, u32 generation),
	TP_ARGS(s, generation));

DEFINE_EVENT(kssl_rekey, kssl_rekey_rx,
	TP_PROTO(const struct kssl_session *s, u32 generation),
	TP_ARGS(s, generation));

#endif /* _KSSL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
