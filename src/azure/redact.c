/* SPDX-License-Identifier: MIT */
#include "azure/redact.h"

#include <stdlib.h>
#include <string.h>

#include "util/secret.h"
#include "util/str.h"

enum {
    LEAST = 6,
    /* Of a longer secret so many characters are taken for it, be the rest cut off; and the search stays linear. */
    CERTAIN = 24,
};

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Reads up to `most` digits; *length is how many there are. */
static long read_number(const char *text, const char *end, int base, size_t most, size_t *length)
{
    long number = 0;
    size_t at = 0;

    for (; at < most && text + at < end; at++) {
        int digit = hex_digit(text[at]);

        if (digit < 0 || digit >= base)
            break;
        number = number * base + digit;
    }
    *length = at;
    return number;
}

/* "%2B", "\u002B" and so on: exactly so many hexadecimal digits behind a prefix. How long it is; 0 if it is not c. */
static size_t match_hex(const char *text, const char *end, size_t prefix, size_t digits, char c)
{
    size_t length;

    if ((size_t)(end - text) < prefix + digits)
        return 0;
    return read_number(text + prefix, end, 16, digits, &length) == (unsigned char)c && length == digits
               ? prefix + digits
               : 0;
}

/* "&#43;", "&#x2B;", "&amp;" */
static size_t match_entity(const char *text, const char *end, char c)
{
    static const struct {
        const char *name;
        char c;
    } names[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
    const size_t left = (size_t)(end - text);
    bool is_hex;
    size_t length;
    size_t prefix;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].c == c && left >= strlen(names[i].name) && memcmp(text, names[i].name, strlen(names[i].name)) == 0)
            return strlen(names[i].name);
    if (left < 4 || text[1] != '#')
        return 0;
    is_hex = text[2] == 'x' || text[2] == 'X';
    prefix = is_hex ? 3 : 2;
    if (read_number(text + prefix, end, is_hex ? 16 : 10, 6, &length) != (unsigned char)c || length == 0 ||
        text + prefix + length >= end || text[prefix + length] != ';')
        return 0;
    return prefix + length + 1;
}

/* How many bytes at text stand for the character in some encoding; 0 if they do not. */
static size_t match_encoded(const char *text, const char *end, char c)
{
    switch (*text) {
    case '%':
        return match_hex(text, end, 1, 2, c);
    case '\\':
        if (end - text >= 2 && text[1] == 'u')
            return match_hex(text, end, 2, 4, c);
        return end - text >= 2 && text[1] == c ? 2 : 0;
    case '&':
        return match_entity(text, end, c);
    default:
        return *text == '+' && c == ' ';
    }
}

/*
 * How many bytes at text are the secret, or as much of it as cannot be by chance; 0 if they are not. An encoding is
 * looked for before the character itself or behind it: "%25" may stand for the first character of "%25" or for all
 * three.
 */
static size_t match(const char *text, const char *end, const char *secret, bool plain_first)
{
    const char *at = text;
    size_t matched = 0;

    for (; secret[matched] && at < end; matched++) {
        bool is_plain = *at == secret[matched];
        size_t encoded = plain_first && is_plain ? 0 : match_encoded(at, end, secret[matched]);

        if (!encoded && !is_plain)
            break;
        at += encoded ? encoded : 1;
    }
    return !secret[matched] || matched >= CERTAIN ? (size_t)(at - text) : 0;
}

void redact(char *text, size_t length, const char *secret)
{
    const char *const end = text + length;

    if (strlen(secret) < LEAST)
        return;
    while (text < end) {
        size_t plain = match(text, end, secret, true);
        size_t encoded = match(text, end, secret, false);
        size_t found = plain > encoded ? plain : encoded;
        /* what is no match may not begin in the midst of an escaped backslash, or JSON would not be any more */
        size_t rest = end - text >= 2 && text[0] == '\\' && text[1] == '\\' ? 2 : 1;

        memset(text, '*', found);
        text += found ? found : rest;
    }
}

static char *decode(const char *value, size_t length)
{
    char *decoded = xcalloc(length + 1, 1);
    char *to = decoded;

    for (size_t i = 0; i < length; i++) {
        size_t digits = 0;
        long number =
            value[i] == '%' && length - i > 2 ? read_number(value + i + 1, value + length, 16, 2, &digits) : 0;

        if (digits == 2) {
            *(unsigned char *)to++ = (unsigned char)number;
            i += 2;
        } else if (value[i] == '+') {
            *to++ = ' ';
        } else {
            *to++ = value[i];
        }
    }
    return decoded;
}

void redact_fields(char *text, size_t length, const char *fields)
{
    static const char *const names[] = {"client_secret", "client_assertion", "refresh_token", "device_code", "sig"};

    while (*fields) {
        size_t whole = strcspn(fields, "&");
        size_t name = strcspn(fields, "=&");

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (name < whole && strlen(names[i]) == name && memcmp(fields, names[i], name) == 0) {
                _cleanup_secret_ char *value = decode(fields + name + 1, whole - name - 1);
                _cleanup_secret_ char *sent = str_ndup(fields + name + 1, whole - name - 1);

                redact(text, length, value);
                /* a page may have encoded the form once more */
                redact(text, length, sent);
            }
        }
        fields += whole + (fields[whole] == '&');
    }
}
