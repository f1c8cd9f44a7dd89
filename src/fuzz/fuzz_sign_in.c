/* SPDX-License-Identifier: MIT */
/* What the parties to a sign-in say: the first byte says how the rest is taken. */
#include <string.h>

#include "azure/cloud.h"
#include "azure/credential_cli.h"
#include "azure/credential_device.h"
#include "azure/managed_arc.h"
#include "azure/url.h"
#include "fuzz/input.h"
#include "util/secret.h"
#include "util/str.h"

static void fuzz_device(const char *text, size_t length)
{
    _cleanup_http_answer_ struct http_answer answer = input_answer(400, text, length);
    _cleanup_error_ struct error *err = NULL;
    struct device_code code = {0};

    device_poll_outcome(&answer);
    answer.status = 200;
    if (device_code_parse("fuzz.example", &answer, &code, &err) == 0) {
        _cleanup_free_ char *page = str_printable(code.page, strlen(code.page), 1000);

        /* both go to a terminal */
        if (!str_equal(page, code.page) || !str_starts_with(code.page, "https://") || strpbrk(code.user_code, "\x1b\n"))
            abort();
        if (code.interval_s < 1 || code.interval_s > 60 || code.lifetime_s < 1 || code.lifetime_s > 3600)
            abort();
    }
    device_code_clear(&code);
}

static void fuzz_challenge(const char *text)
{
    static const char folder[] = "/var/opt/azcmagent/tokens";
    _cleanup_free_ char *path = NULL;
    _cleanup_error_ struct error *err = NULL;

    if (managed_arc_key_path(text, folder, &path, &err) < 0)
        return;
    if (!str_starts_with(path, folder) || strchr(path + sizeof(folder), '/') || !str_ends_with(path, ".key"))
        abort();
}

static void fuzz_cli(const char *text, size_t length)
{
    struct credential_token token = {0};
    _cleanup_error_ struct error *err = NULL;

    if (credential_cli_parse(text, length, 1700000000, &token, &err) == 0 && token.lifetime_s < 0)
        abort();
    secret_free(token.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_input_ struct input input = {0};

    if (size == 0)
        return 0;
    input_split(data, size, &input);
    switch (input.how) {
    case 'd':
        fuzz_device(input.text, input.length);
        break;
    case 'c':
        fuzz_challenge(input.text);
        break;
    case 'z':
        fuzz_cli(input.text, input.length);
        break;
    case 'u':
        url_is_local(input.text);
        cloud_find(input.text, "fuzz", NULL);
        break;
    default:
        break;
    }
    return 0;
}
