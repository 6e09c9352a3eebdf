# SPDX-License-Identifier: GPL-2.0
# Thin front. The module's objects are listed in Kbuild.
#
#   make demo          the main job, end to end, in a virtual machine
#   make demo-classic  the seven steps of old SSL, with RSA, CBC and client certificates
#   make check         all tests
#   make help          the rest

# Headers: of the running kernel if they are there, else the newest installed.
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(shell ls -d /lib/modules/*/build 2>/dev/null | sort -rV))
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
# programs of the build folder find the libraries there; packages set it to nothing
RPATH ?= -Wl,-rpath,'$$ORIGIN'
PKGS := libnl-genl-3.0 libssl libcrypto libevent_core jansson libcap-ng

CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -D_GNU_SOURCE \
	-Iinclude -Iinclude/uapi $(WERROR)
pc = $(shell pkg-config --cflags --libs $(1))

.PHONY: all modules user selftests check check-matrix check-debug check-long bench bench-handshake bench-ct bench-server profile fuzz fuzzers \
	demo demo-classic sparse style kdoc nl-gen insmod rmmod install install-user deb check-packages \
	clean help setup libraries

all: modules user

help:
	@sed -n 's/^#   //p' Makefile
	@echo "modules [KDIR=..]  kssl.ko, here"
	@echo "user               build/kssld ksslctl kssl-run libkssl.so libkssl-ssl.so"
	@echo "selftests          test programs, build/unit and build/peers"
	@echo "check [T=script]   all tests, or one script of selftests/"
	@echo "  KERNEL=6.12|7.3  in a virtual machine with that kernel (default 6.1)"
	@echo "check-matrix       TCP_ULP \"tls\" on 6.1, 6.12 and 7.3: the kernel's own test, programs"
	@echo "check-debug [T=..] in a kernel with KASAN, lockdep, kmemleak, faults (built once)"
	@echo "check-long         check-packages, and check-debug with every script"
	@echo "mutants            builds with a promise broken each: does its test see it?"
	@echo "soak [HOURS=1]     mixed traffic over a bad link, keys and daemons changing; memory flat"
	@echo "bench-ct           constant time of MAC-then-encrypt, in instructions; three minutes"
	@echo "fuzz [MINUTES=10]  every fuzzer for so long, from the corpus in selftests/fuzz"
	@echo "fuzz-calls [MINUTES=10]  socket calls at random, in a virtual machine"
	@echo "bench [CASES=..]   instructions per operation beside plain TCP, in-tree TLS and OpenSSL"
	@echo "bench-server       nginx with 1,000 connections that ask and 10,000 that are idle, by kssl"
	@echo "                   and by others; half an hour"
	@echo "bench-handshake    instructions of a handshake beside OpenSSL's s_server"
	@echo "profile CASE=tx/1024  where they go, by function (WAY=kssl|intree|openssl|plain)"
	@echo "insmod, rmmod      load or unload kssl.ko on this machine"
	@echo "deb                Debian packages, build/deb/*.deb"
	@echo "check-packages     installed, booted with systemd, removed, on Debian 12 and 13"
	@echo "install            module and programs (PREFIX=$(PREFIX))"
	@echo "sparse, nl-gen     static check; header and policies from kssl.yaml"

modules:
	@[ -n "$(KDIR)" ] || { echo "no kernel headers: apt-get install linux-headers-amd64"; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(W),W=$(W)) modules

sparse:
	$(MAKE) -C $(KDIR) M=$(CURDIR) C=2 CF=-D__CHECK_ENDIAN__ modules

libraries:
	@pkg-config --exists $(PKGS) || { echo "libraries are missing: apt-get install libssl-dev \
	libnl-genl-3-dev libevent-dev libjansson-dev libcap-ng-dev pkg-config"; exit 1; }

user: libraries build/libkssl.so build/libkssl-ssl.so build/kssld build/ksslctl build/kssl-run build/kssl-run.so

HEADERS := $(wildcard include/kssl/*.h include/uapi/linux/*.h user/*/*.h)

