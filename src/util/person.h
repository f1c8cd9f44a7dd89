/* SPDX-License-Identifier: MIT */
/* The person on whose behalf this process runs: whoever called sudo, or else its own user. */
#ifndef AZILR_UTIL_PERSON_H
#define AZILR_UTIL_PERSON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

struct person {
    char *name;
    char *home;
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* all of them, gid too */
    size_t group_count;
    bool other; /* not the user that this process runs as: it is root, by way of sudo */
};

/*
 * Looks the person up in the user database. SUDO_UID counts for root only; what else sudo says (SUDO_GID, SUDO_USER,
 * HOME) is not relied on. EXIT_HOST if there is no such user. The caller clears *person with person_clear() in any
 * case.
 */
int person_find(struct person *person, struct error **err);
void person_clear(struct person *person);

#define _cleanup_person_ _cleanup_(person_clear)

#endif
