// SPDX-License-Identifier: GPL-2.0
/* Loading and unloading: an ordered ladder, no logic. */
#include <linux/init.h>
#include <linux/module.h>
#include <net/tcp.h>

#include "crew.h"
#include "frag.h"
#include "keys.h"
#include "kssl.h"
#include "linger.h"
#include "mac.h"
#include "netlink.h"
#include "rx_buf.h"
#include "session.h"
#include "sock_own.h"
#include "ulp.h"
#include "upcall.h"

static bool ktls;
module_param(ktls, bool, 0444);
MODULE_PARM_DESC(ktls, "serve ULP \"tls\" too, by the rules of in-tree kernel TLS");

static int __init kssl_init(void)
{
	int err;

	err = kssl_keys_init();
	if (err)
		return err;
	err = kssl_crew_init();
	if (err)
		goto err_keys;
	err = kssl_upcall_init();
	if (err)
		goto err_crew;
	err = kssl_sock_own_init();
	if (err)
		goto err_upcall;
	err = kssl_linger_init();
	if (err)
		goto err_own;
	err = kssl_session_init();
	if (err)
		goto err_linger;
	err = kssl_nl_init();
	if (err)
		goto err_session;
	err = kssl_ulp_init(ktls);
	if (err)
		goto err_nl;
	return 0;

err_nl:
	kssl_nl_exit();
err_session:
	kssl_session_exit();
err_linger:
	kssl_linger_exit();
err_own:
	kssl_sock_own_exit();
err_upcall:
	kssl_upcall_exit();
err_crew:
	kssl_crew_exit();
err_keys:
	kssl_keys_exit();
	return err;
}

static void __exit kssl_exit(void)
{
	kssl_ulp_exit();
	kssl_nl_exit();
	kssl_linger_exit();
	/* work that still runs looks up its namespace: drain it first */
	kssl_upcall_exit();
	kssl_sock_own_exit();
	kssl_session_exit();
	kssl_crew_exit();
	kssl_rx_buf_exit();
	kssl_frag_exit();
	kssl_mac_exit();
	kssl_keys_exit();
}

module_init(kssl_init);
module_exit(kssl_exit);

MODULE_DESCRIPTION("TLS for TCP sockets by one setsockopt");
MODULE_LICENSE("GPL");
MODULE_VERSION(KSSL_RELEASE);
MODULE_ALIAS_TCP_ULP(KSSL_ULP_NAME);
MODULE_ALIAS("net-pf-16-proto-16-family-kssl");	/* generic netlink */
