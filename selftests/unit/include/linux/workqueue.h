/* SPDX-License-Identifier: GPL-2.0 */
/* Stand-in of the unit tests: work is done when the test calls for it. */
#ifndef STANDIN_WORKQUEUE_H
#define STANDIN_WORKQUEUE_H

#include "../standin.h"

#ifndef HZ
#define HZ 1000
#endif

#define to_delayed_work(w)		container_of(w, struct delayed_work, work)
#define delayed_work_pending(d)		((void)(d), true)
#define schedule_delayed_work(d, delay)	((void)(d))
#define cancel_delayed_work_sync(d)	((void)(d))

#endif /* STANDIN_WORKQUEUE_H */
