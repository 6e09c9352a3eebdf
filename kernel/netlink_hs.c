// SPDX-License-Identifier: GPL-2.0
/*
 * What workers say: they join and leave, and answer for handshakes.  Attributes to
 * calls of upcall.c and worker.c, nothing else; the family and all that goes out is in
 * netlink.c.
 *
 * Key material comes in here, in hs-done or hs-fail; it is wiped from the request on
 * every path and never goes out.
 */
#include "netlink_hs.h"

#include <linux/sched/mm.h>
#include <net/genetlink.h>

#include "exporter.h"
#include "generated/netlink.h"
#include "keys.h"
#include "kssl_compat.h"
#include "session.h"
#include "suite.h"
#include "upcall.h"
#include "worker.h"

/**
 * kssl_nl_worker_register_doit() - a netlink socket becomes a worker's
 * @req: the request
 * @info: its attributes, by their policy
 *
 * Return: 0 or negative errno, with words in the extack.
 */
int kssl_nl_worker_register_doit(struct sk_buff *req, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_WORKER_ABI) ||
	    GENL_REQ_ATTR_CHECK(info, KSSL_A_WORKER_CAPACITY))
		return -EINVAL;
	if (nla_get_u32(attrs[KSSL_A_WORKER_ABI]) != KSSL_ABI) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[KSSL_A_WORKER_ABI],
				    "kssl.ko and the daemon are of different versions: this module speaks abi "
				    __stringify(KSSL_ABI));
		return -EPROTONOSUPPORT;
	}
	err = kssl_worker_join(kssl_net(genl_info_net(info)), info->snd_portid,
				      nla_get_u32(attrs[KSSL_A_WORKER_CAPACITY]));
	if (err == -EEXIST)
		NL_SET_ERR_MSG(info->extack, "this socket is registered already");
	return err;
}

/**
 * kssl_nl_worker_leave_doit() - a worker takes no new handshakes
 * @req: the request
 * @info: its attributes, by their policy
 *
 * Return: 0 or negative errno, with words in the extack.
 */
int kssl_nl_worker_leave_doit(struct sk_buff *req, struct genl_info *info)
{
	int err = kssl_worker_leave(kssl_net(genl_info_net(info)), info->snd_portid);

	if (err)
		NL_SET_ERR_MSG(info->extack, "this socket is not a worker");
	return err;
}

/* What all answers have; the caller puts the session. */
static struct kssl_session *answer_parse(struct genl_info *info, struct kssl_hs_answer *a)
{
	struct nlattr **attrs = info->attrs;
	struct kssl_session *s;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_SESSION))
		return ERR_PTR(-EINVAL);
	s = kssl_session_find(kssl_net(genl_info_net(info)),
			      nla_get_u32(attrs[KSSL_A_HS_SESSION]));
	if (!s) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[KSSL_A_HS_SESSION], "no such session");
		return ERR_PTR(-ENOENT);
	}
	a->portid = info->snd_portid;
	if (attrs[KSSL_A_HS_BYTES]) {
		a->bytes = nla_data(attrs[KSSL_A_HS_BYTES]);
		a->bytes_len = nla_len(attrs[KSSL_A_HS_BYTES]);
	}
	if (attrs[KSSL_A_HS_CONSUMED])
		a->consumed = nla_get_u32(attrs[KSSL_A_HS_CONSUMED]);
	return s;
}

static int explain(struct genl_info *info, int err)
{
	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "this worker owes that session no answer");
	else if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KSSL_A_HS_CONSUMED],
				    "more records consumed than offered, or hs-fail was asked for");
	else if (err == -ENOMEM)
		NL_SET_ERR_MSG(info->extack, "out of memory");
	else if (err)
		NL_SET_ERR_MSG(info->extack, "the bytes could not be sent to the peer");
	return err;
}

/**
 * kssl_nl_hs_data_doit() - a worker wants more records
 * @req: the request
 * @info: its attributes, by their policy
 *
 * Return: 0 or negative errno, with words in the extack.
 */
int kssl_nl_hs_data_doit(struct sk_buff *req, struct genl_info *info)
{
	struct kssl_hs_answer a = {};
	struct kssl_session *s = answer_parse(info, &a);
	int err;

	if (IS_ERR(s))
		return PTR_ERR(s);
	err = kssl_upcall_data(s, &a);
	kssl_session_put(s);
	return explain(info, err);
}

static const char *text_of(const struct nlattr *attr)
{
	return attr ? nla_data(attr) : NULL;
}

