/* SPDX-License-Identifier: MIT */
/*
 * A loop device in front of a block device that is only read. Linux reads ahead within a file, and never from one file
 * into the next: over a line of 20 ms each small file costs as much. What is read by way of a loop device passes the
 * page cache of the device below, which reads ahead by the order of blocks, whatever they belong to.
 *
 * The price is that the loop device works on one request at a time (drivers/block/loop.c): programs that read here and
 * there at the same moment wait for each other.
 */
#ifndef AZILR_BLOCK_READ_LOOP_H
#define AZILR_BLOCK_READ_LOOP_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/wait.h"

struct read_loop {
    char *path;       /* "/dev/loop3"; NULL for none */
    dev_t device;     /* its number */
    char *below_path; /* what it is in front of */
    int descriptor;   /* its first user; only for reading, for a file system may refuse what can be written otherwise */
    int below;        /* the device below; for flushing */
};

/*
 * Puts one in front of the device, which nobody else can claim as long as it is there; writable only for a journal that
 * is to be replayed on an overlay. It goes by itself with its last user, though azilr be killed. Returns 0, or -1 with
 * err set and *loop empty: EXIT_HOST if the kernel has no loop devices, or older ones (before Linux 5.8).
 */
int read_loop_attach(const char *device, bool writable, struct wait *wait, struct read_loop *loop, struct error **err);

/*
 * Has what was written through it, a replayed journal, arrive on the device below, which it otherwise would only later:
 * an overlay that ran full tells so here. Returns 0, or -1 with err set.
 */
int read_loop_flush(const struct read_loop *loop, struct error **err);

/* Has a message that names the loop device, whose number is soon somebody else's, name the device below. */
void read_loop_rename(const struct read_loop *loop, struct error *message);

/* Leaves it to the file system that has been mounted from it. */
void read_loop_hand_over(struct read_loop *loop);

/*
 * Gives it up, and waits until nobody has the device below any more: who has just looked at the loop device, as udev
 * does, keeps both for a moment. Not longer than a few seconds. Does nothing for an empty one.
 */
void read_loop_release(struct read_loop *loop, struct wait *wait);

/* After an unmount: waits as long until none of these devices is a loop device in front of another of them. */
void read_loop_await_gone(const dev_t *devices, size_t count, struct wait *wait);

/*
 * Whether the device is a loop device that has nothing to do with any of these: its number was one of theirs, and is
 * free or somebody else's by now. One below which the device has gone is still theirs.
 */
bool read_loop_is_foreign(dev_t device, const dev_t *devices, size_t count);

/* A loop device that is in front of this device, whoever made it; 0 for none. */
dev_t read_loop_of(dev_t below);

#endif
