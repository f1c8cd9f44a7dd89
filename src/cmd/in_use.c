/* SPDX-License-Identifier: MIT */
#include "cmd/in_use.h"

#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block/disks.h"
#include "block/holders.h"
#include "block/read_loop.h"
#include "cmd/teardown.h"
#include "iscsi/sysfs.h"
#include "mount/users.h"
#include "util/bounded.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

enum { SHOWN = 10 };

static const int64_t SEARCH_LIMIT_MS = 20 * 1000;
/* Reading the memory map of a process waits for one that waits for a dead disk; the others have been found by then. */
static const int64_t MAPPINGS_LIMIT_MS = 5 * 1000;
/* How long somebody who just has a look (udev, a shell's completion) may take. */
static const int64_t PATIENCE_MS = 1000;
/* How long udev may, which of a disk that has just come reads what it needs, over a line that may be slow. */
static const int64_t UDEV_PATIENCE_MS = 10 * 1000;
static const int POLL_MS = 200;

struct places {
    dev_t *devices;
    size_t device_count;
    const char **directories; /* borrowed from the state */
    size_t directory_count;
};

static void places_clear(struct places *places)
{
    free(places->devices);
    free(places->directories);
}

static void add_device(struct places *places, dev_t device)
{
    for (size_t i = 0; i < places->device_count; i++)
        if (places->devices[i] == device)
            return;
    places->devices = xreallocarray(places->devices, places->device_count + 1, sizeof(*places->devices));
    places->devices[places->device_count++] = device;
}

static void add_numbers(struct places *places, const cJSON *object)
{
    int in_front = json_whole(object, "major", 0, INT_MAX, -1), behind = json_whole(object, "minor", 0, INT_MAX, -1);

    if (in_front >= 0 && behind >= 0)
        add_device(places, makedev((unsigned)in_front, (unsigned)behind));
}

static void add_mount(struct places *places, const cJSON *arguments)
{
    const char *directory = json_string(arguments, "directory");
    const cJSON *companion;

    add_numbers(places, arguments);
    cJSON_ArrayForEach(companion, json_array(arguments, "companions")) add_numbers(places, companion);
    if (!directory)
        return;
    places->directories = xreallocarray(places->directories, places->directory_count + 1, sizeof(*places->directories));
    places->directories[places->directory_count++] = directory;
}

static void add_disks(struct places *places, const cJSON *arguments)
{
    const char *target = json_string(arguments, "target"), *iface = json_string(arguments, "iface");
    _cleanup_iscsi_session_ struct iscsi_session found = {0};
    _cleanup_disks_ struct disks disks = {0};

    if (!target || !iface || iscsi_find_session(target, iface, &found, NULL) <= 0 ||
        disks_list(found.syspath, &disks, NULL) < 0)
        return;
    for (size_t i = 0; i < disks.count; i++) {
        add_device(places, disks.items[i].device);
        for (size_t j = 0; j < disks.items[i].partition_count; j++)
            add_device(places, disks.items[i].partitions[j].device);
    }
}

/* Loop devices come and go: by a mount that was undone by hand, say, and the next one to take it is snapd. */
static void drop_foreign_loops(struct places *places)
{
    size_t kept = 0;

    for (size_t i = 0; i < places->device_count; i++) {
        dev_t device = places->devices[i];

        if (!read_loop_is_foreign(device, places->devices, places->device_count))
            places->devices[kept++] = device;
    }
    places->device_count = kept;
}

/* Numbers of devices that the session does not have any more may be somebody else's by now, so those come from sysfs,
 * and from the state only what is mounted, or may still be after it was taken out of sight. */
static void find_places(const cJSON *state, struct places *places)
{
    const cJSON *change, *number;

    cJSON_ArrayForEach(change, json_array(state, "undo"))
    {
        const char *kind = json_string(change, "kind");
        const cJSON *arguments = json_object(change, "arguments");

        if (str_equal(kind, CHANGE_MOUNT))
            add_mount(places, arguments);
        else if (str_equal(kind, CHANGE_LOGIN))
            add_disks(places, arguments);
    }
    cJSON_ArrayForEach(number, json_array(state, "detached")) add_numbers(places, number);
    drop_foreign_loops(places);
    holders_append(&places->devices, &places->device_count);
}

struct search {
    struct users_search users;
    cJSON *found; /* array */
    int (*find)(const struct users_search *search, cJSON *users, struct error **err);
};

