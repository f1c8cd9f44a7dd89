/* SPDX-License-Identifier: MIT */
/*
 * Which machine a session's state is of. A disk image of a host, or a backup of it, may carry /var/lib/azilr to another
 * machine, and what is written there is then not that machine's own.
 */
#ifndef AZILR_SESSION_MACHINE_H
#define AZILR_SESSION_MACHINE_H

#include <stdbool.h>

/*
 * The machine as text: its machine-id(5), and the UUID of the (virtual) hardware, which a copy of the disk does not
 * take along; "-" for what is not known. The caller frees it.
 */
char *machine_identity(void);

/* The same with files below another root, for tests. */
char *machine_identity_from(const char *root);

/*
 * Whether two such texts are of different machines: either part is known of both and differs. Nothing (NULL) is no
 * other machine. Pure.
 */
bool machine_differs(const char *one, const char *other);

/* The id of this boot; NULL if the kernel tells none. The caller frees it. */
char *machine_boot(void);

#endif
