/* SPDX-License-Identifier: MIT */
#include "volume/partition_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <blkid/blkid.h>

#include "util/cleanup.h"
#include "util/str.h"

DEFINE_CLEANUP(cleanup_table_probe_ptr, blkid_probe, blkid_free_probe);
#define _cleanup_table_probe_ _cleanup_(cleanup_table_probe_ptr)

static char *printable(const char *text)
{
    return text && *text ? str_printable(text, strlen(text), 128) : NULL;
}

static char *type_of(blkid_partition partition)
{
    const char *text = blkid_partition_get_type_string(partition);

    return text ? printable(text) : str_printf("0x%x", (unsigned)blkid_partition_get_type(partition));
}

static void add(struct partition_table *table, blkid_partition partition, uint64_t device_sectors)
{
    const blkid_loff_t start = blkid_partition_get_start(partition), size = blkid_partition_get_size(partition);
    const int number = blkid_partition_get_partno(partition);

    /* one that begins where the table itself is would be the same device once more */
    if (blkid_partition_is_extended(partition) || number < 1 || start < 1 || size < 1)
        return;
    if ((uint64_t)start >= device_sectors || (uint64_t)size > device_sectors - (uint64_t)start ||
        table->count >= PARTITION_TABLE_MAX) {
        table->left_out++;
        return;
    }
    table->entries = xgrow(table->entries, table->count, sizeof(*table->entries));
    table->entries[table->count++] = (struct table_entry){.number = number,
                                                          .start = (uint64_t)start,
                                                          .size = (uint64_t)size,
                                                          .type = type_of(partition),
                                                          .uuid = printable(blkid_partition_get_uuid(partition)),
                                                          .name = printable(blkid_partition_get_name(partition))};
}

static void take_list(blkid_partlist list, uint64_t device_sectors, struct partition_table *table)
{
    blkid_parttable kind = blkid_partlist_get_table(list);

    table->kind = kind ? printable(blkid_parttable_get_type(kind)) : NULL;
    for (int i = 0; i < blkid_partlist_numof_partitions(list); i++) {
        blkid_partition partition = blkid_partlist_get_partition(list, i);

        if (partition)
            add(table, partition, device_sectors);
    }
}

/* As libblkid finds it for sectors of this size, 0 for the device's own; or with flags of BLKID_PARTS_. */
static int read_one_way(int fd, const char *path, unsigned sector_size, int flags, struct partition_table *table,
                        struct error **err)
{
    _cleanup_table_probe_ blkid_probe probe = blkid_new_probe();
    blkid_partlist list;

    errno = 0;
    if (!probe || blkid_probe_set_device(probe, fd, 0, 0) != 0 ||
        (sector_size && blkid_probe_set_sectorsize(probe, sector_size) != 0) ||
        blkid_probe_enable_partitions(probe, 1) != 0 || blkid_probe_set_partitions_flags(probe, flags) != 0)
        return error_set_errno(err, EXIT_FAILED, errno ? errno : EIO, "cannot read %s", path);
    list = blkid_probe_get_partitions(probe);
    if (list)
        take_list(list, (uint64_t)blkid_probe_get_sectors(probe), table);
    return 0;
}

int partition_table_read(const char *path, struct partition_table *table, struct error **err)
{
    /* a GPT without its MBR comes last: it may be what a later table has left of an earlier one */
    static const struct {
        unsigned sector_size;
        int flags;
    } ways[] = {{0, 0}, {4096, 0}, {512, 0}, {0, BLKID_PARTS_FORCE_GPT}, {4096, BLKID_PARTS_FORCE_GPT}};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    _cleanup_partition_table_ struct partition_table found = {0};

    *table = (struct partition_table){0};
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        partition_table_clear(&found);
        if (read_one_way(fd, path, ways[i].sector_size, ways[i].flags, &found, err) < 0)
            return -1;
        /* the first way tells what there is, even if that is nothing */
        if (i == 0 || found.count) {
            partition_table_clear(table);
            *table = found;
            found = (struct partition_table){0};
        }
        /* a good table without partitions is not looked behind */
        if (table->kind)
            break;
    }
    return 0;
}

char *partition_alias(const char *whole, int number)
{
    _cleanup_free_ char *copy = whole ? str_dup(whole) : NULL;
    char *aliases = NULL, *rest = copy, *name;

    while (rest && (name = strsep(&rest, "\n"))) {
        _cleanup_free_ char *before = steal(aliases);
        const size_t length = strlen(name);
        const char *joint = length && strchr("0123456789", name[length - 1]) ? "p" : "";

        aliases = str_printf("%s%s%s%s%d", before ? before : "", before ? "\n" : "", name, joint, number);
    }
    return aliases;
}

void partition_table_clear(struct partition_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->entries[i].type);
        free(table->entries[i].uuid);
        free(table->entries[i].name);
    }
    free(table->entries);
    free(table->kind);
    *table = (struct partition_table){0};
}
