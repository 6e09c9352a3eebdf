// SPDX-License-Identifier: GPL-2.0-or-later
/* Words and JSON for what the kernel says in numbers. */
#include "ksslctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/**
 * ink() - what begins a colour; INK_PLAIN ends it
 * @colour: which
 *
 * Return: "" unless stdout is a terminal, and nobody wishes otherwise.
 */
const char *ink(enum ink colour)
{
	static const char *const codes[] = {
		[INK_PLAIN] = "\033[0m", [INK_BOLD] = "\033[1m", [INK_GOOD] = "\033[32m",
		[INK_BUSY] = "\033[33m", [INK_BAD] = "\033[1;31m",
	};
	static int wanted = -1;

	if (wanted < 0) {
		const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

		wanted = isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb");
	}
	return wanted ? codes[colour] : "";
}

enum ink state_ink(int state)
{
	switch (state) {
	case KSSL_STATE_OPEN:
	case KSSL_STATE_LISTEN:
		return INK_GOOD;
	case KSSL_STATE_HANDSHAKE:
		return INK_BUSY;
	case KSSL_STATE_FAILED:
		return INK_BAD;
	default:
		return INK_PLAIN;
	}
}

/**
 * clean() - a string that a peer may have chosen, fit for a terminal
 * @text: any bytes
 *
 * Return: a copy in one of four static buffers, with '?' for what is not
 * printable ASCII; "-" for an empty one.
 */
const char *clean(const char *text)
{
	static char buffers[4][1100];
	static unsigned int turn;
	char *out = buffers[turn++ % 4];
	size_t i;

	if (!*text)
		return "-";
	for (i = 0; text[i] && i < sizeof(buffers[0]) - 1; i++)
		out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	out[i] = 0;
	return out;
}

const char *version_name(int version)
{
	return version == 0x0304 ? "1.3" : version == 0x0303 ? "1.2" : "-";
}

const char *role_name(int role)
{
	return role == KSSL_ROLE_SERVER ? "server" : role == KSSL_ROLE_CLIENT ? "client" : "-";
}

const char *event_name(int event)
{
	static const char *const names[] = {
		[KSSL_EVENT_KIND_ESTABLISHED] = "established", [KSSL_EVENT_KIND_FAILED] = "failed",
		[KSSL_EVENT_KIND_CLOSED] = "closed",	       [KSSL_EVENT_KIND_REKEYED] = "rekeyed",
		[KSSL_EVENT_KIND_LIMIT] = "limit",	       [KSSL_EVENT_KIND_WORKER_JOINED] = "worker-joined",
		[KSSL_EVENT_KIND_WORKER_LEFT] = "worker-left",
	};

	if (event <= 0 || event >= (int)(sizeof(names) / sizeof(names[0])))
		return "unknown";
	return names[event];
}

static void add_text(json_t *json, const char *key, const char *text)
{
	if (*text)
		json_object_set_new(json, key, json_string(clean(text)));
}

static void add_alert(json_t *json, const char *key, int alert)
{
	if (alert >= 0)
		json_object_set_new(json, key, json_integer(alert));
}

json_t *session_json(const struct kssl_session_info *s)
{
	json_t *json = json_pack("{sI ss ss sI sI sI sI sI sI sI sI sI sb sb}",
		"id", (json_int_t)s->id, "role", role_name(s->role),
		"state", kssl_state_name(s->state), "uid", (json_int_t)s->uid,
		"pid", (json_int_t)s->pid, "age_ms", (json_int_t)s->age_ms,
		"tx_bytes", (json_int_t)s->tx_bytes, "rx_bytes", (json_int_t)s->rx_bytes,
		"tx_records", (json_int_t)s->tx_records, "rx_records", (json_int_t)s->rx_records,
		"tx_generation", (json_int_t)s->tx_generation,
		"rx_generation", (json_int_t)s->rx_generation,
		"peer_verified", s->peer_verified, "resumed", s->resumed);

	if (!json)
		return NULL;
	if (s->version)
		add_text(json, "version", version_name(s->version));
	add_text(json, "suite", s->suite_name);
	add_text(json, "peer_name", s->peer_name);
	add_text(json, "peer_subject", s->peer_subject);
	add_text(json, "identity", s->identity);
	add_text(json, "alpn", s->alpn);
	add_text(json, "comm", s->comm);
	add_text(json, "exe", s->exe);
	add_text(json, "cgroup", s->cgroup);
	add_text(json, "local", s->local);
	add_text(json, "remote", s->remote);
	add_text(json, "error", s->text);
	if (s->err)
		json_object_set_new(json, "errno", json_integer(s->err));
	add_alert(json, "alert_sent", s->alert_sent);
	add_alert(json, "alert_received", s->alert_received);
	if (s->event)
		json_object_set_new(json, "event", json_string(event_name(s->event)));
	return json;
}

void json_out(json_t *json, bool compact)
{
	json_dumpf(json, stdout, compact ? JSON_COMPACT : JSON_INDENT(2));
	putchar('\n');
	fflush(stdout);
	json_decref(json);
}
