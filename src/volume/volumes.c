/* SPDX-License-Identifier: MIT */
#include "volume/volumes.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/str.h"
#include "volume/ntfs.h"
#include "volume/probe.h"

void volume_set_reason(struct volume *volume, enum volume_state state, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(volume->reason);
    volume->reason = str_vprintf(format, args);
    va_end(args);
    volume->state = state;
}

void volume_add_note(struct volume *volume, const char *format, ...)
{
    _cleanup_free_ char *before = steal(volume->note), *more = NULL;
    va_list args;

    va_start(args, format);
    more = str_vprintf(format, args);
    va_end(args);
    volume->note = str_printf("%s%s%s", before ? before : "", before ? "; " : "", more);
}

/*
 * Partition types that hold no file system by their nature: a BIOS boot loader, Microsoft's reserved space
 * and its metadata, an extended partition's shell (UEFI specification 5.3.3; blkid prints MBR types as 0xNN).
 */
static const char *bare_partition(const char *part_type)
{
    static const struct {
        const char *type;
        const char *what;
    } types[] = {
        {"21686148-6449-6e6f-744e-656564454649", "BIOS boot partition, holds no files"},
        {"e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved partition, holds no files"},
        {"9e1a2d38-c612-4316-aa26-8b49521e5a8b", "PReP boot partition, holds no files"},
        {"0x5", "extended partition, holds the logical ones"},
        {"0xf", "extended partition, holds the logical ones"},
        {"0x85", "extended partition, holds the logical ones"},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal_ignoring_case(types[i].type, part_type))
            return types[i].what;
    return NULL;
}

#define TO_WINDOWS "restore its disk and attach it to a Windows machine to get at the files"

/*
 * Partition types of Windows' own volume managers. Whatever lies at the beginning of such a partition may be no more
 * than a piece of a volume, and is not mounted (Microsoft, PARTITION_INFORMATION_GPT: PARTITION_LDM_DATA_GUID,
 * PARTITION_LDM_METADATA_GUID, PARTITION_SPACES_GUID; PARTITION_INFORMATION_MBR: PARTITION_LDM).
 */
static bool judge_managed_partition(struct volume *volume, const char *part_type)
{
    static const struct {
        const char *type;
        enum volume_state state;
        const char *reason;
    } types[] = {
        {"af9b60a0-1431-4f62-bc68-3311714a69ad", VOLUME_FAILED,
         "part of a Windows dynamic disk (LDM), which azilr does not open: " TO_WINDOWS},
        {"0x42", VOLUME_FAILED, "part of a Windows dynamic disk (LDM), which azilr does not open: " TO_WINDOWS},
        {"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", VOLUME_SKIPPED,
         "the database of a Windows dynamic disk (LDM), holds no files"},
        {"e75caf8f-f680-4cee-afa3-b001e56efc2d", VOLUME_FAILED,
         "part of a Storage Spaces pool of Windows, which azilr does not open: " TO_WINDOWS},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal_ignoring_case(types[i].type, part_type)) {
            volume_set_reason(volume, types[i].state, "%s", types[i].reason);
            /* nor is what seems to be in it */
            volume->is_tried = true;
            return true;
        }
    return false;
}

