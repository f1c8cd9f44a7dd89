/* SPDX-License-Identifier: MIT */
/*
 * Drives `azilr mount` up to the connection details, for resume_test.py: takes the very arguments of mount, has the
 * recovery point opened, prints the session as one JSON document, and leaves it as a mount does whose wait for Azure to
 * prepare the disks was interrupted. The host needs no iSCSI.
 */
#include <stdlib.h>

#include "cmd/failure.h"
#include "cmd/mount_run.h"
#include "cmd/results.h"
#include "cmd/teardown.h"
#include "print.h"
#include "util/log.h"

static int drive(int argc, char **argv, struct mount_run *run, struct options *options, struct error **err)
{
    struct teardown interrupted = {.wait = &run->wait, .keep_access_as = STATUS_PREPARING};
    _cleanup_json_ cJSON *document = NULL;
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_MOUNT, options, &rest, &rest_count, err) < 0)
        return -1;
    run->options = options;
    run->what = rest_count ? rest[0] : NULL;
    if (find_point_check(run, err) < 0 || wait_catch_signals(&run->wait, err) < 0)
        return -1;
    progress_open(&run->progress, options->quiet);
    if (open_from_azure(run, err) < 0)
        return -1;
    mount_run_note(run, "initiator_name", run->initiator_name);
    document = results_to_json(run->session->state);
    interrupted.session = run->session;
    return teardown(&interrupted, err) < 0 ? -1 : print_document(document);
}

int main(int argc, char **argv)
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    _cleanup_error_ struct error *err = NULL;
    int result = drive(argc, argv, &run, &options, &err);

    if (result < 0)
        progress_fail(&run.progress);
    connection_clear(&run.connection);
    azure_access_close(&run.access);
    session_close(run.session);
    wait_close(&run.wait);
    progress_close(&run.progress);
    free(run.initiator_name);
    if (result >= 0)
        return 0;
    log_error(err);
    failure_print(err);
    return (int)err->code;
}
