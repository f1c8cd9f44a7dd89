/* SPDX-License-Identifier: MIT */
/*
 * Unlocks volumes as `azilr mount` does, for the lab's scenario of encrypted ones: takes mount's arguments with devices
 * in place of a VM, prints what became of each and what it holds, then undoes all by the session's list.
 *
 *   unlock_driver [--unlock] [--key-file FILE]... [--timeout SECONDS] DEVICE...
 *
 * Exit codes: azilr's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/dm.h"
#include "cmd/mount_overlay.h"
#include "cmd/mount_run.h"
#include "cmd/mount_stack.h"
#include "cmd/teardown.h"
#include "util/log.h"
#include "util/str.h"

static void print(struct mount_run *run)
{
    _cleanup_free_ char *prefix = str_printf("azilr-%s-", mount_tag(run));
    _cleanup_dm_devices_ struct dm_devices devices = {0};

    for (size_t i = 0; i < run->volumes.count; i++) {
        const struct volume *volume = &run->volumes.items[i];
        const char *node = strrchr(volume->device, '/');

        printf("%s %s %s: %s\n", volume->name, volume_state_name(volume->state), volume->type ? volume->type : "-",
               volume->reason ? volume->reason
               : node         ? node + 1
                              : "");
    }
    dm_list(prefix, &devices, NULL);
    printf("devices: %zu\n", devices.count);
}

static int drive(int argc, char **argv, struct mount_run *run, struct options *options, struct error **err)
{
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_MOUNT, options, &rest, &rest_count, err) < 0)
        return -1;
    run->options = options;
    if (options_set_deadline(options, &run->wait, err) < 0 || stack_read_keys(run, err) < 0 ||
        wait_catch_signals(&run->wait, err) < 0 ||
        session_create(&session_host_places, "unlock-x", &run->session, err) < 0 || mount_tag_begin(run, err) < 0)
        return -1;
    progress_open(&run->progress, options->quiet);
    progress_begin(&run->progress, "Looking at what is on them");
    for (int i = 0; i < rest_count; i++) {
        _cleanup_free_ char *name = str_printf("disk%d", i);

        if (!stack_add(run, name, rest[i], i, err))
            return -1;
        volume_probe(&run->volumes.items[i]);
    }
    if (stack_unlock(run, err) < 0)
        return -1;
    for (size_t i = (size_t)rest_count; i < run->volumes.count; i++)
        volume_probe(&run->volumes.items[i]);
    print(run);
    return 0;
}

static int undo(struct mount_run *run, struct error **err)
{
    struct wait patient = WAIT_INIT;
    struct teardown work = {.session = run->session, .wait = &patient};

    return run->session ? teardown(&work, err) : 0;
}

int main(int argc, char **argv)
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    _cleanup_error_ struct error *err = NULL, *problem = NULL;
    int result = drive(argc, argv, &run, &options, &err);

    progress_close(&run.progress);
    if (undo(&run, &problem) < 0) {
        log_error(problem);
        return 99;
    }
    session_close(run.session);
    volumes_clear(&run.volumes);
    wait_close(&run.wait);
    for (size_t i = 0; i < run.key_count; i++)
        buffer_clear(&run.keys[i]);
    free(run.keys);
    if (result >= 0)
        return 0;
    log_error(err);
    return (int)err->code;
}
