/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <stdlib.h>

#include "cmd/failure.h"
#include "util/log.h"

static int begin(int argc, char **argv, struct mount_run *run, struct options *options, struct error **err)
{
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_MOUNT, options, &rest, &rest_count, err) < 0)
        return -1;
    run->options = options;
    run->what = rest_count ? rest[0] : NULL;
    if (find_point_check(run, err) < 0 || options_set_deadline(options, &run->wait, err) < 0 ||
        wait_catch_signals(&run->wait, err) < 0)
        return -1;
    progress_open(&run->progress, options->quiet);
    return 0;
}

int frame_end(int result, const struct error *err)
{
    if (result >= 0)
        return 0;
    log_error(err);
    failure_print(err);
    return (int)err->code;
}

int frame_mount(int argc, char **argv, int (*drive)(struct mount_run *run, struct error **err),
                void (*after)(const struct mount_run *run))
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    _cleanup_error_ struct error *err = NULL;
    int result = begin(argc, argv, &run, &options, &err);

    if (result == 0)
        result = drive(&run, &err);
    if (result < 0)
        progress_fail(&run.progress);
    if (after)
        after(&run);
    connection_clear(&run.connection);
    azure_access_close(&run.access);
    session_close(run.session);
    wait_close(&run.wait);
    progress_close(&run.progress);
    free(run.initiator_name);
    return frame_end(result, err);
}
