/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the unit tests. */
#include "../standin.h"
