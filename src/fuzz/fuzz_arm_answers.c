/* SPDX-License-Identifier: MIT */
/* Whatever the service answers: the first byte says how the rest is taken. */
#include <string.h>

#include "azure/arm_operation.h"
#include "azure/backup.h"
#include "azure/cloud_error.h"
#include "azure/credential-internal.h"
#include "azure/http-internal.h"
#include "azure/ilr.h"
#include "azure/permissions.h"
#include "azure/secret_json.h"
#include "azure/url.h"
#include "fuzz/input.h"
#include "util/secret.h"
#include "util/str.h"

static void fuzz_json(const char *text, size_t length)
{
    _cleanup_secret_json_ cJSON *json = json_parse(text, length, "fuzz", NULL);
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_backup_vault_ struct backup_vault vault = {0};
    _cleanup_client_scripts_ struct client_scripts scripts = {0};
    _cleanup_client_scripts_ struct client_scripts inline_scripts = {0};
    _cleanup_error_ struct error *err = NULL;
    const char *status = json_string(json, "status");

    backup_parse_point(json, &point, NULL);
    backup_parse_item(json, &item, NULL);
    backup_parse_vault(json, &vault, NULL);
    permissions_allow(json_array(json, "value"), "Microsoft.RecoveryServices/Vaults/read");
    ilr_parse_scripts(json, &scripts, NULL);
    ilr_parse_scripts(ilr_recovery_target(json), &inline_scripts, NULL);
    if (status && arm_operation_state(status) == ARM_OPERATION_FAILED)
        cloud_error_set_operation("fuzz.example", json, NULL, &err);
}

/* A status of three digits, headers up to an empty line, a body: as a server would send it. */
static void fuzz_answer(const char *text, size_t length)
{
    _cleanup_http_answer_ struct http_answer answer = input_answer(0, "", 0);
    _cleanup_error_ struct error *err = NULL;
    _cleanup_error_ struct error *unreadable = NULL;
    _cleanup_free_ char *code = NULL;
    struct credential_token token = {0};
    const char *line;

    for (int i = 0; i < 3 && length; i++, text++, length--)
        answer.status = answer.status * 10 + (*text & 7);
    while ((line = memchr(text, '\n', length)) && line > text) {
        http_answer_add_header(&answer, text, (size_t)(line - text));
        length -= (size_t)(line + 1 - text);
        text = line + 1;
    }
    buffer_append(&answer.body, text, length);
    cloud_error_set("fuzz.example", &answer, &err);
    cloud_error_set_unreadable("fuzz.example", &answer, "fuzz", &unreadable);
    code = cloud_error_code(&answer);
    http_retry_after_ms(&answer);
    credential_parse_answer("fuzz.example", &answer, &token, NULL);
    secret_free(token.text);
}

static void fuzz_text(const char *text)
{
    _cleanup_arm_id_ struct arm_id id = {0};
    _cleanup_arm_id_ struct arm_id again = {0};
    _cleanup_free_ char *accepted = NULL;
    _cleanup_free_ char *operation = arm_operation_id(text);
    _cleanup_free_ char *path = arm_id_path(text);
    _cleanup_free_ char *shown = url_host(text);
    _cleanup_free_ char *host = NULL;

    /* what is accepted once is accepted again, and stays on its host */
    if (arm_id_parse_point(text, &id, NULL) == 0 && arm_id_parse_point(id.text, &again, NULL) < 0)
        abort();
    if (url_accept("https://m.example:8443", text, "fuzz", &accepted, NULL) == 0) {
        host = url_host(accepted);
        if (!url_same_origin("https://m.example:8443", accepted) || !str_equal_ignoring_case(host, "m.example:8443"))
            abort();
    }
    /* a script comes from our own host or from Microsoft's, whatever the URL looks like */
    if (ilr_script_url_is_allowed("https://m.example:8443", text)) {
        _cleanup_free_ char *from = url_host(text);

        if (!str_equal_ignoring_case(from, "m.example:8443") &&
            !str_equal_ignoring_case(from, "download.microsoft.com") &&
            !str_equal_ignoring_case(from, "download.microsoft.com:443"))
            abort();
    }
    arm_id_check_vm(text, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_input_ struct input input = {0};

    if (size == 0)
        return 0;
    input_split(data, size, &input);
    switch (input.how) {
    case 'j':
        fuzz_json(input.text, input.length);
        break;
    case 'a':
        fuzz_answer(input.text, input.length);
        break;
    case 't':
        fuzz_text(input.text);
        break;
    default:
        break;
    }
    return 0;
}
