/* SPDX-License-Identifier: MIT */
#include "util/person.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

#include "util/str.h"

/* Room for one entry of the user database; a site's directory may have long ones. */
static const size_t MAX_ENTRY = 65536;
static const int MAX_GROUPS = 65536; /* the kernel's own limit (credentials(7)) */

void person_clear(struct person *person)
{
    free(person->name);
    free(person->home);
    free(person->groups);
    memset(person, 0, sizeof(*person));
}

static int find_groups(struct person *person, struct error **err)
{
    int count = 32;

    for (;;) {
        int had = count;

        person->groups = xreallocarray(person->groups, (size_t)count, sizeof(*person->groups));
        if (getgrouplist(person->name, person->gid, person->groups, &count) >= 0)
            break;
        if (count <= had)
            count = had * 2;
        if (count > MAX_GROUPS)
            return error_set(err, EXIT_HOST, "the user %s is in too many groups", person->name);
    }
    person->group_count = (size_t)count;
    return 0;
}

int person_find(struct person *person, struct error **err)
{
    const char *sudo = geteuid() == 0 ? getenv("SUDO_UID") : NULL;
    _cleanup_free_ char *room = xcalloc(MAX_ENTRY, 1);
    struct passwd entry;
    struct passwd *found = NULL;
    long uid = (long)geteuid();

    memset(person, 0, sizeof(*person));
    if (sudo && str_to_long(sudo, 0, INT_MAX, &uid) < 0)
        return error_set(err, EXIT_HOST, "SUDO_UID is not a user's number");
    if (getpwuid_r((uid_t)uid, &entry, room, MAX_ENTRY, &found) != 0 || !found)
        return error_set(err, EXIT_HOST, "this host knows no user with the number %ld", uid);
    person->name = str_dup(entry.pw_name);
    person->home = str_dup(entry.pw_dir);
    person->uid = entry.pw_uid;
    person->gid = entry.pw_gid;
    person->other = person->uid != geteuid();
    return find_groups(person, err);
}
