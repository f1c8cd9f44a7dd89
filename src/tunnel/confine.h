/* SPDX-License-Identifier: MIT */
/* What a process can give up by itself, whoever started it: for good, and for its children too. */
#ifndef AZILR_TUNNEL_CONFINE_H
#define AZILR_TUNNEL_CONFINE_H

#include "util/error.h"

/*
 * From here on the process gets no new privileges (PR_SET_NO_NEW_PRIVS); can change, make or run no file, where the
 * kernel has landlock(7); and is refused, with EPERM, the system calls by which a process gets at others, at the kernel
 * or at another program (seccomp(2)). Descriptors that are open stay as they are. A kernel without the last two is no
 * error. For a process with one thread.
 */
int confine(struct error **err);

#endif
