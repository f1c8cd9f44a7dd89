/* SPDX-License-Identifier: MIT */
#include "block/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <libudev.h>

#include "block/reads.h"
#include "block/udev_rules.h"
#include "util/bounded.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/str.h"

static const int64_t CLAIM_LIMIT_MS = 3 * 1000;
/* Between two looks, so many times as long as the last one took, and never longer than that. */
static const int64_t GATHER_TIMES = 4, LONGEST_GATHER_MS = 500;

DEFINE_CLEANUP(cleanup_udev_ptr, struct udev *, udev_unref);
DEFINE_CLEANUP(cleanup_udev_device_ptr, struct udev_device *, udev_device_unref);
DEFINE_CLEANUP(cleanup_udev_enumerate_ptr, struct udev_enumerate *, udev_enumerate_unref);
#define _cleanup_udev_ _cleanup_(cleanup_udev_ptr)
#define _cleanup_udev_device_ _cleanup_(cleanup_udev_device_ptr)
#define _cleanup_udev_enumerate_ _cleanup_(cleanup_udev_enumerate_ptr)

struct disk_watch {
    struct udev *udev;
    struct udev_monitor *monitor;
};

/* What a look at sysfs found, beside the disks themselves. */
struct completeness {
    bool has_disks;
    bool complete; /* every SCSI disk has its block device, and udev is done with all of them */
};

void disk_watch_close(struct disk_watch *watch)
{
    if (!watch)
        return;
    if (watch->monitor)
        udev_monitor_unref(watch->monitor);
    if (watch->udev)
        udev_unref(watch->udev);
    free(watch);
}

