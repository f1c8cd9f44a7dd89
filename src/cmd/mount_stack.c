/* SPDX-License-Identifier: MIT */
#include "cmd/mount_stack.h"

#include <stdlib.h>

#include "block/device.h"
#include "cmd/mount_overlay.h"
#include "util/pool.h"
#include "util/str.h"

/* Deeper than anybody builds; a backup that nests further is up to no good. */
static const int MAX_ROUNDS = 12;

static void list_disks(struct mount_run *run)
{
    for (size_t i = 0; i < run->disks.count; i++) {
        const struct disk *disk = &run->disks.items[i];
        _cleanup_free_ char *disk_name = str_printf("disk%zu", i);

        if (disk->partition_count == 0)
            volumes_add(&run->volumes, disk_name, disk->path, disk->device, disk->lun, disk->size, true)->disk = (int)i;
        for (size_t j = 0; j < disk->partition_count; j++) {
            const struct partition *partition = &disk->partitions[j];
            _cleanup_free_ char *name = str_printf("%sp%d", disk_name, partition->number);

            volumes_add(&run->volumes, name, partition->path, partition->device, disk->lun, partition->size, false)
                ->disk = (int)i;
        }
    }
}

static bool is_taken(const struct volumes *volumes, const char *name)
{
    for (size_t i = 0; i < volumes->count; i++)
        if (str_equal(volumes->items[i].name, name))
            return true;
    return false;
}

/* A name that is a directory's too, and no other volume's. The caller frees it. */
static char *unique_name(const struct volumes *volumes, const char *wanted)
{
    char *name = volume_fit_name(wanted, 1);

    for (int number = 2; is_taken(volumes, name); number++) {
        free(name);
        name = volume_fit_name(wanted, number);
    }
    return name;
}

struct volume *stack_add(struct mount_run *run, const char *name, const char *device, int disk, struct error **problem)
{
    _cleanup_free_ char *unique = unique_name(&run->volumes, name);
    const int lun = disk >= 0 && (size_t)disk < run->disks.count ? run->disks.items[disk].lun : -1;
    struct volume *volume;
    uint64_t size;
    dev_t number;

    if (block_device_look(device, &number, &size, problem) < 0)
        return NULL;
    volume = volumes_add(&run->volumes, unique, device, number, lun, size, false);
    volume->disk = disk;
    return volume;
}

struct volume *stack_add_unopened(struct mount_run *run, const char *name, uint64_t size)
{
    _cleanup_free_ char *unique = unique_name(&run->volumes, name);
    struct volume *volume = volumes_add(&run->volumes, unique, "", 0, -1, size, false);

    volume->state = VOLUME_FAILED;
    volume->is_tried = true;
    return volume;
}

struct looks {
    struct mount_run *run;
    size_t first;
};

static void look(void *argument, size_t i, struct wait *wait)
{
    const struct looks *looks = argument;
    struct volume *volume = &looks->run->volumes.items[looks->first + i];

    (void)wait;
    if (volume->state == VOLUME_FOUND)
        volume_probe(volume);
}

static int one_round(struct mount_run *run, struct error **err)
{
    const size_t before = run->volumes.count;

    if (stack_open_partitions(run, err) < 0 || stack_unlock(run, err) < 0 ||
        stack_assemble_arrays(run, STACK_WHOLE, err) < 0 || stack_activate_groups(run, STACK_WHOLE, err) < 0)
        return -1;
    if (run->volumes.count == before && stack_assemble_arrays(run, STACK_PARTIAL, err) < 0)
        return -1;
    if (run->volumes.count == before && stack_activate_groups(run, STACK_PARTIAL, err) < 0)
        return -1;
    return wait_check(&run->wait, err);
}

int mount_stack(struct mount_run *run, struct error **err)
{
    struct looks looks = {.run = run};

    if (mount_tag_begin(run, err) < 0)
        return -1;
    list_disks(run);
    for (int round = 0; round < MAX_ROUNDS && looks.first < run->volumes.count; round++) {
        if (pool_run(run->volumes.count - looks.first, look, &looks, &run->wait, err) < 0)
            return -1;
        looks.first = run->volumes.count;
        if (one_round(run, err) < 0)
            return -1;
    }
    for (size_t i = looks.first; i < run->volumes.count; i++)
        volume_set_reason(&run->volumes.items[i], VOLUME_FAILED, "nested more than %d levels deep", MAX_ROUNDS);
    volumes_tell_left_out(&run->volumes);
    return 0;
}
