/* SPDX-License-Identifier: MIT */
/* The CHAP user name, which tells the target what kind of host asks. */
#include <string.h>

#include "script/script.h"
#include "util/str.h"

struct system {
    const char *id; /* os-release's ID */
    const char *name;
    const char *version; /* one that the target is sure to take */
};

/*
 * The names that the generated script sends, and versions above the least that it asks for (observed). Each name stands
 * first with its own system. Rebuilds of Red Hat's count as that, version and all.
 */
static const struct system systems[] = {
    {"ubuntu", "Ubuntu", "22.04"},
    {"debian", "Debian", "12"},
    {"rhel", "RHEL", "9.4"},
    {"centos", "CentOS", "7.9"},
    {"ol", "Oracle", "9.4"},
    {"sles", "SLES", "15.5"},
    {"opensuse-leap", "OpenSUSE", "42.3"},
    {"opensuse", "OpenSUSE", "42.3"},
    {"suse", "SLES", "15.5"},
    {"rocky", "RHEL", "9.4"},
    {"almalinux", "RHEL", "9.4"},
    {"fedora", "RHEL", "9.4"},
    {"sles_sap", "SLES", "15.5"},
    {"sle_hpc", "SLES", "15.5"},
};

static const struct system *find_system(const char *id)
{
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
        if (str_equal(systems[i].id, id))
            return &systems[i];
    return NULL;
}

/* The first of a blank-separated list that is known. */
static const struct system *find_relative(const char *ids)
{
    _cleanup_free_ char *copy = str_dup(ids);
    const struct system *found = NULL;
    char *save = NULL;

    for (char *id = strtok_r(copy, " ", &save); id && !found; id = strtok_r(NULL, " ", &save))
        found = find_system(id);
    return found;
}

/* "22.04.1" is cut to "22.04", as the generated script does. The caller frees it; NULL if it is no version. */
static char *make_version(const char *version_id)
{
    size_t major = strspn(version_id, "0123456789");
    size_t minor = version_id[major] == '.' ? strspn(version_id + major + 1, "0123456789") : 0;

    if (major == 0 || major > 8 || minor > 8 || version_id[strspn(version_id, "0123456789.")] != '\0')
        return NULL;
    return str_ndup(version_id, minor ? major + 1 + minor : major);
}

char *script_chap_user(const struct connection *connection, const char *os_id, const char *os_id_like,
                       const char *version_id)
{
    const struct system *own = find_system(os_id);
    const struct system *relative = own || !os_id_like ? NULL : find_relative(os_id_like);
    /* a relative counts its versions its own way, so that one's number would mean something else */
    _cleanup_free_ char *version = own && version_id ? make_version(version_id) : NULL;
    const struct system *as = own ? own : relative ? relative : &systems[0];

    return str_printf("%s;%s;%s", as->name, version ? version : as->version, connection->chap_user);
}
