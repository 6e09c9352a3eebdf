// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family "kssl": attributes to calls and back, nothing else.
 * The contract is include/netlink/kssl.yaml.  What workers say is in
 * netlink_hs.c; no key material comes in here or goes out.
 */
#include "netlink.h"

#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>

#include "calls.h"
#include "generated/netlink.h"
#include "hs.h"
#include "keys.h"
#include "linger.h"
#include "netlink_hs.h"
#include "owner.h"
#include "peer.h"
#include "session.h"
#include "suite.h"
#include "tx.h"
#include "upcall.h"
#include "worker.h"

static struct genl_family family;

enum { GROUP_EVENTS };

/* ---- writing ---- */

static int put_string(struct sk_buff *skb, int attr, const char *text)
{
	return text ? nla_put_string(skb, attr, text) : 0;
}

static int put_v4(struct sk_buff *skb, int attr, __be32 addr, __be16 port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = port };

	sin.sin_addr.s_addr = addr;
	return nla_put(skb, attr, sizeof(sin), &sin);
}

static int put_v6(struct sk_buff *skb, int attr, const struct in6_addr *addr, __be16 port)
{
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6, .sin6_port = port };

	sin6.sin6_addr = *addr;
	return nla_put(skb, attr, sizeof(sin6), &sin6);
}

static int put_local(struct sk_buff *skb, int attr, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return put_v6(skb, attr, &sk->sk_v6_rcv_saddr, inet->inet_sport);
#endif
	return put_v4(skb, attr, inet->inet_rcv_saddr, inet->inet_sport);
}

static int put_remote(struct sk_buff *skb, int attr, const struct sock *sk)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6)
		return put_v6(skb, attr, &sk->sk_v6_daddr, inet->inet_dport);
#endif
	return put_v4(skb, attr, inet->inet_daddr, inet->inet_dport);
}

static u32 uid_in(const struct kssl_session *s)
{
	return from_kuid_munged(s->kn->net->user_ns, s->owner->cred->euid);
}

/* Who has more groups than that is not in the others. */
static int put_groups(struct sk_buff *skb, const struct kssl_session *s)
{
	const struct group_info *info = s->owner->cred->group_info;
	int i, n = min(info->ngroups, KSSL_GROUPS_MAX);
	struct nlattr *attr = nla_reserve(skb, KSSL_A_HS_GROUPS, n * sizeof(u32));
	u32 *to;

	if (!attr)
		return -EMSGSIZE;
	to = nla_data(attr);
	for (i = 0; i < n; i++)
		to[i] = from_kgid_munged(s->kn->net->user_ns, info->gid[i]);
	return 0;
}

static int put_exe(struct sk_buff *skb, const struct kssl_owner *o)
{
	if (!o->exe_dev)
		return 0;
	if (put_string(skb, KSSL_A_HS_EXE, o->exe) ||
	    nla_put_u64_64bit(skb, KSSL_A_HS_EXE_DEV, o->exe_dev, KSSL_A_HS_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_HS_EXE_INO, o->exe_ino, KSSL_A_HS_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_HS_EXE_BORN, o->exe_born, KSSL_A_HS_PAD))
		return -EMSGSIZE;
	return 0;
}

/* Who asks, as a policy wants to know it. */
static int put_owner(struct sk_buff *skb, const struct kssl_session *s)
{
	const struct kssl_owner *o = s->owner;

	if (nla_put_u32(skb, KSSL_A_HS_UID, uid_in(s)) ||
	    nla_put_u32(skb, KSSL_A_HS_GID,
			from_kgid_munged(s->kn->net->user_ns, o->cred->egid)) ||
	    put_groups(skb, s) || nla_put_u32(skb, KSSL_A_HS_PID, o->pid) ||
	    nla_put_string(skb, KSSL_A_HS_COMM, o->comm) || put_exe(skb, o) ||
	    put_string(skb, KSSL_A_HS_CGROUP, o->cgroup))
		return -EMSGSIZE;
	return 0;
}

