/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_LOBBY_H
#define _KSSL_LOBBY_H

#include <linux/poll.h>
#include <linux/types.h>

#include "kssl.h"

struct socket;

/* A listener's lobby, or NULL.  It stays until the last close(). */
static inline struct kssl_lobby *kssl_lobby_of(const struct sock *sk)
{
	return smp_load_acquire(&kssl_of(sk)->lobby);
}

int kssl_lobby_open(struct kssl_session *s);
void kssl_lobby_clear(struct kssl_lobby *lobby);
void kssl_lobby_close(struct kssl_session *s);
void kssl_lobby_done(struct kssl_session *s);
void kssl_lobby_heard(struct kssl_session *s);
int kssl_lobby_accept(struct kssl_lobby *lobby, struct socket *listener, struct socket *sock,
		      int flags);
__poll_t kssl_lobby_poll(struct kssl_lobby *lobby, struct file *file, struct socket *listener,
			 poll_table *wait);

#endif /* _KSSL_LOBBY_H */
