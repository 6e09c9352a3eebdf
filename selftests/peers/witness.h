/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of a kssl socket, on plain TCP, that sees every byte of it.  What
 * does not open (wire.h) as the next record, in order, under the right key is not
 * TLS, and may be plaintext.
 */
#ifndef WITNESS_H
#define WITNESS_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "wire.h"

#define STREAM_MAX (4 << 20)

enum { ALERT = 21, HANDSHAKE = 22, DATA = 23 };

/**
 * struct witness - our end
 * @fd: a plain TCP socket
 * @out, @in: keys
 * @raw, @raw_len: bytes that came and are no whole record yet
 * @text, @text_len: application data, in order
 * @alert: description of the last alert that came, -1 if none did
 * @updates: KeyUpdates that came
 * @end: no more will come; @reset: nor was that a FIN
 * @why: what was wrong with the bytes that came; NULL if nothing
 */
struct witness {
	int fd;
	struct wire_half out, in;
	uint8_t raw[WIRE_MAX];
	size_t raw_len;
	uint8_t *text;
	size_t text_len;
	int alert;
	int updates;
	bool end, reset;
	const char *why;
};

static inline const char *witness_record(struct witness *w, const uint8_t *rec, size_t len)
{
	static uint8_t text[WIRE_TEXT];
	struct wire_seen seen;
	const char *why = wire_open(&w->in, rec, len, text, &seen);

	if (why)
		return why;
	if (w->alert >= 0)
		return "a record after an alert";
	if (seen.type == DATA) {
		if (w->text_len + seen.len > STREAM_MAX)
			return "more text than was sent";
		memcpy(w->text + w->text_len, text, seen.len);
		w->text_len += seen.len;
	} else if (seen.type == ALERT && seen.len == 2) {
		w->alert = text[1];
	} else if (seen.type == HANDSHAKE && seen.len == 5 && text[0] == 24) {
		w->updates++;
		wire_update(&w->in);
	} else {
		return "a record of a strange type";
	}
	return NULL;
}

static inline bool witness_parse(struct witness *w)
{
	size_t at = 0, len;

	while (!w->why && w->raw_len - at >= 5) {
		const uint8_t *h = w->raw + at;

		len = 5 + (size_t)(h[3] << 8 | h[4]);
		if (h[0] < 20 || h[0] > 23 || h[1] != 3 || len > 5 + WIRE_TEXT + 2048) {
			w->why = "bytes that are no record";
			break;
		}
		if (w->raw_len - at < len)
			break;
		w->why = witness_record(w, w->raw + at, len);
		at += len;
	}
	memmove(w->raw, w->raw + at, w->raw_len - at);
	w->raw_len -= at;
	return !w->why;
}

/* All that is there, and the end; false if something was wrong with it. */
static inline bool witness_drain(struct witness *w)
{
	ssize_t n;

	while (!w->end && !w->why) {
		n = recv(w->fd, w->raw + w->raw_len, sizeof(w->raw) - w->raw_len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			w->end = true;
			w->reset = n < 0;
			break;
		}
		w->raw_len += (size_t)n;
		witness_parse(w);
	}
	return !w->why;
}

static inline bool witness_wait(struct witness *w, int ms)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* Until so much text is there, or the end, or there is nothing for so long. */
static inline bool witness_text(struct witness *w, size_t len, int ms)
{
	while (witness_drain(w) && w->text_len < len && !w->end && w->alert < 0)
		if (!witness_wait(w, ms))
			return false;
	return !w->why && w->text_len >= len;
}

static inline bool witness_end(struct witness *w, int ms)
{
	while (witness_drain(w) && !w->end)
		if (!witness_wait(w, ms))
			return false;
	return !w->why;
}

static inline bool witness_send(struct witness *w, uint8_t type, const void *text, size_t len)
{
	static uint8_t rec[WIRE_MAX];
	const struct wire_how how = { .type = type };
	const uint8_t *p = text;

	do {
		size_t n = len < WIRE_TEXT ? len : WIRE_TEXT;
		size_t size = wire_seal(&w->out, &how, p, n, rec);

		if (send(w->fd, rec, size, MSG_NOSIGNAL) != (ssize_t)size)
			return false;
		p += n;
		len -= n;
	} while (len);
	return true;
}

/* After it the next keys. */
static inline bool witness_update(struct witness *w, bool request)
{
	const uint8_t text[5] = { 24, 0, 0, 1, request };
	bool good = witness_send(w, HANDSHAKE, text, sizeof(text));

	wire_update(&w->out);
	return good;
}

static inline void witness_reset(struct witness *w)
{
	struct linger hard = { .l_onoff = 1 };

	setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(w->fd);
	w->fd = -1;
}

#endif
