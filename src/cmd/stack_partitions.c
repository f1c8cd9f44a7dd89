/* SPDX-License-Identifier: MIT */
/*
 * Partition tables on what is stacked on a backup's disks: the kernel reads those of disks only, and of arrays, whose
 * devices for them come at a time of their own. And those of disks that the kernel does not take: with a damaged GPT
 * whose backup is good, or one that was written for sectors of another size. Each partition becomes a read-only device
 * of device-mapper's.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "block/dm.h"
#include "cmd/mount_overlay.h"
#include "cmd/mount_stack.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/partition_table.h"

/* What a partition table was looked for on. Volumes are known by their place, since adding one may move them. */
struct whole {
    size_t volume;
    struct partition_table table;
    struct error *problem; /* why it could not be read */
    size_t first, count;   /* so many of the parts are its own, from this one on */
};

/* A partition that becomes a device. */
struct part {
    size_t whole; /* the volume that it is on */
    const struct table_entry *entry;
    char *name; /* of the device */
    struct dm_device made;
    struct error *problem; /* why there is none */
};

struct tables {
    struct mount_run *run;
    struct whole *wholes;
    size_t whole_count;
    struct part *parts;
    size_t part_count;
};

static void tables_clear(struct tables *tables)
{
    for (size_t i = 0; i < tables->whole_count; i++) {
        partition_table_clear(&tables->wholes[i].table);
        error_free(tables->wholes[i].problem);
    }
    for (size_t i = 0; i < tables->part_count; i++) {
        free(tables->parts[i].name);
        dm_device_clear(&tables->parts[i].made);
        error_free(tables->parts[i].problem);
    }
    free(tables->wholes);
    free(tables->parts);
}

/* In a thread of its own, as make_device() is; both touch nothing of the run but by reading it. */
static void read_table(void *argument, size_t i, struct wait *wait)
{
    const struct tables *tables = argument;
    struct whole *whole = &tables->wholes[i];

    (void)wait;
    partition_table_read(tables->run->volumes.items[whole->volume].device, &whole->table, &whole->problem);
}

static void make_device(void *argument, size_t i, struct wait *wait)
{
    const struct tables *tables = argument;
    struct part *part = &tables->parts[i];
    _cleanup_free_ char *table = str_printf("0 %" PRIu64 " linear %s %" PRIu64, part->entry->size,
                                            tables->run->volumes.items[part->whole].device, part->entry->start);
    const struct dm_request request = {.name = part->name,
                                       .uuid = part->name,
                                       .table = table,
                                       .read_only = true,
                                       .lock_fd = tables->run->session->lock_fd};

    dm_create(&request, wait, &part->made, &part->problem);
}

static void add_volume(struct mount_run *run, struct part *part)
{
    const size_t whole = part->whole;
    const struct table_entry *entry = part->entry;
    _cleanup_free_ char *name = str_printf("%sp%d", run->volumes.items[whole].name, entry->number);
    struct volume *volume = NULL;

    if (!part->problem)
        volume = stack_add(run, name, part->made.path, run->volumes.items[whole].disk, &part->problem);
    if (!volume) {
        error_fold_hint(part->problem);
        volume = stack_add_unopened(run, name, entry->size * 512);
        volume_set_reason(volume, VOLUME_FAILED, "%s", part->problem->message);
    }
    volume->alias = partition_alias(run->volumes.items[whole].alias, entry->number);
    if (run->volumes.items[whole].note)
        volume->note = str_dup(run->volumes.items[whole].note);
    volume->part_type = entry->type ? str_dup(entry->type) : NULL;
    volume->part_uuid = entry->uuid ? str_dup(entry->uuid) : NULL;
    volume->part_name = entry->name ? str_dup(entry->name) : NULL;
}

/* The verdict on one that has no partition to be opened. */
static void judge_empty(struct volume *whole, const struct partition_table *table)
{
    if (table->left_out)
        volume_set_reason(whole, VOLUME_FAILED, "partition table (%s) whose partitions do not lie on it", table->kind);
    else if (table->kind && whole->is_whole_disk)
        volume_set_reason(whole, VOLUME_SKIPPED, "partition table (%s) without partitions", table->kind);
    else if (str_equal(whole->table, "PMBR"))
        volume_set_reason(whole, VOLUME_FAILED,
                          "its MBR says that it has a GPT, but neither that nor the backup of it at the end makes "
                          "sense: it is damaged, or not all of the disk is in the backup");
}

