/* SPDX-License-Identifier: MIT */
/*
 * The error tree of an answer, as text, as JSON and as advice: the input is the body, its first byte the status.
 * Whatever it holds, the message and the hint have no control character but line ends, and the details are a document
 * of the promised shape that failure_document() takes.
 */
#include <string.h>

#include "azure/cloud_error.h"
#include "cmd/failure.h"
#include "fuzz/input.h"
#include "util/str.h"

static const int statuses[] = {400, 401, 403, 404, 409, 429, 500, 503};

static void check_text(const char *text)
{
    for (; text && *text; text++)
        if ((unsigned char)*text < 0x20 && *text != '\n')
            abort();
}

static void check(struct error *err)
{
    _cleanup_json_ cJSON *document = failure_document(err);
    const cJSON *azure = json_object(json_object(document, "error"), "azure");

    check_text(err->message);
    check_text(err->hint);
    if (strlen(err->message) > 20000 || !azure || !json_string(azure, "host"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *refusal = NULL;
    _cleanup_error_ struct error *failure = NULL;
    _cleanup_error_ struct error *unreadable = NULL;
    _cleanup_json_ cJSON *status = NULL;

    if (size == 0)
        return 0;
    answer = input_answer(statuses[data[0] % (sizeof(statuses) / sizeof(statuses[0]))], data + 1, size - 1);
    cloud_error_set("fuzz.example", &answer, &refusal);
    check(refusal);
    cloud_error_set_unreadable("fuzz.example", &answer, "fuzz", &unreadable);
    check(unreadable);
    status = json_parse(buffer_text(&answer.body), answer.body.length, "fuzz", NULL);
    if (!status)
        return 0;
    cloud_error_set_operation("fuzz.example", status, &answer, &failure);
    check(failure);
    return 0;
}
