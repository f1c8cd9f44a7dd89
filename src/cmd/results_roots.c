/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cmd/results.h"
#include "util/json.h"
#include "util/str.h"
#include "util/table.h"

/* "root": what a directory is called beside volumes/. */
static const char *name_of(const cJSON *root)
{
    const char *directory = json_string(root, "directory");
    const char *slash = directory ? strrchr(directory, '/') : NULL;

    return slash ? slash + 1 : "";
}

static void print_mounts(const cJSON *root)
{
    const cJSON *mount;

    if (json_string(root, "note"))
        printf("%s: %s\n", name_of(root), json_string(root, "note"));
    cJSON_ArrayForEach(mount, json_array(root, "mounts"))
    {
        const char *status = json_string(mount, "status"), *reason = json_string(mount, "reason");
        const char *note = json_string(mount, "note"), *target = json_string(mount, "target");
        const char *volume = json_string(mount, "volume");

        /* what is skipped is nothing that a person would miss */
        if (str_equal(status, "failed") && reason)
            printf("%s: %s is not in its place: %s\n", name_of(root), target, reason);
        else if (str_equal(status, "mounted") && note)
            printf("%s: %s is %s: %s\n", name_of(root), target, volume ? volume : "in place", note);
    }
}

void results_print_roots(const cJSON *roots)
{
    static const char *const titles[] = {"ROOT", "VOLUME", "SYSTEM", "HOST", "MOUNTED ON"};
    _cleanup_table_ struct table table = {0};
    const cJSON *root;

    if (!roots || cJSON_GetArraySize(roots) == 0)
        return;
    table_open(&table, titles, sizeof(titles) / sizeof(titles[0]));
    cJSON_ArrayForEach(root, roots)
    {
        table_add(&table, name_of(root));
        table_add(&table, json_string(root, "volume"));
        table_add(&table, json_string(root, "os"));
        table_add(&table, json_string(root, "hostname"));
        table_add(&table, str_equal(json_string(root, "status"), "mounted") ? json_string(root, "directory") : NULL);
    }
    puts("");
    table_print(&table, stdout);
    cJSON_ArrayForEach(root, roots)
    {
        print_mounts(root);
    }
}
