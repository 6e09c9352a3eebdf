// SPDX-License-Identifier: GPL-2.0
// SOURCES: user/kssld/*.c user/lib/suite.c
// LIBS: libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng
// CFLAGS: -Dmain=kssld_main -Iuser/kssld
/* kssld.conf as anyone may write it: read, or refused with the line that is wrong. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <sys/mman.h>
#include <unistd.h>

#include "../../user/kssld/kssld.h"
#include "input.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fd = -1;
	static char path[64];
	struct config *c;

	if (fd < 0) {
		log_setup(LOG_LEVEL_ERROR, true);
		fd = memfd_create("kssld.conf", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) || pwrite(fd, bytes, len, 0) != (ssize_t)len)
		abort();
	c = config_read(path, true, NULL);
	if (!c)
		return 0;
	fuzz_must(memchr(c->problem, 0, sizeof(c->problem)), "a string");
	config_put(c);
	return 0;
}
