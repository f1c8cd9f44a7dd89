/* SPDX-License-Identifier: MIT */
/*
 * Drives `azilr mount` up to the connection details, for resume_test.py: takes the very arguments of mount, has the
 * recovery point opened, prints the session as one JSON document, with the member "connection" as inspect has it, and
 * leaves it as a mount does whose wait for Azure to prepare the disks was interrupted. The host needs no iSCSI.
 */
#include "cmd/results.h"
#include "cmd/teardown.h"
#include "frame.h"
#include "print.h"

static int drive(struct mount_run *run, struct error **err)
{
    struct teardown interrupted = {.wait = &run->wait, .keep_access_as = STATUS_PREPARING};
    _cleanup_json_ cJSON *document = NULL;

    if (open_from_azure(run, err) < 0)
        return -1;
    mount_run_note(run, "initiator_name", run->initiator_name);
    document = results_to_json(run->session->state);
    cJSON_AddItemToObject(document, "connection", connection_to_json(&run->connection));
    interrupted.session = run->session;
    return teardown(&interrupted, err) < 0 ? -1 : print_document(document);
}

int main(int argc, char **argv)
{
    return frame_mount(argc, argv, drive, NULL);
}
