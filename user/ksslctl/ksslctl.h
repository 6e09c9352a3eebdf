/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of ksslctl share. */
#ifndef KSSLCTL_H
#define KSSLCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>
#include <kssl/kssl.h>

#define NR_STATES (KSSL_STATE_FAILED + 1)

extern bool as_json;
extern bool as_metrics;
extern const char *daemon_socket;

/* Each returns the exit status. */
int verb_status(struct kssl_nl *nl, int argc, char **argv);
int verb_list(struct kssl_nl *nl, int argc, char **argv);
int verb_show(struct kssl_nl *nl, int argc, char **argv);
int verb_monitor(struct kssl_nl *nl, int argc, char **argv);
int verb_caps(struct kssl_nl *nl, int argc, char **argv);
int verb_policy(struct kssl_nl *nl, int argc, char **argv);
int verb_rekey(struct kssl_nl *nl, int argc, char **argv);
int verb_close(struct kssl_nl *nl, int argc, char **argv);
int verb_kill(struct kssl_nl *nl, int argc, char **argv);
int verb_flush(struct kssl_nl *nl, int argc, char **argv);
int verb_stats(struct kssl_nl *nl, int argc, char **argv);
int verb_identities(struct kssl_nl *nl, int argc, char **argv);
int verb_reload(struct kssl_nl *nl, int argc, char **argv);
int verb_doctor(struct kssl_nl *nl, int argc, char **argv);

int policy_test(int argc, char **argv);
bool session_id(const char *word, uint32_t *id);
int daemon_ask(const char *word, char **text);
int daemon_try(const char *word, char **text);
const char *daemon_why(void);
int complain(const struct kssl_nl *nl, const char *what);
int refuse(const char *what, const char *error, const char *why);
int acted(void);

/* ---- text.c ---- */

/* Colours of a terminal; of anything else, none. */
enum ink { INK_PLAIN, INK_BOLD, INK_GOOD, INK_BUSY, INK_BAD };

const char *ink(enum ink colour);
enum ink state_ink(int state);
const char *clean(const char *text);
const char *version_name(int version);
const char *role_name(int role);
const char *event_name(int event);
json_t *session_json(const struct kssl_session_info *s);
void json_out(json_t *json, bool compact);

/* ---- list.c ---- */

int list_table(struct kssl_nl *nl);
json_t *list_json(struct kssl_nl *nl);

/* ---- counters.c ---- */

json_t *counters(void);
uint64_t counter_of(const json_t *counters, const char *name);
const char *counter_help(const char *name);

/* ---- latency.c ---- */

json_t *latency(void);
void latency_print(const json_t *all);

/* ---- identities.c ---- */

json_t *identities(void);

/* ---- metrics.c ---- */

int metrics_print(struct kssl_nl *nl, const json_t *counts);

#endif
