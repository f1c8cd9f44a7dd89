/* SPDX-License-Identifier: MIT */
/* A connection script: the first line is its name (empty for none), the rest is its text. */
#include <stdint.h>
#include <string.h>

#include "script/script.h"
#include "util/json.h"
#include "util/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What callers rely on: it goes into iscsiadm's arguments, file names and messages. */
static void check(const struct connection *connection)
{
    static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-";
    _cleanup_json_ cJSON *document = connection_to_json(connection);
    _cleanup_free_ char *text = json_text(document, false);
    _cleanup_free_ char *user = script_chap_user(connection, "debian", NULL, "12");

    require(connection->portal_host && str_only(connection->portal_host, name_characters));
    require(connection->target && str_only(connection->target, name_characters));
    require(connection->chap_user && str_only(connection->chap_user, name_characters));
    require(connection->portal_port > 0 && connection->portal_port <= 65535);
    require(strlen(connection->target) <= 223 && !strstr(connection->target, ".."));
    require(connection->secret_known == (connection->password != NULL));
    require(!connection->password || strlen(connection->password) == 15);
    require(str_starts_with(user, "Debian;12;"));
    script_check_portal_domain(connection, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *input = (const char *)data;
    const char *line_end = size ? memchr(input, '\n', size) : NULL;
    _cleanup_connection_ struct connection connection = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *name = NULL;
    _cleanup_free_ char *text = NULL;
    size_t length;

    if (!line_end)
        return 0;
    name = line_end > input ? str_ndup(input, (size_t)(line_end - input)) : NULL;
    length = size - (size_t)(line_end + 1 - input);
    /* a copy of its exact size, so that a read past the end is seen */
    text = xcalloc(length ? length : 1, 1);
    memcpy(text, line_end + 1, length);
    if (script_parse(text, length, name, "backup.windowsazure.com", &connection, &err) == 0)
        check(&connection);
    else
        require(err && err->code == EXIT_USAGE);
    return 0;
}
