/* SPDX-License-Identifier: MIT */
#include "cmd/host.h"

#include <string.h>

#include "util/file.h"
#include "util/str.h"

int host_require_root(const char *command, struct error **err)
{
    if (geteuid() == 0)
        return 0;
    error_set(err, EXIT_AUTH, "`azilr %s` must be run by root: it works on iSCSI sessions and mounts", command);
    return error_hint(err, "sudo azilr %s … (with --preserve-env=AZURE_CLIENT_ID,… if sign-in is by environment)",
                      command);
}

/* A value of os-release(5) without its quotes. The caller frees it; NULL if the name is not there. */
static char *value_of(const char *text, const char *name)
{
    size_t name_length = strlen(name);

    while (*text) {
        size_t length = strcspn(text, "\n");

        if (strncmp(text, name, name_length) == 0 && text[name_length] == '=') {
            const char *value = text + name_length + 1;
            size_t value_length = length - name_length - 1;

            if (value_length >= 2 && (*value == '"' || *value == '\'') && value[value_length - 1] == *value) {
                value++;
                value_length -= 2;
            }
            return str_ndup(value, value_length);
        }
        text += length + (text[length] == '\n');
    }
    return NULL;
}

void host_read_release(struct host_release *release)
{
    _cleanup_free_ char *text = NULL;

    *release = (struct host_release){0};
    if (file_read("/etc/os-release", 65536, &text, NULL, NULL) < 0)
        return;
    release->id = value_of(text, "ID");
    release->id_like = value_of(text, "ID_LIKE");
    release->version_id = value_of(text, "VERSION_ID");
}

void host_release_clear(struct host_release *release)
{
    free(release->id);
    free(release->id_like);
    free(release->version_id);
    *release = (struct host_release){0};
}
