/* SPDX-License-Identifier: MIT */
/*
 * Drives the choice of the recovery point that `azilr mount` makes, for find_test.py: takes the very arguments of
 * mount, signs in, finds, and prints the point as one JSON document, without the host that mount needs.
 */
#include "frame.h"
#include "print.h"

static int drive(struct mount_run *run, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};

    if (azure_access_open(&run->access, run->options, &run->wait, err) < 0 || find_point(run, &point, err) < 0)
        return -1;
    return print_point(&point);
}

int main(int argc, char **argv)
{
    return frame_mount(argc, argv, drive, NULL);
}
