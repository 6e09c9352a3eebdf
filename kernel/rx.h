/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_RX_H
#define _KSSL_RX_H

#include <linux/socket.h>
#include "kssl.h"

struct pipe_inode_info;

int kssl_rx_give(struct kssl_session *s, const u8 *text, u32 len);
int kssl_rx_text(struct kssl_session *s, u32 want, unsigned int budget);
bool kssl_rx_readable(const struct kssl_session *s);
int kssl_rx_wait(struct kssl_session *s, long *timeo);
int kssl_rx_recv(struct kssl_session *s, struct msghdr *msg, size_t len, int flags);
ssize_t kssl_rx_to_pipe(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len);
ssize_t kssl_rx_splice(struct kssl_session *s, struct pipe_inode_info *pipe, size_t len,
		       unsigned int flags, bool nonblock);

#endif /* _KSSL_RX_H */