build/kssld: $(wildcard user/kssld/*.c) user/lib/suite.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(call pc,libnl-genl-3.0 libssl libcrypto libevent_core libcap-ng) -lpthread

# a library of its own: libkssl does not pull libssl into its users
LIBSSL_PART := user/lib/ssl.c user/lib/suite.c

build/libkssl.so: $(filter-out $(LIBSSL_PART),$(wildcard user/lib/*.c)) $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) $(LDFLAGS) -fPIC -fvisibility=hidden -shared -Wl,-soname,libkssl.so.0 -o $@.0 $(filter %.c,$^) $(call pc,libnl-genl-3.0)
	ln -sf $(@F).0 $@

build/libkssl-ssl.so: $(LIBSSL_PART) build/libkssl.so $(HEADERS)
	$(CC) $(CFLAGS) $(LDFLAGS) -fPIC -fvisibility=hidden -shared -Wl,-soname,libkssl-ssl.so.0 -o $@.0 $(filter %.c,$^) -Lbuild -lkssl $(RPATH) $(call pc,libssl libcrypto)
	ln -sf $(@F).0 $@

build/counters.h: kernel/mib.h
	@mkdir -p build
	sed -n 's/^\tX([A-Z0-9_]*, \("[A-Za-z0-9]*"\), \(".*"\)).*/{ \1, \2 },/p' $< >$@

build/ksslctl: $(wildcard user/ksslctl/*.c) build/counters.h build/libkssl.so $(HEADERS)
	$(CC) $(CFLAGS) $(LDFLAGS) -Ibuild -o $@ $(filter %.c,$^) -Lbuild -lkssl $(RPATH) $(call pc,libnl-genl-3.0 jansson)

build/kssl-run: $(addprefix user/run/,launcher.c listener.c program.c tls.c) $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) $(LDFLAGS) -DLIBDIR='"$(LIBDIR)"' -o $@ $(filter %.c,$^)

build/kssl-run.so: user/run/preload.c user/run/tls.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) $(LDFLAGS) -fPIC -fvisibility=hidden -shared -o $@ $(filter %.c,$^) -ldl -lpthread

# A test program names what it needs in its first lines:
#   // SOURCES: kernel/record.c        // LIBS: libcrypto        // CFLAGS: -I..
#   // SANITIZE: no                    (unit tests that run under valgrind)
#   // LINK: -Lbuild -lkssl            (peers: linker options before the libraries)
said = $(shell sed -n 's|^// $(2): ||p' $(1))
UNITS := $(patsubst selftests/unit/%.c,build/unit/%,$(wildcard selftests/unit/*.c))
PEERS := $(patsubst selftests/peers/%.c,build/peers/%,$(wildcard selftests/peers/*.c)) \
	build/peers/server build/peers/client build/peers/socket build/peers/socket32 \
	build/peers/bounds32

selftests: $(UNITS) $(PEERS)

build/unit/%: selftests/unit/%.c $(wildcard kernel/*.[ch] user/*/*.[ch] selftests/unit/*.h selftests/unit/include/*/*.h selftests/peers/wire.h)
	@mkdir -p build/unit
	$(CC) $(CFLAGS) $(if $(call said,$<,SANITIZE),,-fsanitize=address,undefined -fno-sanitize-recover=undefined) $(call said,$<,CFLAGS) -o $@ $< $(call said,$<,SOURCES) $(call pc,$(or $(call said,$<,LIBS),libcrypto)) -lpthread

build/peers/socket build/peers/socket32: $(wildcard selftests/peers/socket/*) $(HEADERS)
	@mkdir -p build/peers
	$(CC) $(CFLAGS) $(if $(filter %32,$@),-m32 -static) -o $@ $(filter %.c,$^) -lpthread

build/peers/%: selftests/peers/%.c $(wildcard selftests/peers/*.h) $(HEADERS)
	@mkdir -p build/peers
	$(CC) $(CFLAGS) -o $@ $< $(call said,$<,LINK) $(call pc,$(or $(call said,$<,LIBS),libcrypto)) -lpthread

# 32-bit programs on a 64-bit kernel
build/peers/%32: selftests/peers/%.c $(wildcard selftests/peers/*.h) $(HEADERS)
	@mkdir -p build/peers
	$(CC) $(CFLAGS) -m32 -static -o $@ $<

# its LINK line names our libraries
build/peers/attach: build/libkssl-ssl.so

build/peers/%: user/examples/%.c $(HEADERS)
	@mkdir -p build/peers
	$(CC) $(CFLAGS) -o $@ $<

setup:
	@selftests/setup

check: setup
	@KERNEL=$(KERNEL) selftests/check $(T)

check-matrix: setup
	@selftests/matrix $(T)

check-debug: setup
	@KERNEL=debug selftests/check $(T)

check-long: setup
	@rc=0; [ -n "$(T)" ] || selftests/packages/run || rc=1; \
	LONG=1 UPSTREAM=full VM_ENV="UPSTREAM LONG" KERNEL=debug selftests/check $(T) && exit $$rc

# Fuzzers name what they need as the test programs do.
FUZZERS := $(patsubst selftests/fuzz/%.c,build/fuzz/%,$(wildcard selftests/fuzz/*.c))
MINUTES ?= 10

fuzzers: $(FUZZERS)

build/fuzz/%: selftests/fuzz/%.c $(wildcard kernel/*.[ch] user/*/*.[ch] selftests/fuzz/*.h selftests/fuzz/include/*.h selftests/unit/*.h selftests/unit/include/*.h selftests/peers/wire.h) $(HEADERS)
	@mkdir -p build/fuzz
	clang $(CFLAGS) -O1 -Wno-unused-parameter -Wno-unused-function -Wno-sign-compare -Wno-c2x-extensions \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$(call said,$<,CFLAGS) -o $@ $< $(call said,$<,SOURCES) $(call pc,$(or $(call said,$<,LIBS),libcrypto)) -lpthread

fuzz: setup
	@$(MAKE) -s fuzzers
	@selftests/fuzz/run $$(( $(MINUTES) * 60 ))

# Half of it one thread beside TCP, half many threads.
.PHONY: fuzz-calls
fuzz-calls: setup
	@CALLS=$$(( $(MINUTES) * 30 )) LIMIT=$$(( $(MINUTES) * 120 + 400 )) \
		VM_ENV="CALLS LIMIT CALLS_SEED" KERNEL=$(KERNEL) selftests/check uapi/fuzz

.PHONY: mutants
mutants: setup
	@selftests/mutate $(T)

HOURS ?= 1

.PHONY: soak
soak: setup
	@KERNEL=$(KERNEL) selftests/soak $(HOURS)

bench-ct: setup
	@$(MAKE) -s modules user selftests
	@selftests/bench/constant

build/bench/bench: $(wildcard selftests/bench/*.[ch]) selftests/peers/wire.h $(HEADERS)
	@mkdir -p build/bench
	$(CC) $(CFLAGS) -o $@ $(filter selftests/bench/%.c,$^) $(call pc,libssl libcrypto) -lpthread

build/bench/blocks.so: selftests/bench/qemu/blocks.c selftests/bench/mark.h
	@mkdir -p build/bench
	$(CC) $(CFLAGS) -fPIC -shared -o $@ $<

build/bench/handshake: selftests/bench/handshake/client.c
	@mkdir -p build/bench
	$(CC) $(CFLAGS) -o $@ $< $(call pc,libssl libcrypto)

bench-handshake: setup build/bench/handshake
	@$(MAKE) -s modules user build/peers/server
	@KERNEL=$(KERNEL) selftests/bench/handshake/run

bench: setup build/bench/bench
	@$(MAKE) -s modules
	@KERNEL=$(KERNEL) selftests/bench/run $(CASES)

bench-server: setup
	@$(MAKE) -s modules user selftests
	@KERNEL=$(KERNEL) selftests/bench/server/run

profile: setup build/bench/bench build/bench/blocks.so
	@$(MAKE) -s modules
	@KERNEL=$(KERNEL) selftests/bench/profile $(CASE) $(WAY)

demo: setup
	@$(MAKE) -s modules user selftests
	@selftests/demo

demo-classic: setup
	@$(MAKE) -s modules user
	@selftests/demo-classic

nl-gen:
	include/netlink/nl-gen include/netlink/kssl.yaml include/uapi/linux/kssl_netlink.h \
		kernel/generated/netlink.h kernel/generated/netlink.c

# Without headers, as in a virtual machine, the module that is there.
insmod: $(if $(KDIR),modules,$(if $(wildcard kssl.ko),,modules))
	-modprobe -a gcm aesni_intel libchacha20poly1305
	insmod ./kssl.ko

rmmod:
	rmmod kssl

install: modules user install-user
	$(MAKE) -C $(KDIR) M=$(CURDIR) INSTALL_MOD_PATH=$(DESTDIR) INSTALL_MOD_DIR=updates modules_install
	ldconfig || true

install-user: user
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin build/kssld build/ksslctl
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin build/kssl-run
	install -D -m 644 -t $(DESTDIR)$(LIBDIR) build/libkssl.so.0 build/libkssl-ssl.so.0 build/kssl-run.so
	ln -sf libkssl.so.0 $(DESTDIR)$(LIBDIR)/libkssl.so
	ln -sf libkssl-ssl.so.0 $(DESTDIR)$(LIBDIR)/libkssl-ssl.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/kssl include/kssl/kssl.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/linux include/uapi/linux/kssl.h include/uapi/linux/kssl_netlink.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions user/packaging/completions/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/kssl user/etc/kssl-ktls.conf user/etc/kssld.conf user/packaging/SIGNING
	for s in 1 3 5 7 8; do for f in user/man/*.$$s; do \
		[ ! -e $$f ] || install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$$s $$f; done; done

# The Debian packages, into build/deb; and all that happens to them on a Debian system.
deb:
	@user/packaging/deb

check-packages: setup
	@selftests/packages/run

clean:
	[ -z "$(KDIR)" ] || $(MAKE) -C $(KDIR) M=$(CURDIR) clean
	rm -rf build
