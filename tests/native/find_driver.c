/* SPDX-License-Identifier: MIT */
/*
 * Drives the choice of the recovery point that `azilr mount` makes, for find_test.py: takes the very arguments of
 * mount, signs in, finds, and prints the point as one JSON document, without the host that mount needs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/mount_run.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

static void print(const struct recovery_point *point)
{
    _cleanup_json_ cJSON *document = json_new_object();
    _cleanup_free_ char *text = NULL;
    char time[CLOCK_TEXT_SIZE];

    json_set_string(document, "id", point->id.text);
    json_set_string(document, "point", point->id.point);
    json_set_string(document, "vault", point->id.vault);
    json_set_string(document, "vm", point->id.vm_name);
    json_set_string(document, "vm_id", point->vm_id);
    json_set_string(document, "time", clock_format(point->time, time));
    text = json_text(document, false);
    puts(text);
}

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
    print(&point);
    return 0;
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
