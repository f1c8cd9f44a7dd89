/* SPDX-License-Identifier: MIT */
/* What the subcommands ask of this host before they begin. */
#ifndef AZILR_CMD_HOST_H
#define AZILR_CMD_HOST_H

#include "util/error.h"

/* EXIT_AUTH unless run by root; names the subcommand. */
int host_require_root(const char *command, struct error **err);

/* What /etc/os-release says of this host; each may be NULL. Freed with host_release_clear(). */
struct host_release {
    char *id, *id_like, *version_id;
};

void host_read_release(struct host_release *release);
void host_release_clear(struct host_release *release);
#define _cleanup_host_release_ _cleanup_(host_release_clear)

#endif
