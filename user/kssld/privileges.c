// SPDX-License-Identifier: GPL-2.0-or-later
/* What the process may do, and what others may see of it. */
#include "kssld.h"

#include <cap-ng.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/**
 * privileges_harden() - secrets pass through this process: no core, no ptrace, no swap
 *
 * What is allocated later is locked too, when the privilege to exceed the limit is
 * gone: so the limit goes first.
 */
void privileges_harden(void)
{
	const struct rlimit none = { 0, 0 }, all = { RLIM_INFINITY, RLIM_INFINITY };
	int what = MCL_CURRENT | MCL_FUTURE;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (setrlimit(RLIMIT_MEMLOCK, &all))
		what = MCL_CURRENT;
	if (mlockall(what))
		debug("memory is not locked");
}

/**
 * privileges_drop() - keep CAP_NET_ADMIN alone, which workers need for each answer
 * @c: says whom to become
 *
 * The files are read by now; to read them again the user must be allowed to.  He keeps
 * his groups for that.
 *
 * Return: false after a log line.
 */
bool privileges_drop(const struct config *c)
{
	const struct passwd *pw = NULL;

	if (geteuid())
		return true;
	if (c->user) {
		pw = getpwnam(c->user);
		if (!pw) {
			error("no user %s", c->user);
			return false;
		}
	}
	capng_clear(CAPNG_SELECT_BOTH);
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
	if (pw ? capng_change_id((int)pw->pw_uid, (int)pw->pw_gid,
				 CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING) :
		 capng_apply(CAPNG_SELECT_BOTH)) {
		error("dropping privileges failed");
		return false;
	}
	prctl(PR_SET_DUMPABLE, 0);	/* a change of user sets it again */
	return true;
}
