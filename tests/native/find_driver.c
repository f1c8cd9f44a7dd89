/* SPDX-License-Identifier: MIT */
/*
 * Drives the choice of the recovery point that `azilr mount` makes, for find_test.py: takes the very arguments of
 * mount, signs in, finds, and prints the point as one JSON document, without the host that mount needs.
 */
#include "cmd/mount_run.h"
#include "print.h"
#include "util/log.h"

static int drive(int argc, char **argv, struct mount_run *run, struct options *options, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_MOUNT, options, &rest, &rest_count, err) < 0)
        return -1;
    run->options = options;
    run->what = rest_count ? rest[0] : NULL;
    if (find_point_check(run, err) < 0 || wait_catch_signals(&run->wait, err) < 0)
        return -1;
    progress_open(&run->progress, options->quiet);
    if (azure_access_open(&run->access, options, &run->wait, err) < 0 || find_point(run, &point, err) < 0)
        return -1;
    return print_point(&point);
}

int main(int argc, char **argv)
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    _cleanup_error_ struct error *err = NULL;
    int result = drive(argc, argv, &run, &options, &err);

    if (result < 0)
        progress_fail(&run.progress);
    azure_access_close(&run.access);
    wait_close(&run.wait);
    progress_close(&run.progress);
    if (result >= 0)
        return 0;
    log_error(err);
    return (int)err->code;
}
