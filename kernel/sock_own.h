/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_SOCK_OWN_H
#define _KSSL_SOCK_OWN_H

#include "kssl.h"

/**
 * enum kssl_todo - what is to be done with a socket in process context
 * @KSSL_TODO_PUSH: send what is due and what TCP had no room for
 *
 * Bits of kssl_session.todo.
 */
enum kssl_todo { KSSL_TODO_PUSH };

/* sock_own.c has the contracts. */
bool kssl_sock_try_own(struct sock *sk);
void kssl_sock_defer(struct kssl_session *s, enum kssl_todo what);
void kssl_sock_look_in(struct kssl_session *s, unsigned long delay);
void kssl_sock_forget(struct kssl_session *s);
void kssl_sock_own_session(struct kssl_session *s);
void kssl_sock_queue(struct kssl_session *s);
int kssl_sock_own_init(void);
void kssl_sock_own_exit(void);

#endif /* _KSSL_SOCK_OWN_H */