/* Everything a worker needs to know of a new handshake. */
static int put_ready(struct sk_buff *skb, const struct kssl_session *s)
{
	const struct sock *sk = s->sk;
	bool client = s->role == KSSL_ROLE_CLIENT;

	if (nla_put_u8(skb, KSSL_A_HS_ROLE, s->role) ||
	    nla_put_u8(skb, KSSL_A_HS_PEER_AUTH, s->peer_auth) ||
	    nla_put_u32(skb, KSSL_A_HS_TIMEOUT_MS, kssl_upcall_time_left(s)) ||
	    put_owner(skb, s) ||
	    put_string(skb, KSSL_A_HS_PEER_NAME, client ? s->peer_name : NULL) ||
	    put_string(skb, KSSL_A_HS_IDENTITY, s->identity) ||
	    put_string(skb, KSSL_A_HS_ALPN, s->alpn) ||
	    put_local(skb, KSSL_A_HS_LOCAL, sk) ||
	    put_remote(skb, KSSL_A_HS_REMOTE, sk))
		return -EMSGSIZE;
	return 0;
}

/* What a message holds beside records: names in all, and in READY the owner. */
#define HS_MSG		1024
#define OWNER_MSG	(KSSL_EXE_MAX + KSSL_CGROUP_MAX + KSSL_GROUPS_MAX * sizeof(u32) + 256)

/**
 * kssl_nl_hs_send() - a message of a handshake to its worker
 * @cmd: KSSL_CMD_HS_READY, _DATA or _CANCEL, or KSSL_CMD_POST_DATA
 * @portid: the worker's port
 * @s: the session; socket lock
 * @records: whole records, or a handshake message for POST_DATA; copied; or NULL
 * @len: their length
 *
 * A handshake that has an alert for the peer tells it.
 *
 * Never sleeps for the worker.  Return: 0; -EAGAIN (its buffer is full);
 * -ECONNREFUSED (it is gone); -ENOMEM.
 */
int kssl_nl_hs_send(u8 cmd, u32 portid, struct kssl_session *s, const u8 *records, u32 len)
{
	size_t room = HS_MSG + (cmd == KSSL_CMD_HS_READY ? OWNER_MSG : 0);
	struct sk_buff *skb = genlmsg_new(nla_total_size(len) + room, gfp_any());
	int attr = cmd == KSSL_CMD_POST_DATA ? KSSL_A_HS_MESSAGE : KSSL_A_HS_RECORDS;
	void *hdr;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put(skb, 0, 0, &family, 0, cmd);
	if (!hdr || nla_put_u32(skb, KSSL_A_HS_SESSION, s->id) ||
	    (cmd == KSSL_CMD_HS_READY && put_ready(skb, s)) ||
	    (s->hs && s->hs->alert && nla_put_u8(skb, KSSL_A_HS_ALERT, s->hs->alert)) ||
	    (len && nla_put(skb, attr, len, records))) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_unicast(s->kn->net, skb, portid);
}

static int put_counters(struct sk_buff *skb, const struct kssl_session *s)
{
	u64 age = div_u64(ktime_get_ns() - s->start, NSEC_PER_MSEC);

	if (nla_put_u64_64bit(skb, KSSL_A_SESSION_AGE_MS, age, KSSL_A_SESSION_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_SESSION_TX_BYTES, s->tx_bytes, KSSL_A_SESSION_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_SESSION_RX_BYTES, s->rx_bytes, KSSL_A_SESSION_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_SESSION_TX_RECORDS, s->tx_records, KSSL_A_SESSION_PAD) ||
	    nla_put_u64_64bit(skb, KSSL_A_SESSION_RX_RECORDS, s->rx_records, KSSL_A_SESSION_PAD) ||
	    nla_put_u32(skb, KSSL_A_SESSION_TX_GENERATION, s->tx_generation) ||
	    nla_put_u32(skb, KSSL_A_SESSION_RX_GENERATION, s->rx_generation))
		return -EMSGSIZE;
	return 0;
}

static int put_negotiated(struct sk_buff *skb, const struct kssl_session *s)
{
	const struct kssl_suite *suite = kssl_suite_find(s->version, s->suite);

	if (!suite)
		return 0;
	if (nla_put_u16(skb, KSSL_A_SESSION_VERSION, s->version) ||
	    nla_put_u16(skb, KSSL_A_SESSION_SUITE, s->suite) ||
	    nla_put_string(skb, KSSL_A_SESSION_SUITE_NAME, suite->name) ||
	    nla_put_u8(skb, KSSL_A_SESSION_PEER_VERIFIED, s->peer_verified) ||
	    nla_put_u8(skb, KSSL_A_SESSION_RESUMED, s->resumed))
		return -EMSGSIZE;
	return 0;
}

