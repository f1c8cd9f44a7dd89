/* SPDX-License-Identifier: MIT */
/*
 * Drives what `azilr mount` does between its checks of the host and the tunnel, for session_test.py: takes the very
 * arguments of mount, opens the recovery point, and prints the kinds of changes that the session has to undo then.
 */
#include <stdio.h>

#include "frame.h"
#include "util/json.h"

static void print_undo(const struct mount_run *run)
{
    const cJSON *change = run->session ? session_last_change(run->session) : NULL;

    for (; change; change = session_change_before(run->session, change))
        puts(json_string(change, "kind"));
}

int main(int argc, char **argv)
{
    return frame_mount(argc, argv, open_from_azure, print_undo);
}
