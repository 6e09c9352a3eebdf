// SPDX-License-Identifier: GPL-2.0-or-later
/* The main thread: starts the workers, then waits for signals, ksslctl and changed files. */
#include "kssld.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <event2/event.h>

struct serve {
	struct event_base *base;
	struct event *signal;
	struct event *control;
	struct event *look;
	struct event *daily;
	struct event *minutely;
	int signal_fd;
	int control_fd;
	struct worker **workers;
	int nr_workers;
	int workers_each;
};

/* So many of each network namespace; we are in it. */
static bool open_some(void *arg)
{
	struct serve *s = arg;
	struct worker **more;
	int left = s->workers_each;

	more = reallocarray(s->workers, (size_t)s->nr_workers + (size_t)left, sizeof(*more));
	if (!more)
		return false;
	s->workers = more;
	while (left--) {
		more[s->nr_workers] = worker_open(s->nr_workers);
		if (!more[s->nr_workers])
			return false;
		s->nr_workers++;
	}
	return true;
}

static bool open_workers(struct serve *s, const struct config *c)
{
	s->workers_each = c->workers;
	return netns_each(c->netns, open_some, s);
}

static bool start_workers(struct serve *s, const struct config *c)
{
	int i;

	for (i = 0; i < s->nr_workers; i++)
		if (!worker_start(s->workers[i], c->capacity))
			return false;
	return true;
}

static void arm_look(struct serve *s)
{
	struct config *c = config_current();
	const struct timeval delay = { .tv_sec = c->watch_seconds };

	if (c->watch_seconds)
		event_add(s->look, &delay);
	config_put(c);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	struct signalfd_siginfo info;
	struct serve *s = arg;

	(void)what;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo != SIGHUP) {
			event_base_loopexit(s->base, NULL);
		} else {
			reload();
			arm_look(s);
		}
	}
}

/* Threads inherit the mask, so the descriptor alone sees these. */
static bool open_signals(struct serve *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->signal_fd < 0)
		return false;
	s->signal = event_new(s->base, s->signal_fd, EV_READ | EV_PERSIST, on_signal, s);
	return s->signal && !event_add(s->signal, NULL);
}

static void on_control(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	control_serve(fd);
	arm_look(arg);
}

/* Without it the daemon serves all the same, unless the socket was asked for. */
static bool open_control(struct serve *s, const struct config *c)
{
	if (!strcmp(c->control, "none"))
		return true;
	s->control_fd = control_open(c->control);
	if (s->control_fd < 0) {
		log_msg(c->control_set ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
			"%s: %s: ksslctl cannot talk to this daemon", c->control, strerror(errno));
		return !c->control_set;
	}
	s->control = event_new(s->base, s->control_fd, EV_READ | EV_PERSIST, on_control, s);
	return s->control && !event_add(s->control, NULL);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	reload_if_changed();
	arm_look(arg);
}

static bool open_look(struct serve *s)
{
	s->look = evtimer_new(s->base, on_look, s);
	if (s->look)
		arm_look(s);
	return s->look;
}

static void on_day(evutil_socket_t fd, short what, void *arg)
{
	struct config *c = config_current();

	(void)fd;
	(void)what;
	(void)arg;
	expiry_tell(c);
	config_put(c);
}

static void on_minute(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	ticket_age();
}

static bool open_clocks(struct serve *s)
{
	const struct timeval day = { .tv_sec = 24 * 3600 }, minute = { .tv_sec = 60 };

	s->daily = event_new(s->base, -1, EV_PERSIST, on_day, s);
	s->minutely = event_new(s->base, -1, EV_PERSIST, on_minute, s);
	return s->daily && s->minutely && !event_add(s->daily, &day) &&
	       !event_add(s->minutely, &minute);
}

/*
 * Privileges are a thread's own, and a new thread has those of the one that makes it: so
 * they go before workers run.
 */
static bool start(struct serve *s)
{
	struct config *c = config_current();
	bool good;

	s->base = event_base_new();
	good = s->base && open_signals(s) && open_control(s, c) && open_look(s) &&
	       open_clocks(s) && open_workers(s, c) && privileges_drop(c) && start_workers(s, c);
	config_put(c);
	return good;
}

static void stop(struct serve *s)
{
	while (s->nr_workers)
		worker_stop(s->workers[--s->nr_workers]);
	free(s->workers);
	if (s->signal)
		event_free(s->signal);
	if (s->control)
		event_free(s->control);
	if (s->look)
		event_free(s->look);
	if (s->daily)
		event_free(s->daily);
	if (s->minutely)
		event_free(s->minutely);
	if (s->base)
		event_base_free(s->base);
	control_close(s->control_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
}

/**
 * serve() - until SIGTERM or SIGINT
 *
 * Return: the exit status.
 */
int serve(void)
{
	struct serve s = { .signal_fd = -1, .control_fd = -1 };
	bool good = start(&s);

	if (good) {
		info("ready, %d workers", s.nr_workers);
		notify("READY=1");
		event_base_dispatch(s.base);
		notify("STOPPING=1");
	}
	stop(&s);
	return good ? 0 : 1;
}
