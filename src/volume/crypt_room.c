/* SPDX-License-Identifier: MIT */
#include "volume/crypt_room.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/file.h"
#include "util/str.h"

static const int POLL_MS = 20;
static const uint64_t KIB = 1024;

/* Where the kernel does not tell (before 3.14), what a small host has. */
static uint64_t available(void)
{
    static const char title[] = "\nMemAvailable:";
    _cleanup_free_ char *text = NULL;
    const char *at = NULL;
    uint64_t kib = 512 * KIB;

    if (file_read("/proc/meminfo", 65536, &text, NULL, NULL) == 0)
        at = strstr(text, title);
    if (at)
        kib = strtoull(at + sizeof(title) - 1, NULL, 10);
    return kib * KIB;
}

void crypt_room_open(struct crypt_room *room, uint64_t total)
{
    *room = (struct crypt_room){.total = total ? total : available() / 4 * 3};
    if (pthread_mutex_init(&room->lock, NULL) != 0)
        abort();
}

void crypt_room_close(struct crypt_room *room)
{
    pthread_mutex_destroy(&room->lock);
}

static bool try_to_take(struct crypt_room *room, uint64_t bytes)
{
    bool is_free;

    pthread_mutex_lock(&room->lock);
    is_free = room->running < CRYPT_ROOM_MAX && bytes <= room->total - room->taken;
    if (is_free) {
        room->running++;
        room->taken += bytes;
    }
    pthread_mutex_unlock(&room->lock);
    return is_free;
}

int crypt_room_take(struct crypt_room *room, uint64_t bytes, struct wait *wait, struct error **err)
{
    if (bytes > room->total) {
        error_set(err, EXIT_HOST,
                  "deriving its key takes %" PRIu64 " MiB of memory by its own account, and this host has %" PRIu64
                  " to spare",
                  bytes / KIB / KIB, room->total / KIB / KIB);
        return error_hint(err, "free some, or mount on a larger host, if that is what its owner set");
    }
    while (!try_to_take(room, bytes))
        if (wait_sleep(wait, POLL_MS, err) < 0)
            return -1;
    return 0;
}

void crypt_room_give(struct crypt_room *room, uint64_t bytes)
{
    pthread_mutex_lock(&room->lock);
    room->running--;
    room->taken -= bytes;
    pthread_mutex_unlock(&room->lock);
}
