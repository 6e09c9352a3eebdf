/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KSSL_DIAG_H
#define _KSSL_DIAG_H

#include "kssl_compat.h"

int kssl_diag_info(KSSL_GET_INFO_ARGS);
size_t kssl_diag_size(KSSL_GET_INFO_SIZE_ARGS);

#endif /* _KSSL_DIAG_H */
