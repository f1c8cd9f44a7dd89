/* SPDX-License-Identifier: MIT */
/* What the fuzz targets make out of the bytes that they are given. */
#ifndef AZILR_FUZZ_INPUT_H
#define AZILR_FUZZ_INPUT_H

#include <stdint.h>
#include <string.h>

#include "azure/http.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input whose first byte says how the rest is taken. */
struct input {
    char how;
    char *text; /* the rest; a NUL that length does not count is behind it */
    size_t length;
};

/* size is not 0. The caller clears *input with input_clear(). */
static inline void input_split(const uint8_t *data, size_t size, struct input *input)
{
    *input = (struct input){.how = (char)data[0], .text = xcalloc(size, 1), .length = size - 1};
    memcpy(input->text, data + 1, size - 1);
}

static inline void input_clear(struct input *input)
{
    free(input->text);
}

#define _cleanup_input_ _cleanup_(input_clear)

/* What a server may have answered, without headers. The caller clears it with http_answer_clear(). */
static inline struct http_answer input_answer(int status, const void *body, size_t length)
{
    struct http_answer answer = {.status = status, .body = BUFFER_INIT(HTTP_DEFAULT_MAX_BODY)};

    buffer_append(&answer.body, body, length);
    return answer;
}

#endif
