/* SPDX-License-Identifier: MIT */
#include "mount/guest_device.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/str.h"

enum { MAX_DISKS = 4096, MAX_PARTITION = 4096 };

struct search {
    const struct guest_volumes *volumes;
    const char *type;
    struct guest_device *device;
};

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

static void decide(struct search *search, enum guest_device_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void decide(struct search *search, enum guest_device_verdict verdict, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(search->device->why);
    search->device->why = str_vprintf(format, args);
    va_end(args);
    search->device->verdict = verdict;
}

static void take(struct search *search, size_t volume, enum guest_device_verdict verdict)
{
    search->device->volume = volume;
    search->device->verdict = verdict;
}

static bool is_on_disk(const struct guest_volume *volume, int disk)
{
    return disk >= 0 && volume->disk == disk;
}

/* Of several that are meant: the only one of its kind, or `count` where there is none or more than one. */
static size_t only_one(const struct search *search, matcher *matches, const char *text, bool on_root_disk)
{
    const struct guest_volumes *volumes = search->volumes;
    size_t found = volumes->count;

    for (size_t i = 0; i < volumes->count; i++) {
        const struct guest_volume *volume = &volumes->items[i];

        if (!matches(volume, text) ||
            !(on_root_disk ? is_on_disk(volume, volumes->items[volumes->root].disk) : volume->mounted))
            continue;
        if (found < volumes->count)
            return volumes->count;
        found = i;
    }
    return found;
}

/* Copies of a disk have all names twice; a VM's own are then those beside its root. */
static void choose(struct search *search, matcher *matches, const char *text, const char *what, size_t first,
                   size_t second)
{
    const struct guest_volumes *volumes = search->volumes;
    const char *one = volumes->items[first].name, *other = volumes->items[second].name;
    size_t found = only_one(search, matches, text, true);

    if (matches(&volumes->items[volumes->root], text))
        found = volumes->root;
    if (found < volumes->count) {
        take(search, found, GUEST_DEVICE_FOUND);
        decide(search, GUEST_DEVICE_FOUND, "%s and %s have the same %s; this one is on the disk of the root", one,
               other, what);
        return;
    }
    found = only_one(search, matches, text, false);
    if (found < volumes->count) {
        take(search, found, GUEST_DEVICE_FOUND);
        decide(search, GUEST_DEVICE_FOUND, "%s and %s have the same %s; only this one could be mounted", one, other,
               what);
        return;
    }
    decide(search, GUEST_DEVICE_UNKNOWN, "%s and %s have the same %s, and neither is on the disk of the root", one,
           other, what);
}

static bool find(struct search *search, matcher *matches, const char *text, const char *what)
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
        take(search, first, GUEST_DEVICE_FOUND);
    return first < volumes->count;
}

static void find_or_say(struct search *search, matcher *matches, const char *text, const char *what)
{
    if (!find(search, matches, text, what))
        decide(search, GUEST_DEVICE_UNKNOWN, "no volume of the backup has that %s", what);
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

static bool find_alias(struct search *search, const char *text)
{
    _cleanup_free_ char *mapper = mapper_name(text);
    _cleanup_free_ char *md = other_md_name(text);

    return find(search, has_alias, text, "name") || (mapper && find(search, has_alias, mapper, "name")) ||
           (md && find(search, has_alias, md, "name"));
}

/* A name that the VM gave an encrypted volume when it was opened. */
static bool find_unlocked(struct search *search, const char *text)
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

static size_t partition_of(const struct guest_volumes *volumes, int disk, int partition)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (is_on_disk(&volumes->items[i], disk) && volumes->items[i].partition == partition)
            return i;
    return volumes->count;
}

static void take_partition(struct search *search, int disk, int partition, enum guest_device_verdict verdict,
                           const char *why)
{
    size_t found = partition_of(search->volumes, disk, partition);

    if (found == search->volumes->count) {
        if (partition)
            decide(search, GUEST_DEVICE_UNKNOWN, "disk%d of the backup has no partition %d", disk, partition);
        else
            decide(search, GUEST_DEVICE_UNKNOWN, "disk%d of the backup is no file system as a whole", disk);
        return;
    }
    take(search, found, verdict);
    if (why)
        decide(search, verdict, "%s", why);
}

/*
 * What is behind the name of a disk: 0 for nothing, N for "-partN". -1 for anything else.
 */
