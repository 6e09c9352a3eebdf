// SPDX-License-Identifier: LGPL-2.1-or-later
/* Netlink client of family "kssl": include/netlink/kssl.yaml in C. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <kssl/kssl.h>

struct kssl_nl {
	struct nl_sock *sock;
	int family;
	char why[256];
	/* the call under way */
	bool done;
	int err;
	bool stop;
	void (*parse)(struct kssl_nl *nl, struct nlmsghdr *hdr);
	kssl_session_fn fn;
	void *arg;
};

/* ---- the kernel's last word ---- */

/* Extended ACK (NETLINK_EXT_ACK): attributes behind the error. */
static void keep_why(struct kssl_nl *nl, const struct nlmsgerr *err)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)((const char *)err - NLMSG_HDRLEN);
	size_t skip = sizeof(*err);
	const struct nlattr *text;

	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED))
		skip += err->msg.nlmsg_len - sizeof(err->msg);
	if (hdr->nlmsg_len < NLMSG_HDRLEN + skip)
		return;
	text = nla_find((struct nlattr *)((char *)err + skip),
			(int)(hdr->nlmsg_len - NLMSG_HDRLEN - skip), NLMSGERR_ATTR_MSG);
	if (text)
		nla_strlcpy(nl->why, text, sizeof(nl->why));
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct kssl_nl *nl = arg;

	(void)from;
	nl->err = -err->error;
	nl->done = true;
	keep_why(nl, err);
	return NL_STOP;
}

static int on_done(struct nl_msg *msg, void *arg)
{
	struct kssl_nl *nl = arg;

	(void)msg;
	nl->done = true;
	return NL_STOP;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct kssl_nl *nl = arg;

	if (nl->parse)
		nl->parse(nl, nlmsg_hdr(msg));
	return NL_OK;
}

/* ---- handle ---- */

static int prepare(struct kssl_nl *nl)
{
	int one = 1;

	if (genl_connect(nl->sock) < 0)
		return -1;
	nl->family = genl_ctrl_resolve(nl->sock, KSSL_GENL_NAME);
	if (nl->family < 0) {
		errno = ENOENT;
		return -1;
	}
	setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	nl_socket_disable_seq_check(nl->sock);
	nl_socket_modify_cb(nl->sock, NL_CB_VALID, NL_CB_CUSTOM, on_valid, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_FINISH, NL_CB_CUSTOM, on_done, nl);
	nl_socket_modify_cb(nl->sock, NL_CB_ACK, NL_CB_CUSTOM, on_done, nl);
	nl_socket_modify_err_cb(nl->sock, NL_CB_CUSTOM, on_error, nl);
	return 0;
}

struct kssl_nl *kssl_nl_open(void)
{
	struct kssl_nl *nl = calloc(1, sizeof(*nl));
	int err;

	if (!nl)
		return NULL;
	errno = ENOMEM;
	nl->sock = nl_socket_alloc();
	if (nl->sock && !prepare(nl))
		return nl;
	err = errno;
	kssl_nl_close(nl);
	errno = err;
	return NULL;
}

void kssl_nl_close(struct kssl_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

const char *kssl_nl_why(const struct kssl_nl *nl)
{
	return nl->why;
}

static struct nl_msg *request(struct kssl_nl *nl, uint8_t cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd,
			       KSSL_GENL_VERSION))
		return msg;
	nlmsg_free(msg);
	errno = ENOMEM;
	return NULL;
}

/* Send, and read until the kernel has said all. */
static int call(struct kssl_nl *nl, struct nl_msg *msg)
{
	int ret = nl_send_auto(nl->sock, msg);

	nlmsg_free(msg);
	nl->done = false;
	nl->err = 0;
	nl->why[0] = 0;
	while (ret >= 0 && !nl->done)
		ret = nl_recvmsgs_default(nl->sock);
	nl->parse = NULL;
	if (nl->err)
		errno = nl->err;
	else if (ret < 0 && !nl->done)
		errno = EIO;
	else
		return 0;
	return -1;
}

/* ---- sessions ---- */

