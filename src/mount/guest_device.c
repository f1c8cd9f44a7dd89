/* SPDX-License-Identifier: MIT */
#include "mount/guest_device-internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/str.h"

/* Whether a volume is meant by the text. */
typedef bool matcher(const struct guest_volume *volume, const char *text);

static bool has_uuid(const struct guest_volume *volume, const char *text)
{
    return volume->uuid && str_equal_ignoring_case(volume->uuid, text);
}

static bool has_label(const struct guest_volume *volume, const char *text)
{
    return str_equal(volume->label, text);
}

static bool has_part_uuid(const struct guest_volume *volume, const char *text)
{
    return volume->part_uuid && str_equal_ignoring_case(volume->part_uuid, text);
}

static bool has_part_name(const struct guest_volume *volume, const char *text)
{
    return str_equal(volume->part_name, text);
}

static bool has_alias(const struct guest_volume *volume, const char *text)
{
    size_t length = strlen(text);

    for (const char *at = volume->aliases; at && *at && length;) {
        size_t line = strcspn(at, "\n");

        if (line == length && memcmp(at, text, length) == 0)
            return true;
        at += line + (at[line] == '\n');
    }
    return false;
}

void guest_search_decide(struct guest_search *search, enum guest_device_verdict verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(search->device->why);
    search->device->why = str_vprintf(format, args);
    va_end(args);
    search->device->verdict = verdict;
}

void guest_search_take(struct guest_search *search, size_t volume, enum guest_device_verdict verdict)
{
    search->device->volume = volume;
    search->device->verdict = verdict;
}

/* Of several that are meant: the only one of its kind, or `count` where there is none or more than one. */
static size_t only_one(const struct guest_search *search, matcher *matches, const char *text, bool on_root_disk)
{
    const struct guest_volumes *volumes = search->volumes;
    size_t found = volumes->count;

    for (size_t i = 0; i < volumes->count; i++) {
        const struct guest_volume *volume = &volumes->items[i];

        if (!matches(volume, text) ||
            !(on_root_disk ? guest_volume_is_on(volume, volumes->items[volumes->root].disk) : volume->mounted))
            continue;
        if (found < volumes->count)
            return volumes->count;
        found = i;
    }
    return found;
}

/* Copies of a disk have all names twice; a VM's own are then those beside its root. */
static void choose(struct guest_search *search, matcher *matches, const char *text, const char *what, size_t first,
                   size_t second)
{
    const struct guest_volumes *volumes = search->volumes;
    const char *one = volumes->items[first].name, *other = volumes->items[second].name;
    size_t found = only_one(search, matches, text, true);

    if (matches(&volumes->items[volumes->root], text))
        found = volumes->root;
    if (found < volumes->count) {
        guest_search_take(search, found, GUEST_DEVICE_FOUND);
        guest_search_decide(search, GUEST_DEVICE_FOUND,
                            "%s and %s have the same %s; this one is on the disk of the root", one, other, what);
        return;
    }
    found = only_one(search, matches, text, false);
    if (found < volumes->count) {
        guest_search_take(search, found, GUEST_DEVICE_FOUND);
        guest_search_decide(search, GUEST_DEVICE_FOUND, "%s and %s have the same %s; only this one could be mounted",
                            one, other, what);
        return;
    }
    guest_search_decide(search, GUEST_DEVICE_UNKNOWN,
                        "%s and %s have the same %s, and neither is on the disk of the root", one, other, what);
}

static bool find(struct guest_search *search, matcher *matches, const char *text, const char *what)
{
    const struct guest_volumes *volumes = search->volumes;
    size_t first = volumes->count;

    for (size_t i = 0; i < volumes->count; i++) {
        if (!matches(&volumes->items[i], text))
            continue;
        if (first < volumes->count) {
            choose(search, matches, text, what, first, i);
            return true;
        }
        first = i;
    }
    if (first < volumes->count)
        guest_search_take(search, first, GUEST_DEVICE_FOUND);
    return first < volumes->count;
}

static void find_or_say(struct guest_search *search, matcher *matches, const char *text, const char *what)
{
    if (!find(search, matches, text, what))
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "no volume of the backup has that %s", what);
}

/* The first kind of a name of a logical volume, "vg/lv", in the second, "mapper/vg-lv". NULL if it is not one. */
static char *mapper_name(const char *text)
{
    const char *slash = strchr(text, '/');
    char *name, *to;

    if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
        return NULL;
    name = xcalloc(2 * strlen(text) + sizeof("mapper/"), 1);
    to = stpcpy(name, "mapper/");
    for (const char *at = text; *at; at++) {
        if (*at == '-')
            *to++ = '-';
        *to = *at;
        if (*to == '/')
            *to = '-';
        to++;
    }
    return name;
}

/* "md/0" and "md0" are the same array. */
static char *other_md_name(const char *text)
{
    const char *number = str_starts_with(text, "md/") ? text + 3 : str_starts_with(text, "md") ? text + 2 : NULL;

    if (!number || !str_only(number, "0123456789"))
        return NULL;
    return str_printf(text[2] == '/' ? "md%s" : "md/%s", number);
}

