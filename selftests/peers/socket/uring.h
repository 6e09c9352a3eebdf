/* SPDX-License-Identifier: GPL-2.0 */
/* As much of io_uring as the cases need, by system calls: one request at a time. */
#ifndef URING_H
#define URING_H

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static struct {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	char *shots;		/* buffers of a multishot receive */
	int shot_size;
} ring;

static inline unsigned int *sq_word(unsigned int off)
{
	return (unsigned int *)(ring.sq + off);
}

static inline unsigned int *cq_word(unsigned int off)
{
	return (unsigned int *)(ring.cq + off);
}

static inline void *ring_map(size_t len, off_t off)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, off);

	must(p != MAP_FAILED, "mmap of a ring");
	return p;
}

static inline bool uring_open(void)
{
	ring.fd = syscall(__NR_io_uring_setup, 8, &ring.p);
	if (ring.fd < 0)
		return false;
	ring.sq = ring_map(ring.p.sq_off.array + ring.p.sq_entries * sizeof(int),
			   IORING_OFF_SQ_RING);
	ring.cq = ring_map(ring.p.cq_off.cqes + ring.p.cq_entries * sizeof(struct io_uring_cqe),
			   IORING_OFF_CQ_RING);
	ring.sqes = ring_map(ring.p.sq_entries * sizeof(*ring.sqes), IORING_OFF_SQES);
	return true;
}

static inline struct io_uring_sqe *uring_new(int op, int fd)
{
	static struct io_uring_sqe sqe;

	memset(&sqe, 0, sizeof(sqe));
	sqe.opcode = op;
	sqe.fd = fd;
	return &sqe;
}

static inline struct io_uring_sqe *uring_rw(int op, int fd, const void *buf, int len, int flags)
{
	struct io_uring_sqe *sqe = uring_new(op, fd);

	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
	if (op == IORING_OP_READ || op == IORING_OP_WRITE)
		sqe->off = -1;
	else
		sqe->msg_flags = flags;
	return sqe;
}

static inline struct io_uring_sqe *uring_splice(int from, int to, int len)
{
	struct io_uring_sqe *sqe = uring_new(IORING_OP_SPLICE, to);

	sqe->splice_fd_in = from;
	sqe->splice_off_in = -1;
	sqe->off = -1;
	sqe->len = len;
	return sqe;
}

static inline struct io_uring_sqe *uring_poll(int fd, int events)
{
	struct io_uring_sqe *sqe = uring_new(IORING_OP_POLL_ADD, fd);

	sqe->poll32_events = events;
	return sqe;
}

static inline struct io_uring_sqe *uring_multishot(int fd)
{
	struct io_uring_sqe *sqe = uring_new(IORING_OP_RECV, fd);

	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->buf_group = 1;
	return sqe;
}

static inline void uring_submit(const struct io_uring_sqe *sqe)
{
	unsigned int tail = *sq_word(ring.p.sq_off.tail);
	unsigned int i = tail & *sq_word(ring.p.sq_off.ring_mask);

	ring.sqes[i] = *sqe;
	sq_word(ring.p.sq_off.array)[i] = i;
	__atomic_store_n(sq_word(ring.p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	must(syscall(__NR_io_uring_enter, ring.fd, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

struct shot {
	int res;
	unsigned int flags;
};

static inline struct shot uring_wait(void)
{
	unsigned int head = *cq_word(ring.p.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring.cq + ring.p.cq_off.cqes), *c;
	struct shot cqe;

	while (__atomic_load_n(cq_word(ring.p.cq_off.tail), __ATOMIC_ACQUIRE) == head)
		syscall(__NR_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	c = &cqes[head & *cq_word(ring.p.cq_off.ring_mask)];
	cqe = (struct shot){ c->res, c->flags };
	__atomic_store_n(cq_word(ring.p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return cqe;
}

/* Submit if there is something to, wait, and say how it went. */
static inline const char *uring_result(const struct io_uring_sqe *sqe, const char *buf)
{
	struct shot cqe;

	if (sqe)
		uring_submit(sqe);
	cqe = uring_wait();
	if (cqe.flags & IORING_CQE_F_MORE)	/* zero copy: the second one */
		uring_wait();
	errno = -cqe.res;
	return buf ? text(cqe.res < 0 ? -1 : cqe.res, buf) : res(cqe.res < 0 ? -1 : cqe.res);
}

/* newer than some C libraries' headers */
#ifndef IORING_SEND_ZC_REPORT_USAGE
#define IORING_SEND_ZC_REPORT_USAGE	(1U << 3)
#endif
#define USAGE_COPIED			(1U << 31)	/* IORING_NOTIF_USAGE_ZC_COPIED */

/* A zero-copy send, and what its second completion says. */
static inline const char *uring_zerocopy(int fd, const char *buf, int len)
{
	struct io_uring_sqe *sqe = uring_rw(IORING_OP_SEND_ZC, fd, buf, len, 0);
	struct shot cqe;

	sqe->ioprio = IORING_SEND_ZC_REPORT_USAGE;
	uring_submit(sqe);
	cqe = uring_wait();
	errno = -cqe.res;
	if (cqe.res < 0 || !(cqe.flags & IORING_CQE_F_MORE))
		return res(cqe.res < 0 ? -1 : cqe.res);
	cqe = uring_wait();
	return (unsigned int)cqe.res == USAGE_COPIED ? "copied" : "not copied";
}

static inline const char *uring_bits(void)
{
	return bits_text(uring_wait().res);
}

static inline void uring_provide(int nr, int size)
{
	struct io_uring_sqe *sqe = uring_new(IORING_OP_PROVIDE_BUFFERS, nr);

	ring.shots = malloc(nr * size);
	ring.shot_size = size;
	sqe->addr = (uintptr_t)ring.shots;
	sqe->len = size;
	sqe->buf_group = 1;
	uring_submit(sqe);
	must(uring_wait().res >= 0, "provide buffers");
}

/* One completion of a multishot receive. */
static inline const char *uring_shot(void)
{
	struct shot cqe = uring_wait();
	int id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
	char *s = scratch();

	errno = -cqe.res;
	snprintf(s, 256, "%s%s", text(cqe.res < 0 ? -1 : cqe.res, ring.shots + id * ring.shot_size),
		 cqe.flags & IORING_CQE_F_MORE ? ", more" : ", done");
	return s;
}

#endif
