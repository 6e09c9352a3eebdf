// SPDX-License-Identifier: GPL-2.0-or-later
/* ksslctl show: everything about one session. */
#include "ksslctl.h"

#include <stdio.h>

static void line(const char *name, const char *text)
{
	if (*text)
		printf("  %-14s %s\n", name, clean(text));
}

static void count(const char *name, uint64_t n)
{
	printf("  %-14s %llu\n", name, (unsigned long long)n);
}

static void print(const struct kssl_session_info *s)
{
	printf("session %u: %s, %s\n", s->id, role_name(s->role), kssl_state_name(s->state));
	line("local", s->local);
	line("remote", s->remote);
	if (s->version) {
		line("version", version_name(s->version));
		line("suite", s->suite_name);
		line("peer verified", s->peer_verified ? "yes" : "no");
		line("resumed", s->resumed ? "yes" : "no");
	}
	line(s->role == KSSL_ROLE_SERVER ? "sni" : "peer name", s->peer_name);
	line("peer subject", s->peer_subject);
	line("identity", s->identity);
	line("alpn", s->alpn);
	line("program", s->comm);
	line("executable", s->exe);
	line("cgroup", s->cgroup);
	count("pid", s->pid);
	count("uid", s->uid);
	count("age ms", s->age_ms);
	count("bytes sent", s->tx_bytes);
	count("bytes received", s->rx_bytes);
	count("records sent", s->tx_records);
	count("records recvd", s->rx_records);
	count("keys sent", s->tx_generation);
	count("keys received", s->rx_generation);
	line("error", s->text);
	if (s->err)
		count("errno", s->err);
	if (s->alert_sent >= 0)
		count("alert sent", (uint64_t)s->alert_sent);
	if (s->alert_received >= 0)
		count("alert received", (uint64_t)s->alert_received);
}

int verb_show(struct kssl_nl *nl, int argc, char **argv)
{
	struct kssl_session_info s;
	uint32_t id;

	if (argc != 1 || !session_id(argv[0], &id)) {
		fprintf(stderr, "usage: ksslctl show ID\n");
		return 2;
	}
	if (kssl_nl_session(nl, id, &s))
		return complain(nl, "show");
	if (as_json)
		json_out(session_json(&s), false);
	else
		print(&s);
	return 0;
}
