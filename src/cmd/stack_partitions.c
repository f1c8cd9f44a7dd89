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
#include "util/str.h"
#include "volume/partition_table.h"

/* Returns 0; -1 with err set where the mount must end, or with problem set where only this one is lost. */
static int make_device(struct mount_run *run, const char *origin, const struct table_entry *entry,
                       struct dm_device *made, struct error **problem, struct error **err)
{
    _cleanup_free_ char *name = mount_stacked_name(run);
    _cleanup_free_ char *table = str_printf("0 %" PRIu64 " linear %s %" PRIu64, entry->size, origin, entry->start);
    const struct dm_request request = {
        .name = name, .uuid = name, .table = table, .read_only = true, .lock_fd = run->session->lock_fd};
    cJSON *change = json_new_object();

    json_set_string(change, "name", name);
    if (session_will(run->session, CHANGE_DM_DEVICE, change, false, err) < 0)
        return -1;
    return dm_create(&request, &run->wait, made, problem);
}

static int open_partition(struct mount_run *run, size_t whole, const struct table_entry *entry, struct error **err)
{
    /* by its place, since adding one may move them */
    _cleanup_free_ char *name = str_printf("%sp%d", run->volumes.items[whole].name, entry->number);
    _cleanup_dm_device_ struct dm_device made = {0};
    _cleanup_error_ struct error *problem = NULL;
    struct volume *volume = NULL;

    if (make_device(run, run->volumes.items[whole].device, entry, &made, &problem, err) < 0 && !problem)
        return -1;
    if (!problem)
        volume = stack_add(run, name, made.path, run->volumes.items[whole].disk, &problem);
    if (!volume) {
        error_fold_hint(problem);
        volume = stack_add_unopened(run, name, entry->size * 512);
        volume_set_reason(volume, VOLUME_FAILED, "%s", problem->message);
    }
    volume->alias = partition_alias(run->volumes.items[whole].alias, entry->number);
    if (run->volumes.items[whole].note)
        volume->note = str_dup(run->volumes.items[whole].note);
    volume->part_type = entry->type ? str_dup(entry->type) : NULL;
    volume->part_uuid = entry->uuid ? str_dup(entry->uuid) : NULL;
    volume->part_name = entry->name ? str_dup(entry->name) : NULL;
    return 0;
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

static int open_table(struct mount_run *run, size_t whole, struct error **err)
{
    _cleanup_partition_table_ struct partition_table table = {0};
    _cleanup_error_ struct error *problem = NULL;
    size_t first;

    if (partition_table_read(run->volumes.items[whole].device, &table, &problem) < 0) {
        volume_set_reason(&run->volumes.items[whole], VOLUME_FAILED, "%s", problem->message);
        return 0;
    }
    if (table.count == 0) {
        judge_empty(&run->volumes.items[whole], &table);
        return 0;
    }
    /* tables in partitions of tables could go on for ever */
    if (run->volumes.count + table.count > VOLUMES_MAX) {
        volume_set_reason(&run->volumes.items[whole], VOLUME_FAILED,
                          "partition table (%s) that is not opened: the backup has more than %zu volumes", table.kind,
                          VOLUMES_MAX);
        return 0;
    }
    first = run->volumes.count;
    for (size_t i = 0; i < table.count; i++)
        if (wait_check(&run->wait, err) < 0 || open_partition(run, whole, &table.entries[i], err) < 0)
            return -1;
    judge_opened(&run->volumes.items[whole], &table, run->volumes.items[first].name);
    return 0;
}

/* Of a disk with nothing that is known on it the kernel may only not have seen the table. */
static bool may_have_table(const struct volume *volume)
{
    return !volume->is_tried && volume->state == VOLUME_FAILED &&
           (volume->table || (volume->is_whole_disk && !volume->type));
}

int stack_open_partitions(struct mount_run *run, struct error **err)
{
    const size_t count = run->volumes.count;

    for (size_t i = 0; i < count; i++) {
        if (!may_have_table(&run->volumes.items[i]))
            continue;
        run->volumes.items[i].is_tried = true;
        if (open_table(run, i, err) < 0)
            return -1;
    }
    return 0;
}