static uint64_t number(struct nlattr *a)
{
	switch (a ? nla_len(a) : 0) {
	case 1:
		return nla_get_u8(a);
	case 2:
		return nla_get_u16(a);
	case 4:
		return nla_get_u32(a);
	case 8:
		return nla_get_u64(a);
	default:
		return 0;
	}
}

#define TEXT(to_, attr_) do {						\
	if (attr_)							\
		nla_strlcpy(to_, attr_, sizeof(to_));			\
} while (0)

static void address(char *out, size_t room, struct nlattr *a)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 sin6 = { 0 };
	struct sockaddr_in sin = { 0 };

	if (a && (size_t)nla_len(a) == sizeof(sin)) {
		memcpy(&sin, nla_data(a), sizeof(sin));
		if (inet_ntop(AF_INET, &sin.sin_addr, text, sizeof(text)))
			snprintf(out, room, "%s:%u", text, ntohs(sin.sin_port));
	} else if (a && (size_t)nla_len(a) == sizeof(sin6)) {
		memcpy(&sin6, nla_data(a), sizeof(sin6));
		if (inet_ntop(AF_INET6, &sin6.sin6_addr, text, sizeof(text)))
			snprintf(out, room, "[%s]:%u", text, ntohs(sin6.sin6_port));
	}
}

static int alert(struct nlattr *a)
{
	return a ? (int)number(a) : -1;
}

static void parse_session(struct nlattr **a, struct kssl_session_info *s)
{
	memset(s, 0, sizeof(*s));
	s->id = (uint32_t)number(a[KSSL_A_SESSION_ID]);
	s->state = (uint8_t)number(a[KSSL_A_SESSION_STATE]);
	s->role = (uint8_t)number(a[KSSL_A_SESSION_ROLE]);
	s->peer_verified = (uint8_t)number(a[KSSL_A_SESSION_PEER_VERIFIED]);
	s->resumed = (uint8_t)number(a[KSSL_A_SESSION_RESUMED]);
	s->version = (uint16_t)number(a[KSSL_A_SESSION_VERSION]);
	s->suite = (uint16_t)number(a[KSSL_A_SESSION_SUITE]);
	s->uid = (uint32_t)number(a[KSSL_A_SESSION_UID]);
	s->pid = (uint32_t)number(a[KSSL_A_SESSION_PID]);
	s->tx_generation = (uint32_t)number(a[KSSL_A_SESSION_TX_GENERATION]);
	s->rx_generation = (uint32_t)number(a[KSSL_A_SESSION_RX_GENERATION]);
	s->err = (uint32_t)number(a[KSSL_A_SESSION_ERR]);
	s->alert_sent = alert(a[KSSL_A_SESSION_ALERT_SENT]);
	s->alert_received = alert(a[KSSL_A_SESSION_ALERT_RECEIVED]);
	s->age_ms = number(a[KSSL_A_SESSION_AGE_MS]);
	s->tx_bytes = number(a[KSSL_A_SESSION_TX_BYTES]);
	s->rx_bytes = number(a[KSSL_A_SESSION_RX_BYTES]);
	s->tx_records = number(a[KSSL_A_SESSION_TX_RECORDS]);
	s->rx_records = number(a[KSSL_A_SESSION_RX_RECORDS]);
	TEXT(s->suite_name, a[KSSL_A_SESSION_SUITE_NAME]);
	TEXT(s->peer_name, a[KSSL_A_SESSION_PEER_NAME]);
	TEXT(s->peer_subject, a[KSSL_A_SESSION_PEER_SUBJECT]);
	TEXT(s->identity, a[KSSL_A_SESSION_IDENTITY]);
	TEXT(s->alpn, a[KSSL_A_SESSION_ALPN]);
	TEXT(s->comm, a[KSSL_A_SESSION_COMM]);
	TEXT(s->text, a[KSSL_A_SESSION_TEXT]);
	address(s->local, sizeof(s->local), a[KSSL_A_SESSION_LOCAL]);
	address(s->remote, sizeof(s->remote), a[KSSL_A_SESSION_REMOTE]);
	s->event = (int)number(a[KSSL_A_SESSION_EVENT]);
	TEXT(s->exe, a[KSSL_A_SESSION_EXE]);
	TEXT(s->cgroup, a[KSSL_A_SESSION_CGROUP]);
}

