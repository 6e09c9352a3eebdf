// SPDX-License-Identifier: GPL-2.0
/*
 * One call's records on several CPUs: fork and join.
 *
 * The caller, who holds the socket lock all the time, publishes jobs in the order
 * of the stream, works on them itself, and takes them back in the same order.
 * Helpers, which are work items on other CPUs, take jobs from the front as the
 * caller does.  They touch the job, its buffer and the transform, and nothing of
 * the session.  Whether a helper ever runs makes no difference but time: the
 * caller does what nobody else has begun, and waits only for what somebody has.
 *
 * kssl_crew_join() comes before the lock is released, before keys change, and
 * before the call returns: after it no helper has or gets a job.
 */
#include "crew.h"

#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "cache.h"
#include "crypt.h"

unsigned int kssl_crew_parallel;
module_param_named(parallel, kssl_crew_parallel, uint, 0644);
MODULE_PARM_DESC(parallel, "calls that move as many full records as this use all CPUs; 0: none");

static struct workqueue_struct *wq;

static struct kssl_job *claim(struct kssl_crew *crew)
{
	int n = atomic_read(&crew->taken);

	do {
		/* pairs with kssl_crew_publish(): the job is all there */
		if (n == (int)smp_load_acquire(&crew->put))
			return NULL;
	} while (!atomic_try_cmpxchg(&crew->taken, &n, n + 1));
	return &crew->job[(unsigned int)n % KSSL_JOBS];
}

static void do_job(const struct kssl_crew *crew, struct kssl_job *job)
{
	if (crew->open)
		job->err = kssl_crypt_open(crew->half, job->seq, job->at, job->len, &job->type,
					   &job->out, &job->out_len, &job->alert);
	else
		job->err = kssl_crypt_seal(crew->half, job->seq, job->type, job->at, job->len,
					   job->pad, &job->out_len);
	/* pairs with kssl_crew_ready() */
	smp_store_release(&job->done, true);
}

static void help(struct work_struct *work)
{
	struct kssl_crew *crew = container_of(work, struct kssl_helper, work)->crew;
	struct kssl_job *job;

	while ((job = claim(crew))) {
		job->helped = true;
		do_job(crew, job);
		if (wq_has_sleeper(&crew->wait))
			wake_up(&crew->wait);
		cond_resched();
	}
}

static struct kssl_crew *crew_new(void)
{
	struct kssl_crew *crew = kzalloc(sizeof(*crew), GFP_KERNEL);
	int i;

	if (!crew)
		return NULL;
	init_waitqueue_head(&crew->wait);
	for (i = 0; i < KSSL_HELPERS; i++) {
		INIT_WORK(&crew->helper[i].work, help);
		crew->helper[i].crew = crew;
	}
	return crew;
}

static void crew_free(void *obj)
{
	struct kssl_crew *crew = obj;
	int i;

	for (i = 0; i < KSSL_JOBS; i++)
		if (crew->job[i].buf)
			free_pages_exact(crew->job[i].buf, KSSL_JOB_BUF);
	kfree(crew);
}

/*
 * With their buffers, so that a call need not allocate them.  Buffers are on the
 * account of the program that made them necessary: it may hold them for long, by
 * memory that is slow to write to.
 */
DEFINE_KSSL_CACHE(crews, 1, crew_free);

/**
 * kssl_crew_get() - a crew for a call
 * @half: keys that it works with
 * @open: records are to be opened, not sealed
 *
 * Context: process, socket lock.  Return: the crew, the caller's until
 * kssl_crew_put(); or NULL: no memory, or suites that only one CPU can work with.
 */
struct kssl_crew *kssl_crew_get(struct kssl_half *half, bool open)
{
	struct kssl_crew *crew;

	/* one CPU, too, does the work of several if tests want it */
	if (!kssl_crypt_is_shared(half) || (num_online_cpus() == 1 && kssl_crew_least() > 1))
		return NULL;
	crew = kssl_cache_take(&crews) ?: crew_new();
	if (!crew)
		return NULL;
	crew->half = half;
	crew->open = open;
	crew->helpers = clamp_t(unsigned int, num_online_cpus() - 1, 1, KSSL_HELPERS);
	return crew;
}

/**
 * kssl_crew_put() - done with a crew
 * @crew: the crew; no helper has a job.  Records that went nowhere are dropped
 */
void kssl_crew_put(struct kssl_crew *crew)
{
	struct kssl_job *job;

	for (; (job = kssl_crew_head(crew)); kssl_crew_next(crew)) {
		if (job->page)
			put_page(job->page);
		job->page = NULL;
	}
	crew->half = NULL;
	kssl_cache_put(&crews, crew);
}

/**
 * kssl_crew_free_job() - a place for the next job
 * @crew: the crew
 *
 * Return: the job, to be filled and published; NULL: all are in use, or there is
 * no memory.
 */
struct kssl_job *kssl_crew_free_job(struct kssl_crew *crew)
{
	struct kssl_job *job = &crew->job[crew->put % KSSL_JOBS];

	if (crew->put - crew->got == KSSL_JOBS)
		return NULL;
	if (crew->open && !job->buf)
		job->buf = alloc_pages_exact(KSSL_JOB_BUF, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (crew->open && !job->buf)
		return NULL;
	job->done = false;
	job->helped = false;
	return job;
}

/**
 * kssl_crew_publish() - the job that kssl_crew_free_job() gave is filled
 * @crew: the crew
 */
void kssl_crew_publish(struct kssl_crew *crew)
{
	unsigned int n = crew->put % crew->helpers;

	/* pairs with claim() */
	smp_store_release(&crew->put, crew->put + 1);
	queue_work(wq, &crew->helper[n].work);
}

/**
 * kssl_crew_work() - do the next job that nobody has begun
 * @crew: the crew
 *
 * Return: false: there is none.
 */
bool kssl_crew_work(struct kssl_crew *crew)
{
	struct kssl_job *job = claim(crew);

	if (job)
		do_job(crew, job);
	return job;
}

/**
 * kssl_crew_wait() - until the oldest job is done
 * @crew: a crew with a job that was not taken back
 */
void kssl_crew_wait(struct kssl_crew *crew)
{
	while (!kssl_crew_ready(crew) && kssl_crew_work(crew))
		;
	wait_event(crew->wait, kssl_crew_ready(crew));
}

/**
 * kssl_crew_join() - all jobs are done, and no helper is at work
 * @crew: the crew
 */
void kssl_crew_join(struct kssl_crew *crew)
{
	unsigned int i;

	while (kssl_crew_work(crew))
		;
	for (i = 0; i < crew->helpers; i++)
		cancel_work_sync(&crew->helper[i].work);
}

/**
 * kssl_crew_init() - where helpers run
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_crew_init(void)
{
	/* a send may be made to free memory: the helpers must not depend on any */
	wq = alloc_workqueue("kssl-crew", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_CPU_INTENSIVE, 0);
	return wq ? 0 : -ENOMEM;
}

/**
 * kssl_crew_exit() - no session is left
 */
void kssl_crew_exit(void)
{
	kssl_cache_exit(&crews);
	destroy_workqueue(wq);
}
