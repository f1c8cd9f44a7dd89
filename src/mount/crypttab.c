/* SPDX-License-Identifier: MIT */
#include "mount/crypttab.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/str.h"

static const char BLANKS[] = " \t\r";

/* A tag's value may stand in quotes (systemd, src/shared/fstab-util.c: fstab_node_to_udev_node). The caller frees it.
 */
static char *without_quotes(const char *source, size_t length)
{
    const char *value = memchr(source, '=', length);
    size_t name = value ? (size_t)(value + 1 - source) : 0;

    if (!value || *source == '/' || length < name + 2 || !strchr("\"'", source[name]) ||
        source[length - 1] != source[name])
        return str_ndup(source, length);
    return str_printf("%.*s%.*s", (int)name, source, (int)(length - name - 2), source + name + 1);
}

static void parse_line(const char *line, size_t length, struct crypttab *crypttab)
{
    _cleanup_free_ char *copy = str_ndup(line, length);
    const char *name = copy + strspn(copy, BLANKS);
    size_t name_length = strcspn(name, BLANKS);
    const char *source = name + name_length + strspn(name + name_length, BLANKS);
    size_t source_length = strcspn(source, BLANKS);

    if (*name == '#' || !name_length || !source_length || crypttab->count == CRYPTTAB_MAX_ENTRIES)
        return;
    crypttab->items = xgrow(crypttab->items, crypttab->count, sizeof(*crypttab->items));
    crypttab->items[crypttab->count++] =
        (struct crypttab_entry){.name = str_ndup(name, name_length), .source = without_quotes(source, source_length)};
}

void crypttab_parse(const char *text, size_t length, struct crypttab *crypttab)
{
    const char *end = text + length;

    *crypttab = (struct crypttab){0};
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end ? line_end : end) - text);

        if (line <= CRYPTTAB_MAX_LINE && !memchr(text, '\0', line))
            parse_line(text, line, crypttab);
        text += line + (line_end ? 1 : 0);
    }
}

const char *crypttab_source(const struct crypttab *crypttab, const char *name)
{
    for (size_t i = 0; i < crypttab->count; i++)
        if (str_equal(crypttab->items[i].name, name))
            return crypttab->items[i].source;
    return NULL;
}

void crypttab_clear(struct crypttab *crypttab)
{
    for (size_t i = 0; i < crypttab->count; i++) {
        free(crypttab->items[i].name);
        free(crypttab->items[i].source);
    }
    free(crypttab->items);
    *crypttab = (struct crypttab){0};
}
