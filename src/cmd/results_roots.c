/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/results.h"
#include "util/json.h"
#include "util/str.h"
#include "util/table.h"

/* Bytes of a line. */
static const size_t MAX_SHOWN = 4096;

/* "root": what a directory is called beside volumes/. */
static const char *name_of(const cJSON *root)
{
    const char *directory = json_string(root, "directory");
    const char *slash = directory ? strrchr(directory, '/') : NULL;

    return slash ? slash + 1 : "-";
}

/* A line of its own; the texts come from a backup, or from a file that may be damaged. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    _cleanup_free_ char *text = NULL, *safe = NULL;
    va_list args;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    safe = str_printable(text, strlen(text), MAX_SHOWN);
    puts(safe);
}

static void print_mounts(const cJSON *root)
{
    const char *failure = json_string(root, "reason"), *on = json_string(root, "volume");
    const cJSON *mount;

    if (failure)
        say("the root file system on %s is not shown as a tree: %s", on ? on : "-", failure);
    if (json_string(root, "note"))
        say("%s: %s", name_of(root), json_string(root, "note"));
    cJSON_ArrayForEach(mount, json_array(root, "mounts"))
    {
        const char *status = json_string(mount, "status"), *reason = json_string(mount, "reason");
        const char *note = json_string(mount, "note"), *target = json_string(mount, "target");
        const char *volume = json_string(mount, "volume");

        /* what is skipped is nothing that a person would miss */
        if (str_equal(status, "failed") && reason)
            say("%s: %s is not in its place: %s", name_of(root), target ? target : "-", reason);
        else if (str_equal(status, "mounted") && note)
            say("%s: %s is %s: %s", name_of(root), target ? target : "-", volume ? volume : "in place", note);
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
