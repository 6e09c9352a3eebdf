/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the fuzzers: nobody looks. */
#ifndef STANDIN_TRACEPOINT_H
#define STANDIN_TRACEPOINT_H

#define TP_PROTO(...) __VA_ARGS__
#define TP_ARGS(...)
#define TRACE_DEFINE_ENUM(value) struct standin_##value
#define TRACE_EVENT(name, proto, ...) static inline void trace_##name(proto) {} struct standin_##name
#define DECLARE_EVENT_CLASS(name, ...) struct standin_##name
#define DEFINE_EVENT(of, name, proto, args) TRACE_EVENT(name, TP_PROTO(proto))

#endif
