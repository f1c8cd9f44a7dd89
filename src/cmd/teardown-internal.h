/* SPDX-License-Identifier: MIT */
/* What the parts of a teardown share. Undo functions return 1 if they undid something, 0 if there was nothing to undo,
 * -1 with err set. */
#ifndef AZILR_CMD_TEARDOWN_INTERNAL_H
#define AZILR_CMD_TEARDOWN_INTERNAL_H

#include "cmd/teardown.h"

/* Tells the person of something that was undone. */
void teardown_say(struct teardown *teardown, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells of something that was forced. */
void teardown_say_forced(struct teardown *teardown, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A text out of a change's arguments: our own file can be damaged, and what is missing must not be a null pointer. */
const char *teardown_text(const cJSON *arguments, const char *name);

int undo_mount(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_login(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_btrfs(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_overlay(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_dm_device(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_volume_group(struct teardown *teardown, const cJSON *arguments, struct error **err);
int undo_array(struct teardown *teardown, const cJSON *arguments, struct error **err);

/* Whether a session of the list has lost its connection, so that nothing of its disks can be read now. */
bool teardown_connection_is_lost(const struct teardown *teardown);

/*
 * Cuts the disks off from a portal that does not answer, so that whatever waits for them fails and can be taken down:
 * ends the tunnel's connections and logs out, in so many seconds. What that undoes stays in the list, where it does no
 * harm. Returns false where it was done before.
 */
bool teardown_cut(struct teardown *teardown);

/* Whether a session of the list is there still, connected or not. */
bool teardown_has_session(const struct teardown *teardown);

#endif
