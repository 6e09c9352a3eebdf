// SPDX-License-Identifier: GPL-2.0
/* Counters per network namespace and /proc/net/kssl_stat. */
#include "mib.h"

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/seq_file_net.h>

static const char *const names[] = {
#define X(tag, name, text) [KSSL_MIB_##tag] = name,
	KSSL_MIB_LIST(X)
#undef X
};

static u64 sum(const struct kssl_net *kn, int field)
{
	u64 n = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		n += READ_ONCE(per_cpu_ptr(kn->mib, cpu)[field]);
	return n;
}

/* One "Name value" a line, as in /proc/net/tls_stat. */
static int show(struct seq_file *seq, void *v)
{
	const struct kssl_net *kn = kssl_net(seq_file_single_net(seq));
	int i;

	for (i = 0; i < KSSL_MIB_NR; i++)
		seq_printf(seq, "%-32s\t%llu\n", names[i], sum(kn, i));
	return 0;
}

/**
 * kssl_mib_net_init() - counters of a network namespace
 * @kn: its part
 *
 * Return: 0 or -ENOMEM.
 */
int kssl_mib_net_init(struct kssl_net *kn)
{
	kn->mib = __alloc_percpu(sizeof(u64) * KSSL_MIB_NR, __alignof__(u64));
	if (!kn->mib)
		return -ENOMEM;
	if (proc_create_net_single("kssl_stat", 0444, kn->net->proc_net, show, NULL))
		return 0;
	free_percpu(kn->mib);
	return -ENOMEM;
}

/**
 * kssl_mib_net_exit() - undo
 * @kn: the namespace's part
 */
void kssl_mib_net_exit(struct kssl_net *kn)
{
	remove_proc_entry("kssl_stat", kn->net->proc_net);
	free_percpu(kn->mib);
}