static int part_suffix(const char *text)
{
    long number;

    if (*text == '\0')
        return 0;
    if (!str_starts_with(text, "-part") || str_to_long(text + 5, 1, MAX_PARTITION, &number) < 0)
        return -1;
    return (int)number;
}

static int os_disk(const struct guest_volumes *volumes)
{
    int lowest = -1;

    if (volumes->items[volumes->root].disk >= 0)
        return volumes->items[volumes->root].disk;
    for (size_t i = 0; i < volumes->count; i++)
        if (volumes->items[i].disk >= 0 && (lowest < 0 || volumes->items[i].disk < lowest))
            lowest = volumes->items[i].disk;
    return lowest;
}

/* The disk of the backup that is the n-th but for the OS disk, -1 if there are not so many. */
static int data_disk(const struct guest_volumes *volumes, long n)
{
    int os = os_disk(volumes), last = -1;

    for (long found = -1; found < n; found++) {
        int next = -1;

        for (size_t i = 0; i < volumes->count; i++) {
            int disk = volumes->items[i].disk;

            if (disk > last && disk != os && (next < 0 || disk < next))
                next = disk;
        }
        if (next < 0)
            return -1;
        last = next;
    }
    return last;
}

static bool is_of_type(const struct guest_volume *volume, const char *type)
{
    /* the kernel's ext4 mounts its elders, whatever the fstab calls them */
    return str_equal(type, "auto") || str_equal(volume->type, type) ||
           (str_starts_with(type, "ext") && volume->type && str_starts_with(volume->type, "ext"));
}

static void guess_data_disk(struct search *search, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    _cleanup_free_ char *number = str_ndup(text, digits);
    int partition = part_suffix(text + digits), disk;
    long lun;

    if (str_to_long(number, 0, MAX_DISKS, &lun) < 0 || partition < 0) {
        decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
        return;
    }
    disk = data_disk(search->volumes, lun);
    if (disk < 0) {
        decide(search, GUEST_DEVICE_UNKNOWN,
               "the backup does not tell which data disk had LUN %ld, and has no %ld of them", lun, lun + 1);
        return;
    }
    take_partition(search, disk, partition, GUEST_DEVICE_GUESSED,
                   "a guess: the backup does not tell the LUNs of data disks, so they are counted");
    if (search->device->verdict == GUEST_DEVICE_GUESSED &&
        !is_of_type(&search->volumes->items[search->device->volume], search->type))
        decide(search, GUEST_DEVICE_UNKNOWN,
               "the backup does not tell which data disk had LUN %ld, and the one that it might be is no %s", lun,
               search->type);
}