/* UEFI specification 5.3.3; the MBR's type for it is 0xef (5.2.2) */
static bool is_efi_partition(const char *part_type)
{
    return str_equal_ignoring_case(part_type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b") || str_equal(part_type, "0xef");
}

/*
 * An ext file system may name its journal by the number of another device, which the kernel would open for writing: on
 * the VM that was backed up that is the host's own (Linux, fs/ext4/super.c; Documentation/filesystems/ext4/super.rst:
 * s_feature_compat at 0x5c with HAS_JOURNAL 0x4, s_journal_inum at 0xe0, of the superblock at 1024).
 */
static bool has_outside_journal(const struct volume *volume)
{
    unsigned char superblock[1024];
    _cleanup_close_ int fd = -1;

    if (!str_equal(volume->type, "ext3") && !str_equal(volume->type, "ext4"))
        return false;
    fd = open(volume->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || pread(fd, superblock, sizeof(superblock), 1024) != (ssize_t)sizeof(superblock))
        return true;
    return (superblock[0x5c] & 4) && memcmp(superblock + 0xe0, "\0\0\0", 4) == 0;
}

/* What the kernel mounts without telling: an NTFS that was not at rest. */
static void note_state_of_ntfs(struct volume *volume)
{
    _cleanup_free_ char *note = NULL;
    struct ntfs_state state;

    if (!str_equal(volume->type, "ntfs") || ntfs_read_state(volume->device, &state, NULL) < 0)
        return;
    note = ntfs_note(&state);
    if (note)
        volume_add_note(volume, "%s", note);
}

static void judge(struct volume *volume, const struct probe *probe)
{
    const char *part_type = probe->part_type ? probe->part_type : volume->part_type;
    const char *bare = bare_partition(part_type);

    volume->filesystem = probe->type ? filesystem_by_type(probe->type) : NULL;
    if (judge_managed_partition(volume, part_type))
        return;
    if (volume->is_whole_disk && probe->table && !probe->type)
        volume_set_reason(volume, VOLUME_FAILED, "partition table (%s) of which this host's kernel shows no partition",
                          probe->table);
    else if (!probe->type && bare)
        volume_set_reason(volume, VOLUME_SKIPPED, "%s", bare);
    else if (!probe->type)
        volume_set_reason(volume, VOLUME_FAILED,
                          "no file system that this host knows was found on it: it may be empty, or encrypted with "
                          "its header kept elsewhere, which azilr does not open");
    else if (!volume->filesystem)
        volume_set_reason(volume, VOLUME_FAILED, "%s cannot be opened yet", probe->type);
    else if (volume->filesystem->reason)
        volume_set_reason(volume, volume->filesystem->harmless ? VOLUME_SKIPPED : VOLUME_FAILED, "%s",
                          volume->filesystem->reason);
    else if (is_efi_partition(part_type) && !volume->note)
        volume->note = str_dup("EFI system partition, with the boot loader");
}

char *volume_fit_name(const char *wanted, int number)
{
    _cleanup_free_ char *name = str_dup(*wanted ? wanted : "_");
    _cleanup_free_ char *suffix = number > 1 ? str_printf("-%d", number) : str_dup("");
    const size_t most = NAME_MAX - strlen(suffix);

    str_replace_unprintable(name, '_');
    for (char *at = name; *at; at++)
        if (*at == '/')
            *at = '_';
    if (*name == '.')
        *name = '_';
    if (strlen(name) > most) {
        size_t end = most;

        /* not in the middle of a character */
        while (end && ((unsigned char)name[end] & 0xc0) == 0x80)
            end--;
        name[end] = '\0';
    }
    return str_printf("%s%s", name, suffix);
}

static void volume_clear(struct volume *volume)
{
    free(volume->name);
    free(volume->device);
    free(volume->type);
    free(volume->label);
    free(volume->uuid);
    free(volume->table);
    free(volume->part_type);
    free(volume->part_uuid);
    free(volume->part_name);
    for (size_t i = 0; i < volume->companion_count; i++)
        free(volume->companions[i]);
    free(volume->companions);
    free(volume->companion_numbers);
    free(volume->alias);
    free(volume->mount_point);
    free(volume->loop);
    free(volume->reason);
    free(volume->note);
    *volume = (struct volume){0};
}

static struct volume *append(struct volumes *volumes)
{
    volumes->items = xgrow(volumes->items, volumes->count, sizeof(*volumes->items));
    return &volumes->items[volumes->count++];
}

static struct volume *leave_out(struct volumes *volumes)
{
    volumes->left_out++;
    if (volumes->excess)
        volume_clear(volumes->excess);
    else
        volumes->excess = xcalloc(1, sizeof(*volumes->excess));
    return volumes->excess;
}

struct volume *volumes_add(struct volumes *volumes, const char *name, const char *device, dev_t device_number, int lun,
                           uint64_t size, bool is_whole_disk)
{
    struct volume *volume = volumes->count < VOLUMES_MAX ? append(volumes) : leave_out(volumes);

    *volume = (struct volume){.name = str_dup(name),
                              .device = str_dup(device),
                              .device_number = device_number,
                              .lun = lun,
                              .disk = -1,
                              .is_whole_disk = is_whole_disk,
                              .size = size,
                              .state = VOLUME_FOUND};
    return volume;
}

void volumes_tell_left_out(struct volumes *volumes)
{
    struct volume *volume;

    if (volumes->left_out == 0)
        return;
    volume = append(volumes);
    *volume =
        (struct volume){.name = str_dup("left-out"), .device = str_dup(""), .lun = -1, .disk = -1, .is_tried = true};
    volume_set_reason(volume, VOLUME_FAILED,
                      "the backup has %zu volumes more than the %zu that azilr opens of one; these are left out",
                      volumes->left_out, VOLUMES_MAX);
}

void volume_probe(struct volume *volume)
{
    _cleanup_probe_ struct probe probe = {0};
    _cleanup_error_ struct error *err = NULL;

    if (probe_device(volume->device, &probe, &err) < 0) {
        volume_set_reason(volume, VOLUME_FAILED, "%s", err->message);
        return;
    }
    judge(volume, &probe);
    volume->type = steal(probe.type);
    volume->label = steal(probe.label);
    volume->uuid = steal(probe.uuid);
    /* of partitions that azilr has opened itself, both are known already */
    if (!volume->part_uuid)
        volume->part_uuid = steal(probe.part_uuid);
    if (!volume->part_name)
        volume->part_name = steal(probe.part_name);
    if (!volume->type)
        volume->table = steal(probe.table);
    volume->has_outside_journal = has_outside_journal(volume);
    if (volume->has_outside_journal)
        volume_add_note(volume, "its journal is on another device, and was not replayed");
    note_state_of_ntfs(volume);
}

const char *volume_state_name(enum volume_state state)
{
    static const char *const names[] = {
        [VOLUME_FOUND] = "found",     [VOLUME_MOUNTED] = "mounted", [VOLUME_MEMBER] = "member",
        [VOLUME_SKIPPED] = "skipped", [VOLUME_FAILED] = "failed",
    };

    return names[state];
}

cJSON *volumes_to_json(const struct volumes *volumes)
{
    cJSON *array = json_new_array();

    for (size_t i = 0; i < volumes->count; i++) {
        const struct volume *volume = &volumes->items[i];
        cJSON *object = json_new_object();

        json_set_string(object, "name", volume->name);
        json_set_string(object, "status", volume_state_name(volume->state));
        json_set_string(object, "mount_point", volume->mount_point);
        json_set_string(object, "type", volume->type);
        json_set_string(object, "label", volume->label);
        json_set_string(object, "uuid", volume->uuid);
        json_set_number(object, "size", (double)volume->size);
        json_set_string(object, "device", volume->device);
        json_set_string(object, "loop", volume->loop);
        json_set_number(object, "lun", volume->lun);
        json_set_string(object, "reason", volume->reason);
        json_set_string(object, "note", volume->note);
        json_append(array, object);
    }
    return array;
}

void volumes_clear(struct volumes *volumes)
{
    for (size_t i = 0; i < volumes->count; i++)
        volume_clear(&volumes->items[i]);
    if (volumes->excess)
        volume_clear(volumes->excess);
    free(volumes->excess);
    free(volumes->items);
    *volumes = (struct volumes){0};
}
