/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the unit tests: CPUs are elements of an array, a test says on which it is. */
#ifndef STANDIN_PERCPU_H
#define STANDIN_PERCPU_H

#include "../standin.h"

#define NR_CPUS		4
unsigned int standin_cpu(void);

#define raw_cpu_ptr(p)		(&(p)[standin_cpu()])
#define per_cpu_ptr(p, cpu)	(&(p)[cpu])
#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (cpu) < NR_CPUS; (cpu)++)
#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

#endif /* STANDIN_PERCPU_H */
