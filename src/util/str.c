/* SPDX-License-Identifier: MIT */
#include "util/str.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"

static void *checked(void *memory)
{
    if (!memory) {
        fputs("azilr: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count, size ? size : 1));
}

void *xreallocarray(void *old, size_t count, size_t size)
{
    return checked(reallocarray(old, count ? count : 1, size ? size : 1));
}

void *xgrow(void *list, size_t count, size_t size)
{
    /* the list is full exactly when its count is a power of two (or nothing) */
    if (count & (count - 1))
        return list;
    return xreallocarray(list, count ? count * 2 : 1, size);
}

char *str_dup(const char *text)
{
    return checked(strdup(text));
}

char *str_ndup(const char *text, size_t length)
{
    return checked(strndup(text, length));
}

char *str_vprintf(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    return checked(text);
}

char *str_printf(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    return text;
}

/* Length of the UTF-8 sequence at text if it is well formed (RFC 3629), with its character in *point; else 0. */
static size_t utf8_sequence(const unsigned char *text, size_t length, uint32_t *point)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t min;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
        if ((text[0] & forms[form].mask) != forms[form].lead)
            continue;
        if (form >= length)
            return 0;
        *point = text[0] & (unsigned char)~forms[form].mask;
        for (size_t i = 1; i <= form; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            *point = *point << 6 | (text[i] & 0x3f);
        }
        return *point < forms[form].min || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff) ? 0 : form + 1;
    }
    return 0;
}

/* The same, but 0 for a control character too. */
static size_t printable_sequence(const unsigned char *text, size_t length)
{
    uint32_t point = 0;
    size_t size = utf8_sequence(text, length, &point);

    /* U+2028..202E and U+2066..2069 break lines or turn text around, which can disguise a message */
    if (point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e) ||
        (point >= 0x2066 && point <= 0x2069))
        return 0;
    return size;
}

char *str_printable(const char *text, size_t length, size_t max)
{
    size_t take = length < max ? length : max;
    char *safe = xcalloc(take * 4 + sizeof("…"), 1);
    char *to = safe;

    for (size_t at = 0; at < take;) {
        size_t size = printable_sequence((const unsigned char *)text + at, length - at);

        if (size) {
            memcpy(to, text + at, size);
            to += size;
            at += size;
        } else {
            to += sprintf(to, "\\x%02x", (unsigned char)text[at]);
            at++;
        }
    }
    memcpy(to, length > max ? "…" : "", length > max ? sizeof("…") : 1);
    return safe;
}

void str_replace_unprintable(char *text, char with)
{
    size_t length = strlen(text);

    for (size_t at = 0; at < length;) {
        size_t size = printable_sequence((const unsigned char *)text + at, length - at);

        if (!size)
            text[at] = with;
        at += size ? size : 1;
    }
}

bool str_is_utf8(const char *text)
{
    uint32_t point;
    size_t size;

    for (size_t left = strlen(text); left; left -= size, text += size) {
        size = utf8_sequence((const unsigned char *)text, left, &point);
        if (!size)
            return false;
    }
    return true;
}

bool str_is_printable(const char *text)
{
    size_t size;

    for (size_t left = strlen(text); left; left -= size, text += size) {
        size = printable_sequence((const unsigned char *)text, left);
        if (!size)
            return false;
    }
    return true;
}

size_t str_count_characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix)
{
    size_t text_length = strlen(text), suffix_length = strlen(suffix);

    return text_length >= suffix_length && strcmp(text + text_length - suffix_length, suffix) == 0;
}

bool str_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool str_equal_ignoring_case(const char *a, const char *b)
{
    return a && b ? strcasecmp(a, b) == 0 : a == b;
}

bool str_only(const char *text, const char *allowed)
{
    return *text && text[strspn(text, allowed)] == '\0';
}

int str_to_long(const char *text, long min, long max, long *number)
{
    char *end = NULL;
    long value;

    if (!text || !str_only(*text == '-' ? text + 1 : text, "0123456789"))
        return -1;
    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || *end || value < min || value > max)
        return -1;
    *number = value;
    return 0;
}

int str_to_size(const char *text, uint64_t *size)
{
    static const char units[] = "KMGT";
    char digits[32] = "";
    const char *unit;
    unsigned shift = 0;
    size_t length;
    long number;

    if (!text || !*text || strlen(text) >= sizeof(digits))
        return -1;
    length = strlen(text);
    unit = strchr(units, text[length - 1]);
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        length--;
    }
    memcpy(digits, text, length);
    if (str_to_long(digits, 0, LONG_MAX, &number) < 0 || (uint64_t)number > UINT64_MAX >> shift)
        return -1;
    *size = (uint64_t)number << shift;
    return 0;
}
