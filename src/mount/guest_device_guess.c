/* SPDX-License-Identifier: MIT */
/* Names of disks and partitions that are not written on them: Azure's links, the kernel's names, serial numbers. */
#include <ctype.h>
#include <string.h>

#include "mount/guest_device-internal.h"
#include "util/cleanup.h"
#include "util/str.h"

enum { MAX_DISKS = 4096, MAX_PARTITION = 4096 };

static size_t partition_of(const struct guest_volumes *volumes, int disk, int partition)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (guest_volume_is_on(&volumes->items[i], disk) && volumes->items[i].partition == partition)
            return i;
    return volumes->count;
}

static void take_partition(struct guest_search *search, int disk, int partition, enum guest_device_verdict verdict,
                           const char *why)
{
    size_t found = partition_of(search->volumes, disk, partition);

    if (found == search->volumes->count) {
        if (partition)
            guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "disk%d of the backup has no partition %d", disk,
                                partition);
        else
            guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "disk%d of the backup is no file system as a whole",
                                disk);
        return;
    }
    guest_search_take(search, found, verdict);
    if (why)
        guest_search_decide(search, verdict, "%s", why);
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

static void guess_data_disk(struct guest_search *search, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    _cleanup_free_ char *number = str_ndup(text, digits);
    int partition = part_suffix(text + digits), disk;
    long lun;

    if (str_to_long(number, 0, MAX_DISKS, &lun) < 0 || partition < 0) {
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
        return;
    }
    disk = data_disk(search->volumes, lun);
    if (disk < 0) {
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN,
                            "the backup does not tell which data disk had LUN %ld, and has no %ld of them", lun,
                            lun + 1);
        return;
    }
    take_partition(search, disk, partition, GUEST_DEVICE_GUESSED,
                   "a guess: the backup does not tell the LUNs of data disks, so they are counted");
    if (search->device->verdict == GUEST_DEVICE_GUESSED &&
        !is_of_type(&search->volumes->items[search->device->volume], search->type))
        guest_search_decide(
            search, GUEST_DEVICE_UNKNOWN,
            "the backup does not tell which data disk had LUN %ld, and the one that it might be is no %s", lun,
            search->type);
}

void guest_search_azure(struct guest_search *search, const char *text)
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
            guest_search_decide(search, GUEST_DEVICE_NOT_BACKED_UP, "the VM's temporary disk, which no backup holds");
            return;
        }
    guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
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

/* Where the root goes by a name of the same disk, that disk is the root's, whatever it is called on another host. */
static bool is_root_s_disk(const struct guest_volumes *volumes, const char *disk, size_t length,
                           size_t (*split)(const char *text, int *partition))
{
    const char *root_name = volumes->root_source;
    int partition = -1;

    return root_name && str_starts_with(root_name, "/dev/") && split(root_name + 5, &partition) == length &&
           memcmp(root_name + 5, disk, length) == 0 && partition == volumes->items[volumes->root].partition;
}

/* The same split of a link of udev's, for which a disk has its serial number or its place on a bus. */
static size_t split_link(const char *text, int *partition)
{
    static const char *const places[] = {"disk/by-id/", "disk/by-path/"};
    const char *suffix = NULL;

    if (!str_starts_with(text, places[0]) && !str_starts_with(text, places[1]))
        return 0;
    for (const char *at = strstr(text, "-part"); at; at = strstr(at + 1, "-part"))
        suffix = at;
    *partition = suffix ? part_suffix(suffix) : 0;
    return suffix && *partition > 0 ? (size_t)(suffix - text) : *partition == 0 ? strlen(text) : 0;
}

static bool is_first_disk_s(const char *text, size_t length)
{
    static const char *const firsts[] = {"sda", "vda", "xvda", "hda", "nvme0n1"};

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
        if (strlen(firsts[i]) == length && memcmp(firsts[i], text, length) == 0)
            return true;
    return false;
}

void guest_search_disk_name(struct guest_search *search, const char *text)
{
    const struct guest_volumes *volumes = search->volumes;
    const int root_disk = volumes->items[volumes->root].disk;
    int partition = 0;
    size_t kernel = split_kernel_name(text, &partition);
    size_t length = kernel ? kernel : split_link(text, &partition);

    if (length && is_root_s_disk(volumes, text, length, kernel ? split_kernel_name : split_link))
        take_partition(search, root_disk, partition, GUEST_DEVICE_FOUND, "on the disk that this fstab has / on");
    else if (kernel && is_first_disk_s(text, length) && is_only_disk(volumes, root_disk))
        take_partition(search, root_disk, partition, GUEST_DEVICE_GUESSED,
                       "a guess: the backup has one disk, so this is taken for the VM's first");
    else if (length)
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew which disk that was");
    else
        guest_search_decide(search, GUEST_DEVICE_UNKNOWN, "only the running VM knew what that was");
}
