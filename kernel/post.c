// SPDX-License-Identifier: GPL-2.0
/*
 * Records that are not application data: alerts, KeyUpdate, NewSessionTicket,
 * renegotiation, and records without content.  None of it ever reaches the
 * program.  All lengths come from the peer.
 */
#include "post.h"

#include <linux/ktime.h>

#include "keys.h"
#include "message.h"
#include "mib.h"
#include "netlink.h"
#include "record.h"
#include "relay.h"
#include "session.h"
#include "trace.h"
#include "tx.h"

/* How much of what carries no data we take in a row (style of OpenSSL's 32). */
#define KSSL_EMPTIES_MAX	32
#define KSSL_WARNINGS_MAX	4
/* Refused requests of a whole session: more is no peer that understands an answer. */
#define KSSL_RENEGOTIATIONS_MAX	100
#define KSSL_UPDATES_MAX	32
/* A ticket is at most 2^16 and some; anything longer is nonsense. */
#define KSSL_MESSAGE_MAX	(1 << 17)

static int protocol_error(struct kssl_session *s, u8 alert, const char *text)
{
	kssl_mib_inc(s->kn, KSSL_MIB_RX_PROTOCOL);
	kssl_session_fail(s, -EBADMSG, alert, text);
	return -EBADMSG;
}

static int unexpected(struct kssl_session *s, const char *text)
{
	return protocol_error(s, TLS_UNEXPECTED_MESSAGE, text);
}

/* RFC 8446, 6.1: nothing after it counts. */
static int close_notify(struct kssl_session *s)
{
	kssl_mib_inc(s->kn, KSSL_MIB_CLOSE_RECEIVED);
	trace_kssl_alert_rx(s, TLS_WARNING, TLS_CLOSE_NOTIFY);
	kssl_session_end_rx(s, KSSL_RX_NOTIFIED);
	return 0;
}

static int warning(struct kssl_session *s, const char *too_many)
{
	return ++s->rx.warnings > KSSL_WARNINGS_MAX ? unexpected(s, too_many) : 0;
}

static int fatal_alert(struct kssl_session *s, u8 level, u8 desc)
{
	kssl_mib_inc(s->kn, KSSL_MIB_ALERT_RECEIVED);
	trace_kssl_alert_rx(s, level, desc);
	s->error.alert_received = desc;
	kssl_session_fail(s, -ECONNABORTED, KSSL_ALERT_NONE, "peer sent a fatal alert");
	return -ECONNABORTED;
}

/* RFC 8446, 6: exactly one alert of two bytes in a record. */
static int alert(struct kssl_session *s, const u8 *text, u32 len)
{
	if (len != 2)
		return protocol_error(s, TLS_DECODE_ERROR, "bad alert");
	switch (kssl_record_alert(s->open->version, text[0], text[1])) {
	case KSSL_ALERT_CLOSES:
		return close_notify(s);
	case KSSL_ALERT_WARNS:
		return warning(s, "too many warning alerts");
	case KSSL_ALERT_FAILS:
		return fatal_alert(s, text[0], text[1]);
	case KSSL_ALERT_BROKEN:
		break;
	}
	return protocol_error(s, TLS_ILLEGAL_PARAMETER, "alert of unknown level");
}

/* Without data between them, of either side: a peer that only receives may change keys. */
static bool too_many(struct kssl_session *s)
{
	if (s->rx.updates_at != s->tx_bytes)
		s->rx.updates = 0;
	s->rx.updates_at = s->tx_bytes;
	return ++s->rx.updates > KSSL_UPDATES_MAX;
}

/*
 * Does the peer send more KeyUpdates than the policy's so many a second?  Each
 * uses up a share of a second from now on; one second ahead is too far, so that
 * many may come at once.
 */
static bool too_fast(struct kssl_session *s)
{
	u32 rate = READ_ONCE(s->kn->update_rate);
	u64 now;

	if (!rate)
		return false;
	now = ktime_get_ns();
	s->rx.updates_paid = max(s->rx.updates_paid, now) + NSEC_PER_SEC / rate;
	return s->rx.updates_paid > now + NSEC_PER_SEC;
}

/*
 * RFC 8446, 4.6.3.  The answer is only marked: it goes before the next data, and
 * so answers any number of requests at once.  What we have asked for ourselves is
 * no flood, however little else the peer has to say.
 */
static int got_key_update(struct kssl_session *s, u8 request, bool boundary)
{
	int err;

	if (request > 1)
		return protocol_error(s, TLS_ILLEGAL_PARAMETER, "bad KeyUpdate");
	if (!boundary)
		return unexpected(s, "data after KeyUpdate in its record");
	if (!s->tx.update_asked && too_many(s))
		return unexpected(s, "too many KeyUpdates");
	if (!s->tx.update_asked && too_fast(s))
		return unexpected(s, "too many KeyUpdates a second");
	err = kssl_keys_update(s->open);
	if (err) {
		kssl_session_fail(s, err, TLS_INTERNAL_ERROR, "KeyUpdate failed");
		return err;
	}
	WRITE_ONCE(s->rx_generation, s->rx_generation + 1);
	s->tx.update_asked = false;
	if (request)
		s->tx.update_due = true;
	kssl_mib_inc(s->kn, KSSL_MIB_UPDATE_RECEIVED);
	trace_kssl_rekey_rx(s, s->rx_generation);
	kssl_nl_event(s, KSSL_EVENT_KIND_REKEYED);
	return 0;
}