static void on_session(struct kssl_nl *nl, struct nlmsghdr *hdr)
{
	struct nlattr *attrs[KSSL_A_SESSION_MAX + 1];
	struct kssl_session_info s;

	if (genlmsg_parse(hdr, 0, attrs, KSSL_A_SESSION_MAX, NULL) < 0)
		return;
	parse_session(attrs, &s);
	if (nl->fn(&s, nl->arg))
		nl->stop = true;
}

int kssl_nl_sessions(struct kssl_nl *nl, kssl_session_fn fn, void *arg)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_SESSION_GET, NLM_F_DUMP);

	if (!msg)
		return -1;
	nl->parse = on_session;
	nl->fn = fn;
	nl->arg = arg;
	return call(nl, msg);
}

static int copy_session(const struct kssl_session_info *s, void *arg)
{
	memcpy(arg, s, sizeof(*s));
	return 0;
}

int kssl_nl_session(struct kssl_nl *nl, uint32_t id, struct kssl_session_info *s)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_SESSION_GET, NLM_F_ACK);

	if (!msg || nla_put_u32(msg, KSSL_A_SESSION_ID, id)) {
		nlmsg_free(msg);
		return -1;
	}
	nl->parse = on_session;
	nl->fn = copy_session;
	nl->arg = s;
	return call(nl, msg);
}

static int verb(struct kssl_nl *nl, uint8_t cmd, uint32_t id, bool request_flag)
{
	struct nl_msg *msg = request(nl, cmd, NLM_F_ACK);

	if (!msg || nla_put_u32(msg, KSSL_A_SESSION_ID, id) ||
	    (request_flag && nla_put_flag(msg, KSSL_A_SESSION_REQUEST))) {
		nlmsg_free(msg);
		return -1;
	}
	return call(nl, msg);
}

int kssl_nl_session_rekey(struct kssl_nl *nl, uint32_t id, int want_answer)
{
	return verb(nl, KSSL_CMD_SESSION_REKEY, id, want_answer);
}

int kssl_nl_session_close(struct kssl_nl *nl, uint32_t id)
{
	return verb(nl, KSSL_CMD_SESSION_CLOSE, id, false);
}

int kssl_nl_session_kill(struct kssl_nl *nl, uint32_t id)
{
	return verb(nl, KSSL_CMD_SESSION_KILL, id, false);
}

int kssl_nl_linger_flush(struct kssl_nl *nl)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_LINGER_FLUSH, NLM_F_ACK);

	return msg ? call(nl, msg) : -1;
}

int kssl_nl_monitor(struct kssl_nl *nl, kssl_session_fn fn, void *arg)
{
	int group = genl_ctrl_resolve_grp(nl->sock, KSSL_GENL_NAME, KSSL_MCGRP_EVENTS), ret;

	if (group < 0) {
		errno = ENOENT;
		return -1;
	}
	if (setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		       sizeof(group)))
		return -1;
	nl->parse = on_session;
	nl->fn = fn;
	nl->arg = arg;
	nl->stop = false;
	do
		ret = nl_recvmsgs_default(nl->sock);
	while (ret >= 0 && !nl->stop);
	nl->parse = NULL;
	if (ret >= 0)
		return 0;
	errno = EIO;
	return -1;
}

/* ---- capabilities and policy ---- */

static void parse_suite(struct nlattr *nest, struct kssl_caps *caps)
{
	struct nlattr *a[KSSL_A_SUITE_MAX + 1];
	unsigned int i = caps->nr_suites;

	if (i == sizeof(caps->suites) / sizeof(caps->suites[0]) ||
	    nla_parse_nested(a, KSSL_A_SUITE_MAX, nest, NULL) < 0)
		return;
	caps->suites[i].id = (uint16_t)number(a[KSSL_A_SUITE_ID]);
	caps->suites[i].version = (uint16_t)number(a[KSSL_A_SUITE_VERSION]);
	TEXT(caps->suites[i].name, a[KSSL_A_SUITE_NAME]);
	TEXT(caps->suites[i].driver, a[KSSL_A_SUITE_DRIVER]);
	caps->nr_suites++;
}

