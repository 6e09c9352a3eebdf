// SPDX-License-Identifier: GPL-2.0-or-later
/* kssld(8): options, and what they ask for. */
#include "kssld.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	struct options o = { .config = CONFIG_FILE };
	struct config *c;
	int ret = 1;

	if (parse(argc, argv, &o))
		return 2;
	privileges_harden();
	c = reload_first(o.config, o.config_given, o.verbose);
	if (!c)
		return 1;
	if (o.check) {
		printf("%s: good\n", o.config);
		ret = 0;
		goto out;
	}
	keylog_open(c->keylog);
	/* not to "/": the files may have relative names, and are read again */
	if (!o.foreground && daemon(1, 0))
		goto out;
	log_setup(o.verbose ? LOG_LEVEL_DEBUG : c->log, o.foreground);
	ret = serve();
out:
	config_put(c);
	reload_end();
	return ret;
}
