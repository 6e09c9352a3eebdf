// SPDX-License-Identifier: GPL-2.0-or-later
/* kssld(8): options, privileges, start and stop. */
#include "kssld.h"

#include <cap-ng.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONFIG_FILE "/etc/kssl/kssld.conf"

struct options {
	const char *config;
	bool config_given;
	bool check;
	bool foreground;
	bool verbose;
};

static void usage(FILE *to)
{
	fprintf(to, "usage: kssld [-c FILE] [--check] [--foreground] [--verbose]\n"
		    "Performs the TLS handshakes of kssl sockets.\n\n"
		    "  -c, --config FILE  configuration (" CONFIG_FILE ")\n"
		    "  -t, --check        check the configuration and exit\n"
		    "  -f, --foreground   stay in the foreground, log to stderr\n"
		    "  -v, --verbose      log more\n"
		    "  -V, --version      print the version\n"
		    "  -h, --help         print this\n");
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check", no_argument, NULL, 't' },
		{ "foreground", no_argument, NULL, 'f' },   { "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },	    { "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:tfvVh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			o->config_given = true;
			break;
		case 't':
			o->check = true;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			printf("kssld %s, %s\n", KSSLD_VERSION, OpenSSL_version(OPENSSL_VERSION));
			exit(0);
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	usage(stderr);
	return -1;
}

/* Secrets pass through this process: no core, no ptrace, no swap. */
static void harden(void)
{
	const struct rlimit none = { 0, 0 };

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		debug("memory is not locked");
}

/*
 * Everything but CAP_NET_ADMIN goes: workers need it for each answer.  The key
 * files are read by now.
 */
static bool drop_privileges(const struct config *c)
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
				 CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING) :
		 capng_apply(CAPNG_SELECT_BOTH)) {
		error("dropping privileges failed");
		return false;
	}
	prctl(PR_SET_DUMPABLE, 0);	/* a change of user sets it again */
	return true;
}

static int start_workers(const struct config *c, struct worker **workers)
{
	int n;

	for (n = 0; n < c->workers; n++) {
		workers[n] = worker_start(c, n);
		if (!workers[n])
			break;
	}
	return n;
}

/* Threads inherit the mask, so only sigwait() below sees these. */
static void block_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int serve(struct config *c)
{
	struct worker **workers = calloc((size_t)c->workers, sizeof(struct worker *));
	sigset_t set;
	int n, sig = 0;

	if (!workers)
		return 1;
	block_signals(&set);
	n = start_workers(c, workers);
	if (n == c->workers && drop_privileges(c)) {
		info("ready, %d workers", n);
		while (!sigwait(&set, &sig) && sig == SIGHUP)
			info("reload is not implemented: restart instead, nobody is lost");
	}
	while (n)
		worker_stop(workers[--n]);
	free(workers);
	return sig ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o = { .config = CONFIG_FILE };
	struct config *c;
	int ret = 1;

	if (parse(argc, argv, &o))
		return 2;
	c = config_read(o.config, o.config_given);
	if (!c)
		return 1;
	log_setup(o.verbose ? LOG_LEVEL_DEBUG : c->log, true);
	harden();
	if (identity_load(c))
		goto out;
	if (o.check) {
		printf("%s: good\n", o.config);
		ret = 0;
		goto out;
	}
	keylog_open(c->keylog);
	if (!o.foreground && daemon(0, 0))
		goto out;
	log_setup(o.verbose ? LOG_LEVEL_DEBUG : c->log, o.foreground);
	ret = serve(c);
out:
	config_free(c);
	return ret;
}
