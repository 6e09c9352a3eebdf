// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl list: one line a session. */
#include "ksslctl.h"

#include <stdio.h>
#include <string.h>

#define ROW "%-5s %-6s %-9s %-3s %-37s %-22s %-22s %-10s %7s %11s %11s %8s %8s\n"

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

	if (as_json) {
		json_array_append_new(arg, session_json(s));
		return 0;
	}
	snprintf(age, sizeof(age), "%llu.%llus", (unsigned long long)s->age_ms / 1000,
		 (unsigned long long)s->age_ms % 1000 / 100);
	printf(ROW, amount(s->id, id, sizeof(id)), role_name(s->role), kssl_state_name(s->state),
	       version_name(s->version), *s->suite_name ? s->suite_name : "-",
	       s->state == KSSL_STATE_LISTEN ? s->local : s->remote, peer(s),
	       clean(s->identity), age, amount(s->tx_bytes, tx, sizeof(tx)),
	       amount(s->rx_bytes, rx, sizeof(rx)), amount(s->tx_records, txr, sizeof(txr)),
	       amount(s->rx_records, rxr, sizeof(rxr)));
	return 0;
}

int verb_list(struct kssl_nl *nl, int argc, char **argv)
{
	json_t *all = as_json ? json_array() : NULL;

	(void)argv;
	if (argc) {
		fprintf(stderr, "ksslctl: list takes no arguments\n");
		return 2;
	}
	if (!as_json)
		printf(ROW, "ID", "ROLE", "STATE", "TLS", "SUITE", "ADDRESS", "PEER", "IDENTITY",
		       "AGE", "TX-BYTES", "RX-BYTES", "TX-RECS", "RX-RECS");
	if (kssl_nl_sessions(nl, row, all))
		return complain(nl, "list");
	if (all)
		json_out(all, false);
	return 0;
}
