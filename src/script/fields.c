/* SPDX-License-Identifier: MIT */
#include "script/fields.h"

#include <string.h>

#include "util/str.h"

static const char DIGITS[] = "0123456789";
static const char HEX[] = "0123456789abcdefABCDEF";
static const char LOWER[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char ALPHANUMERIC[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Whether `length` bytes at text are all in the set. */
static bool span_is(const char *text, size_t length, const char *set)
{
    for (size_t i = 0; i < length; i++)
        if (!text[i] || !strchr(set, text[i]))
            return false;
    return length > 0;
}

bool field_is_host(const char *text)
{
    size_t labels = 0;

    if (strlen(text) > 253)
        return false;
    for (;;) {
        size_t length = strcspn(text, ".");

        if (length > 63 || text[0] == '-')
            return false;
        for (size_t i = 0; i < length; i++)
            if (!strchr(ALPHANUMERIC, text[i]) && text[i] != '-')
                return false;
        if (length == 0 || text[length - 1] == '-')
            return false;
        labels++;
        if (text[length] == '\0')
            return labels >= 2;
        text += length + 1;
    }
}

bool field_is_iqn(const char *text)
{
    static const char naming[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-";

    if (strlen(text) > 223 || !str_starts_with(text, "iqn.") || strstr(text, ".."))
        return false;
    text += 4;
    return span_is(text, 4, DIGITS) && text[4] == '-' && span_is(text + 5, 2, DIGITS) && text[7] == '.' &&
           span_is(text + 8, 1, ALPHANUMERIC) && str_only(text + 8, naming);
}

bool field_is_guid(const char *text)
{
    static const size_t groups[] = {8, 4, 4, 4, 12};

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (!span_is(text, groups[i], HEX))
            return false;
        text += groups[i];
        if (*text != (i + 1 < sizeof(groups) / sizeof(groups[0]) ? '-' : '\0'))
            return false;
        text++;
    }
    return true;
}

bool field_is_user(const char *text)
{
    size_t length = strlen(text);

    return length > 37 && length <= 200 && text[length - 37] == '-' && field_is_guid(text + length - 36) &&
           span_is(text, length - 37, ALPHANUMERIC);
}

bool field_is_password(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '"' || text[i] == '\'' || text[i] == '\\')
            return false;
    return length == FIELD_PASSWORD_LENGTH;
}

bool field_is_initiator_secret(const char *text)
{
    return strlen(text) == FIELD_INITIATOR_SECRET_LENGTH && str_only(text, HEX);
}

bool field_is_name(const char *text)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f || strchr("\"'\\$`/", text[i]))
            return false;
    return length > 0 && length <= 300;
}

bool field_is_region(const char *text)
{
    return strlen(text) <= 32 && str_only(text, LOWER);
}

bool field_is_number(const char *text)
{
    return strlen(text) <= 40 && str_only(text, DIGITS);
}

int field_boolean(const char *text)
{
    if (str_equal(text, "1") || str_equal_ignoring_case(text, "true"))
        return 1;
    if (str_equal(text, "0") || str_equal_ignoring_case(text, "false"))
        return 0;
    return -1;
}
