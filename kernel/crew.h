/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_CREW_H
#define _KSSL_CREW_H

#include <linux/atomic.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "kssl.h"

struct kssl_half;

extern unsigned int kssl_crew_parallel;

/* Records of one call that are at work or wait for their turn: a power of two. */
#define KSSL_JOBS	16

/* Most CPUs beside the caller's that work for one call. */
#define KSSL_HELPERS	7

/* Room for any record to open, in whole pages (bulk_rx.c). */
#define KSSL_JOB_BUF	20480

/**
 * struct kssl_job - a record to seal or to open
 * @seq: its sequence number
 * @at: to seal: where the text begins, see kssl_crypt_seal(); to open: where the
 *	record begins
 * @len: to seal: length of the text; to open: of the record
 * @pad: to seal: zeros behind the text
 * @type: content type, to be or found
 * @out: opened: where the text begins
 * @out_off: sealed: where the record begins in @page
 * @out_len: length of the record sealed, or of the text opened
 * @alert: opened with an error: the alert that tells the peer
 * @err: 0 or negative errno
 * @helped: another CPU did it
 * @done: the fields above are the caller's again
 * @page: to seal: where the record lies, one reference; NULL if it went on
 * @buf: to open: KSSL_JOB_BUF bytes, kept for the next call; or NULL
 */
struct kssl_job {
	u64 seq;
	u8 *at;
	u32 len;
	u32 pad;
	u8 type;
	u8 *out;
	u32 out_off;
	u32 out_len;
	u8 alert;
	int err;
	bool helped;
	bool done;
	struct page *page;
	u8 *buf;
};

/**
 * struct kssl_helper - another CPU's part
 * @work: work item
 * @crew: whose
 */
struct kssl_helper {
	struct work_struct work;
	struct kssl_crew *crew;
};

/**
 * struct kssl_crew - records of one call on several CPUs
 * @half: keys; nothing of them changes while a record is at work
 * @open: records are opened, not sealed
 * @helpers: how many CPUs may help
 * @put: jobs published so far; written by the caller
 * @taken: jobs that somebody works on, or has done
 * @got: jobs that the caller has taken back
 * @wait: where the caller sleeps for a job that a helper has
 * @helper: the helpers
 * @job: the jobs, a ring; those from @got to @put are in use
 */
struct kssl_crew {
	struct kssl_half *half;
	bool open;
	unsigned int helpers;
	unsigned int put;
	atomic_t taken;
	unsigned int got;
	wait_queue_head_t wait;
	struct kssl_helper helper[KSSL_HELPERS];
	struct kssl_job job[KSSL_JOBS];
};

struct kssl_crew *kssl_crew_get(struct kssl_half *half, bool open);
void kssl_crew_put(struct kssl_crew *crew);
struct kssl_job *kssl_crew_free_job(struct kssl_crew *crew);
void kssl_crew_publish(struct kssl_crew *crew);
bool kssl_crew_work(struct kssl_crew *crew);
void kssl_crew_wait(struct kssl_crew *crew);
void kssl_crew_join(struct kssl_crew *crew);
int kssl_crew_init(void);
void kssl_crew_exit(void);

/* Full records that a call must have to be worth several CPUs; 0: never. */
static inline unsigned int kssl_crew_least(void)
{
	return READ_ONCE(kssl_crew_parallel);
}

/* The oldest job that the caller has not taken back; NULL if there is none. */
static inline struct kssl_job *kssl_crew_head(struct kssl_crew *crew)
{
	return crew->got == crew->put ? NULL : &crew->job[crew->got % KSSL_JOBS];
}

/* How many jobs the caller has not taken back. */
static inline unsigned int kssl_crew_busy(const struct kssl_crew *crew)
{
	return crew->put - crew->got;
}

/* Is the oldest of them done? */
static inline bool kssl_crew_ready(struct kssl_crew *crew)
{
	const struct kssl_job *job = kssl_crew_head(crew);

	/* pairs with do_job() */
	return job && smp_load_acquire(&job->done);
}

/* It is done, and the caller has no more use for it. */
static inline void kssl_crew_next(struct kssl_crew *crew)
{
	crew->got++;
}

#endif /* _KSSL_CREW_H */
