/* SPDX-License-Identifier: MIT */
/*
 * Drives src/block by itself, for the lab's scenarios: one call a run, its result on standard output, its error as
 * azilr prints it, the exit code as azilr's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block/dm.h"
#include "block/overlay.h"
#include "block/udev_rules.h"
#include "util/log.h"
#include "util/str.h"

/* create NAME ORIGIN DIRECTORY [MIB] */
static int create(char **argv, struct error **err)
{
    struct overlay_request request = {.name = argv[0], .origin = argv[1], .directory = argv[2], .lock_fd = -1};
    _cleanup_overlay_ struct overlay made = {0};
    long mib = 0;

    if (argv[3] && str_to_long(argv[3], 1, 1 << 20, &mib) < 0)
        return error_set(err, EXIT_USAGE, "%s is no size", argv[3]);
    request.store_size = (uint64_t)mib << 20;
    if (overlay_create(&request, NULL, &made, err) < 0)
        return -1;
    printf("%s %u:%u %" PRIu64 "\n", made.path, major(made.device), minor(made.device), made.store_size);
    return 0;
}

static int usage(char **argv, struct error **err)
{
    static const char *const states[] = {"good", "full", "broken"};
    struct overlay_usage now = {0};

    if (overlay_usage(argv[0], NULL, &now, err) < 0)
        return -1;
    printf("%s %" PRIu64 " %" PRIu64 "\n", states[now.state], now.used, now.total);
    return 0;
}

static int remove_one(char **argv, struct error **err)
{
    int removed = overlay_remove(argv[0], -1, NULL, err);

    if (removed >= 0)
        printf("%d\n", removed);
    return removed;
}

/* remove-all PREFIX */
static int remove_all(char **argv, struct error **err)
{
    int removed = dm_remove_all(argv[0], -1, NULL, err);

    if (removed >= 0)
        printf("%d\n", removed);
    return removed;
}

static int find(char **argv, struct error **err)
{
    _cleanup_dm_device_ struct dm_device found = {0};
    int result = dm_find(argv[0], &found, err);

    if (result > 0)
        printf("%s %u:%u %s\n", found.path, major(found.device), minor(found.device), found.uuid);
    return result;
}

static int place_rules(char **argv, struct error **err)
{
    _cleanup_free_ char *path = NULL;

    (void)argv;
    return udev_rules_examine("", &path) == UDEV_RULES_GOOD ? 0 : udev_rules_place(NULL, err);
}

static int remove_rules(char **argv, struct error **err)
{
    (void)argv;
    return udev_rules_remove(NULL, err);
}

/* mark-session NUMBER ID [TARGET] */
static int mark_session(char **argv, struct error **err)
{
    long number = 0, target = 0;

    if (str_to_long(argv[0], 0, INT32_MAX, &number) < 0 || (argv[2] && str_to_long(argv[2], 0, 99, &target) < 0))
        return error_set(err, EXIT_USAGE, "no such number");
    return udev_mark_session((int)number, argv[1], (size_t)target, err);
}

static int unmark_session(char **argv, struct error **err)
{
    long number = 0;

    if (str_to_long(argv[0], 0, INT32_MAX, &number) < 0)
        return error_set(err, EXIT_USAGE, "no such number");
    return udev_unmark_session((int)number, err);
}

static int mark_stack(char **argv, struct error **err)
{
    return udev_mark_stack(argv[0], argv[1], err);
}

static int unmark_stack(char **argv, struct error **err)
{
    return udev_unmark_stack(argv[0], err);
}

static const struct {
    const char *name;
    int arguments; /* at least */
    int (*call)(char **argv, struct error **err);
} calls[] = {
    {"create", 3, create},
    {"usage", 1, usage},
    {"remove", 1, remove_one},
    {"remove-all", 1, remove_all},
    {"find", 1, find},
    {"place-rules", 0, place_rules},
    {"remove-rules", 0, remove_rules},
    {"mark-session", 2, mark_session},
    {"unmark-session", 1, unmark_session},
    {"mark-stack", 2, mark_stack},
    {"unmark-stack", 1, unmark_stack},
};

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;

    log_set_level(LOG_LEVEL_VERBOSE);
    for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (!str_equal(argv[1], calls[i].name) || argc - 2 < calls[i].arguments)
            continue;
        if (calls[i].call(argv + 2, &err) >= 0)
            return 0;
        log_error(err);
        return (int)err->code;
    }
    fputs("overlay_driver: wrong usage\n", stderr);
    return 2;
}
