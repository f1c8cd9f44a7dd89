/* SPDX-License-Identifier: MIT */
#include "util/kernel_module.h"

#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

int kernel_module_load(const struct kernel_feature *feature, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"modprobe", feature->module, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_error_ struct error *run_err = NULL;
    _cleanup_free_ char *words = NULL;
    struct utsname kernel = {0};

    if (access(feature->path, F_OK) == 0)
        return 0;
    if (run(argv, NULL, wait, &result, &run_err) < 0)
        words = str_dup(run_err->message);
    else if (access(feature->path, F_OK) == 0)
        return 0;
    else
        words = run_last_words(&result);
    uname(&kernel);
    return error_set(err, EXIT_HOST, "this kernel (%s) has no %s: the module %s could not be loaded: %s",
                     kernel.release, feature->what, feature->module, words);
}

static const size_t MAX_LIST = (size_t)16 << 20;
static const size_t MAX_CONFIGURATION = (size_t)1 << 20;

void kernel_modules_read(const char *root, const char *release, struct kernel_modules *modules)
{
    _cleanup_free_ char *dependencies = str_printf("%s/lib/modules/%s/modules.dep", root, release);
    _cleanup_free_ char *built_in = str_printf("%s/lib/modules/%s/modules.builtin", root, release);

    *modules = (struct kernel_modules){.root = root, .release = str_dup(release)};
    (void)file_read(dependencies, MAX_LIST, &modules->dependencies, NULL, NULL);
    (void)file_read(built_in, MAX_LIST, &modules->built_in, NULL, NULL);
}

void kernel_modules_clear(struct kernel_modules *modules)
{
    free(modules->release);
    free(modules->dependencies);
    free(modules->built_in);
    *modules = (struct kernel_modules){0};
}

static char underscored(char c)
{
    if (c == '-')
        return '_';
    return c;
}

/* Whether text begins with the module's name, "-" and "_" being the same; the length of that, or 0. */
static size_t match_name(const char *text, const char *module)
{
    size_t length = 0;

    for (; module[length]; length++)
        if (underscored(text[length]) != underscored(module[length]))
            return 0;
    return length;
}

/* Whether one of the lines is the module's: "kernel/drivers/scsi/iscsi_tcp.ko.xz: …", compressed or not. */
static bool list_has(const char *list, const char *module)
{
    while (list && *list) {
        size_t line = strcspn(list, "\n");
        size_t path = strcspn(list, ":\n");
        const char *name = memrchr(list, '/', path);
        size_t length;

        name = name ? name + 1 : list;
        length = match_name(name, module);
        if (length && str_starts_with(name + length, ".ko"))
            return true;
        list += line + (list[line] == '\n');
    }
    return false;
}

/* Whether the file has a line "install MODULE …", which modprobe runs in place of loading it. */
static bool file_blocks(const char *path, const char *module)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (file_read(path, MAX_CONFIGURATION, &text, NULL, NULL) < 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        size_t length;

        line += strspn(line, " \t");
        if (!str_starts_with(line, "install") || !strchr(" \t", line[strlen("install")]))
            continue;
        line += strlen("install");
        line += strspn(line, " \t");
        length = match_name(line, module);
        if (length && (line[length] == ' ' || line[length] == '\t'))
            return true;
    }
    return false;
}

/* The file that keeps the module out, or NULL. The caller frees it. */
static char *find_block(const char *root, const char *module)
{
    static const char *const places[] = {"/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d",
                                         "/usr/lib/modprobe.d", "/lib/modprobe.d"};
    _cleanup_free_ char *switch_path = str_printf("%s/proc/sys/kernel/modules_disabled", root);
    _cleanup_free_ char *disabled = file_read_line(switch_path);

    if (str_equal(disabled, "1"))
        return str_dup(switch_path);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        _cleanup_free_ char *folder = str_printf("%s%s", root, places[i]);
        _cleanup_closedir_ DIR *dir = opendir(folder);
        struct dirent *entry;

        while (dir && (entry = readdir(dir))) {
            _cleanup_free_ char *path = str_printf("%s/%s", folder, entry->d_name);

            if (str_ends_with(entry->d_name, ".conf") && file_blocks(path, module))
                return steal(path);
        }
    }
    return NULL;
}

enum kernel_module_state kernel_module_find(const struct kernel_modules *modules, const char *module, char **blocked_by)
{
    _cleanup_free_ char *loaded = str_printf("%s/sys/module/%s", modules->root, module);
    _cleanup_free_ char *block = NULL;

    for (char *c = loaded + strlen(loaded) - strlen(module); *c; c++)
        *c = underscored(*c);
    if (access(loaded, F_OK) == 0)
        return KERNEL_MODULE_LOADED;
    if (list_has(modules->built_in, module))
        return KERNEL_MODULE_BUILT_IN;
    if (!modules->dependencies)
        return KERNEL_MODULE_UNKNOWN;
    if (!list_has(modules->dependencies, module))
        return KERNEL_MODULE_MISSING;
    block = find_block(modules->root, module);
    if (!block)
        return KERNEL_MODULE_LOADABLE;
    if (blocked_by)
        *blocked_by = steal(block);
    return KERNEL_MODULE_BLOCKED;
}
