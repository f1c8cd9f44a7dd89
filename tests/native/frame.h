/* SPDX-License-Identifier: MIT */
/* What the drivers have around what they drive. */
#ifndef AZILR_TESTS_FRAME_H
#define AZILR_TESTS_FRAME_H

#include "cmd/mount_run.h"

/*
 * A run of `azilr mount` up to where its stages begin, and from where they have ended: takes its very arguments, checks
 * them as it does, and hands the run to drive(); then, whatever came of that, to after(), which may be NULL. Returns
 * the exit code.
 */
int frame_mount(int argc, char **argv, int (*drive)(struct mount_run *run, struct error **err),
                void (*after)(const struct mount_run *run));

/* Prints the error, if result is negative, as azilr does. Returns the exit code. */
int frame_end(int result, const struct error *err);

#endif
