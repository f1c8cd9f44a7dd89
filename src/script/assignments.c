/* SPDX-License-Identifier: MIT */
#include "script/assignments.h"

#include <stdbool.h>
#include <string.h>

#include "util/secret.h"
#include "util/str.h"

/* A part of the script; never NUL-terminated. */
struct span {
    const char *at;
    size_t length;
};

static void skip(struct span *span, size_t count)
{
    span->at += count;
    span->length -= count;
}

static void skip_blanks(struct span *span)
{
    while (span->length && (*span->at == ' ' || *span->at == '\t'))
        skip(span, 1);
}

/* Past "NAME =". Returns whether the line begins so. */
static bool skip_name(struct span *line, const char *name)
{
    size_t length = strlen(name);

    if (line->length <= length || memcmp(line->at, name, length) != 0)
        return false;
    skip(line, length);
    skip_blanks(line);
    /* "==" compares */
    if (!line->length || *line->at != '=' || (line->length > 1 && line->at[1] == '='))
        return false;
    skip(line, 1);
    skip_blanks(line);
    return true;
}

/* What both languages would do something with instead of taking it as it is. */
static bool is_plain(struct span value)
{
    for (size_t i = 0; i < value.length; i++)
        if ((unsigned char)value.at[i] < 0x20 || strchr("\\$`\"'", value.at[i]))
            return false;
    return true;
}

/* Takes a quoted literal, or a bare word of digits, letters and the like. Returns whether there is one. */
static bool take_literal(struct span *line, struct span *value)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-;";
    char quote = line->length ? *line->at : '\0';

    if (quote == '"' || quote == '\'') {
        const char *end = memchr(line->at + 1, quote, line->length - 1);

        if (!end)
            return false;
        *value = (struct span){line->at + 1, (size_t)(end - line->at - 1)};
        skip(line, value->length + 2);
    } else {
        size_t length = 0;

        while (length < line->length && line->at[length] && strchr(bare, line->at[length]))
            length++;
        *value = (struct span){line->at, length};
        skip(line, length);
        /* the end of a statement, not of a value */
        while (value->length && value->at[value->length - 1] == ';')
            value->length--;
    }
    return value->length > 0 && is_plain(*value);
}

/* Whether nothing but an end of statement or a comment follows. */
static bool ends(struct span line)
{
    skip_blanks(&line);
    if (line.length && *line.at == ';')
        skip(&line, 1);
    skip_blanks(&line);
    return line.length == 0 || *line.at == '#' || (*line.at == '\r' && line.length == 1);
}

static int keep(const struct assignment *assignment, struct span value, struct error **err)
{
    char *text = str_ndup(value.at, value.length);

    if (*assignment->value && !str_equal(*assignment->value, text)) {
        secret_free(text);
        return error_set(err, EXIT_USAGE, "it gives %s two different values", assignment->name);
    }
    secret_free(*assignment->value);
    *assignment->value = text;
    return 0;
}

static int read_line(struct span line, const struct assignment *wanted, size_t count, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        struct span rest = line, value;

        if (skip_name(&rest, wanted[i].name))
            return take_literal(&rest, &value) && ends(rest) ? keep(&wanted[i], value, err) : 0;
    }
    return 0;
}

int assignments_read(const char *text, size_t length, const struct assignment *wanted, size_t count, struct error **err)
{
    struct span left = {text, length};

    while (left.length) {
        const char *end = memchr(left.at, '\n', left.length);
        struct span line = {left.at, end ? (size_t)(end - left.at) : left.length};

        if (read_line(line, wanted, count, err) < 0)
            return -1;
        skip(&left, line.length + (end ? 1 : 0));
    }
    return 0;
}