static u16 take(u8 *to, const struct nlattr *attr)
{
	if (!attr)
		return 0;
	memcpy(to, nla_data(attr), nla_len(attr));	/* the policy bounds it */
	return nla_len(attr);
}

/* One direction's keys from a nest; the copy on the stack is wiped. */
static struct kssl_half *half_parse(struct genl_info *info, int which)
{
	struct nlattr *attrs[KSSL_A_KEYS_MAX + 1];
	struct kssl_key key = {};
	struct kssl_half *half;
	const char *why;
	int err;

	err = nla_parse_nested(attrs, KSSL_A_KEYS_MAX, info->attrs[which], kssl_keys_nl_policy,
			       info->extack);
	if (err)
		return ERR_PTR(err);
	key.version = nla_get_u16(info->attrs[KSSL_A_HS_VERSION]);
	key.suite = nla_get_u16(info->attrs[KSSL_A_HS_SUITE]);
	if (attrs[KSSL_A_KEYS_SEQ])
		key.seq = nla_get_u64(attrs[KSSL_A_KEYS_SEQ]);
	if (attrs[KSSL_A_KEYS_FLAGS])
		key.flags = nla_get_u32(attrs[KSSL_A_KEYS_FLAGS]);
	key.secret_len = take(key.secret, attrs[KSSL_A_KEYS_SECRET]);
	key.key_len = take(key.key, attrs[KSSL_A_KEYS_KEY]);
	key.iv_len = take(key.iv, attrs[KSSL_A_KEYS_IV]);
	key.mac_len = take(key.mac, attrs[KSSL_A_KEYS_MAC]);
	half = kssl_keys_new(&key, &why);
	memzero_explicit(&key, sizeof(key));
	if (IS_ERR(half)) {
		info->extack->_msg = why;	/* a constant, so no NL_SET_ERR_MSG */
		NL_SET_BAD_ATTR(info->extack, info->attrs[which]);
	}
	return half;
}

/* Longer than the socket option of that name could hold? @max without the NUL. */
static bool too_long(struct genl_info *info, int which, int max)
{
	const struct nlattr *attr = info->attrs[which];

	if (!attr || nla_len(attr) <= max + 1)
		return false;
	NL_SET_ERR_MSG_ATTR(info->extack, attr, "name too long");
	return true;
}

/* Its parts fit their policies; here, whether they fit together. */
static int done_parse_peer(struct genl_info *info, struct kssl_hs_answer *a)
{
	const struct nlattr *cert = info->attrs[KSSL_A_HS_PEER_CERT];
	const struct nlattr *chain = info->attrs[KSSL_A_HS_PEER_CHAIN];
	const struct nlattr *print = info->attrs[KSSL_A_HS_PEER_FINGERPRINT];

	if (chain && (!cert || nla_len(cert) + nla_len(chain) > KSSL_CHAIN_MAX)) {
		NL_SET_ERR_MSG_ATTR(info->extack, chain, "chain without certificate, or too long");
		return -EINVAL;
	}
	if (print && nla_len(print) != KSSL_FINGERPRINT_LEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, print, "a fingerprint has 32 bytes");
		return -EINVAL;
	}
	if (cert) {
		a->peer_cert = nla_data(cert);
		a->peer_cert_len = nla_len(cert);
	}
	if (chain) {
		a->peer_chain = nla_data(chain);
		a->peer_chain_len = nla_len(chain);
	}
	if (print)
		a->peer_fingerprint = nla_data(print);
	a->peer_subject = text_of(info->attrs[KSSL_A_HS_PEER_SUBJECT]);
	a->peer_san = text_of(info->attrs[KSSL_A_HS_PEER_SAN]);
	return 0;
}

/* What is not said did not verify. */
static void done_parse_verify(struct genl_info *info, struct kssl_hs_answer *a)
{
	const struct nlattr *verified = info->attrs[KSSL_A_HS_PEER_VERIFIED];
	const struct nlattr *verify = info->attrs[KSSL_A_HS_VERIFY];

	a->peer_verified = verified && nla_get_u8(verified) && !(verify && nla_get_u32(verify));
	a->verify = verify ? nla_get_u32(verify) : !a->peer_verified;
}

