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

/* Whether the language takes each character between such quotes for itself. */
static bool is_plain(struct span value, char quote, enum assignment_language language)
{
    const char *special = language == ASSIGNMENT_PYTHON ? "\\" : quote == '"' ? "\\$`" : "";

    for (size_t i = 0; i < value.length; i++)
        if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f || strchr(special, value.at[i]))
            return false;
    return true;
}

static bool take_quoted(struct span *line, enum assignment_language language, struct span *value)
{
    char quote = *line->at;
    const char *end = memchr(line->at + 1, quote, line->length - 1);

    if (!end)
        return false;
    *value = (struct span){line->at + 1, (size_t)(end - line->at - 1)};
    skip(line, value->length + 2);
    return value->length > 0 && is_plain(*value, quote, language);
}

static bool is_word(struct span word, const char *text)
{
    return word.length == strlen(text) && memcmp(word.at, text, word.length) == 0;
}

/* A number or a boolean; in a shell script any word of harmless characters, which in Python would be a name. */
static bool take_bare(struct span *line, enum assignment_language language, struct span *value)
{
    static const char digits[] = "0123456789";
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
    size_t length = 0, numbers = 0;

    while (length < line->length && line->at[length] && strchr(word, line->at[length])) {
        numbers += strchr(digits, line->at[length]) != NULL;
        length++;
    }
    *value = (struct span){line->at, length};
    skip(line, length);
    return length > 0 &&
           (language == ASSIGNMENT_SHELL || numbers == length || is_word(*value, "True") || is_word(*value, "False"));
}

/* Whether nothing but an end of statement or a comment follows. */
static bool ends(struct span line)
{
    size_t before;

    if (line.length && line.at[line.length - 1] == '\r')
        line.length--;
    before = line.length;
    skip_blanks(&line);
    if (line.length && *line.at == ';')
        skip(&line, 1);
    skip_blanks(&line);
    /* to a shell a '#' that touches the value is a part of it */
    return line.length == 0 || (*line.at == '#' && line.length < before);
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

static int read_line(struct span line, enum assignment_language language, const struct assignment *wanted, size_t count,
                     struct error **err)
{
    skip_blanks(&line);
    for (size_t i = 0; i < count; i++) {
        struct span rest = line, value = {0};
        bool taken;

        if (!skip_name(&rest, wanted[i].name))
            continue;
        if (rest.length && (*rest.at == '"' || *rest.at == '\''))
            taken = take_quoted(&rest, language, &value);
        else
            taken = take_bare(&rest, language, &value);
        return taken && ends(rest) ? keep(&wanted[i], value, err) : 0;
    }
    return 0;
}

int assignments_read(const char *text, size_t length, enum assignment_language language,
                     const struct assignment *wanted, size_t count, struct error **err)
{
    struct span left = {text, length};

    while (left.length) {
        const char *end = memchr(left.at, '\n', left.length);
        struct span line = {left.at, end ? (size_t)(end - left.at) : left.length};

        if (read_line(line, language, wanted, count, err) < 0)
            return -1;
        skip(&left, line.length + (end ? 1 : 0));
    }
    return 0;
}
