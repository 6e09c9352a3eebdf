// SPDX-License-Identifier: GPL-2.0
/*
 * Socket diagnostics: what `ss -tie` shows.  The same attributes as in-tree TLS,
 * so that it needs no new ss.  Never a byte of a key.
 */
#include "diag.h"

#include <linux/inet_diag.h>
#include <net/netlink.h>

#include "ktls.h"

static u16 conf(const struct kssl_half *half)
{
	return half ? TLS_CONF_SW : TLS_CONF_BASE;
}

static int put(struct sk_buff *skb, const struct kssl_session *s)
{
	u16 version = READ_ONCE(s->version), cipher = kssl_ktls_cipher(s);

	if ((version && nla_put_u16(skb, TLS_INFO_VERSION, version)) ||
	    (cipher && nla_put_u16(skb, TLS_INFO_CIPHER, cipher)) ||
	    nla_put_u16(skb, TLS_INFO_TXCONF, conf(READ_ONCE(s->seal))) ||
	    nla_put_u16(skb, TLS_INFO_RXCONF, conf(READ_ONCE(s->open))) ||
	    nla_put_u16(skb, TLS_INFO_TX_MAX_PAYLOAD_LEN, READ_ONCE(s->tx.limit)))
		return -EMSGSIZE;
	if (!s->ktls)
		return 0;
	if ((READ_ONCE(s->ktls->zerocopy_ro) && nla_put_flag(skb, TLS_INFO_ZC_RO_TX)) ||
	    (READ_ONCE(s->ktls->no_pad) && nla_put_flag(skb, TLS_INFO_RX_NO_PAD)))
		return -EMSGSIZE;
	return 0;
}

/*
 * Fill in INET_ULP_INFO_TLS.
 *
 * Called with or without the socket lock, in atomic context for listeners; the
 * session is kept by RCU.  Return: 0 or -EMSGSIZE.
 */
int kssl_diag_info(KSSL_GET_INFO_ARGS)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, INET_ULP_INFO_TLS);
	struct kssl_session *s;
	int err = 0;

	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	s = rcu_dereference(*(struct kssl_session __rcu **)&inet_csk(sk)->icsk_ulp_data);
	if (s)
		err = put(skb, s);
	rcu_read_unlock();
	if (err)
		nla_nest_cancel(skb, nest);
	else
		nla_nest_end(skb, nest);
	return err;
}

/* The room that takes. */
size_t kssl_diag_size(KSSL_GET_INFO_SIZE_ARGS)
{
	return nla_total_size(0) + 5 * nla_total_size(sizeof(u16)) + 2 * nla_total_size(0);
}
