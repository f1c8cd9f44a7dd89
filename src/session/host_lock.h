/* SPDX-License-Identifier: MIT */
/*
 * The lock for what sessions of this host share: a directory, a started daemon, a copy of the udev rules. Whoever is to
 * rely on one enters it in its undo list, and makes it, under this lock; whoever takes one away looks under the lock
 * whether another session has entered it.
 */
#ifndef AZILR_SESSION_HOST_LOCK_H
#define AZILR_SESSION_HOST_LOCK_H

#include "session/session.h"
#include "util/error.h"
#include "util/wait.h"

/*
 * Takes the lock; waits for its holder for up to a minute, then EXIT_BUSY. It is the places' own directory, which goes
 * with the last session, that is locked, so nothing is left of it. Returns the descriptor, which the caller closes to
 * give it back, and which the kernel closes for one that is killed; or -1.
 */
int host_lock(const struct session_places *places, struct wait *wait, struct error **err);

#endif
