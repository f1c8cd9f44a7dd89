/* SPDX-License-Identifier: MIT */
#include "cmd/mount_overlay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "block/overlay.h"
#include "block/udev_rules.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"

/* What is smaller holds no more than the store's own bookkeeping. */
static const uint64_t LEAST_SIZE = 1024 * 1024;

int mount_overlay_check(struct mount_run *run, struct error **err)
{
    const char *size = run->options->overlay_size, *directory = run->options->overlay_dir;
    _cleanup_close_ int fd = -1;

    if (size && (str_to_size(size, &run->overlay_size) < 0 || run->overlay_size < LEAST_SIZE))
        return error_set(err, EXIT_USAGE, "--overlay-size takes a size of at least 1M, such as 512M or 4G");
    /* who is not root is told that next, and could not look at such a directory */
    if (!directory || geteuid() != 0)
        return 0;
    fd = overlay_open_directory(directory, &run->overlay_directory, err);
    return fd < 0 ? error_wrap(err, "--overlay-dir") : 0;
}

int mount_tag_begin(struct mount_run *run, struct error **err)
{
    cJSON *change = json_new_object();
    uint32_t number;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        abort();
    _cleanup_free_ char *tag = str_printf("%08x", number);
    json_set_string(run->session->state, "tag", tag);
    json_set_string(change, "tag", tag);
    if (session_will(run->session, CHANGE_STACK_MARK, change, false, err) < 0)
        return -1;
    return udev_mark_stack(tag, run->session->id, err);
}

const char *mount_tag(const struct mount_run *run)
{
    return json_string(run->session->state, "tag");
}

char *mount_stacked_name(struct mount_run *run)
{
    return str_printf("azilr-%s-%u", mount_tag(run), run->stacked++);
}

/*
 * The default's parents are made by azilr itself, and go again; another directory is somebody's, and was found fit
 * before anything was done. What is wrong with it is told once for all that would have an overlay there.
 */
static int prepare_directory(struct mount_run *run, struct error **err)
{
    if (run->overlay_directory)
        return 0;
    if (run->overlay_problem)
        return error_set_copy(err, run->overlay_problem);
    if (mount_tree_make(run, OVERLAY_DIRECTORY, &run->overlay_problem) < 0) {
        error_wrap(&run->overlay_problem, "the directory for overlays, " OVERLAY_DIRECTORY);
        error_hint(&run->overlay_problem, "mend it, or choose another one with --overlay-dir");
        error_fold_hint(run->overlay_problem);
        return error_set_copy(err, run->overlay_problem);
    }
    run->overlay_directory = str_dup(OVERLAY_DIRECTORY);
    return 0;
}

static void enter(struct mount_run *run, struct overlay_wish *wish)
{
    _cleanup_free_ char *store = NULL;
    cJSON *change = json_new_object();

    wish->name = mount_stacked_name(run);
    store = str_printf("%s/%s.cow", run->overlay_directory, wish->name);
    json_set_string(change, "name", wish->name);
    json_set_string(change, "store", store);
    session_enter(run->session, CHANGE_OVERLAY, change, true);
}

struct work {
    struct mount_run *run;
    struct overlay_wish *wishes;
    size_t count;
    _Atomic size_t to_come;
};

static void make(void *argument, size_t i, struct wait *wait)
{
    struct work *work = argument;
    struct overlay_wish *wish = &work->wishes[i];
    const struct overlay_request request = {.name = wish->name,
                                            .origin = wish->origin,
                                            .directory = work->run->overlay_directory,
                                            .store_size = work->run->overlay_size,
                                            .to_come = &work->to_come,
                                            .lock_fd = work->run->session->lock_fd};
    struct overlay made = {0};

    if (wait_check(wait, &wish->problem) < 0 || overlay_create(&request, wait, &made, &wish->problem) < 0)
        return;
    wish->path = steal(made.path);
    wish->device = made.device;
    wish->size = made.store_size;
    wish->is_short = made.is_short;
    overlay_clear(&made);
}

/* For `status`, which tells when one is full. */
static void note(struct mount_run *run, const struct overlay_wish *wish)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(run->session->state, "overlays");
    cJSON *object = json_new_object();

    json_set_string(object, "name", wish->name);
    json_set_string(object, "volume", wish->volume);
    json_set_string(object, "directory", run->overlay_directory);
    json_set_number(object, "size", (double)wish->size);
    json_set_bool(object, "short_of_room", wish->is_short);
    json_append(list ? list : json_set_array(run->session->state, "overlays"), object);
}

/*
 * A volume may be mounted without its overlay, and then lacks what was written last: the session says so, once,
 * whatever becomes of the volumes.
 */
static void tell_problem(struct mount_run *run, const struct overlay_wish *wishes, size_t count)
{
    for (size_t i = 0; i < count && !run->overlay_is_missing; i++) {
        _cleanup_free_ char *text = NULL;

        if (wishes[i].path)
            continue;
        text = str_printf("no overlay of %s could be made: %s", wishes[i].volume,
                          wishes[i].problem ? wishes[i].problem->message : "interrupted");
        json_add_text(run->session->state, "problem", text);
        run->overlay_is_missing = true;
    }
}

/* Where a person would find out only once a volume can't be read any more. */
static void warn_of_little_room(const struct mount_run *run, const struct overlay_wish *wishes, size_t count)
{
    const struct overlay_wish *least = NULL;
    size_t few = 0;

    for (size_t i = 0; i < count; i++) {
        if (!wishes[i].path || !wishes[i].is_short)
            continue;
        few++;
        least = !least || wishes[i].size < least->size ? &wishes[i] : least;
    }
    if (least)
        log_warning("there is little room in %s: %zu of the overlays there may take less than %s, that of %s %" PRIu64
                    " MiB; a volume whose overlay runs full can't be read, so make room, or choose another place with "
                    "--overlay-dir",
                    run->overlay_directory, few, run->overlay_size ? "--overlay-size" : "they should", least->volume,
                    least->size >> 20);
}

int mount_overlays(struct mount_run *run, struct overlay_wish *wishes, size_t count, struct error **err)
{
    struct work work = {.run = run, .wishes = wishes, .count = count, .to_come = count};
    _cleanup_error_ struct error *problem = NULL;

    if (count == 0)
        return 0;
    if (prepare_directory(run, &problem) < 0) {
        for (size_t i = 0; i < count; i++)
            error_set_copy(&wishes[i].problem, problem);
        tell_problem(run, wishes, count);
        return wait_check(&run->wait, err);
    }
    for (size_t i = 0; i < count; i++)
        enter(run, &wishes[i]);
    if (session_save(run->session, err) < 0 || pool_run(count, make, &work, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        error_fold_hint(wishes[i].problem);
        if (wishes[i].path)
            note(run, &wishes[i]);
    }
    tell_problem(run, wishes, count);
    warn_of_little_room(run, wishes, count);
    return 0;
}

void overlay_wishes_clear(struct overlay_wish *wishes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(wishes[i].name);
        free(wishes[i].path);
        error_free(wishes[i].problem);
    }
}