static bool find_alias(struct guest_search *search, const char *text)
{
    _cleanup_free_ char *mapper = mapper_name(text);
    _cleanup_free_ char *md = other_md_name(text);

    return find(search, has_alias, text, "name") || (mapper && find(search, has_alias, mapper, "name")) ||
           (md && find(search, has_alias, md, "name"));
}

/* A name that the VM gave an encrypted volume when it was opened. */
static bool find_unlocked(struct guest_search *search, const char *text)
{
    static const char PREFIX[] = "mapper/";
    const struct guest_volumes *volumes = search->volumes;
    const char *source = volumes->crypttab && str_starts_with(text, PREFIX)
                             ? crypttab_source(volumes->crypttab, text + strlen(PREFIX))
                             : NULL;
    _cleanup_guest_device_ struct guest_device locked = {0};
    _cleanup_free_ char *name = NULL;

    /* a crypttab that leads to a further one of its names could go on for ever */
    if (!source || str_starts_with(source, "/dev/mapper/"))
        return false;
    guest_device_find(volumes, source, "auto", &locked);
    if (locked.verdict != GUEST_DEVICE_FOUND || !volumes->items[locked.volume].uuid)
        return false;
    name = str_printf("mapper/luks-%s", volumes->items[locked.volume].uuid);
    return find(search, has_alias, name, "name");
}

/* udev writes what it does not like in a link's name as \xHH. The caller frees the result. */
static char *without_udev_escapes(const char *text)
{
    char *plain = str_dup(text), *to = plain;

    for (const char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3])) {
            const char hex[] = {at[2], at[3], '\0'};

            *to = (char)strtol(hex, NULL, 16);
            to += *to != '\0';
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
    return plain;
}

static void find_tag(struct guest_search *search, const char *text, size_t prefix, matcher *matches, const char *what)
{
    _cleanup_free_ char *plain = *text == '/' ? without_udev_escapes(text + prefix) : str_dup(text + prefix);
    /* volumes carry their texts in this form */
    _cleanup_free_ char *shown = str_printable(plain, strlen(plain), 128);

    find_or_say(search, matches, shown, what);
}

static void find_array(struct guest_search *search, const char *text)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *name = str_printf("md/%s", colon ? colon + 1 : text);

    if (!find_alias(search, name))
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "no array of the backup has that name");
}

static void find_device(struct guest_search *search, const char *text)
{
    if (str_starts_with(text, "disk/azure/")) {
        guest_search_azure(search, text + strlen("disk/azure/"));
    } else if (str_starts_with(text, "disk/cloud/azure_")) {
        guest_search_azure(search, text + strlen("disk/cloud/azure_"));
    } else if (str_starts_with(text, "disk/by-id/md-name-")) {
        find_array(search, text + strlen("disk/by-id/md-name-"));
    } else if (str_starts_with(text, "disk/by-id/dm-name-")) {
        _cleanup_free_ char *name = str_printf("mapper/%s", text + strlen("disk/by-id/dm-name-"));

        find_or_say(search, has_alias, name, "name");
    } else if (find_alias(search, text) || find_unlocked(search, text)) {
        return;
    } else if (str_starts_with(text, "mapper/") || (!str_starts_with(text, "disk/") && strchr(text, '/'))) {
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "no volume of the backup has that name");
    } else {
        guest_search_disk_name(search, text);
    }
}

void guest_device_find(const struct guest_volumes *volumes, const char *source, const char *type,
                       struct guest_device *device)
{
    static const struct {
        const char *prefix;
        matcher *matches;
        const char *what;
    } tags[] = {
        {"UUID=", has_uuid, "UUID"},
        {"LABEL=", has_label, "label"},
        {"PARTUUID=", has_part_uuid, "partition id"},
        {"PARTLABEL=", has_part_name, "partition name"},
        {"/dev/disk/by-uuid/", has_uuid, "UUID"},
        {"/dev/disk/by-label/", has_label, "label"},
        {"/dev/disk/by-partuuid/", has_part_uuid, "partition id"},
        {"/dev/disk/by-partlabel/", has_part_name, "partition name"},
    };
    struct guest_search search = {.volumes = volumes, .type = type, .device = device};

    *device = (struct guest_device){.verdict = GUEST_DEVICE_UNKNOWN};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (str_starts_with(source, tags[i].prefix)) {
            find_tag(&search, source, strlen(tags[i].prefix), tags[i].matches, tags[i].what);
            return;
        }
    if (str_starts_with(source, "/dev/"))
        find_device(&search, source + strlen("/dev/"));
    else
        guest_search_decide(&search, GUEST_DEVICE_UNKNOWN, "no device");
}

void guest_device_clear(struct guest_device *device)
{
    free(device->why);
    *device = (struct guest_device){0};
}
