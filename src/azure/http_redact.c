/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/http-internal.h"
#include "azure/redact.h"

static void redact_text(const struct http_request *request, bool is_refusal, char *text, size_t length)
{
    const char *query = strchr(request->url, '?');

    if (request->bearer)
        redact(text, length, request->bearer);
    if (request->basic)
        redact(text, length, request->basic);
    /* what a service grants may well be what it was sent, as a token that refreshes and lasts */
    if (is_refusal && request->body)
        redact_fields(text, length, request->body);
    if (is_refusal && query)
        redact_fields(text, length, query + 1);
}

void http_redact_answer(const struct http_request *request, struct http_answer *answer)
{
    struct buffer *body = &answer->body;
    bool is_refusal = answer->status != 200 || (body->length && body->data[0] == '<');

    for (size_t i = 0; i < HTTP_HEADER_COUNT; i++)
        if (answer->headers[i])
            redact_text(request, true, answer->headers[i], strlen(answer->headers[i]));
    if (body->length)
        redact_text(request, is_refusal, body->data, body->length);
}
