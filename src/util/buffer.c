/* SPDX-License-Identifier: MIT */
#include "util/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/str.h"

static const size_t READ_STEP = 4096;

/* realloc() would leave an unwiped copy behind, so growth is always by hand. */
static void grow(struct buffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 1024;
    char *data;

    while (capacity < needed)
        capacity *= 2;
    data = xcalloc(capacity, 1);
    if (buffer->length)
        memcpy(data, buffer->data, buffer->length);
    if (buffer->data && buffer->secret)
        explicit_bzero(buffer->data, buffer->capacity);
    free(buffer->data);
    buffer->data = data;
    buffer->capacity = capacity;
}

int buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length > buffer->max - buffer->length)
        return -1;
    if (buffer->length + length + 1 > buffer->capacity)
        grow(buffer, buffer->length + length + 1);
    if (length)
        memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return 0;
}

static ssize_t read_again(int fd, void *data, size_t length)
{
    ssize_t got;

    do {
        got = read(fd, data, length);
    } while (got < 0 && errno == EINTR);
    return got;
}

ssize_t buffer_read(struct buffer *buffer, int fd)
{
    size_t room = buffer->max - buffer->length;
    size_t want = room < READ_STEP ? room : READ_STEP;
    ssize_t got;

    if (want == 0) {
        char over;

        got = read_again(fd, &over, 1);
        explicit_bzero(&over, 1);
        errno = got > 0 ? EFBIG : errno;
        return got > 0 ? -1 : got;
    }
    if (buffer->length + want + 1 > buffer->capacity)
        grow(buffer, buffer->length + want + 1);
    got = read_again(fd, buffer->data + buffer->length, want);
    if (got > 0)
        buffer->length += (size_t)got;
    buffer->data[buffer->length] = '\0';
    return got;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->data && buffer->secret)
        explicit_bzero(buffer->data, buffer->capacity);
    free(buffer->data);
    buffer->data = NULL;
    buffer->length = buffer->capacity = 0;
}