static void find_azure(struct search *search, const char *text)
{
    static const char *const os[] = {"root", "os", "scsi0/lun0"};
    static const char *const data[] = {"scsi1/lun", "data/by-lun/", "datadisks/lun"};
    static const char *const temporary[] = {"resource", "local/", "scsi0/lun1"};

    for (size_t i = 0; i < sizeof(os) / sizeof(os[0]); i++) {
        int partition = str_starts_with(text, os[i]) ? part_suffix(text + strlen(os[i])) : -1;

        if (partition >= 0) {
            take_partition(search, os_disk(search->volumes), partition, GUEST_DEVICE_FOUND, NULL);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++)
        if (str_starts_with(text, data[i])) {
            guess_data_disk(search, text + strlen(data[i]));
            return;
        }
    for (size_t i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
        if (str_starts_with(text, temporary[i])) {
            decide(search, GUEST_DEVICE_NOT_BACKED_UP, "the VM's temporary disk, which no backup holds");
            return;
        }
    decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
}

/*
 * Splits the kernel's name of a disk or partition: "sda1" into a length of 3 and a partition of 1, "nvme0n1p2" into 7
 * and 2. Returns the length, 0 for anything else.
 */
static size_t split_kernel_name(const char *text, int *partition)
{
    static const char *const lettered[] = {"sd", "vd", "xvd", "hd"};
    size_t length = 0;
    const char *rest;
    long number = 0;

    for (size_t i = 0; i < sizeof(lettered) / sizeof(lettered[0]) && !length; i++)
        if (str_starts_with(text, lettered[i]) && islower((unsigned char)text[strlen(lettered[i])]))
            length = strlen(lettered[i]) + strspn(text + strlen(lettered[i]), "abcdefghijklmnopqrstuvwxyz");
    rest = text + length;
    if (!length && str_starts_with(text, "nvme")) {
        length = 4 + strspn(text + 4, "0123456789");
        if (text[length] != 'n' || !isdigit((unsigned char)text[length + 1]))
            return 0;
        length += 1 + strspn(text + length + 1, "0123456789");
        rest = text + length + (text[length] == 'p');
        if (text[length] == 'p' && !*rest)
            return 0;
    }
    if (!length || (*rest && str_to_long(rest, 1, MAX_PARTITION, &number) < 0))
        return 0;
    *partition = (int)number;
    return length;
}

static bool is_only_disk(const struct guest_volumes *volumes, int disk)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (volumes->items[i].disk != disk)
            return false;
    return disk >= 0;
}

static void guess_kernel_name(struct search *search, const char *text, size_t length, int partition)
{
    static const char *const firsts[] = {"sda", "vda", "xvda", "hda", "nvme0n1"};
    const struct guest_volumes *volumes = search->volumes;
    const struct guest_volume *root = &volumes->items[volumes->root];
    const char *root_name = volumes->root_source;
    int root_partition = -1;

    /* where the root goes by such a name, its disk had that letter when this fstab was written */
    if (root_name && str_starts_with(root_name, "/dev/") &&
        split_kernel_name(root_name + 5, &root_partition) == length && memcmp(root_name + 5, text, length) == 0 &&
        root_partition == root->partition) {
        take_partition(search, root->disk, partition, GUEST_DEVICE_FOUND, "on the disk that this fstab has / on");
        return;
    }
    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
        if (strlen(firsts[i]) == length && memcmp(firsts[i], text, length) == 0 && is_only_disk(volumes, root->disk)) {
            take_partition(search, root->disk, partition, GUEST_DEVICE_GUESSED,
                           "a guess: the backup has one disk, so this is taken for the VM's first");
            return;
        }
    decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew which disk that was");
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

static void find_tag(struct search *search, const char *text, size_t prefix, matcher *matches, const char *what)
{
    _cleanup_free_ char *plain = *text == '/' ? without_udev_escapes(text + prefix) : str_dup(text + prefix);
    /* volumes carry their texts in this form */
    _cleanup_free_ char *shown = str_printable(plain, strlen(plain), 128);

    find_or_say(search, matches, shown, what);
}

static void find_array(struct search *search, const char *text)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *name = str_printf("md/%s", colon ? colon + 1 : text);

    if (!find_alias(search, name))
        decide(search, GUEST_DEVICE_UNKNOWN, "no array of the backup has that name");
}

static void find_device(struct search *search, const char *text)
{
    int partition = 0;
    size_t length;

    if (str_starts_with(text, "disk/azure/")) {
        find_azure(search, text + strlen("disk/azure/"));
    } else if (str_starts_with(text, "disk/cloud/azure_")) {
        find_azure(search, text + strlen("disk/cloud/azure_"));
    } else if (str_starts_with(text, "disk/by-id/md-name-")) {
        find_array(search, text + strlen("disk/by-id/md-name-"));
    } else if (str_starts_with(text, "disk/by-id/dm-name-")) {
        _cleanup_free_ char *name = str_printf("mapper/%s", text + strlen("disk/by-id/dm-name-"));

        find_or_say(search, has_alias, name, "name");
    } else if (find_alias(search, text) || find_unlocked(search, text)) {
        return;
    } else if ((length = split_kernel_name(text, &partition)) > 0) {
        guess_kernel_name(search, text, length, partition);
    } else if (str_starts_with(text, "mapper/") || (!str_starts_with(text, "disk/") && strchr(text, '/'))) {
        decide(search, GUEST_DEVICE_UNKNOWN, "no volume of the backup has that name");
    } else {
        decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
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
    struct search search = {.volumes = volumes, .type = type, .device = device};

    *device = (struct guest_device){.verdict = GUEST_DEVICE_UNKNOWN};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
        if (str_starts_with(source, tags[i].prefix)) {
            find_tag(&search, source, strlen(tags[i].prefix), tags[i].matches, tags[i].what);
            return;
        }
    if (str_starts_with(source, "/dev/"))
        find_device(&search, source + strlen("/dev/"));
    else
        decide(&search, GUEST_DEVICE_UNKNOWN, "no device");
}

void guest_device_clear(struct guest_device *device)
{
    free(device->why);
    *device = (struct guest_device){0};
}
