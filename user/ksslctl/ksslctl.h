/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of ksslctl share. */
#ifndef KSSLCTL_H
#define KSSLCTL_H

#include <stdbool.h>
#include <jansson.h>
#include <kssl/kssl.h>

extern bool as_json;
extern const char *daemon_socket;

/* Each returns the exit status. */
int verb_list(struct kssl_nl *nl, int argc, char **argv);
int verb_show(struct kssl_nl *nl, int argc, char **argv);
int verb_monitor(struct kssl_nl *nl, int argc, char **argv);
int verb_caps(struct kssl_nl *nl, int argc, char **argv);
int verb_policy(struct kssl_nl *nl, int argc, char **argv);
int verb_rekey(struct kssl_nl *nl, int argc, char **argv);
int verb_close(struct kssl_nl *nl, int argc, char **argv);
int verb_kill(struct kssl_nl *nl, int argc, char **argv);
int verb_stats(struct kssl_nl *nl, int argc, char **argv);
int verb_identities(struct kssl_nl *nl, int argc, char **argv);
int verb_reload(struct kssl_nl *nl, int argc, char **argv);

int policy_test(int argc, char **argv);
bool session_id(const char *word, uint32_t *id);
int daemon_ask(const char *word, char **text);
int complain(const struct kssl_nl *nl, const char *what);
const char *clean(const char *text);
const char *version_name(int version);
const char *role_name(int role);
const char *event_name(int event);
json_t *session_json(const struct kssl_session_info *s);
void json_out(json_t *json, bool compact);

#endif