/* RFC 8446, 4.6: nothing else was negotiated. */
static int check_message13(struct kssl_session *s, u8 type, u32 len)
{
	if (type == TLS_HS_KEY_UPDATE)
		return len == 1 ? 0 : protocol_error(s, TLS_DECODE_ERROR, "bad KeyUpdate");
	if (type != TLS_HS_NEW_TICKET || s->role != KSSL_ROLE_CLIENT)
		return unexpected(s, "unexpected handshake message");
	if (!len)
		return protocol_error(s, TLS_DECODE_ERROR, "bad NewSessionTicket");
	kssl_mib_inc(s->kn, KSSL_MIB_TICKETS);
	kssl_message_ticket_begin(&s->post.ticket);
	kssl_relay_begin(s, len);
	return 0;
}

/* RFC 5246, 7.4.1.1 and 7.4.1.2: all that may come are requests for renegotiation. */
static int check_message12(struct kssl_session *s, u8 type, u32 len)
{
	bool client = s->role == KSSL_ROLE_CLIENT;

	if (type != (client ? TLS_HS_HELLO_REQUEST : TLS_HS_CLIENT_HELLO))
		return unexpected(s, "unexpected handshake message");
	if (client ? len : len < TLS12_CLIENT_HELLO_MIN)
		return protocol_error(s, TLS_DECODE_ERROR, "bad request for renegotiation");
	return 0;
}

/* A message's header is complete: may it come? */
static int check_message(struct kssl_session *s, u8 type, u32 len)
{
	if (len > KSSL_MESSAGE_MAX)
		return protocol_error(s, TLS_DECODE_ERROR, "handshake message too long");
	s->post.left = len;
	return s->open->version == TLS12 ? check_message12(s, type, len) :
					   check_message13(s, type, len);
}

/* RFC 9325, 3.5: renegotiation is refused, not an error; but each request costs an answer. */
static int got_renegotiation(struct kssl_session *s)
{
	static const char why[] = "too many renegotiation requests";
	int err = warning(s, why);

	if (err)
		return err;
	if (++s->rx.renegotiations > KSSL_RENEGOTIATIONS_MAX)
		return unexpected(s, why);
	if (s->seal)
		kssl_tx_no_renegotiation(s);
	return -s->error.err;	/* keys and buffer are gone if sending failed */
}

static int message_ends(struct kssl_session *s)
{
	memset(&s->post, 0, sizeof(s->post));
	return s->open->version == TLS12 ? got_renegotiation(s) : 0;
}

/* More of a body, perhaps the last of it. */
static int take_body(struct kssl_session *s, const u8 *text, u32 len)
{
	struct kssl_post *post = &s->post;

	post->left -= len;
	if (s->open->version == TLS12)
		return 0;
	if (!kssl_message_ticket(&post->ticket, text, len) ||
	    (!post->left && !kssl_message_ticket_whole(&post->ticket)))
		return protocol_error(s, TLS_DECODE_ERROR, "bad NewSessionTicket");
	kssl_relay_body(s, text, len);
	return 0;
}

/*
 * Handshake messages may be cut over records and lie several in one (RFC 8446,
 * 5.1; RFC 5246, 6.2.1).  Four header bytes are collected, then left bytes of body go
 * by: a ticket's, or a ClientHello's, which is not read, as KeyUpdate's is one byte.
 */
static int handshake(struct kssl_session *s, const u8 *text, u32 len)
{
	struct kssl_post *post = &s->post;
	int err = 0;

	while (len && !err) {
		if (post->have < TLS_HS_HEADER_LEN) {
			post->head[post->have++] = *text++;
			len--;
			if (post->have < TLS_HS_HEADER_LEN)
				continue;
			err = check_message(s, post->head[0], post->head[1] << 16 |
					    post->head[2] << 8 | post->head[3]);
		} else if (post->head[0] == TLS_HS_KEY_UPDATE) {
			memset(post, 0, sizeof(*post));
			return got_key_update(s, *text, len == 1);
		} else {
			u32 n = min(len, post->left);

			err = take_body(s, text, n);
			text += n;
			len -= n;
		}
		if (!err && post->have == TLS_HS_HEADER_LEN && !post->left)
			err = message_ends(s);
	}
	return err;
}

static int empty_data(struct kssl_session *s)
{
	if (++s->rx.empties > KSSL_EMPTIES_MAX)
		return unexpected(s, "too many empty records");
	return 0;
}

/**
 * kssl_post_record() - a record that is not application data, or is empty
 * @s: the session; socket lock, process context
 * @type: content type
 * @text: content, verified
 * @len: its length
 *
 * Return: 0: go on; negative errno: the session has failed.
 */
int kssl_post_record(struct kssl_session *s, u8 type, const u8 *text, u32 len)
{
	if (kssl_post_amid(s) && type != TLS_HANDSHAKE)
		return unexpected(s, "record between parts of a handshake message");
	if (type == TLS_APPDATA)
		return empty_data(s);
	if (!len)
		return unexpected(s, "record without content");
	if (type == TLS_ALERT)
		return alert(s, text, len);
	if (type != TLS_HANDSHAKE)
		return unexpected(s, "unexpected content type");
	return handshake(s, text, len);
}
