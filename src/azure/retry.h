/* SPDX-License-Identifier: MIT */
/* Sending a request again where that is safe and useful. */
#ifndef AZILR_AZURE_RETRY_H
#define AZILR_AZURE_RETRY_H

#include <stdint.h>

#include "azure/http.h"

/* What may be repeated besides a request that the service has turned away by 429. */
enum retry {
    RETRY_UNSENT,  /* only what never left this host: for a POST that must not be done twice; 503 is no promise that it
                      was not, Retry-After or not */
    RETRY_SAFE,    /* a few times, within about 2 s: what changes nothing, or may be done twice */
    RETRY_PATIENT, /* the same for about half a minute: for the polls of a running operation */
};

/*
 * http_send() with repetitions, announced by log_info. Retry-After is obeyed up to 5 minutes; a service that
 * asks for more has its answer handed on. Returns 0 with the last answer, whatever its status, or -1 as
 * http_send() does. answer->sent is that of the last attempt; answer->unsure says whether one before it may have been
 * acted upon: its answer was lost, or is one of those that retry_is_unsure() knows.
 */
int retry_send(struct http *http, const struct http_request *request, enum retry retry, struct wait *wait,
               struct http_answer *answer, struct error **err);

/*
 * Whether what was answered by this status may have been done all the same. A refusal (4xx, 429 among them) is a
 * promise that nothing was; a failure of the server (5xx), or of something between here and it, is none, Retry-After or
 * not; 408 means that it did not see the whole request, by whoever gave up on it. Pure.
 */
bool retry_is_unsure(int status);

/* Milliseconds before attempt number `attempt` (from 0) is repeated: half a second, doubled with each up to half a
 * minute, of which between half and all, so that many clients do not come back at once. */
int64_t retry_backoff_ms(int attempt);

/* Any number of milliseconds from 0 to most (0 or more). */
int64_t retry_jitter_ms(int64_t most);

#endif