/* The verdict on one whose partitions have become volumes, of which `first` is the first. */
static void judge_opened(struct volume *whole, const struct partition_table *table, const char *first)
{
    const char *rest = table->count > 1 ? " and those after it" : "";

    if (table->left_out)
        volume_set_reason(whole, VOLUME_FAILED,
                          "partition table (%s), of which %zu partitions do not lie on it: see %s%s", table->kind,
                          table->left_out, first, rest);
    else
        volume_set_reason(whole, VOLUME_MEMBER, "partition table (%s), %sopened: see %s%s", table->kind,
                          whole->is_whole_disk ? "which this host's kernel does not take, " : "", first, rest);
}

/* Enters the partitions of one in the undo list, or says why it has none. */
static void plan(struct tables *tables, struct whole *whole)
{
    struct mount_run *run = tables->run;
    struct volume *volume = &run->volumes.items[whole->volume];

    whole->first = tables->part_count;
    if (whole->problem) {
        volume_set_reason(volume, VOLUME_FAILED, "%s", whole->problem->message);
        return;
    }
    if (whole->table.count == 0) {
        judge_empty(volume, &whole->table);
        return;
    }
    /* tables in partitions of tables could go on for ever */
    if (run->volumes.count + tables->part_count + whole->table.count > VOLUMES_MAX) {
        volume_set_reason(volume, VOLUME_FAILED,
                          "partition table (%s) that is not opened: the backup has more than %zu volumes",
                          whole->table.kind, VOLUMES_MAX);
        return;
    }
    whole->count = whole->table.count;
    tables->parts = xreallocarray(tables->parts, tables->part_count + whole->count, sizeof(*tables->parts));
    for (size_t i = 0; i < whole->count; i++) {
        struct part *part = &tables->parts[tables->part_count++];
        cJSON *change = json_new_object();

        *part =
            (struct part){.whole = whole->volume, .entry = &whole->table.entries[i], .name = mount_stacked_name(run)};
        json_set_string(change, "name", part->name);
        session_enter(run->session, CHANGE_DM_DEVICE, change, false);
    }
}

/* Of a disk with nothing that is known on it the kernel may only not have seen the table. */
static bool may_have_table(const struct volume *volume)
{
    return !volume->is_tried && volume->state == VOLUME_FAILED &&
           (volume->table || (volume->is_whole_disk && !volume->type));
}

static void find_wholes(struct tables *tables)
{
    struct volumes *volumes = &tables->run->volumes;

    tables->wholes = xcalloc(volumes->count + 1, sizeof(*tables->wholes));
    for (size_t i = 0; i < volumes->count; i++) {
        if (!may_have_table(&volumes->items[i]))
            continue;
        volumes->items[i].is_tried = true;
        tables->wholes[tables->whole_count++].volume = i;
    }
}

static void take_opened(struct tables *tables, const struct whole *whole)
{
    struct mount_run *run = tables->run;
    const size_t first = run->volumes.count;

    for (size_t i = 0; i < whole->count; i++)
        add_volume(run, &tables->parts[whole->first + i]);
    if (whole->count)
        judge_opened(&run->volumes.items[whole->volume], &whole->table, run->volumes.items[first].name);
}

int stack_open_partitions(struct mount_run *run, struct error **err)
{
    _cleanup_(tables_clear) struct tables tables = {.run = run};

    find_wholes(&tables);
    if (pool_run(tables.whole_count, read_table, &tables, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < tables.whole_count; i++)
        plan(&tables, &tables.wholes[i]);
    if (tables.part_count == 0)
        return 0;
    if (session_save(run->session, err) < 0 || pool_run(tables.part_count, make_device, &tables, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < tables.whole_count; i++)
        take_opened(&tables, &tables.wholes[i]);
    return 0;
}
