// SPDX-License-Identifier: GPL-2.0
/*
 * Who attached a socket: user, groups, process, program and cgroup, for the
 * daemon's policy and for those who list sessions.  What it means is the daemon's
 * business.
 *
 * A socket that a listener made has the listener's.  A process has mostly one,
 * shared by its sockets: the last one of each network namespace is kept for that.
 *
 * A program is named by device, inode and birth of its file, and not by its path:
 * anybody can have a mount namespace in which his file lies at any path.  The file
 * is not held, so that it can be unmounted; its birth tells it from one that gets
 * the same inode later.
 */
#include "owner.h"

#include <linux/cgroup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kdev_t.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "kssl_compat.h"
#include "session.h"

#ifdef CONFIG_CGROUPS
static u64 current_cgroup(void)
{
	u64 id;

	rcu_read_lock();
	id = cgroup_id(task_dfl_cgroup(current));
	rcu_read_unlock();
	return id;
}

/* Of whatever cgroup it is in now; @id tells whether that is still the same. */
static int current_cgroup_path(char *buf, size_t room, u64 *id)
{
	struct cgroup *cgrp;
	int n;

	rcu_read_lock();
	cgrp = task_dfl_cgroup(current);
	*id = cgroup_id(cgrp);
	n = cgroup_path(cgrp, buf, room);
	rcu_read_unlock();
	return n;
}
#else
static u64 current_cgroup(void)
{
	return 0;
}

static int current_cgroup_path(char *buf, size_t room, u64 *id)
{
	*id = 0;
	return -ENOENT;
}
#endif

/* A cgroup without a path is one that no policy names. */
static int take_cgroup(struct kssl_owner *o, char *buf)
{
	int n = current_cgroup_path(buf, PATH_MAX, &o->cgroup_id);

	if (n < 0 || n > KSSL_CGROUP_MAX)
		return 0;
	o->cgroup = kstrdup(buf, GFP_KERNEL_ACCOUNT);
	return o->cgroup ? 0 : -ENOMEM;
}

/* As stat(2) says it, but without asking a file server that may not answer. */
static int take_file(struct kssl_owner *o, const struct path *path)
{
	struct kstat stat;
	int err = vfs_getattr(path, &stat, STATX_INO | STATX_BTIME, AT_STATX_DONT_SYNC);

	if (err)
		return err;
	o->exe_dev = huge_encode_dev(stat.dev);
	o->exe_ino = stat.ino;
	if (stat.result_mask & STATX_BTIME)
		o->exe_born = timespec64_to_ns(&stat.btime);
	return 0;
}

/* A program that cannot be asked after is one that no policy names. */
static int take_exe(struct kssl_owner *o, char *buf)
{
	struct file *file = current->mm ? kssl_compat_exe_file(current->mm) : NULL;
	char *path;
	int err = 0;

	if (!file)
		return 0;
	path = file_path(file, buf, PATH_MAX);
	if (!take_file(o, &file->f_path) && !IS_ERR(path) && strlen(path) <= KSSL_EXE_MAX) {
		o->exe = kstrdup(path, GFP_KERNEL_ACCOUNT);
		err = o->exe ? 0 : -ENOMEM;
	}
	fput(file);
	return err;
}

static int take_paths(struct kssl_owner *o)
{
	char *buf = kmalloc(PATH_MAX, GFP_KERNEL);
	int err = -ENOMEM;

	if (buf)
		err = take_exe(o, buf) ?: take_cgroup(o, buf);
	kfree(buf);
	return err;
}

static u64 started(void)
{
	return READ_ONCE(current->group_leader->start_boottime);
}

static struct kssl_owner *make(void)
{
	struct kssl_owner *o = kzalloc(sizeof(*o), GFP_KERNEL_ACCOUNT);

	if (!o)
		return NULL;
	refcount_set(&o->ref, 1);
	o->cred = get_current_cred();
	o->pid = task_tgid_nr(current);
	get_task_comm(o->comm, current);
	o->started = started();
	o->execs = current->self_exec_id;
	if (!take_paths(o))
		return o;
	kssl_owner_put(o);
	return NULL;
}

/* The calling process, as it was when it attached the last one? */
static bool is_current(const struct kssl_owner *o)
{
	return o && o->cred == current_cred() && o->pid == task_tgid_nr(current) &&
	       o->started == started() && o->execs == current->self_exec_id &&
	       o->cgroup_id == current_cgroup() &&
	       !strncmp(o->comm, current->comm, sizeof(o->comm));
}

static struct kssl_owner *kept(struct kssl_net *kn)
{
	struct kssl_owner *o = NULL;

	spin_lock_bh(&kn->lock);
	if (is_current(kn->owner))
		o = kssl_owner_get(kn->owner);
	spin_unlock_bh(&kn->lock);
	return o;
}

/**
 * kssl_owner_current() - the calling process
 * @kn: its network namespace's part
 *
 * Context: process.  Return: the owner with a reference for the caller, or NULL (no
 * memory).
 */
struct kssl_owner *kssl_owner_current(struct kssl_net *kn)
{
	struct kssl_owner *o = kept(kn), *old;

	if (o)
		return o;
	o = make();
	if (!o)
		return NULL;
	spin_lock_bh(&kn->lock);
	old = kn->owner;
	kn->owner = kssl_owner_get(o);
	spin_unlock_bh(&kn->lock);
	kssl_owner_put(old);
	return o;
}

/**
 * kssl_owner_get() - one more reference
 * @o: an owner the caller has a reference of
 *
 * Return: @o.
 */
struct kssl_owner *kssl_owner_get(struct kssl_owner *o)
{
	refcount_inc(&o->ref);
	return o;
}

/**
 * kssl_owner_put() - drop a reference
 * @o: the owner, or NULL.  Any context.
 */
void kssl_owner_put(struct kssl_owner *o)
{
	if (!o || !refcount_dec_and_test(&o->ref))
		return;
	put_cred(o->cred);
	kfree(o->cgroup);
	kfree(o->exe);
	kfree(o);
}
