/* SPDX-License-Identifier: MIT */
/*
 * Drives what `azilr mount` does between its checks of the host and the tunnel, for session_test.py: takes the very
 * arguments of mount, opens the recovery point, and prints the kinds of changes that the session has to undo then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/mount_run.h"
#include "util/json.h"
#include "util/log.h"

static int drive(int argc, char **argv, struct mount_run *run, struct options *options, struct error **err)
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
    return open_from_azure(run, err);
}

static void print_undo(const struct mount_run *run)
{
    const cJSON *change = run->session ? session_last_change(run->session) : NULL;

    for (; change; change = session_change_before(run->session, change))
        puts(json_string(change, "kind"));
}

int main(int argc, char **argv)
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    _cleanup_error_ struct error *err = NULL;
    int result = drive(argc, argv, &run, &options, &err);

    if (result < 0)
        progress_fail(&run.progress);
    print_undo(&run);
    connection_clear(&run.connection);
    azure_access_close(&run.access);
    session_close(run.session);
    wait_close(&run.wait);
    progress_close(&run.progress);
    free(run.initiator_name);
    if (result >= 0)
        return 0;
    log_error(err);
    return (int)err->code;
}