static int put_error(struct sk_buff *skb, const struct kssl_session *s)
{
	const struct kssl_failure *e = &s->error;

	if (!kssl_session_errno(s))
		return 0;
	if (nla_put_u32(skb, KSSL_A_SESSION_ERR, kssl_session_errno(s)) ||
	    nla_put_string(skb, KSSL_A_SESSION_TEXT, e->text ?: "") ||
	    (e->alert_sent != KSSL_ALERT_NONE &&
	     nla_put_u8(skb, KSSL_A_SESSION_ALERT_SENT, e->alert_sent)) ||
	    (e->alert_received != KSSL_ALERT_NONE &&
	     nla_put_u8(skb, KSSL_A_SESSION_ALERT_RECEIVED, e->alert_received)))
		return -EMSGSIZE;
	return 0;
}

static int put_session(struct sk_buff *skb, const struct kssl_session *s)
{
	if (nla_put_u32(skb, KSSL_A_SESSION_ID, s->id) ||
	    nla_put_u8(skb, KSSL_A_SESSION_STATE, s->state) ||
	    nla_put_u8(skb, KSSL_A_SESSION_ROLE, s->role) ||
	    nla_put_u32(skb, KSSL_A_SESSION_UID, uid_in(s)) ||
	    nla_put_u32(skb, KSSL_A_SESSION_PID, s->owner->pid) ||
	    nla_put_string(skb, KSSL_A_SESSION_COMM, s->owner->comm) ||
	    put_string(skb, KSSL_A_SESSION_EXE, s->owner->exe) ||
	    put_string(skb, KSSL_A_SESSION_CGROUP, s->owner->cgroup) ||
	    put_string(skb, KSSL_A_SESSION_PEER_NAME, s->peer_name) ||
	    put_string(skb, KSSL_A_SESSION_PEER_SUBJECT, s->peer ? s->peer->subject : NULL) ||
	    put_string(skb, KSSL_A_SESSION_IDENTITY, s->identity) ||
	    put_string(skb, KSSL_A_SESSION_ALPN, s->alpn) ||
	    put_local(skb, KSSL_A_SESSION_LOCAL, s->sk) ||
	    put_remote(skb, KSSL_A_SESSION_REMOTE, s->sk) ||
	    put_negotiated(skb, s) || put_error(skb, s) || put_counters(skb, s))
		return -EMSGSIZE;
	return 0;
}

/* A session's message has at most this much text in it. */
#define SESSION_MSG	(KSSL_NAME_MAX + KSSL_SUBJECT_MAX + KSSL_IDENTITY_MAX + KSSL_ALPN_MAX + \
			 KSSL_EXE_MAX + KSSL_CGROUP_MAX + 1024)

/**
 * kssl_nl_event() - tell the listeners of group "events"
 * @s: the session it is about; socket lock
 * @kind: what happened
 *
 * Best effort: an event that there is no memory for is lost.
 */
void kssl_nl_event(struct kssl_session *s, enum kssl_event_kind kind)
{
	struct sk_buff *skb;
	void *hdr;

	if (!s->sk || !genl_has_listeners(&family, s->kn->net, GROUP_EVENTS))
		return;
	skb = genlmsg_new(SESSION_MSG, gfp_any());
	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &family, 0, KSSL_CMD_EVENT);
	if (!hdr || nla_put_u8(skb, KSSL_A_SESSION_EVENT, kind) || put_session(skb, s)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&family, s->kn->net, skb, 0, GROUP_EVENTS, gfp_any());
}

/* ---- sessions ---- */

static bool may_see(const struct sk_buff *req, struct kssl_session *s)
{
	return kssl_session_owned_by(s, NETLINK_CREDS(req)->uid) ||
	       netlink_net_capable(req, CAP_NET_ADMIN);
}

/*
 * One session into @skb, if the asker may see it and its socket is still there.
 * Strings and addresses are stable under the socket lock.
 */
