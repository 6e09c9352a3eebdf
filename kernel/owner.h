/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_OWNER_H
#define _KSSL_OWNER_H

#include <linux/cred.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/types.h>

struct kssl_net;

/* What is longer is not told to anyone; a policy does not match it then. */
#define KSSL_EXE_MAX		255
#define KSSL_CGROUP_MAX		511
#define KSSL_GROUPS_MAX		256

/**
 * struct kssl_owner - who attached a socket
 * @ref: see owner.c
 * @cred: user and groups
 * @pid: process
 * @comm: name of the thread
 * @started: when the process was, ns since boot
 * @execs: how often it called execve()
 * @cgroup_id: number of its cgroup (version 2); 0: there is none
 * @cgroup: path of that from the root of the hierarchy, or NULL
 * @exe: path of its program as it sees it, for people; or NULL
 * @exe_dev: device of that file, as stat(2) has it; 0: no program is known
 * @exe_ino: inode
 * @exe_born: when the inode was made, ns; 0 if the file system does not say
 */
struct kssl_owner {
	refcount_t ref;
	const struct cred *cred;
	pid_t pid;
	char comm[TASK_COMM_LEN];
	u64 started;
	u64 execs;
	u64 cgroup_id;
	char *cgroup;
	char *exe;
	u64 exe_dev;
	u64 exe_ino;
	u64 exe_born;
};

struct kssl_owner *kssl_owner_current(struct kssl_net *kn);
struct kssl_owner *kssl_owner_get(struct kssl_owner *o);
void kssl_owner_put(struct kssl_owner *o);

#endif /* _KSSL_OWNER_H */