static int done_parse(struct genl_info *info, struct kssl_hs_answer *a)
{
	struct nlattr **attrs = info->attrs;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_VERSION) ||
	    GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_SUITE) ||
	    GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_TX) || GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_RX))
		return -EINVAL;
	if (too_long(info, KSSL_A_HS_IDENTITY, KSSL_IDENTITY_MAX) ||
	    too_long(info, KSSL_A_HS_ALPN, KSSL_ALPN_MAX))
		return -EINVAL;
	a->version = nla_get_u16(attrs[KSSL_A_HS_VERSION]);
	a->suite = nla_get_u16(attrs[KSSL_A_HS_SUITE]);
	if (attrs[KSSL_A_HS_RECORD_LIMIT])
		a->record_limit = nla_get_u16(attrs[KSSL_A_HS_RECORD_LIMIT]);
	if (attrs[KSSL_A_HS_FRAGMENT])
		a->fragment = nla_get_u16(attrs[KSSL_A_HS_FRAGMENT]);
	a->resumed = attrs[KSSL_A_HS_RESUMED] && nla_get_u8(attrs[KSSL_A_HS_RESUMED]);
	a->identity = text_of(attrs[KSSL_A_HS_IDENTITY]);
	a->alpn = text_of(attrs[KSSL_A_HS_ALPN]);
	a->sni = text_of(attrs[KSSL_A_HS_SNI]);
	done_parse_verify(info, a);
	return done_parse_peer(info, a);
}

static int done_keys(struct genl_info *info, struct kssl_hs_answer *a)
{
	struct kssl_half *half = half_parse(info, KSSL_A_HS_TX);

	if (IS_ERR(half))
		return PTR_ERR(half);
	a->seal = half;
	half = half_parse(info, KSSL_A_HS_RX);
	if (IS_ERR(half))
		return PTR_ERR(half);
	a->open = half;
	return 0;
}

/* The role does not change any more; whether @s is this worker's is seen later. */
static int done_post(struct genl_info *info, const struct kssl_session *s,
		     struct kssl_hs_answer *a)
{
	struct nlattr **attrs = info->attrs;

	if (!attrs[KSSL_A_HS_POST_MAX])
		return 0;
	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_POST_MS))
		return -EINVAL;
	if (a->version != TLS13 || s->role != KSSL_ROLE_CLIENT) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[KSSL_A_HS_POST_MAX],
				    "only a client of TLS 1.3 gets tickets");
		return -EINVAL;
	}
	a->post_max = nla_get_u8(attrs[KSSL_A_HS_POST_MAX]);
	a->post_ms = nla_get_u32(attrs[KSSL_A_HS_POST_MS]);
	return 0;
}

static int done_exporter(struct genl_info *info, struct kssl_hs_answer *a)
{
	struct nlattr *nest = info->attrs[KSSL_A_HS_EXPORTER];
	struct nlattr *attrs[KSSL_A_EXPORTER_MAX + 1], *secret, *randoms;
	int err;

	if (!nest)
		return 0;
	err = nla_parse_nested(attrs, KSSL_A_EXPORTER_MAX, nest, kssl_exporter_nl_policy,
			       info->extack);
	if (err)
		return err;
	secret = attrs[KSSL_A_EXPORTER_SECRET];
	randoms = attrs[KSSL_A_EXPORTER_RANDOMS];
	a->master = kssl_exporter_new(kssl_suite_find(a->version, a->suite),
				      secret ? nla_data(secret) : NULL, secret ? nla_len(secret) : 0,
				      randoms ? nla_data(randoms) : NULL,
				      randoms ? nla_len(randoms) : 0);
	if (!IS_ERR(a->master))
		return 0;
	err = PTR_ERR(a->master);
	a->master = NULL;
	if (err == -EINVAL)
		NL_SET_ERR_MSG_ATTR(info->extack, nest, "exporter secret does not fit the cipher suite");
	return err;
}

static int done(struct genl_info *info, struct kssl_session *s, struct kssl_hs_answer *a)
{
	int err;

	err = done_parse(info, a);
	if (!err)
		err = done_keys(info, a);
	if (!err && !kssl_keys_allowed(s->kn, a->seal)) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[KSSL_A_HS_SUITE],
				    "suite does not encrypt, and policy mac-only is 0");
		err = -EACCES;
	}
	if (!err)	/* the suite is known to exist by now */
		err = done_exporter(info, a);
	if (!err)
		err = done_post(info, s, a);
	return err ?: explain(info, kssl_upcall_done(s, a));
}

/* What the session keeps is charged to the program's memory cgroup, not to the daemon's. */
static int done_charged(struct genl_info *info, struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct sock *sk = kssl_session_sock(s);
	struct mem_cgroup *old;
	int err;

	if (!sk)
		return done(info, s, a);
	old = set_active_memcg(kssl_compat_memcg(sk));
	err = done(info, s, a);
	set_active_memcg(old);
	sock_put(sk);
	return err;
}

