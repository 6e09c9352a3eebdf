/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A socket, for the receiving side of the module as it is compiled in user space:
 * TCP is a list of segments that a fuzzer fills.  Nothing ever sleeps: whoever
 * would wait is told that time is up.
 */
#ifndef STANDIN_SOCKET_H
#define STANDIN_SOCKET_H

#include <sys/types.h>

/* ---- memory ---- */

#define PAGE_SIZE 4096
#define BIT(n) (1U << (n))
#define ALIGN(n, to) (((n) + (to) - 1) & ~((to) - 1))
#define DIV_ROUND_UP(n, by) (((n) + (by) - 1) / (by))
#define WRITE_ONCE(v, to) ((v) = (to))
#define smp_rmb() do { } while (0)
#define smp_wmb() do { } while (0)
#define __GFP_NOWARN 0
#define __GFP_NORETRY 0
#define struct_size(p, member, n) (sizeof(*(p)) + (n) * sizeof((p)->member[0]))
#define kcalloc(n, size, gfp) test_alloc((n) * (size))
#define kfree(p) test_free(p)
#define __get_free_page(gfp) ((unsigned long)test_alloc(PAGE_SIZE))
#define free_page(p) test_free((void *)(p))
#define alloc_pages_exact(n, gfp) test_alloc(n)
#define free_pages_exact(p, n) test_free(p)

#define DEFINE_PER_CPU(type, name) type name
#define per_cpu(name, cpu) ((void)(cpu), name)
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (cpu) < 1; (cpu)++)
#define this_cpu_add(v, n) ((v) += (n))
#define this_cpu_xchg(v, to) ({ __typeof__(v) old_ = (v); (v) = (to); old_; })
#define this_cpu_cmpxchg(v, from, to) \
	({ __typeof__(v) old_ = (v); if (old_ == (from)) (v) = (to); old_; })

#ifndef WARN_ON_ONCE
#define WARN_ON_ONCE(c) ({ bool c_ = (c); assert(!c_); c_; })
#endif

/* ---- lists ---- */

#define list_entry(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))
#define list_empty(head) ((head)->next == (head))

static inline void list_add_tail(struct list_head *e, struct list_head *head)
{
	e->prev = head->prev;
	e->next = head;
	head->prev->next = e;
	head->prev = e;
}

static inline void list_del(struct list_head *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
}

/* ---- a socket ---- */

struct sk_buff { const u8 *data; u32 len; u32 seq, end_seq; u8 tcp_flags; u32 truesize; };
struct sk_buff_head { int n; };
typedef struct { int counter; } atomic_t;

/* for crew.h, whose crews the fuzzers do without */
typedef struct { int n; } wait_queue_head_t;
struct msghdr;
#define msg_data_left(msg) ((void)(msg), 0u)

struct sock {
	u8 sk_state;
	u8 sk_shutdown;
	int sk_err;
	int sk_rcvbuf;
	atomic_t sk_rmem_alloc;
	const void *sk_socket;
	int sk_forward_alloc;
	int charged;
	bool done;			/* SOCK_DONE: FIN was received */
	struct sk_buff_head sk_receive_queue;
};

static inline int sock_error(struct sock *sk)
{
	int err = sk->sk_err;

	sk->sk_err = 0;
	return -err;
}

struct tcp_sock {
	u32 rcv_nxt;
	u32 copied_seq;
	struct { u32 seq; } rcvq_space;
};

extern struct tcp_sock standin_tcp;
#define tcp_sk(sk) ((void)(sk), &standin_tcp)
#define SOCK_DONE 0
#define sock_flag(sk, flag) ((void)(flag), (sk)->done)
#define sk_peek_offset(sk, flags) ((void)(sk), (void)(flags), -1)
#define sk_peek_offset_fwd(sk, n) ((void)(sk), (void)(n))
#define sk_peek_offset_bwd(sk, n) ((void)(sk), (void)(n))
#define sock_owned_by_me(sk) ((void)(sk))
#define tcp_receive_window(tp) ((void)(tp), 1U << 20)
#define atomic_read(v) ((v)->counter)
#define before(a, b) ((int)((a) - (b)) < 0)
enum { TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_CLOSE = 7 };
#define TCPF_SYN_SENT (1 << TCP_SYN_SENT)
#define TCPF_SYN_RECV (1 << TCP_SYN_RECV)
#define RCV_SHUTDOWN 1

typedef struct {
	size_t count;
	union { void *data; } arg;
	int error;
} read_descriptor_t;

