/* SPDX-License-Identifier: MIT */
/*
 * What this host gives for trying keys: a volume's header asks for any amount of memory, and several volumes may be
 * tried at once. Whoever wants more than there is waits for the others; more than there can be is refused.
 */
#ifndef AZILR_VOLUME_CRYPT_ROOM_H
#define AZILR_VOLUME_CRYPT_ROOM_H

#include <pthread.h>
#include <stdint.h>

#include "util/error.h"
#include "util/wait.h"

/* So many at once, whatever they ask for. */
#define CRYPT_ROOM_MAX 8U

struct crypt_room {
    pthread_mutex_t lock;
    uint64_t total, taken; /* bytes */
    unsigned running;
};

/*
 * As much as the kernel says can be had without swapping (proc_meminfo(5), MemAvailable), less a quarter for whatever
 * this host is there for. Of `total` bytes instead, if that is not 0, for tests. To be closed.
 */
void crypt_room_open(struct crypt_room *room, uint64_t total);

void crypt_room_close(struct crypt_room *room);

/* Returns 0 once the memory may be used; -1 with EXIT_HOST for more than there is, or with the wait's error. */
int crypt_room_take(struct crypt_room *room, uint64_t bytes, struct wait *wait, struct error **err);

/* Gives back what was taken. */
void crypt_room_give(struct crypt_room *room, uint64_t bytes);

#endif
