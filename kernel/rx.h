/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RX_H
#define _KSSL_RX_H

#include <linux/socket.h>
#include "kssl.h"

struct pipe_inode_info;

/**
 * struct kssl_rx_rules - how a kind of socket reads
 * @types: a call gives records of one content type, and tells it; else the content
 *	is a stream of application data
 * @more: open a record, or more until one has content for the program.  1; 0: there is
 *	none now, or this is the end; negative errno
 * @pause: that was 0, and the call, which has content already or not, wants more.
 *	1: look again, the lock was released; 0: this is all; negative errno
 */
struct kssl_rx_rules {
	bool types;
	int (*more)(struct kssl_session *s);
	int (*pause)(struct kssl_session *s, bool done, long *timeo);
};

extern const struct kssl_rx_rules kssl_rx_stream;	/* "kssl" sockets */

int kssl_rx_give(struct kssl_session *s, const u8 *text, u32 len);
int kssl_rx_ahead(struct kssl_session *s);
int kssl_rx_text(struct kssl_session *s, u32 want, unsigned int budget);
bool kssl_rx_readable(const struct kssl_session *s);
int kssl_rx_wait(struct kssl_session *s, long *timeo);
int kssl_rx_recv(struct kssl_session *s, const struct kssl_rx_rules *rules, struct msghdr *msg,
		 size_t len, int flags, long timeo);
ssize_t kssl_rx_splice(struct kssl_session *s, const struct kssl_rx_rules *rules,
		       struct pipe_inode_info *pipe, size_t len, long timeo);

#endif /* _KSSL_RX_H */
