/* SPDX-License-Identifier: MIT */
#include "block/dm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/run.h"
#include "util/str.h"

static const char SYSFS[] = "/sys/dev/block";
static const size_t LIST_SIZE = 64 * 1024;
static const size_t LARGEST_LIST = 4 * 1024 * 1024;
static const int64_t DMSETUP_TIMEOUT_MS = 30 * 1000;
/* How long something that just has a look at a device (udev, a monitoring tool) may keep it from going. */
static const int64_t BUSY_WAIT_MS = 5000;
static const int FIRST_POLL_MS = 20;
static const int LONGEST_POLL_MS = 500;
static const int64_t NODE_WAIT_MS = 5000;

bool dm_name_is_valid(const char *text)
{
    return str_only(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") &&
           strlen(text) <= DM_NAME_LENGTH && text[0] != '-' && text[0] != '.';
}

void dm_device_clear(struct dm_device *device)
{
    free(device->name);
    free(device->uuid);
    free(device->path);
    *device = (struct dm_device){0};
}

void dm_devices_clear(struct dm_devices *devices)
{
    for (size_t i = 0; i < devices->count; i++)
        dm_device_clear(&devices->items[i]);
    free(devices->items);
    *devices = (struct dm_devices){0};
}

static bool has_entries(const char *path)
{
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            return true;
    return false;
}

/* What sysfs shows of a device; nothing of one that a killed dmsetup has left without a table. */
static void look_up(const char *sysfs, struct dm_device *device)
{
    _cleanup_free_ char *place = str_printf("%s/%u:%u", sysfs, major(device->device), minor(device->device));
    _cleanup_free_ char *uuid = str_printf("%s/dm/uuid", place);
    _cleanup_free_ char *holders = str_printf("%s/holders", place);

    device->uuid = file_read_line(uuid);
    if (!device->uuid)
        device->uuid = str_dup("");
    device->has_user = has_entries(holders);
}

/* As a volume group's name stands in the names of its volumes. */
static char *with_doubled_dashes(const char *text)
{
    char *doubled = xcalloc(strlen(text) * 2 + 1, 1);
    size_t length = 0;

    for (; *text; text++) {
        doubled[length++] = *text;
        if (*text == '-')
            doubled[length++] = '-';
    }
    return doubled;
}

int dm_read_list(const void *data, size_t length, const char *prefix, const char *sysfs, struct dm_devices *found,
                 struct error **err)
{
    _cleanup_free_ char *doubled = with_doubled_dashes(prefix);
    struct dm_name_list entry;

    *found = (struct dm_devices){0};
    for (size_t at = 0, name_at;; at += entry.next) {
        const char *name = (const char *)data + at + offsetof(struct dm_name_list, name);

        name_at = at + offsetof(struct dm_name_list, name);
        if (name_at >= length || !memchr(name, '\0', length - name_at))
            return error_set(err, EXIT_FAILED, "the kernel's list of device-mapper devices ends half-way");
        /* a copy, since the next one may be aligned to less than the structure */
        memcpy(&entry, (const char *)data + at, offsetof(struct dm_name_list, name));
        if (entry.dev && (str_starts_with(name, prefix) || str_starts_with(name, doubled))) {
            struct dm_device *device;

            found->items = xgrow(found->items, found->count, sizeof(*found->items));
            device = &found->items[found->count++];
            *device = (struct dm_device){
                .name = str_dup(name), .path = str_printf("/dev/mapper/%s", name), .device = (dev_t)entry.dev};
            look_up(sysfs, device);
        }
        if (entry.next == 0)
            return 0;
    }
}

/* The kernel is asked, and not sysfs, which does not show devices that have no table yet. */
int dm_list(const char *prefix, struct dm_devices *found, struct error **err)
{
    _cleanup_close_ int control = -1;

    *found = (struct dm_devices){0};
    /* to open the node where it is not loaded would load it */
    if (access("/sys/class/misc/device-mapper", F_OK) < 0)
        return 0;
    control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot open /dev/mapper/control");
    for (size_t size = LIST_SIZE; size <= LARGEST_LIST; size *= 2) {
        _cleanup_free_ struct dm_ioctl *list = xcalloc(1, size);

        /* version 4.0: all that is asked for here, and what any kernel answers (linux/dm-ioctl.h) */
        list->version[0] = 4;
        list->data_size = (uint32_t)size;
        list->data_start = sizeof(*list);
        if (ioctl(control, DM_LIST_DEVICES, list) < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot list the device-mapper devices");
        if (list->flags & DM_BUFFER_FULL_FLAG)
            continue;
        if (list->data_start > size)
            return error_set(err, EXIT_FAILED, "the kernel's list of device-mapper devices is cut");
        return dm_read_list((const char *)list + list->data_start, size - list->data_start, prefix, SYSFS, found, err);
    }
    return error_set(err, EXIT_FAILED, "there are too many device-mapper devices");
}

int dm_find(const char *name, struct dm_device *found, struct error **err)
{
    _cleanup_dm_devices_ struct dm_devices all = {0};

    *found = (struct dm_device){0};
    if (dm_list(name, &all, err) < 0)
        return -1;
    for (size_t i = 0; i < all.count; i++)
        if (str_equal(all.items[i].name, name)) {
            *found = all.items[i];
            all.items[i] = (struct dm_device){0};
            return 1;
        }
    return 0;
}

static int dmsetup(const char *const argv[], int lock_fd, struct wait *wait, struct run_result *result,
                   struct error **err)
{
    struct run_options options = RUN_OPTIONS_INIT;

    options.timeout_ms = DMSETUP_TIMEOUT_MS;
    options.inherit_fd = lock_fd;
    if (run(argv, &options, wait, result, err) == 0)
        return 0;
    if (err && *err && (*err)->code == EXIT_HOST)
        error_hint(err, "install dmsetup (Debian, Ubuntu: dmsetup; Red Hat, SUSE: device-mapper)");
    return -1;
}

static bool node_is_there(const struct dm_device *device)
{
    struct stat st;

    return stat(device->path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == device->device;
}

/* dmsetup waits for udev, or makes the node itself; what neither has done is asked for once more. */
static int wait_for_node(const struct dm_device *device, int lock_fd, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"dmsetup", "mknodes", device->name, NULL};
    int64_t end = clock_monotonic_ms() + NODE_WAIT_MS;
    bool asked = false;

    while (!node_is_there(device)) {
        _cleanup_run_result_ struct run_result result = {0};

        if (clock_monotonic_ms() >= end && asked)
            return error_set(err, EXIT_HOST, "%s did not appear", device->path);
        if (clock_monotonic_ms() >= end) {
            asked = true;
            if (dmsetup(argv, lock_fd, wait, &result, err) < 0)
                return -1;
        } else if (wait_sleep(wait, FIRST_POLL_MS, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int run_create(const struct dm_request *request, struct wait *wait, struct error **err)
{
    const char *argv[] = {"dmsetup",     "create",  request->name,  "--uuid",
                          request->uuid, "--table", request->table, request->read_only ? "--readonly" : NULL,
                          NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_free_ char *words = NULL;

    if (dmsetup(argv, request->lock_fd, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0)
        return 0;
    words = run_last_words(&result);
    return error_set(err, EXIT_FAILED, "dmsetup could not make %s: %s", request->name, words);
}

int dm_create(const struct dm_request *request, struct wait *wait, struct dm_device *made, struct error **err)
{
    _cleanup_dm_device_ struct dm_device device = {0};
    int result = dm_find(request->name, &device, err);

    *made = (struct dm_device){0};
    if (result > 0)
        return error_set(err, EXIT_BUSY, "there is a device-mapper device %s already", request->name);
    if (result < 0)
        return -1;
    result = run_create(request, wait, err);
    if (result == 0)
        result = dm_find(request->name, &device, err);
    if (result == 0)
        result = error_set(err, EXIT_FAILED, "%s is not there although dmsetup made it", request->name);
    if (result > 0)
        result = wait_for_node(&device, request->lock_fd, wait, err);
    if (result < 0) {
        dm_remove(request->name, request->lock_fd, NULL, NULL);
        return -1;
    }
    *made = device;
    device = (struct dm_device){0};
    return 0;
}

enum outcome { GONE, IN_USE, STUCK };

/*
 * One try. A dmsetup that was waiting for udev when its time was up has removed the device all the same, so it is the
 * kernel that is asked. err, which may be NULL, says why the device is still there.
 */
static enum outcome try_remove(const char *name, int lock_fd, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"dmsetup", "remove", name, NULL};
    _cleanup_dm_device_ struct dm_device found = {0};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_free_ char *words = NULL;
    bool ran = dmsetup(argv, lock_fd, wait, &result, &problem) == 0;

    if (dm_find(name, &found, NULL) == 0)
        return GONE;
    if (!ran) {
        error_move(err, &problem);
        return STUCK;
    }
    words = run_last_words(&result);
    error_set(err, EXIT_BUSY, "%s is still in use: %s", found.path, words);
    error_hint(err, "see `lsblk %s` and `grep %s /proc/*/mountinfo` for what uses it", found.path, name);
    return IN_USE;
}

static int longer(int poll_ms)
{
    return poll_ms * 2 < LONGEST_POLL_MS ? poll_ms * 2 : LONGEST_POLL_MS;
}

int dm_remove(const char *name, int lock_fd, struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + BUSY_WAIT_MS;
    _cleanup_dm_device_ struct dm_device found = {0};
    int there = dm_find(name, &found, err);

    if (there <= 0)
        return there;
    for (int poll_ms = FIRST_POLL_MS;; poll_ms = longer(poll_ms)) {
        _cleanup_error_ struct error *problem = NULL;
        enum outcome outcome = try_remove(name, lock_fd, wait, &problem);

        if (outcome == GONE)
            return 1;
        if (outcome == STUCK || clock_monotonic_ms() >= end)
            return error_move(err, &problem);
        if (wait_sleep(wait, poll_ms, err) < 0)
            return -1;
    }
}

/* Tries once what has nothing on it. Returns how many went; *stuck says that it is of no use to go on. */
static int remove_top(const struct dm_devices *devices, int lock_fd, struct wait *wait, bool *stuck)
{
    int gone = 0;

    for (size_t i = 0; i < devices->count && !*stuck; i++) {
        enum outcome outcome = IN_USE;

        if (!devices->items[i].has_user)
            outcome = try_remove(devices->items[i].name, lock_fd, wait, NULL);
        if (outcome == GONE)
            log_verbose("removed %s", devices->items[i].name);
        gone += outcome == GONE;
        *stuck = outcome == STUCK;
    }
    return gone;
}

static int still_there(const struct dm_devices *left, struct error **err)
{
    _cleanup_free_ char *names = str_dup("");

    for (size_t i = 0; i < left->count; i++) {
        _cleanup_free_ char *before = steal(names);
        _cleanup_free_ char *shown = str_printable(left->items[i].name, strlen(left->items[i].name), DM_NAME_LENGTH);

        names = str_printf("%s%s%s", before, i ? ", " : "", shown);
    }
    error_set(err, EXIT_BUSY, "still in use: %s", names);
    return error_hint(err, "see `lsblk` and /proc/*/mountinfo for what uses it, then unmount again");
}

int dm_remove_all(const char *prefix, int lock_fd, struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + BUSY_WAIT_MS;
    int poll_ms = FIRST_POLL_MS, gone = 0;
    bool stuck = false;

    for (;;) {
        _cleanup_dm_devices_ struct dm_devices left = {0};
        int went;

        if (dm_list(prefix, &left, err) < 0)
            return -1;
        if (left.count == 0)
            return gone;
        if (stuck || clock_monotonic_ms() >= end)
            return still_there(&left, err);
        went = remove_top(&left, lock_fd, wait, &stuck);
        gone += went;
        if (went) {
            end = clock_monotonic_ms() + BUSY_WAIT_MS;
            poll_ms = FIRST_POLL_MS;
        } else if (!stuck) {
            if (wait_sleep(wait, poll_ms, err) < 0)
                return -1;
            poll_ms = longer(poll_ms);
        }
    }
}

/* A table that fails everything, and removal once nobody has it open (Linux 3.13). */
static int break_one(const struct dm_device *device, int lock_fd, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"dmsetup", "remove", "--noudevsync", "--force", "--deferred", device->name, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_free_ char *words = NULL;

    if (dmsetup(argv, lock_fd, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0)
        return 0;
    words = run_last_words(&result);
    return error_set(err, EXIT_FAILED, "dmsetup could not cut off %s: %s", device->path, words);
}

int dm_remove_used(const char *prefix, int lock_fd, struct wait *wait, int *kept, struct error **err)
{
    _cleanup_dm_devices_ struct dm_devices before = {0}, after = {0};
    struct error *first = NULL;

    if (dm_list(prefix, &before, err) < 0)
        return -1;
    for (size_t i = 0; i < before.count; i++) {
        _cleanup_error_ struct error *problem = NULL;

        /* one that lay on another may have gone with that */
        if (break_one(&before.items[i], lock_fd, wait, &problem) < 0 && !first)
            first = steal(problem);
    }
    if (dm_list(prefix, &after, err) < 0) {
        error_free(first);
        return -1;
    }
    if (kept)
        *kept = (int)after.count;
    if (first && after.count)
        return error_move(err, &first);
    error_free(first);
    return (int)(before.count - after.count);
}

int dm_status(const char *name, struct wait *wait, char **status, struct error **err)
{
    /* without flushing, which would wait for a disk that does not answer */
    const char *const argv[] = {"dmsetup", "status", "--noflush", name, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_free_ char *words = NULL;
    const char *at;

    if (dmsetup(argv, -1, wait, &result, err) < 0)
        return -1;
    words = run_last_words(&result);
    if (result.exit_code != 0)
        return error_set(err, EXIT_FAILED, "dmsetup could not tell the state of %s: %s", name, words);
    /* start, length, target */
    at = result.output.length ? result.output.data : "";
    for (int i = 0; i < 3; i++) {
        at += strcspn(at, " \n");
        at += strspn(at, " ");
    }
    *status = str_printable(at, strcspn(at, "\n"), 200);
    return 0;
}