static int look(void *argument, char **text, struct error **err)
{
    struct search *search = argument;

    if (search->find(&search->users, search->found, err) < 0)
        return -1;
    *text = json_text(search->found, false);
    return 0;
}

/* Puts what was found, old and new, in place of what there was. */
static int search_bounded(struct search *search, int64_t limit_ms, struct wait *wait, bool *stuck, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    cJSON *found;

    if (bounded_call(look, search, limit_ms, wait, &text, stuck, err) < 0)
        return -1;
    found = text ? json_parse(text, strlen(text), "the list of users", err) : NULL;
    if (!found)
        return text ? -1 : error_set(err, EXIT_FAILED, "the search for users told nothing");
    cJSON_Delete(search->found);
    search->found = found;
    return 0;
}

int in_use_find(const cJSON *state, struct wait *wait, cJSON *users, struct error **err)
{
    _cleanup_(places_clear) struct places places = {0};
    _cleanup_error_ struct error *problem = NULL;
    struct search search = {.find = users_find};
    bool stuck;
    int result;

    find_places(state, &places);
    if (places.device_count == 0)
        return 0;
    search.users = (struct users_search){.devices = places.devices,
                                         .device_count = places.device_count,
                                         .directories = places.directories,
                                         .directory_count = places.directory_count,
                                         .self = getpid(),
                                         .proc = "/proc",
                                         .sys = "/sys"};
    search.found = json_new_array();
    result = search_bounded(&search, SEARCH_LIMIT_MS, wait, &stuck, err);
    search.find = users_find_mappings;
    if (result == 0 && search_bounded(&search, MAPPINGS_LIMIT_MS, wait, &stuck, &problem) < 0)
        log_verbose("looking for files that are mapped into memory: %s", problem->message);
    while (result == 0 && search.found->child)
        json_append(users, cJSON_DetachItemViaPointer(search.found, search.found->child));
    cJSON_Delete(search.found);
    return result < 0 ? error_wrap(err, "looking for who uses the backup") : 0;
}

char *in_use_describe(const cJSON *users)
{
    int count = cJSON_GetArraySize(users), shown = 0;
    char *text = str_dup("");
    const cJSON *user;

    cJSON_ArrayForEach(user, users)
    {
        _cleanup_free_ char *before = text, *line = users_describe(user);

        if (shown++ == SHOWN)
            text = str_printf("%s\n  and %d more", before, count - SHOWN);
        else
            text = str_printf("%s%s%s", before, *before ? "\n  " : "", line);
        if (shown > SHOWN)
            break;
    }
    return text;
}

static int wait_for_none(const cJSON *state, int64_t wait_ms, struct wait *wait, cJSON *users, struct error **err)
{
    int64_t end = clock_monotonic_ms() + wait_ms;
    bool was_stopped = wait && wait->signal;
    const char *directory = json_string(state, "directory");
    _cleanup_free_ char *text = NULL;

    for (;;) {
        /* asked first: it may be through when the users that were found are looked at */
        bool udev_is_at_work = disks_udev_is_at_work();
        int64_t patience = end + (udev_is_at_work ? UDEV_PATIENCE_MS : 0);

        while (users->child)
            cJSON_Delete(cJSON_DetachItemViaPointer(users, users->child));
        if (in_use_find(state, wait, users, err) < 0)
            return -1;
        if (!users->child)
            return 0;
        if (clock_monotonic_ms() >= patience || wait_check(wait, NULL) < 0)
            break;
        if (wait_sleep(wait, POLL_MS, err) < 0)
            return -1;
    }
    text = in_use_describe(users);
    /* a signal must not be lost here, or the keeper would try again instead of going */
    error_set(err, wait && wait->signal && !was_stopped ? EXIT_INTERRUPTED : EXIT_BUSY, "%s is in use",
              directory ? directory : "the backup");
    return error_append(err, text);
}

int in_use_check(const cJSON *state, struct wait *wait, cJSON *users, struct error **err)
{
    return wait_for_none(state, PATIENCE_MS, wait, users, err);
}

int in_use_wait(const cJSON *state, int64_t wait_ms, struct wait *wait, struct error **err)
{
    _cleanup_json_ cJSON *users = json_new_array();

    return wait_for_none(state, wait_ms, wait, users, err);
}
