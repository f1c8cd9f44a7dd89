/* SPDX-License-Identifier: MIT */
/* A growing run of bytes with a cap, for what comes from the network, a file or a child. */
#ifndef AZILR_UTIL_BUFFER_H
#define AZILR_UTIL_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/cleanup.h"

struct buffer {
    char *data; /* always ends in a NUL that length does not count; NULL while empty */
    size_t length;
    size_t capacity;
    size_t max;  /* bytes that it may ever hold */
    bool secret; /* wipe whatever is let go of */
};

#define BUFFER_INIT(max_bytes) ((struct buffer){.max = (max_bytes)})

/* Appends. Returns 0, or -1 (nothing appended) if that would pass max. */
int buffer_append(struct buffer *buffer, const void *data, size_t length);

/*
 * Reads some more from a descriptor, with no copy anywhere else. Returns the bytes read, 0 at the end, or -1 with errno
 * set: EFBIG where there is more than max.
 */
ssize_t buffer_read(struct buffer *buffer, int fd);

/* The text so far; "" while empty. Owned by the buffer. */
const char *buffer_text(const struct buffer *buffer);

/* Frees (wiping if secret) and makes it empty and usable again. */
void buffer_clear(struct buffer *buffer);

#define _cleanup_buffer_ _cleanup_(buffer_clear)

#endif
