/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the unit tests, on top of the system's. */
#include_next <linux/errno.h>
#include "../standin.h"
