/* SPDX-License-Identifier: MIT */
/* The CHAP user name, which tells the target what kind of host asks. */
#include <string.h>

#include "script/script.h"
#include "util/str.h"

/* The names the generated script sends, by os-release's ID (observed). */
static const struct {
    const char *id;
    const char *name;
} systems[] = {
    {"ubuntu", "Ubuntu"},
    {"debian", "Debian"},
    {"centos", "CentOS"},
    {"rhel", "RHEL"},
    {"sles", "SLES"},
    {"sle-micro", "SLES"},
    {"ol", "Oracle"},
    {"opensuse-leap", "OpenSUSE"},
    {"opensuse-tumbleweed", "OpenSUSE"},
    {"opensuse", "OpenSUSE"},
    {"suse", "SLES"},
    {"fedora", "RHEL"},
};

static const char *name_of(const char *id)
{
    for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
        if (str_equal(systems[i].id, id))
            return systems[i].name;
    return NULL;
}

/* The first of a blank-separated list that is known. */
static const char *name_of_relative(const char *ids)
{
    _cleanup_free_ char *copy = str_dup(ids);
    char *save = NULL;
    const char *name = NULL;

    for (char *id = strtok_r(copy, " ", &save); id && !name; id = strtok_r(NULL, " ", &save))
        name = name_of(id);
    return name;
}

char *script_chap_user(const struct connection *connection, const char *os_id, const char *os_id_like,
                       const char *version_id)
{
    const char *name = os_id ? name_of(os_id) : NULL;

    if (!name && os_id_like)
        name = name_of_relative(os_id_like);
    /* a relative's version is this host's own number, which the target takes as it takes any; none is needed to be
     * known */
    if (!version_id || !str_only(version_id, "0123456789.") || strlen(version_id) > 16)
        version_id = NULL;
    if (!name || !version_id)
        return str_printf("%s;%s;%s", name ? name : "Ubuntu",
                          version_id && name ? version_id
                          : name             ? "1"
                                             : "22.04",
                          connection->chap_user);
    return str_printf("%s;%s;%s", name, version_id, connection->chap_user);
}
