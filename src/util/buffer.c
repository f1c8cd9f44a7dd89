/* SPDX-License-Identifier: MIT */
#include "util/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "util/str.h"

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