int disk_watch_open(struct disk_watch **watch, struct error **err)
{
    _cleanup_disk_watch_ struct disk_watch *made = xcalloc(1, sizeof(*made));

    made->udev = udev_new();
    /* "udev" events come when the rules have run; without udev there is only the kernel to listen to */
    if (made->udev)
        made->monitor = udev_monitor_new_from_netlink(made->udev, udev_is_running() ? "udev" : "kernel");
    if (!made->monitor || udev_monitor_filter_add_match_subsystem_devtype(made->monitor, "block", NULL) < 0 ||
        udev_monitor_filter_add_match_subsystem_devtype(made->monitor, "scsi", NULL) < 0 ||
        udev_monitor_enable_receiving(made->monitor) < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot listen for new disks");
    *watch = steal(made);
    return 0;
}

static uint64_t size_of(struct udev_device *device)
{
    const char *sectors = udev_device_get_sysattr_value(device, "size");

    /* sysfs counts in 512-byte units whatever the disk's own sector size is (block/stable ABI) */
    return sectors ? strtoull(sectors, NULL, 10) * 512 : 0;
}

static char *trimmed(const char *text)
{
    size_t length = text ? strlen(text) : 0;

    while (length && text[length - 1] == ' ')
        length--;
    return str_printable(text ? text : "", length, 64);
}

/* The LUN is the last number of the SCSI device's name, H:C:T:L. */
static int lun_of(struct udev_device *scsi)
{
    const char *colon = scsi ? strrchr(udev_device_get_sysname(scsi), ':') : NULL;
    long lun = 0;

    return colon && str_to_long(colon + 1, 0, INT_MAX, &lun) == 0 ? (int)lun : -1;
}

static void add_disk(struct disks *disks, struct udev_device *device)
{
    struct udev_device *scsi = udev_device_get_parent_with_subsystem_devtype(device, "scsi", "scsi_device");
    struct disk *disk;

    disks->items = xreallocarray(disks->items, disks->count + 1, sizeof(*disks->items));
    disk = &disks->items[disks->count++];
    *disk = (struct disk){
        .path = str_dup(udev_device_get_devnode(device)),
        .vendor = trimmed(scsi ? udev_device_get_sysattr_value(scsi, "vendor") : NULL),
        .model = trimmed(scsi ? udev_device_get_sysattr_value(scsi, "model") : NULL),
        .device = udev_device_get_devnum(device),
        .lun = lun_of(scsi),
        .size = size_of(device),
    };
}

static void add_partition(struct disks *disks, struct udev_device *device)
{
    struct udev_device *parent = udev_device_get_parent_with_subsystem_devtype(device, "block", "disk");
    const char *number_text = udev_device_get_sysattr_value(device, "partition");
    long number = 0;

    if (!parent || str_to_long(number_text, 1, INT_MAX, &number) < 0)
        return;
    for (size_t i = 0; i < disks->count; i++) {
        struct disk *disk = &disks->items[i];

        if (disk->device != udev_device_get_devnum(parent))
            continue;
        disk->partitions = xreallocarray(disk->partitions, disk->partition_count + 1, sizeof(*disk->partitions));
        disk->partitions[disk->partition_count++] = (struct partition){
            .path = str_dup(udev_device_get_devnode(device)),
            .device = udev_device_get_devnum(device),
            .number = (int)number,
            .size = size_of(device),
        };
    }
}

static int compare_disks(const void *a, const void *b)
{
    const struct disk *one = a, *other = b;

    return (one->lun > other->lun) - (one->lun < other->lun);
}

static int compare_partitions(const void *a, const void *b)
{
    return ((const struct partition *)a)->number - ((const struct partition *)b)->number;
}

/* All devices of one kind below the session: their paths in sysfs, owned by the enumeration. */
static struct udev_list_entry *below(struct udev *udev, struct udev_device *session, const char *subsystem,
                                     struct udev_enumerate **enumerate)
{
    *enumerate = udev_enumerate_new(udev);
    if (!*enumerate || udev_enumerate_add_match_parent(*enumerate, session) < 0 ||
        udev_enumerate_add_match_subsystem(*enumerate, subsystem) < 0 || udev_enumerate_scan_devices(*enumerate) < 0)
        return NULL;
    return udev_enumerate_get_list_entry(*enumerate);
}

/* How many SCSI devices of type 0, which are disks, the session has (T10 SPC: peripheral device type). */
static size_t count_scsi_disks(struct udev *udev, struct udev_device *session)
{
    _cleanup_udev_enumerate_ struct udev_enumerate *enumerate = NULL;
    size_t count = 0;

    for (struct udev_list_entry *at = below(udev, session, "scsi", &enumerate); at; at = udev_list_entry_get_next(at)) {
        _cleanup_free_ char *path = str_printf("%s/type", udev_list_entry_get_name(at));
        _cleanup_free_ char *type = file_read_line(path);

        count += str_equal(type, "0");
    }
    return count;
}

static int look(struct udev *udev, const char *session_path, struct disks *disks, struct completeness *found,
                struct error **err)
{
    _cleanup_udev_device_ struct udev_device *session = udev_device_new_from_syspath(udev, session_path);
    bool udev_runs = udev_is_running();
    bool settled = true;

    *disks = (struct disks){0};
    *found = (struct completeness){0};
    if (!session)
        return error_set(err, EXIT_NETWORK, "the iSCSI session ended while its disks were being looked for");
    /* disks first, so that each partition finds its own */
    for (int pass = 0; pass < 2; pass++) {
        _cleanup_udev_enumerate_ struct udev_enumerate *enumerate = NULL;

        for (struct udev_list_entry *at = below(udev, session, "block", &enumerate); at;
             at = udev_list_entry_get_next(at)) {
            _cleanup_udev_device_ struct udev_device *device =
                udev_device_new_from_syspath(udev, udev_list_entry_get_name(at));
            bool is_disk = device && str_equal(udev_device_get_devtype(device), "disk");

            if (!device || !udev_device_get_devnode(device)) {
                settled = false;
                continue;
            }
            settled = settled && (!udev_runs || udev_device_get_is_initialized(device));
            if (pass == 0 && is_disk)
                add_disk(disks, device);
            else if (pass == 1 && !is_disk)
                add_partition(disks, device);
        }
    }
    if (disks->count)
        qsort(disks->items, disks->count, sizeof(*disks->items), compare_disks);
    for (size_t i = 0; i < disks->count; i++)
        if (disks->items[i].partition_count)
            qsort(disks->items[i].partitions, disks->items[i].partition_count, sizeof(struct partition),
                  compare_partitions);
    found->has_disks = disks->count > 0;
    found->complete = settled && found->has_disks && disks->count == count_scsi_disks(udev, session);
    return 0;
}

int disk_set_read_only(const char *path, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int read_only = 1;

    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    if (ioctl(fd, BLKROSET, &read_only) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s read-only", path);
    read_only = 0;
    if (ioctl(fd, BLKROGET, &read_only) < 0 || !read_only)
        return error_set(err, EXIT_FAILED, "%s is writable although it was made read-only", path);
    return 0;
}

static int claim(void *argument, char **text, struct error **err)
{
    /* O_EXCL on a block device claims the whole disk, and fails while a mount, device-mapper or md holds any part */
    _cleanup_close_ int fd = open(argument, O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);

    (void)text;
    (void)err;
    return fd < 0 && errno == EBUSY;
}

/*
 * A claim by somebody else is refused before the disk is asked anything (Linux, block/bdev.c, bd_prepare_to_claim()),
 * so a look that takes long has found none.
 */
bool disk_is_claimed(const char *path, struct wait *wait)
{
    _cleanup_free_ char *argument = str_dup(path);
    bool stuck;

    return bounded_call(claim, argument, CLAIM_LIMIT_MS, wait, NULL, &stuck, NULL) > 0;
}

static int set_all_read_only(const struct disks *disks, struct error **err)
{
    for (size_t i = 0; i < disks->count; i++) {
        if (disk_set_read_only(disks->items[i].path, err) < 0)
            return -1;
        for (size_t j = 0; j < disks->items[i].partition_count; j++)
            if (disk_set_read_only(disks->items[i].partitions[j].path, err) < 0)
                return -1;
    }
    return 0;
}

/*
 * Waits for the next event, or a while: an event can be lost when very many disks come at once. Each look is at all
 * disks, and with many of them a look for each event would take the processor from udev, which is to handle the next:
 * so events are gathered for some times as long as the last look took.
 */
static int next_event(struct disk_watch *watch, int64_t look_ms, int64_t wait_ms, struct wait *wait, struct error **err)
{
    struct pollfd event = {.fd = udev_monitor_get_fd(watch->monitor), .events = POLLIN};
    const int64_t gather_ms = look_ms * GATHER_TIMES < LONGEST_GATHER_MS ? look_ms * GATHER_TIMES : LONGEST_GATHER_MS;
    struct udev_device *device;
    int ready = wait_poll(wait, &event, 1, wait_ms < 1000 ? wait_ms : 1000, err);

    if (ready < 0 || (ready > 0 && gather_ms > 0 && wait_sleep(wait, gather_ms, err) < 0))
        return -1;
    while (ready > 0 && (device = udev_monitor_receive_device(watch->monitor)))
        udev_device_unref(device);
    return 0;
}

/* Moves all of them. */
static void append_disks(struct disks *to, struct disks *from)
{
    if (from->count == 0)
        return;
    to->items = xreallocarray(to->items, to->count + from->count, sizeof(*to->items));
    memcpy(to->items + to->count, from->items, from->count * sizeof(*from->items));
    to->count += from->count;
    free(from->items);
    *from = (struct disks){0};
}

int disk_watch_collect(struct disk_watch *watch, const char *session_path, int timeout_ms, struct wait *wait,
                       struct disks *disks, struct error **err)
{
    int64_t end = clock_monotonic_ms() + timeout_ms;

    for (;;) {
        _cleanup_disks_ struct disks seen = {0};
        struct completeness found;
        const int64_t began = clock_monotonic_ms(), left = end - began;

        if (look(watch->udev, session_path, &seen, &found, err) < 0 || set_all_read_only(&seen, err) < 0)
            return -1;
        if (!found.complete && left <= 0 && !found.has_disks) {
            error_set(err, EXIT_NETWORK, "the target showed no disk within %d s", timeout_ms / 1000);
            return error_hint(err, "the recovery point may still be being prepared; try again in some minutes");
        }
        if (!found.complete && left <= 0)
            log_warning("udev was not done with all disks within %d s; going on with what is there", timeout_ms / 1000);
        if (found.complete || left <= 0) {
            for (size_t i = 0; i < seen.count; i++)
                block_reads_tune_disk(seen.items[i].path);
            append_disks(disks, &seen);
            return !found.complete;
        }
        if (next_event(watch, clock_monotonic_ms() - began, left, wait, err) < 0)
            return -1;
    }
}

int disks_list(const char *session_path, struct disks *disks, struct error **err)
{
    _cleanup_udev_ struct udev *udev = udev_new();
    struct completeness found;

    if (!udev)
        return error_set(err, EXIT_HOST, "cannot use libudev");
    return look(udev, session_path, disks, &found, err);
}

bool disks_udev_is_at_work(void)
{
    _cleanup_udev_ struct udev *udev = udev_new();
    struct udev_queue *queue = udev ? udev_queue_new(udev) : NULL;
    bool at_work = queue && !udev_queue_get_queue_is_empty(queue);

    udev_queue_unref(queue);
    return at_work;
}

void disks_clear(struct disks *disks)
{
    for (size_t i = 0; i < disks->count; i++) {
        for (size_t j = 0; j < disks->items[i].partition_count; j++)
            free(disks->items[i].partitions[j].path);
        free(disks->items[i].partitions);
        free(disks->items[i].path);
        free(disks->items[i].vendor);
        free(disks->items[i].model);
    }
    free(disks->items);
    *disks = (struct disks){0};
}