static int fill_session(struct sk_buff *skb, struct kssl_session *s, u32 portid, u32 seq, int flags)
{
	struct sock *sk = kssl_session_sock(s);
	int err = -ENOENT;
	void *hdr;

	if (!sk)
		return -ENOENT;
	lock_sock(sk);
	if (s->sk) {
		hdr = genlmsg_put(skb, portid, seq, &family, flags, KSSL_CMD_SESSION_GET);
		err = hdr ? put_session(skb, s) : -EMSGSIZE;
		if (!err)
			genlmsg_end(skb, hdr);
		else if (hdr)
			genlmsg_cancel(skb, hdr);
	}
	release_sock(sk);
	sock_put(sk);
	return err;
}

static int session_get_doit(struct sk_buff *req, struct genl_info *info)
{
	struct kssl_session *s = NULL;
	struct sk_buff *skb;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_SESSION_ID))
		return -EINVAL;
	skb = genlmsg_new(SESSION_MSG, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	s = kssl_session_find(kssl_net(genl_info_net(info)),
			      nla_get_u32(info->attrs[KSSL_A_SESSION_ID]));
	if (s && may_see(req, s))
		err = fill_session(skb, s, info->snd_portid, info->snd_seq, 0);
	if (s)
		kssl_session_put(s);
	if (!err)
		return genlmsg_reply(skb, info);
	nlmsg_free(skb);
	NL_SET_ERR_MSG(info->extack, "no such session, or not yours");
	return err;
}

static struct kssl_session *next_session(struct kssl_net *kn, unsigned long *id)
{
	struct kssl_session *s;

	rcu_read_lock();
	do {
		s = xa_find_after(&kn->sessions, id, ULONG_MAX, XA_PRESENT);
	} while (s && !refcount_inc_not_zero(&s->ref));
	rcu_read_unlock();
	return s;
}

static int session_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct kssl_net *kn = kssl_net(sock_net(skb->sk));
	unsigned long id = cb->args[0];
	struct kssl_session *s;
	int err = 0;

	while ((s = next_session(kn, &id))) {
		if (may_see(cb->skb, s))
			err = fill_session(skb, s, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
					   NLM_F_MULTI);
		kssl_session_put(s);
		if (err == -EMSGSIZE)
			break;
		cb->args[0] = id;
		cond_resched();
	}
	return skb->len;
}

/* The session that a verb is for; the caller puts it. */
static struct kssl_session *verb_session(struct genl_info *info)
{
	struct kssl_session *s;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_SESSION_ID))
		return ERR_PTR(-EINVAL);
	s = kssl_session_find(kssl_net(genl_info_net(info)),
			      nla_get_u32(info->attrs[KSSL_A_SESSION_ID]));
	if (s)
		return s;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KSSL_A_SESSION_ID], "no such session");
	return ERR_PTR(-ENOENT);
}

static int verb_explain(struct genl_info *info, int err)
{
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KSSL_A_SESSION_ID],
				    "no such session");
	else if (err == -ENOTCONN)
		NL_SET_ERR_MSG(info->extack, "the session has no keys, or no connection, yet");
	else if (err == -EPIPE)
		NL_SET_ERR_MSG(info->extack, "the session is closed or has failed already");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "TLS 1.2 cannot change keys, and a \"tls\" socket is its program's");
	else if (err == -EAGAIN)
		NL_SET_ERR_MSG(info->extack, "no room, or the peer has not yet answered");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "sending failed, the session has ended");
	return err;
}

static int rekey_locked(struct kssl_session *s, const struct genl_info *info)
{
	return kssl_tx_key_update(s, nla_get_flag(info->attrs[KSSL_A_SESSION_REQUEST]));
}

static int close_locked(struct kssl_session *s, const struct genl_info *info)
{
	return s->ktls ? -EOPNOTSUPP : kssl_calls_close_notify(s);
}

/* Do something to a session under its socket lock. */
static int verb(struct genl_info *info,
		int (*act)(struct kssl_session *s, const struct genl_info *info))
{
	struct kssl_session *s = verb_session(info);
	struct sock *sk;
	int err = -ENOENT;

	if (IS_ERR(s))
		return PTR_ERR(s);
	sk = kssl_session_sock(s);
	if (sk) {
		lock_sock(sk);
		if (s->sk)
			err = act(s, info);
		release_sock(sk);
		sock_put(sk);
	}
	kssl_session_put(s);
	return verb_explain(info, err);
}

static int session_rekey_doit(struct sk_buff *req, struct genl_info *info)
{
	return verb(info, rekey_locked);
}

static int session_close_doit(struct sk_buff *req, struct genl_info *info)
{
	return verb(info, close_locked);
}

