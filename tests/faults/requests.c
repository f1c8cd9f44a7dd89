/* SPDX-License-Identifier: MIT */
/* Points: requests to Azure. */
#include <stdio.h>
#include <string.h>

#include "wraps.h"

/* The last part of the path, and what of the query is no number: enough to tell one from another. */
static void describe(const struct http_request *request, char *text, size_t size)
{
    size_t length = strcspn(request->url, "?");
    const char *from = request->url + length;

    while (from > request->url && from[-1] != '/')
        from--;
    snprintf(text, size, "%s %.*s", request->body ? "POST" : "GET", (int)(request->url + length - from), from);
}

int __wrap_http_send(struct http *http, const struct http_request *request, struct wait *wait,
                     struct http_answer *answer, struct error **err)
{
    enum fault fault;
    char text[200];
    int result;

    describe(request, text, sizeof(text));
    fault = fault_meet("request %s", text);
    if (fault == FAULT_FAIL || fault == FAULT_HANG) {
        *answer = (struct http_answer){.sent = fault == FAULT_HANG};
        return error_set(err, EXIT_NETWORK, "injected failure of %s", text);
    }
    result = __real_http_send(http, request, wait, answer, err);
    if (result == 0 && fault == FAULT_DO_AND_FAIL) {
        http_answer_clear(answer);
        *answer = (struct http_answer){.sent = true};
        result = error_set(err, EXIT_NETWORK, "injected loss of the answer to %s", text);
    }
    fault_leave(fault);
    return result;
}
