/* SPDX-License-Identifier: MIT */
/* Unmounting as a step of a teardown: bounded, and as gentle as was asked. */
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block/read_loop.h"
#include "cmd/teardown-internal.h"
#include "mount/mounts.h"
#include "util/bounded.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

/* One umount(2) of a read-only file system writes nothing, and only waits for what is being read already. */
static const int64_t STEP_LIMIT_MS = 20 * 1000;
/* The same where it is known that the portal does not answer. */
static const int64_t LOST_LIMIT_MS = 3 * 1000;

struct unmounting {
    const char *directory;
    const dev_t *devices;
    size_t count;
    int (*function)(const char *directory, const dev_t *devices, size_t count, struct error **err);
};

static int do_it(void *argument, char **text, struct error **err)
{
    const struct unmounting *unmounting = argument;

    (void)text;
    return unmounting->function(unmounting->directory, unmounting->devices, unmounting->count, err);
}

static void add_number(cJSON *numbers, dev_t number)
{
    cJSON *entry = json_new_object();

    json_set_device(entry, number);
    json_append(numbers, entry);
}

/* Before it is out of sight: who uses it can be told by these numbers alone then. */
static int note_detached(struct teardown *teardown, const struct unmounting *what, struct error **err)
{
    cJSON *state = teardown->session->state, *noted = cJSON_GetObjectItemCaseSensitive(state, "detached");
    dev_t number, file_number;

    if (mounted_numbers(what->directory, what->devices, what->count, &number, &file_number) == 0)
        return 0;
    if (!cJSON_IsArray(noted)) {
        cJSON_DeleteItemFromObjectCaseSensitive(state, "detached");
        noted = json_set_array(state, "detached");
    }
    add_number(noted, number);
    if (file_number != number)
        add_number(noted, file_number);
    for (size_t i = 0; i < what->count; i++)
        if (what->devices[i] != number)
            add_number(noted, what->devices[i]);
    return session_save(teardown->session, err);
}

static int detach(struct teardown *teardown, struct unmounting *what, struct error **err)
{
    bool stuck;
    int result;

    what->function = detach_device;
    if (note_detached(teardown, what, err) < 0)
        return -1;
    result = bounded_call(do_it, what, STEP_LIMIT_MS, teardown->wait, NULL, &stuck, err);
    return result < 0 ? error_wrap(err, "taking %s out of the tree", what->directory) : result;
}

/* Unmounts; a step that does not end ends once the disks have been cut off, for then what it waits for fails. */
static int unmount(struct teardown *teardown, struct unmounting *what, struct error **err)
{
    bool stuck;
    int64_t limit = teardown_connection_is_lost(teardown) ? LOST_LIMIT_MS : STEP_LIMIT_MS;
    _cleanup_error_ struct error *problem = NULL;
    int result;

    what->function = unmount_device;
    result = bounded_call(do_it, what, limit, teardown->wait, NULL, &stuck, &problem);
    if (stuck && teardown_cut(teardown)) {
        error_free(steal(problem));
        result = bounded_call(do_it, what, STEP_LIMIT_MS, teardown->wait, NULL, &stuck, &problem);
        /* the one that was stuck has taken it out of the tree, and goes on with what is left */
        result = result == 0 ? 1 : result;
    }
    /* what is below is taken down next; by force that needs nobody's leave */
    if (result > 0 && teardown->way != TEARDOWN_BY_FORCE)
        read_loop_await_gone(what->devices, what->count, teardown->wait);
    if (result >= 0)
        return result;
    error_move(err, &problem);
    return stuck ? error_wrap(err, "unmounting %s", what->directory) : -1;
}

static int unmount_or_detach(struct teardown *teardown, struct unmounting *what, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    int result = unmount(teardown, what, &problem);

    if (result >= 0)
        return result;
    log_verbose("%s", problem->message);
    result = detach(teardown, what, err);
    if (result > 0)
        teardown_say_forced(teardown, "took %s out of the tree in spite of its users", what->directory);
    /* told already */
    return result > 0 ? 0 : result;
}

static dev_t device_of(const cJSON *object)
{
    return makedev((unsigned)json_whole(object, "major", 0, INT_MAX, 0),
                   (unsigned)json_whole(object, "minor", 0, INT_MAX, 0));
}

int undo_mount(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const cJSON *companions = json_array(arguments, "companions"), *companion;
    _cleanup_free_ dev_t *devices = xcalloc((size_t)cJSON_GetArraySize(companions) + 1, sizeof(*devices));
    struct unmounting what = {.directory = teardown_text(arguments, "directory"), .devices = devices};
    int result;

    devices[what.count++] = device_of(arguments);
    cJSON_ArrayForEach(companion, companions) devices[what.count++] = device_of(companion);
    if (teardown->way == TEARDOWN_LAZILY)
        result = detach(teardown, &what, err);
    else if (teardown->way == TEARDOWN_BY_FORCE)
        result = unmount_or_detach(teardown, &what, err);
    else
        result = unmount(teardown, &what, err);
    if (result > 0)
        teardown_say(teardown, teardown->way == TEARDOWN_LAZILY ? "took %s out of the tree" : "unmounted %s",
                     what.directory);
    return result;
}