static int session_kill_doit(struct sk_buff *req, struct genl_info *info)
{
	struct kssl_session *s = verb_session(info);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = kssl_session_kill(s);
	kssl_session_put(s);
	return verb_explain(info, err);
}

/* ---- capabilities and policy ---- */

/* Not cheap, but nobody asks often.  No driver: the kernel lacks the cipher. */
static int put_driver(struct sk_buff *skb, const struct kssl_suite *suite)
{
	char name[2 * CRYPTO_MAX_ALG_NAME + 2];

	if (kssl_keys_driver(suite, name, sizeof(name)))
		return 0;
	return nla_put_string(skb, KSSL_A_SUITE_DRIVER, name);
}

static int put_suite(struct sk_buff *skb, const struct kssl_suite *suite)
{
	struct nlattr *nest = nla_nest_start(skb, KSSL_A_CAPS_SUITE);

	if (!nest || nla_put_u16(skb, KSSL_A_SUITE_ID, suite->id) ||
	    nla_put_string(skb, KSSL_A_SUITE_NAME, suite->name) ||
	    nla_put_u16(skb, KSSL_A_SUITE_VERSION, suite->version) || put_driver(skb, suite))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* About a hundred bytes for each of some forty suites, and long driver names. */
#define CAPS_MSG	(16 * 1024)

static int put_caps(struct sk_buff *skb, struct kssl_net *kn)
{
	const struct kssl_suite *suite;
	unsigned int i;

	if (nla_put_u32(skb, KSSL_A_CAPS_ABI, KSSL_ABI) ||
	    nla_put_string(skb, KSSL_A_CAPS_RELEASE, KSSL_RELEASE) ||
	    nla_put_u32(skb, KSSL_A_CAPS_WORKERS, READ_ONCE(kn->nr_workers)) ||
	    nla_put_u32(skb, KSSL_A_CAPS_LINGERING, READ_ONCE(kn->lingers.nr)))
		return -EMSGSIZE;
	for (i = 0; (suite = kssl_suite_at(i)); i++)
		if (put_suite(skb, suite))
			return -EMSGSIZE;
	return 0;
}

static int put_policy(struct sk_buff *skb, struct kssl_net *kn)
{
	if (nla_put_u32(skb, KSSL_A_POLICY_GRACE_MS, READ_ONCE(kn->grace_ms)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_TIMEOUT_MS, READ_ONCE(kn->timeout_ms)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_QUEUE_MAX, READ_ONCE(kn->queue_max)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_KEY_RECORDS, READ_ONCE(kn->key_records)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_REKEY_SECONDS, READ_ONCE(kn->rekey_seconds)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_UPDATE_RATE, READ_ONCE(kn->update_rate)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_MAC_ONLY, READ_ONCE(kn->mac_only)) ||
	    nla_put_u32(skb, KSSL_A_POLICY_LINGER_MAX, READ_ONCE(kn->lingers.max)))
		return -EMSGSIZE;
	return 0;
}

static int reply(struct genl_info *info, u8 cmd, size_t room,
		 int (*put)(struct sk_buff *skb, struct kssl_net *kn))
{
	struct sk_buff *skb = genlmsg_new(room, GFP_KERNEL);
	void *hdr;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put_reply(skb, info, &family, 0, cmd);
	if (!hdr || put(skb, kssl_net(genl_info_net(info)))) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int caps_doit(struct sk_buff *req, struct genl_info *info)
{
	return reply(info, KSSL_CMD_CAPS, CAPS_MSG, put_caps);
}

static int policy_get_doit(struct sk_buff *req, struct genl_info *info)
{
	return reply(info, KSSL_CMD_POLICY_GET, GENLMSG_DEFAULT_SIZE, put_policy);
}

static void set_u32(u32 *to, const struct nlattr *attr)
{
	if (attr)
		WRITE_ONCE(*to, nla_get_u32(attr));
}

static int policy_set_doit(struct sk_buff *req, struct genl_info *info)
{
	struct kssl_net *kn = kssl_net(genl_info_net(info));

	set_u32(&kn->grace_ms, info->attrs[KSSL_A_POLICY_GRACE_MS]);
	set_u32(&kn->timeout_ms, info->attrs[KSSL_A_POLICY_TIMEOUT_MS]);
	set_u32(&kn->queue_max, info->attrs[KSSL_A_POLICY_QUEUE_MAX]);
	set_u32(&kn->key_records, info->attrs[KSSL_A_POLICY_KEY_RECORDS]);
	set_u32(&kn->rekey_seconds, info->attrs[KSSL_A_POLICY_REKEY_SECONDS]);
	set_u32(&kn->update_rate, info->attrs[KSSL_A_POLICY_UPDATE_RATE]);
	set_u32(&kn->mac_only, info->attrs[KSSL_A_POLICY_MAC_ONLY]);
	set_u32(&kn->lingers.max, info->attrs[KSSL_A_POLICY_LINGER_MAX]);
	return 0;
}

static int linger_flush_doit(struct sk_buff *req, struct genl_info *info)
{
	kssl_linger_flush(kssl_net(genl_info_net(info)));
	return 0;
}

/* ---- the family ---- */

#define OP(cmd_, do_, set_, max_, flags_) {					\
	.cmd = cmd_, .doit = do_, .flags = flags_,				\
	.policy = kssl_##set_##_nl_policy, .maxattr = max_ }

static const struct genl_ops ops[] = {
	{ .cmd = KSSL_CMD_CAPS, .doit = caps_doit },
	OP(KSSL_CMD_WORKER_REGISTER, kssl_nl_worker_register_doit, worker, KSSL_A_WORKER_MAX,
	   GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_WORKER_LEAVE, kssl_nl_worker_leave_doit, worker, KSSL_A_WORKER_MAX,
	   GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_HS_DATA, kssl_nl_hs_data_doit, hs, KSSL_A_HS_MAX, GENL_UNS_ADMIN_PERM),
	{ .cmd = KSSL_CMD_HS_DONE, .doit = kssl_nl_hs_done_doit, .flags = GENL_UNS_ADMIN_PERM },
	{ .cmd = KSSL_CMD_HS_FAIL, .doit = kssl_nl_hs_fail_doit, .flags = GENL_UNS_ADMIN_PERM },
	{
		.cmd = KSSL_CMD_SESSION_GET,
		.doit = session_get_doit,
		.dumpit = session_get_dumpit,
		.policy = kssl_session_nl_policy,
		.maxattr = KSSL_A_SESSION_MAX,
	},
	{ .cmd = KSSL_CMD_POLICY_GET, .doit = policy_get_doit },
	OP(KSSL_CMD_POLICY_SET, policy_set_doit, policy, KSSL_A_POLICY_MAX, GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_LINGER_FLUSH, linger_flush_doit, policy, KSSL_A_POLICY_MAX,
	   GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_SESSION_REKEY, session_rekey_doit, session, KSSL_A_SESSION_MAX,
	   GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_SESSION_CLOSE, session_close_doit, session, KSSL_A_SESSION_MAX,
	   GENL_UNS_ADMIN_PERM),
	OP(KSSL_CMD_SESSION_KILL, session_kill_doit, session, KSSL_A_SESSION_MAX,
	   GENL_UNS_ADMIN_PERM),
};

static const struct genl_multicast_group groups[] = {
	[GROUP_EVENTS] = { .name = KSSL_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

static struct genl_family family __ro_after_init = {
	.name = KSSL_GENL_NAME,
	.version = KSSL_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.resv_start_op = KSSL_CMD_MAX + 1,	/* hs-done and hs-fail have no policy on purpose */
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/* A netlink socket is closed: it may have been a worker's. */
static int on_release(struct notifier_block *nb, unsigned long state, void *data)
{
	struct netlink_notify *n = data;

	if (state == NETLINK_URELEASE && n->protocol == NETLINK_GENERIC)
		kssl_worker_died(kssl_net(n->net), n->portid);
	return NOTIFY_DONE;
}

static struct notifier_block release_notifier = { .notifier_call = on_release };

/**
 * kssl_nl_init() - register the family
 *
 * Return: 0 or negative errno.
 */
int kssl_nl_init(void)
{
	int err;

	err = genl_register_family(&family);
	if (err)
		return err;
	err = netlink_register_notifier(&release_notifier);
	if (err)
		genl_unregister_family(&family);
	return err;
}

/**
 * kssl_nl_exit() - unregister
 */
void kssl_nl_exit(void)
{
	netlink_unregister_notifier(&release_notifier);
	genl_unregister_family(&family);
}