int tcp_read_sock(struct sock *sk, read_descriptor_t *desc,
		  int (*actor)(read_descriptor_t *, struct sk_buff *, unsigned int, size_t));

static inline int skb_copy_bits(const struct sk_buff *skb, u32 off, void *to, size_t len)
{
	assert(off + len <= skb->len);
	memcpy(to, skb->data + off, len);
	return 0;
}

/* Memory that it is charged for; a limit is met when an allocation is to fail. */
enum { SK_MEM_SEND, SK_MEM_RECV };

static inline int __sk_mem_schedule(struct sock *sk, int n, int kind)
{
	void *p = test_alloc(1);

	(void)kind;
	if (!p)
		return 0;
	test_free(p);
	sk->sk_forward_alloc += n;
	return 1;
}

static inline void sk_mem_charge(struct sock *sk, int n)
{
	sk->sk_forward_alloc -= n;
	sk->charged += n;
	assert(sk->sk_forward_alloc >= 0);
}

static inline void sk_mem_uncharge(struct sock *sk, int n)
{
	sk->sk_forward_alloc += n;
	sk->charged -= n;
}

/* What kssl_framer_return() makes: the fuzzer looks at it. */
#define TCPHDR_FIN 1
#define TCPHDR_ACK 16
#define TCP_SKB_CB(skb) (skb)
#define sk_rmem_schedule(sk, skb, n) ((void)(n), true)
#define skb_set_owner_r(skb, sk) ((void)(sk))
struct sk_buff *alloc_skb(u32 len, gfp_t gfp);
void kfree_skb(struct sk_buff *skb);
void skb_put_data(struct sk_buff *skb, const u8 *bytes, u32 len);
void __skb_queue_head(struct sk_buff_head *head, struct sk_buff *skb);

/* ---- messages to the program ---- */

struct iov_iter { u8 *to; size_t room; };

static inline size_t copy_to_iter(const void *from, size_t n, struct iov_iter *i)
{
	n = min(n, i->room);
	memcpy(i->to, from, n);
	i->to += n;
	i->room -= n;
	return n;
}

struct msghdr {
	struct iov_iter msg_iter;
	int msg_flags;
	void *msg_control;
	size_t msg_controllen;
};

struct compat_cmsghdr { u32 n[3]; };
struct cmsghdr { u64 n[2]; };
#define MSG_PEEK 2
#define MSG_EOR 0x80
#define SOL_TLS 282
#define MSG_CTRUNC 8
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_WAITALL 0x100
#define MSG_CMSG_COMPAT 0x80000000
int put_cmsg(struct msghdr *msg, int level, int type, int len, void *data);

/* ---- waiting: never ---- */

#define DEFINE_WAIT_FUNC(name, fn) int name __attribute__((unused)) = 0
#define SOCKWQ_ASYNC_WAITDATA 0
#define ERESTARTSYS 512
#define signal_pending(task) false
#define cond_resched() do { } while (0)
#define sk_flush_backlog(sk) ((void)(sk))
#define sock_intr_errno(timeo) (-EINTR)
#define sk_sleep(sk) NULL
#define add_wait_queue(q, w) ((void)(q))
#define remove_wait_queue(q, w) ((void)(q))
#define sk_set_bit(bit, sk) ((void)(sk))
#define sk_clear_bit(bit, sk) ((void)(sk))
#define sk_wait_event(sk, timeo, condition, w) ((void)(condition), *(timeo) = 0)
#define sock_rcvtimeo(sk, nonblock) ((void)(nonblock), 0L)

/* ---- pipes ---- */

struct page { u8 data[PAGE_SIZE]; };
#define alloc_page(gfp) ((struct page *)test_alloc(sizeof(struct page)))
#define put_page(page) test_free(page)
#define page_address(page) ((page)->data)
struct partial_page { u32 offset, len; };
struct pipe_inode_info;
struct splice_pipe_desc {
	struct page **pages;
	struct partial_page *partial;
	int nr_pages;
	unsigned int nr_pages_max;
	const int *ops;
	void (*spd_release)(struct splice_pipe_desc *spd, unsigned int i);
};
extern const int nosteal_pipe_buf_ops;
#define SPLICE_F_NONBLOCK 2
ssize_t splice_to_pipe(struct pipe_inode_info *pipe, struct splice_pipe_desc *spd);

/* ---- time ---- */

#define NSEC_PER_SEC 1000000000L
extern u64 standin_ns;
#define ktime_get_ns() standin_ns
#define msecs_to_jiffies(ms) (ms)
#define time_before64(a, b) ((a) < (b))

typedef struct { void *user; } sockptr_t;

#endif