static void on_caps(struct kssl_nl *nl, struct nlmsghdr *hdr)
{
	struct kssl_caps *caps = nl->arg;
	struct nlattr *a;
	int left;

	nla_for_each_attr(a, genlmsg_attrdata(genlmsg_hdr(hdr), 0),
			  genlmsg_attrlen(genlmsg_hdr(hdr), 0), left) {
		switch (nla_type(a)) {
		case KSSL_A_CAPS_ABI:
			caps->abi = (uint32_t)number(a);
			break;
		case KSSL_A_CAPS_WORKERS:
			caps->workers = (uint32_t)number(a);
			break;
		case KSSL_A_CAPS_LINGERING:
			caps->lingering = (uint32_t)number(a);
			break;
		case KSSL_A_CAPS_RELEASE:
			TEXT(caps->release, a);
			break;
		case KSSL_A_CAPS_SUITE:
			parse_suite(a, caps);
			break;
		}
	}
}

int kssl_nl_caps(struct kssl_nl *nl, struct kssl_caps *caps)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_CAPS, NLM_F_ACK);

	if (!msg)
		return -1;
	memset(caps, 0, sizeof(*caps));
	nl->parse = on_caps;
	nl->arg = caps;
	return call(nl, msg);
}

static void on_policy(struct kssl_nl *nl, struct nlmsghdr *hdr)
{
	struct nlattr *a[KSSL_A_POLICY_MAX + 1];
	struct kssl_policy *p = nl->arg;

	if (genlmsg_parse(hdr, 0, a, KSSL_A_POLICY_MAX, NULL) < 0)
		return;
	p->grace_ms = (uint32_t)number(a[KSSL_A_POLICY_GRACE_MS]);
	p->timeout_ms = (uint32_t)number(a[KSSL_A_POLICY_TIMEOUT_MS]);
	p->queue_max = (uint32_t)number(a[KSSL_A_POLICY_QUEUE_MAX]);
	p->key_records = (uint32_t)number(a[KSSL_A_POLICY_KEY_RECORDS]);
	p->rekey_seconds = (uint32_t)number(a[KSSL_A_POLICY_REKEY_SECONDS]);
	p->update_rate = (uint32_t)number(a[KSSL_A_POLICY_UPDATE_RATE]);
	p->mac_only = (uint32_t)number(a[KSSL_A_POLICY_MAC_ONLY]);
	p->linger_max = (uint32_t)number(a[KSSL_A_POLICY_LINGER_MAX]);
}

int kssl_nl_policy_get(struct kssl_nl *nl, struct kssl_policy *policy)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_POLICY_GET, NLM_F_ACK);

	if (!msg)
		return -1;
	nl->parse = on_policy;
	nl->arg = policy;
	return call(nl, msg);
}

int kssl_nl_policy_set(struct kssl_nl *nl, const struct kssl_policy *policy)
{
	struct nl_msg *msg = request(nl, KSSL_CMD_POLICY_SET, NLM_F_ACK);

	if (!msg || nla_put_u32(msg, KSSL_A_POLICY_GRACE_MS, policy->grace_ms) ||
	    nla_put_u32(msg, KSSL_A_POLICY_TIMEOUT_MS, policy->timeout_ms) ||
	    nla_put_u32(msg, KSSL_A_POLICY_QUEUE_MAX, policy->queue_max) ||
	    nla_put_u32(msg, KSSL_A_POLICY_KEY_RECORDS, policy->key_records) ||
	    nla_put_u32(msg, KSSL_A_POLICY_REKEY_SECONDS, policy->rekey_seconds) ||
	    nla_put_u32(msg, KSSL_A_POLICY_UPDATE_RATE, policy->update_rate) ||
	    nla_put_u32(msg, KSSL_A_POLICY_MAC_ONLY, policy->mac_only) ||
	    nla_put_u32(msg, KSSL_A_POLICY_LINGER_MAX, policy->linger_max)) {
		nlmsg_free(msg);
		return -1;
	}
	return call(nl, msg);
}
