/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "volume/md-internal.h"

static const char blanks[] = " \t";

/*
 * The value of the first line that is "KEY<separator>VALUE", blanks around both dropped. The caller frees it; NULL if
 * there is none. A name in a superblock can hold line ends and so make up lines; its owner might as well have written
 * what they say into the superblock.
 */
static char *value_of(const char *text, const char *key, char separator)
{
    size_t key_length = strlen(key);

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, blanks);
        size_t length;

        if (strncmp(at, key, key_length) != 0)
            continue;
        at += key_length;
        at += strspn(at, blanks);
        if (*at != separator)
            continue;
        at++;
        at += strspn(at, blanks);
        length = strcspn(at, "\n");
        while (length && strchr(blanks, at[length - 1]))
            length--;
        return str_ndup(at, length);
    }
    return NULL;
}

/* four times eight hexadecimal digits */
static bool uuid_is_valid(const char *uuid)
{
    static const char form[] = "xxxxxxxx:xxxxxxxx:xxxxxxxx:xxxxxxxx";

    if (!uuid || strlen(uuid) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; uuid[i]; i++)
        if (form[i] == ':' ? uuid[i] != ':' : !strchr("0123456789abcdef", uuid[i]))
            return false;
    return true;
}

static int read_number(const char *text, uint64_t *number)
{
    char *end = NULL;

    if (!text || !strchr("0123456789", *text) || !*text)
        return -1;
    *number = strtoull(text, &end, 10);
    /* up to mdadm 3 the events of 0.90 are the two halves of a number of 64 bits */
    if (*end == '.' && strchr("0123456789", end[1]) && end[1])
        *number = *number << 32 | (strtoull(end + 1, &end, 10) & 0xffffffff);
    return *end ? -1 : 0;
}

/* The row "this" of 0.90's table: number, major, minor, place in the array, state. */
static int role_of_table(const char *examined)
{
    const char *row = strstr(examined, "\nthis ");
    _cleanup_free_ char *copy = row ? str_ndup(row + 1, strcspn(row + 1, "\n")) : NULL;
    char *save = NULL, *field = copy ? strtok_r(copy, blanks, &save) : NULL;
    char *state;
    long role;

    for (int i = 0; i < 4 && field; i++)
        field = strtok_r(NULL, blanks, &save);
    state = field ? strtok_r(NULL, blanks, &save) : NULL;
    if (!str_equal(state, "active") || str_to_long(field, 0, MD_MAX_DEVICES - 1, &role) < 0)
        return MD_SPARE;
    return (int)role;
}

static int role_of(const char *examined)
{
    static const char active[] = "Active device ";
    _cleanup_free_ char *text = value_of(examined, "Device Role", ':');
    long role;

    if (!text)
        return role_of_table(examined);
    if (!str_starts_with(text, active) || str_to_long(text + sizeof(active) - 1, 0, MD_MAX_DEVICES - 1, &role) < 0)
        return MD_SPARE;
    return (int)role;
}

bool md_is_level(const char *level)
{
    static const char *const levels[] = {"raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "linear"};

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (str_equal(levels[i], level))
            return true;
    return false;
}

static char *metadata_of(const char *exported, const char *examined)
{
    char *external = value_of(exported, "MD_METADATA", '=');
    _cleanup_free_ char *version = NULL;

    if (external)
        return external;
    version = value_of(examined, "Version", ':');
    /* "0.90.00" */
    if (version && str_starts_with(version, "0.90"))
        return str_dup("0.90");
    return steal(version);
}

static void read_state(const char *examined, struct md_superblock *superblock)
{
    _cleanup_free_ char *array = value_of(examined, "Array State", ':');
    _cleanup_free_ char *state = value_of(examined, "State", ':');
    size_t length = array ? strspn(array, "A.R") : 0;

    superblock->dirty = state && str_starts_with(state, "active");
    if (length && length <= MD_MAX_DEVICES)
        memcpy(superblock->state, array, length);
}

int md_parse(const char *exported, const char *examined, struct md_superblock *superblock, struct error **err)
{
    _cleanup_free_ char *events = value_of(exported, "MD_EVENTS", '=');
    _cleanup_free_ char *updated = value_of(exported, "MD_UPDATE_TIME", '=');
    _cleanup_free_ char *devices = value_of(exported, "MD_DEVICES", '=');
    _cleanup_free_ char *name = value_of(exported, "MD_NAME", '=');
    long count;

    *superblock = (struct md_superblock){.uuid = value_of(exported, "MD_UUID", '='),
                                         .level = value_of(exported, "MD_LEVEL", '='),
                                         .metadata = metadata_of(exported, examined),
                                         .role = role_of(examined)};
    if (!uuid_is_valid(superblock->uuid) || !superblock->level || !superblock->metadata || !devices ||
        str_to_long(devices, 0, MD_MAX_DEVICES, &count) < 0) {
        md_superblock_clear(superblock);
        return error_set(err, EXIT_FAILED, "its md superblock makes no sense");
    }
    superblock->raid_devices = (int)count;
    if (!name)
        name = value_of(examined, "Preferred Minor", ':');
    if (name && *name)
        superblock->name = str_printable(name, strlen(name), 64);
    /* containers have none */
    if (read_number(events, &superblock->events) < 0)
        superblock->events = 0;
    if (read_number(updated, &superblock->updated) < 0)
        superblock->updated = 0;
    read_state(examined, superblock);
    return 0;
}

void md_superblock_clear(struct md_superblock *superblock)
{
    free(superblock->uuid);
    free(superblock->name);
    free(superblock->level);
    free(superblock->metadata);
    *superblock = (struct md_superblock){0};
}
