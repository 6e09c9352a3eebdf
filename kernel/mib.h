/* SPDX-License-Identifier: GPL-2.0 */
/* Counters per network namespace, shown in /proc/net/kssl_stat. */
#ifndef _KSSL_MIB_H
#define _KSSL_MIB_H

#include <linux/percpu.h>
#include "session.h"
#include "suite.h"

/* name as shown, description; one row per protocol event */
#define KSSL_MIB_LIST(X)							\
	X(ATTACHED, "Attached", "sockets made kssl")				\
	X(HS_STARTED, "HsStarted", "handshakes begun")				\
	X(HS_DONE, "HsDone", "handshakes that ended with keys")			\
	X(HS_RESUMED, "HsResumed", "of those, resumed")				\
	X(HS_FAILED, "HsFailed", "handshakes that a worker or the peer refused")\
	X(HS_TIMEOUT, "HsTimeout", "handshakes out of time")			\
	X(HS_NO_WORKER, "HsNoWorker", "handshakes without a worker after the grace time")\
	X(HS_QUEUE_FULL, "HsQueueFull", "handshakes refused, queue full")	\
	X(HS_REQUEUED, "HsRequeued", "handshakes given to another worker")	\
	X(HS_RETRY, "HsRetry", "messages to a worker sent again, its buffer was full")\
	X(ACCEPT_SILENT, "AcceptSilent", "silent connections dropped, KSSL_ACCEPT")\
	X(OWN_KEYS, "OwnKeys", "directions keyed by the program")		\
	X(KTLS_TX, "TlsTxKeys", "\"tls\" sockets keyed for sending")		\
	X(KTLS_RX, "TlsRxKeys", "\"tls\" sockets keyed for receiving")		\
	X(KTLS_REKEY, "TlsRekeys", "next keys set on \"tls\" sockets")		\
	X(TX_RECORDS, "TxRecords", "records sealed")				\
	X(TX_RECORDS_CBC, "TxRecordsCbc", "of those, by CBC and HMAC")		\
	X(TX_RECORDS_MAC, "TxRecordsMac", "of those, by HMAC alone")		\
	X(TX_HELPED, "TxRecordsHelped", "of those, by another CPU than the caller's")	\
	X(RX_RECORDS, "RxRecords", "records opened")				\
	X(RX_RECORDS_CBC, "RxRecordsCbc", "of those, by CBC and HMAC")		\
	X(RX_RECORDS_MAC, "RxRecordsMac", "of those, by HMAC alone")		\
	X(RX_HELPED, "RxRecordsHelped", "of those, by another CPU than the caller's")	\
	X(RX_BAD_MAC, "RxBadMac", "records that did not verify")		\
	X(RX_PROTOCOL, "RxProtocol", "other fatal violations by the peer")	\
	X(RX_TRUNCATED, "RxTruncated", "FIN without close_notify")		\
	X(ALERT_SENT, "AlertSent", "fatal alerts sent")				\
	X(ALERT_RECEIVED, "AlertReceived", "fatal alerts received")		\
	X(CLOSE_SENT, "CloseSent", "close_notify sent")				\
	X(CLOSE_RECEIVED, "CloseReceived", "close_notify received")		\
	X(LINGERED, "Lingered", "sockets that the kernel kept after close()")	\
	X(LINGER_FULL, "LingerFull", "sockets closed at once, too many lingered")	\
	X(UPDATE_SENT, "KeyUpdateSent", "KeyUpdates sent")			\
	X(UPDATE_RECEIVED, "KeyUpdateReceived", "KeyUpdates received")		\
	X(TICKETS, "Tickets", "NewSessionTicket messages received")		\
	X(TICKETS_RELAYED, "TicketsRelayed", "of those, given to a worker")	\
	X(NO_MEMORY, "NoMemory", "sessions ended for want of memory")

enum kssl_mib {
#define X(tag, name, text) KSSL_MIB_##tag,
	KSSL_MIB_LIST(X)
#undef X
	KSSL_MIB_NR,
};

static inline void kssl_mib_add(struct kssl_net *kn, enum kssl_mib field, u64 n)
{
	this_cpu_add(kn->mib[field], n);
}

static inline void kssl_mib_inc(struct kssl_net *kn, enum kssl_mib field)
{
	kssl_mib_add(kn, field, 1);
}

/* @field: KSSL_MIB_TX_RECORDS or _RX_RECORDS; @kind: enum kssl_kind */
static inline void kssl_mib_record(struct kssl_net *kn, enum kssl_mib field, u8 kind)
{
	static_assert(KSSL_MIB_TX_RECORDS + KSSL_CBC == KSSL_MIB_TX_RECORDS_CBC);
	static_assert(KSSL_MIB_TX_RECORDS + KSSL_MAC == KSSL_MIB_TX_RECORDS_MAC);
	static_assert(KSSL_MIB_RX_RECORDS + KSSL_CBC == KSSL_MIB_RX_RECORDS_CBC);
	static_assert(KSSL_MIB_RX_RECORDS + KSSL_MAC == KSSL_MIB_RX_RECORDS_MAC);
	kssl_mib_inc(kn, field);
	if (unlikely(kind != KSSL_AEAD))
		kssl_mib_inc(kn, field + kind);
}

int kssl_mib_net_init(struct kssl_net *kn);
void kssl_mib_net_exit(struct kssl_net *kn);

#endif /* _KSSL_MIB_H */
