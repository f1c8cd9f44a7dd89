/* SPDX-License-Identifier: MIT */
#include "volume/md.h"

#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/run.h"
#include "util/str.h"
#include "volume/md-internal.h"

static const int64_t STOP_LIMIT_MS = 15 * 1000;
static const int64_t STOP_FIRST_PAUSE_MS = 20;
static const int64_t STOP_PAUSE_MS = 200;

static const char name_prefix[] = "md_azilr_";

/* mdadm would ask systemd to start mdmon or its timers (mdadm(8), ENVIRONMENT). */
static const char *const environment[] = {"MDADM_NO_SYSTEMCTL=1", NULL};

/*
 * Names as the kernel's own, so that no number is taken that the host may want (names=yes, mdadm.conf(5)), and nothing
 * that is to be found by mdadm itself.
 */
static const char configuration[] = "CREATE names=yes\nHOMEHOST <ignore>\nAUTO -all\n";

char *md_kernel_name(const char *tag, unsigned number)
{
    return str_printf("%s%s_%u", name_prefix, tag, number);
}

char *md_short_name(const struct md_array *array)
{
    /* the host that it belongs to stands in front */
    const char *colon = array->name ? strchr(array->name, ':') : NULL;
    const char *name = colon ? colon + 1 : array->name;

    return name && *name ? str_dup(name) : NULL;
}

char *md_alias(const struct md_array *array)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    _cleanup_free_ char *name = md_short_name(array);

    return name && *name != '.' && str_only(name, allowed) ? str_printf("md/%s", name) : NULL;
}