/* A worker that believes to be done will not answer again: end the session. */
static void end_refused(struct genl_info *info, int err)
{
	const struct nlattr *id = nlmsg_find_attr(info->nlhdr, GENL_HDRLEN, KSSL_A_HS_SESSION);
	struct kssl_hs_answer a = {
		.portid = info->snd_portid,
		.err = EBADMSG,
		.alert = KSSL_ALERT_NONE,
		.alert_received = KSSL_ALERT_NONE,
		.text = "handshake daemon broke the protocol",
	};
	struct kssl_session *s;

	if (err == -EACCES) {
		a.err = EACCES;
		a.text = "the policy allows no suite that does not encrypt";
	} else if (err == -ENOMEM) {
		a.err = ENOMEM;
		a.text = "no memory for the keys";
	}
	if (!id || nla_len(id) != sizeof(u32))
		return;
	s = kssl_session_find(kssl_net(genl_info_net(info)), nla_get_u32(id));
	if (!s)
		return;
	kssl_upcall_fail(s, &a);	/* does nothing if it is not this worker's */
	kssl_session_put(s);
}

/* With the keys that the alert goes under, if the peer has those for it. */
static int take_fail(struct genl_info *info, struct kssl_session *s, struct kssl_hs_answer *a)
{
	struct nlattr **attrs = info->attrs;
	struct kssl_half *half;

	if (GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_ERR))
		return -EINVAL;
	if (attrs[KSSL_A_HS_TX]) {
		if (GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_VERSION) ||
		    GENL_REQ_ATTR_CHECK(info, KSSL_A_HS_SUITE))
			return -EINVAL;
		half = half_parse(info, KSSL_A_HS_TX);
		if (IS_ERR(half))
			return PTR_ERR(half);
		a->seal = half;
	}
	a->text = text_of(attrs[KSSL_A_HS_TEXT]);
	a->err = nla_get_u32(attrs[KSSL_A_HS_ERR]);
	if (attrs[KSSL_A_HS_ALERT])
		a->alert = nla_get_u8(attrs[KSSL_A_HS_ALERT]);
	if (attrs[KSSL_A_HS_ALERT_RECEIVED])
		a->alert_received = nla_get_u8(attrs[KSSL_A_HS_ALERT_RECEIVED]);
	if (attrs[KSSL_A_HS_VERIFY])
		a->verify = nla_get_u32(attrs[KSSL_A_HS_VERIFY]);
	return explain(info, kssl_upcall_fail(s, a));
}

/*
 * A worker's last answer, which may hold keys.  Parsed here, not by the core, so that
 * the keys in a request that fails its policy are wiped as well: the skb is freed
 * unwiped after us, and an error's acknowledgement quotes the request.
 */
static int last_answer(struct genl_info *info,
		       int (*act)(struct genl_info *info, struct kssl_session *s,
				  struct kssl_hs_answer *a))
{
	struct kssl_hs_answer a = {
		.alert = KSSL_ALERT_NONE,
		.alert_received = KSSL_ALERT_NONE,
	};
	struct nlattr *attrs[KSSL_A_HS_MAX + 1];
	struct kssl_session *s;
	int err;

	info->attrs = attrs;
	err = nlmsg_parse(info->nlhdr, GENL_HDRLEN, attrs, KSSL_A_HS_MAX, kssl_hs_nl_policy,
			  info->extack);
	if (!err) {
		s = answer_parse(info, &a);
		err = PTR_ERR_OR_ZERO(s);
		if (!err) {
			err = act(info, s, &a);
			kssl_session_put(s);
		}
	}
	if (err)
		end_refused(info, err);
	kssl_keys_free(a.seal);
	kssl_keys_free(a.open);
	kssl_exporter_free(a.master);
	memzero_explicit(genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr));
	info->attrs = NULL;
	return err;
}

/**
 * kssl_nl_hs_done_doit() - a worker is done: keys come in
 * @req: the request
 * @info: its attributes are not parsed yet
 *
 * Return: 0 or negative errno, with words in the extack; then the session ends.
 */
int kssl_nl_hs_done_doit(struct sk_buff *req, struct genl_info *info)
{
	return last_answer(info, done_charged);
}

/**
 * kssl_nl_hs_fail_doit() - a worker says that it cannot be
 * @req: the request
 * @info: its attributes are not parsed yet
 *
 * Return: 0 or negative errno, with words in the extack; then the session ends.
 */
int kssl_nl_hs_fail_doit(struct sk_buff *req, struct genl_info *info)
{
	return last_answer(info, take_fail);
}
