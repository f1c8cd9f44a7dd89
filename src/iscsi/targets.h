/* SPDX-License-Identifier: MIT */
/* The targets that a portal shows, and which of them belong to one recovery point. Pure. */
#ifndef AZILR_ISCSI_TARGETS_H
#define AZILR_ISCSI_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* More than Azure ever makes of one recovery point: 32 data disks would be that many targets of one disk. */
#define TARGETS_MAX 64

/* Names (IQNs), owned. */
struct targets {
    char **names;
    size_t count;
};

/* Adds a copy of a name. */
void targets_add(struct targets *targets, const char *name);
void targets_clear(struct targets *targets);
#define _cleanup_targets_ _cleanup_(targets_clear)

/*
 * Reads what iscsiadm prints of a discovery: lines of "ADDRESS:PORT,TPGT NAME". EXIT_NETWORK for a name that is none
 * (it would become an argument and a path) or more than TARGETS_MAX. The caller clears *targets, in any case.
 */
int targets_parse(const char *text, struct targets *targets, struct error **err);

enum targets_state {
    TARGETS_READY,
    TARGETS_PREPARING, /* one is marked "-notready": Azure is still attaching the disks behind it */
    TARGETS_BLOCKED,   /* one is marked "blocked": the vault has a private endpoint, and this host is outside of it */
    TARGETS_MISSING,   /* none of them belongs to the recovery point */
};

/*
 * Which of `shown` belong to the recovery point whose script names `target`. A point of several targets has names that
 * differ only in what stands in front of the last dot's last character (observed): all before it and the sequence
 * number behind the dot are the same. *ours is filled for TARGETS_READY alone, in the order of the names, beginning
 * with the script's: the sign goes round, from 9 to 0. The caller clears it.
 */
enum targets_state targets_choose(const struct targets *shown, const char *target, bool several, struct targets *ours);

#endif