static bool is_ours(const char *name)
{
    /* the kernel's limit is 31 (DISK_NAME_LEN) */
    return str_starts_with(name, name_prefix) && strlen(name) < 32 &&
           str_only(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
}

int md_run(const char *const argv[], int lock_fd, struct wait *wait, struct run_result *result, struct error **err)
{
    struct run_options options = RUN_OPTIONS_INIT;

    options.environment = environment;
    options.inherit_fd = lock_fd == MD_READS ? -1 : lock_fd;
    options.interruptible = lock_fd == MD_READS;
    if (run(argv, &options, wait, result, err) == 0)
        return 0;
    if (err && *err && (*err)->code == EXIT_HOST)
        error_hint(err, "software RAID needs mdadm: install the package mdadm");
    return -1;
}

/*
 * mdadm gives an array whose name is a number the kernel name of that number, whatever it is asked for, if it is free
 * (create_mddev() in mdopen.c). All of 0.90 are such, and of the others those without a host in front.
 */
static bool mdadm_would_choose_its_name(const struct md_array *array)
{
    return str_equal(array->metadata, "0.90") || !array->name || !strchr(array->name, ':');
}

/* What is fresh of the members, each by its overlay if there are any. Returns how many. */
static size_t fresh_devices(const struct md_array *array, const struct md_place *place, const char **devices)
{
    size_t count = 0;

    for (size_t i = 0; i < array->member_count; i++)
        if (!array->members[i].stale && array->members[i].role != MD_SPARE)
            devices[count++] = place->devices ? place->devices[i] : array->members[i].device;
    return count;
}

static int start_by_kernel(const struct md_array *array, const struct md_place *place, struct wait *wait,
                           struct error **err)
{
    const char *const load[] = {"modprobe", "-q", "md_mod", NULL};
    _cleanup_free_ const char **devices = xcalloc(array->member_count + 1, sizeof(*devices));
    size_t count = fresh_devices(array, place, devices);

    if (array->needs_force)
        return error_set(err, EXIT_FAILED,
                         "RAID %s cannot be started: written to at the moment of the backup, and a member is missing",
                         array->uuid);
    /* built in, or loaded already: then this fails or does nothing */
    run_checked(load, NULL, wait, NULL);
    if (md_kernel_start(place->kernel_name, array->metadata, devices, count, err) < 0)
        return error_wrap(err, "cannot start the %s array %s", array->level, array->uuid);
    return 0;
}

static int run_mdadm(const struct md_array *array, const struct md_place *place, const char *config, struct wait *wait,
                     struct run_result *result, struct error **err)
{
    _cleanup_free_ const char **argv = xcalloc(array->member_count + 10, sizeof(*argv));
    /* mdadm puts "md_" in front of a name below /dev/md to make the kernel's, and takes no other names */
    _cleanup_free_ char *device = str_printf("/dev/md/%s", place->kernel_name + sizeof("md_") - 1);
    _cleanup_free_ char *option = str_printf("--config=%s", config);
    /* no array is of a host of this name, so that what an array's own name says does not count */
    _cleanup_free_ char *host = str_printf("--homehost=%s", place->kernel_name);
    size_t count = 0;

    argv[count++] = "mdadm";
    argv[count++] = "--assemble";
    argv[count++] = device;
    argv[count++] = option;
    argv[count++] = host;
    argv[count++] = "--readonly";
    argv[count++] = "--run";
    if (place->devices)
        argv[count++] = "--update=uuid";
    if (array->needs_force)
        argv[count++] = "--force";
    fresh_devices(array, place, argv + count);
    return md_run(argv, place->lock_fd, wait, result, err);
}

/* It runs, but is it what was asked for? If not, it is taken down before anybody relies on it. */
static int check_name(const struct md_place *place, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *directory = str_printf("/sys/block/%s/md", place->kernel_name);
    _cleanup_free_ char *device = str_printf("/dev/md/%s", place->kernel_name + sizeof("md_") - 1);
    const char *const argv[] = {"mdadm", "--stop", "--config=none", device, NULL};

    if (access(directory, F_OK) == 0)
        return 0;
    run_checked(argv, NULL, wait, NULL);
    return error_set(err, EXIT_FAILED, "mdadm gave the array another name than %s", place->kernel_name);
}

static int start_by_mdadm(const struct md_array *array, const struct md_place *place, struct wait *wait,
                          struct error **err)
{
    _cleanup_free_ char *config = str_printf("%s/%s.conf", place->directory, place->kernel_name);
    _cleanup_run_result_ struct run_result result = {0};
    int ran;

    if (file_replace(config, configuration, sizeof(configuration) - 1, 0600, false, err) < 0)
        return -1;
    ran = run_mdadm(array, place, config, wait, &result, err);
    unlink(config);
    if (ran < 0)
        return -1;
    if (result.exit_code == 0)
        return check_name(place, wait, err);
    /* mdadm's own words, Assemble.c */
    if (!place->devices && strstr(buffer_text(&result.errors), "already active"))
        return 1;
    _cleanup_free_ char *words = run_last_words(&result);
    return error_set(err, EXIT_FAILED, "mdadm cannot start the %s array %s: %s", array->level, array->uuid, words);
}

int md_assemble(const struct md_array *array, const struct md_place *place, struct wait *wait, struct error **err)
{
    if (!is_ours(place->kernel_name))
        return error_set(err, EXIT_FAILED, "%s is not a name for an array of azilr's", place->kernel_name);
    if (array->state != MD_WHOLE && array->state != MD_DEGRADED)
        return error_set(err, EXIT_FAILED, "RAID %s cannot be started: %s", array->uuid, array->reason);
    if (mdadm_would_choose_its_name(array))
        return start_by_kernel(array, place, wait, err);
    if (!place->devices && array->needs_force)
        return 1;
    return start_by_mdadm(array, place, wait, err);
}

/* One try. Returns 0 if mdadm did it, 1 with *words set if it could not, -1 with err set. */
static int try_to_stop(const char *kernel_name, char **words, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *device = str_printf("/dev/%s", kernel_name);
    const char *const argv[] = {"mdadm", "--stop", "--config=none", device, NULL};
    _cleanup_run_result_ struct run_result result = {0};

    if (md_run(argv, -1, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0)
        return 0;
    free(*words);
    *words = run_last_words(&result);
    return 1;
}

int md_stop(const char *kernel_name, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *disk = str_printf("/sys/block/%s", kernel_name);
    _cleanup_free_ char *array = str_printf("/sys/block/%s/md", kernel_name);
    _cleanup_free_ char *words = str_dup("it does not go away");
    int64_t end = clock_monotonic_ms() + STOP_LIMIT_MS;

    if (!is_ours(kernel_name))
        return error_set(err, EXIT_FAILED, "%s is not the name of an array of azilr's", kernel_name);
    /* the disk goes a moment after the array */
    for (bool was_there = false;; was_there = true) {
        if (access(disk, F_OK) != 0)
            return was_there;
        if (access(array, F_OK) == 0 && try_to_stop(kernel_name, &words, wait, err) < 0)
            return -1;
        if (clock_monotonic_ms() > end)
            return error_set(err, EXIT_BUSY, "cannot stop the array %s: %s", kernel_name, words);
        if (wait_sleep(wait, was_there ? STOP_PAUSE_MS : STOP_FIRST_PAUSE_MS, err) < 0)
            return -1;
    }
}
