/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the unit tests, on top of the system's. */
#include_next <linux/types.h>
#include "../standin.h"
