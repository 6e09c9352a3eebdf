// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU plugin: how often each block of guest code ran between the two marks of
 * bench.h.  Writes "address instructions runs" a line to the file named by out=.
 *
 * Debian has no package with qemu-plugin.h, so what is used of it is declared here
 * (QEMU's documentation of TCG plugins, version 1 of the interface).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../mark.h"

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { CB_NO_REGS };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
	void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
	void (*cb)(unsigned int cpu, void *data), int flags, void *data);
extern void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id id, void *data),
	void *data);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

int qemu_plugin_version = 1;
int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

struct block {
	struct block *next;
	uint64_t at, instructions, runs;
};

static struct block *blocks[1 << 16];
static const char *out = "/dev/stdout";
static bool counting;

static struct block *find(uint64_t at, uint64_t instructions)
{
	struct block **head = &blocks[(at ^ at >> 16) & 0xffff], *b;

	for (b = *head; b; b = b->next)
		if (b->at == at && b->instructions == instructions)
			return b;
	b = calloc(1, sizeof(*b));
	if (!b)
		abort();
	b->at = at;
	b->instructions = instructions;
	b->next = *head;
	*head = b;
	return b;
}

static void ran(unsigned int cpu, void *data)
{
	struct block *b = data;

	(void)cpu;
	if (counting)
		b->runs++;
}

static void mark(unsigned int cpu, void *data)
{
	(void)cpu;
	counting = data != NULL;
}

static void watch_for_marks(struct qemu_plugin_insn *insn)
{
	static const uint8_t on[] = { MARK_BYTES(MARK_ON) }, off[] = { MARK_BYTES(MARK_OFF) };
	const void *data = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != sizeof(on))
		return;
	if (!memcmp(data, on, sizeof(on)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, CB_NO_REGS, &counting);
	else if (!memcmp(data, off, sizeof(off)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, CB_NO_REGS, NULL);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	uint64_t at = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0));

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, ran, CB_NO_REGS, find(at, n));
	for (i = 0; i < n; i++)
		watch_for_marks(qemu_plugin_tb_get_insn(tb, i));
}

static void report(plugin_id id, void *data)
{
	FILE *f = fopen(out, "w");
	struct block *b;
	int i;

	(void)id;
	(void)data;
	for (i = 0; f && i < 1 << 16; i++)
		for (b = blocks[i]; b; b = b->next)
			if (b->runs)
				fprintf(f, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->at,
					b->instructions, b->runs);
	if (f)
		fclose(f);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, report, NULL);
	return 0;
}
