// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl list: one line a session. */
#include "ksslctl.h"

#include <stdio.h>
#include <string.h>

#define BEFORE "%-5s %-6s "
#define STATE "%-9s"
#define AFTER " %-3s %-37s %-22s %-22s %-10s %7s %11s %11s %8s %8s\n"

static const char *amount(uint64_t n, char *out, size_t room)
{
	snprintf(out, room, "%llu", (unsigned long long)n);
	return out;
}

/* Whom we talk to: the name that was verified or sent, else the subject. */
static const char *peer(const struct kssl_session_info *s)
{
	return clean(*s->peer_name ? s->peer_name : s->peer_subject);
}

static int row(const struct kssl_session_info *s, void *arg)
{
	char id[16], age[32], tx[32], rx[32], txr[32], rxr[32];

	(void)arg;
	snprintf(age, sizeof(age), "%llu.%llus", (unsigned long long)s->age_ms / 1000,
		 (unsigned long long)s->age_ms % 1000 / 100);
	printf(BEFORE, amount(s->id, id, sizeof(id)), role_name(s->role));
	printf("%s" STATE "%s", ink(state_ink(s->state)), kssl_state_name(s->state), ink(INK_PLAIN));
	printf(AFTER, version_name(s->version), *s->suite_name ? s->suite_name : "-",
	       s->state == KSSL_STATE_LISTEN ? s->local : s->remote, peer(s),
	       clean(s->identity), age, amount(s->tx_bytes, tx, sizeof(tx)),
	       amount(s->rx_bytes, rx, sizeof(rx)), amount(s->tx_records, txr, sizeof(txr)),
	       amount(s->rx_records, rxr, sizeof(rxr)));
	return 0;
}

static int add(const struct kssl_session_info *s, void *all)
{
	json_array_append_new(all, session_json(s));
	return 0;
}

/* Return: the exit status. */
int list_table(struct kssl_nl *nl)
{
	printf("%s" BEFORE STATE AFTER "%s", ink(INK_BOLD), "ID", "ROLE", "STATE", "TLS", "SUITE",
	       "ADDRESS", "PEER", "IDENTITY", "AGE", "TX-BYTES", "RX-BYTES", "TX-RECS", "RX-RECS",
	       ink(INK_PLAIN));
	return kssl_nl_sessions(nl, row, NULL) ? complain(nl, "list") : 0;
}

/* Return: an array, or NULL after a message. */
json_t *list_json(struct kssl_nl *nl)
{
	json_t *all = json_array();

	if (!kssl_nl_sessions(nl, add, all))
		return all;
	complain(nl, "list");
	json_decref(all);
	return NULL;
}

int verb_list(struct kssl_nl *nl, int argc, char **argv)
{
	json_t *all;

	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: list takes no arguments\n");
		return 2;
	}
	if (!as_json)
		return list_table(nl);
	all = list_json(nl);
	if (!all)
		return 1;
	json_out(all, false);
	return 0;
}
