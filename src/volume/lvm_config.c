/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "util/buffer.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

/* Linux takes 128 KiB in one argument (MAX_ARG_STRLEN, execve(2)). */
static const size_t MAX_CONFIG = 120 * 1024;

/*
 * What holds for every call, over whatever the host's lvm.conf says. Keys that an older or newer lvm2 does not know
 * (use_devicesfile came with 2.03.12, hints with 2.03.03) are passed over in silence with config/checks=0, all as in
 * lvm.conf(5) of 2.03.16:
 * - the devices file would hide our devices, and hints are a file of the host's;
 * - udev's and multipath's opinion on a device is the host's too, and scan_lvs is for a PV inside of an LV (without
 *   it LVM also passes over an overlay whose device-mapper UUID looks like an LV's), which is called by the name that
 *   it has here and not by LVM's own link to it;
 * - the locks are LVM's own, where the host has them;
 * - thin_check and cache_check may be missing, and have nothing to repair on a crash-consistent copy that the kernel
 *   would not find itself;
 * - what watches, polls, extends or repairs volumes must not begin to;
 * - what is printed must not depend on the host's taste.
 */
static const char settings[] =
    "config{checks=0} "
    "backup{backup=0 archive=0} "
    "global{%suse_lvmlockd=0 use_lvmpolld=0 notify_dbus=0 event_activation=0 system_id_source=\"%s\" "
    "thin_check_executable=\"\" cache_check_executable=\"\" umask=63} "
    "log{file=\"\" syslog=0 verbose=0 silent=0 report_command_log=0 level=0} "
    "report{mark_hidden_devices=0 binary_values_as_numeric=0 headings=1 list_item_separator=\",\"} ";

static const char device_settings[] = "use_devicesfile=0 hints=\"none\" obtain_device_list_from_udev=0 scan_lvs=1 "
                                      "external_device_info_source=\"none\" multipath_component_detection=0 "
                                      "preferred_names=[\"^/dev/mapper/\"] "
                                      "md_component_detection=1 issue_discards=0";

static const char activation_settings[] =
    "monitoring=0 auto_activation_volume_list=[] missing_stripe_filler=\"error\" activation_mode=\"degraded\" "
    "snapshot_autoextend_threshold=100 thin_pool_autoextend_threshold=100 vdo_pool_autoextend_threshold=100 "
    "raid_fault_policy=\"warn\" mirror_image_fault_policy=\"remove\" mirror_log_fault_policy=\"remove\"";

struct config {
    struct buffer text;
    bool full;
};

static void config_clear(struct config *config)
{
    buffer_clear(&config->text);
}

static void add(struct config *into, const char *text)
{
    if (buffer_append(&into->text, text, strlen(text)) < 0)
        into->full = true;
}

/* Of the characters that a path may have here, two mean something to LVM's regular expressions. */
static void add_device(struct config *into, const char *path)
{
    add(into, "\"a|^");
    for (const char *at = path; *at; at++) {
        char one[] = {*at, '\0'};

        add(into, *at == '.' ? "[.]" : *at == '+' ? "[+]" : one);
    }
    add(into, "$|\",");
}

static void add_filter(struct config *into, const char *key, const char *const devices[], size_t count)
{
    add(into, key);
    add(into, "=[");
    for (size_t i = 0; i < count; i++)
        add_device(into, devices[i]);
    add(into, "\"r|.*|\"] ");
}

static int check_device(const char *path, struct error **err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.+-:";

    if (str_starts_with(path, "/dev/") && str_only(path, allowed) && !strstr(path, "/../"))
        return 0;
    _cleanup_free_ char *shown = str_printable(path, strlen(path), 100);
    return error_set(err, EXIT_FAILED, "%s is not a path that LVM can be pointed at", shown);
}

/*
 * What is in a thin pool or has a cache cannot be activated read-only: LVM would have the pool itself read-only too,
 * which the kernel refuses. lvm_activate() makes their devices read-only afterwards.
 */
static void add_volumes(struct config *into, const struct lvm_activation *activation)
{
    _cleanup_free_ char *one = str_printf(" volume_list=[\"%s\"] read_only_volume_list=[", activation->name);

    add(into, one);
    for (size_t i = 0; i < activation->lv_count; i++) {
        const char *layout = activation->lvs[i].layout;

        if (lvm_has_word(layout, "thin") || lvm_has_word(layout, "cache") || lvm_has_word(layout, "writecache"))
            continue;
        _cleanup_free_ char *volume = str_printf("\"%s/%s\",", activation->name, activation->lvs[i].name);

        add(into, volume);
    }
    /* a list must not be empty, and no volume can be called so */
    add(into, "\"azilr/.\"]");
}

char *lvm_config(const char *const devices[], size_t count, const struct lvm_activation *activation,
                 const char *system_id, struct error **err)
{
    static const char id_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";
    /* lvmsystemid(7) has only these in an id */
    bool known_id = system_id && str_only(system_id, id_characters);
    _cleanup_(config_clear) struct config config = {.text = BUFFER_INIT(MAX_CONFIG)};
    _cleanup_free_ char *first =
        str_printf(settings, activation ? "" : "activation=0 ", known_id ? "lvmlocal" : "none");

    for (size_t i = 0; i < count; i++)
        if (check_device(devices[i], err) < 0)
            return NULL;
    add(&config, first);
    add(&config, "devices{");
    add_filter(&config, "filter", devices, count);
    add_filter(&config, "global_filter", devices, count);
    add(&config, device_settings);
    add(&config, "} activation{");
    add(&config, activation_settings);
    if (activation)
        add_volumes(&config, activation);
    /* with the id of the VM, the group is not somebody else's */
    if (known_id) {
        _cleanup_free_ char *local = str_printf("} local{system_id=\"%s\"", system_id);

        add(&config, local);
    }
    add(&config, "}");
    if (config.full) {
        error_set(err, EXIT_FAILED, "too many devices or volumes (%zu, %zu) for one call of LVM", count,
                  activation ? activation->lv_count : 0);
        return NULL;
    }
    return steal(config.text.data);
}
