/* SPDX-License-Identifier: MIT */
#include "azure/retry.h"

#include <sys/random.h>
#include <time.h>

#include "azure/url.h"
#include "util/log.h"
#include "util/str.h"

static const int MAX_THROTTLED = 6;
static const int64_t MAX_RETRY_AFTER_MS = (int64_t)300 * 1000;
static const int64_t FIRST_BACKOFF_MS = 500;

static int max_attempts(enum retry retry)
{
    return retry == RETRY_PATIENT ? 6 : 2;
}

bool retry_is_unsure(int status)
{
    return status == 408 || status >= 500;
}

int64_t retry_jitter_ms(int64_t most)
{
    uint32_t number = 0;

    /* where the kernel has none to give yet, the clock has to do */
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number)) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        number = (uint32_t)(now.tv_nsec / 1000);
    }
    return (int64_t)(number % (uint64_t)(most + 1));
}

int64_t retry_backoff_ms(int attempt)
{
    int64_t full = FIRST_BACKOFF_MS << (attempt < 6 ? attempt : 6);

    return full / 2 + retry_jitter_ms(full / 2);
}

/* How long until the request may be repeated after this answer; -1 if it is to be taken as it is. */
static int64_t delay_after_answer(const struct http_answer *answer, enum retry retry, int throttled, int failed)
{
    int64_t asked = http_retry_after_ms(answer);

    if (answer->status == 429 || (answer->status == 503 && retry != RETRY_UNSENT)) {
        if (throttled >= MAX_THROTTLED || asked > MAX_RETRY_AFTER_MS)
            return -1;
        /* the jitter comes on top: never earlier than asked */
        return asked >= 0 ? asked + retry_backoff_ms(0) : retry_backoff_ms(throttled + 2);
    }
    if ((answer->status == 408 || answer->status == 500 || answer->status == 502 || answer->status == 504) &&
        retry != RETRY_UNSENT && failed < max_attempts(retry))
        return retry_backoff_ms(failed);
    return -1;
}

static void announce(const struct http_request *request, const char *what, int64_t delay_ms)
{
    _cleanup_free_ char *host = url_host(request->url);

    log_info("%s %s: trying again in %.1f s", host, what, (double)delay_ms / 1000);
}

/* One attempt. Returns the milliseconds until the next one, or -1 when *result (of http_send) is final. */
static int64_t attempt(struct http *http, const struct http_request *request, enum retry retry, struct wait *wait,
                       int *throttled, int *failed, struct http_answer *answer, int *result, struct error **err)
{
    _cleanup_error_ struct error *failure = NULL;
    _cleanup_free_ char *status = NULL;
    int64_t delay;

    *result = http_send(http, request, wait, answer, &failure);
    if (*result < 0) {
        if (!answer->transient || (answer->sent && retry == RETRY_UNSENT) || *failed >= max_attempts(retry)) {
            error_move(err, &failure);
            return -1;
        }
        delay = retry_backoff_ms((*failed)++);
        log_info("%s: trying again in %.1f s", failure->message, (double)delay / 1000);
        return delay;
    }
    delay = delay_after_answer(answer, retry, *throttled, *failed);
    if (delay < 0)
        return -1;
    *(answer->status == 429 || answer->status == 503 ? throttled : failed) += 1;
    status =
        answer->status == 429 ? str_dup("asks for fewer requests (429)") : str_printf("answered %d", answer->status);
    announce(request, status, delay);
    return delay;
}

int retry_send(struct http *http, const struct http_request *request, enum retry retry, struct wait *wait,
               struct http_answer *answer, struct error **err)
{
    int throttled = 0;
    int failed = 0;
    int result = 0;
    bool unsure = false;

    for (;;) {
        int64_t delay = attempt(http, request, retry, wait, &throttled, &failed, answer, &result, err);

        if (delay < 0)
            break;
        unsure = unsure || (result < 0 ? answer->sent : retry_is_unsure(answer->status));
        http_answer_clear(answer);
        answer->sent = false;
        if (wait_sleep(wait, delay, err) < 0) {
            result = -1;
            break;
        }
    }
    answer->unsure = unsure;
    return result;
}
