/* SPDX-License-Identifier: MIT */
/* What is stacked on a backup's disks, taken down: overlays, volume groups, arrays, decrypted and stand-in devices. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "block/dm.h"
#include "block/overlay.h"
#include "cmd/teardown-internal.h"
#include "util/json.h"
#include "util/str.h"
#include "volume/btrfs.h"
#include "volume/lvm.h"
#include "volume/md.h"

/*
 * A damaged state must not have anything removed that is the host's, or another session's. All names of what is made on
 * a backup's disks have the session's tag in them: "azilr-0123abcd-7", of cryptsetup's further device
 * "azilr-0123abcd-7_dif", of an array "md_azilr_0123abcd_7".
 */
static int check_name(const struct teardown *teardown, const char *before, const char *after, const char *name,
                      struct error **err)
{
    const char *tag = json_string(teardown->session->state, "tag");
    _cleanup_free_ char *prefix = str_printf("%s%s%s", before, tag ? tag : "", after);
    _cleanup_free_ char *shown = str_printable(name, strlen(name), 64);
    const char *number = str_starts_with(name, prefix) ? name + strlen(prefix) : "";
    const size_t digits = strspn(number, "0123456789");

    if (tag && *tag && digits && (number[digits] == '\0' || str_equal(number + digits, "_dif")))
        return 0;
    return error_set(err, EXIT_FAILED, "the session's state names a device that is none of its own: \"%s\"", shown);
}

/* What the kernel remembers of a btrfs's devices it would look for again with the host's own. */
int undo_btrfs(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    static const char directory[] = "/dev/mapper/";
    const cJSON *device;

    cJSON_ArrayForEach(device, json_array(arguments, "devices"))
    {
        const char *path = cJSON_IsString(device) ? device->valuestring : "";
        const char *name = str_starts_with(path, directory) ? path + strlen(directory) : path;

        if (check_name(teardown, "azilr-", "-", name, err) < 0 || btrfs_forget(path, err) < 0)
            return -1;
    }
    return 0;
}

/* By force: whoever still has it open keeps a device that fails everything, and that goes with its last user. */
static int remove_used(struct teardown *teardown, const char *prefix, struct error **err)
{
    int kept = 0, result = dm_remove_used(prefix, teardown->session->lock_fd, teardown->wait, &kept, err);

    if (result >= 0 && kept)
        teardown_say_forced(teardown, "cut off %s, which is in use and goes with its last user", prefix);
    return result < 0 ? -1 : result + kept > 0;
}

/* As dm_remove(), which needs no answer of the disks below. */
static int remove_dm(struct teardown *teardown, const char *name, struct error **err)
{
    if (teardown->way == TEARDOWN_BY_FORCE && str_starts_with(name, "azilr-"))
        return remove_used(teardown, name, err);
    return dm_remove(name, teardown->session->lock_fd, teardown->wait, err);
}

int undo_overlay(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *name = teardown_text(arguments, "name"), *store = teardown_text(arguments, "store");
    _cleanup_free_ char *file = str_printf("/%s.cow", name);
    int result = check_name(teardown, "azilr-", "-", name, err) < 0 ? -1 : remove_dm(teardown, name, err);

    if (result < 0)
        return -1;
    /* its file has a name only for the moment in which it is made */
    if (overlay_is_store(store) && str_ends_with(store, file) && unlink(store) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", store);
    return result;
}

int undo_dm_device(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *name = teardown_text(arguments, "name");

    return check_name(teardown, "azilr-", "-", name, err) < 0 ? -1 : remove_dm(teardown, name, err);
}

/* By device-mapper rather than LVM, which would have to read the disks. */
int undo_volume_group(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *name = teardown_text(arguments, "name");
    const char *tag = json_string(teardown->session->state, "tag");
    _cleanup_free_ char *prefix = NULL, *own = str_printf("azilr-%s-", tag ? tag : "");
    int result;

    if (!lvm_name_is_ours(name) || !str_starts_with(name, own)) {
        _cleanup_free_ char *shown = str_printable(name, strlen(name), 64);

        return error_set(err, EXIT_FAILED, "the session's state names a volume group that is none of azilr's: \"%s\"",
                         shown);
    }
    prefix = lvm_mapped_name(name, "");
    result = teardown->way == TEARDOWN_BY_FORCE
                 ? remove_used(teardown, prefix, err)
                 : dm_remove_all(prefix, teardown->session->lock_fd, teardown->wait, err);
    if (result > 0)
        teardown_say(teardown, "deactivated the backup's volume group, which was called %s here", name);
    if (result < 0 || lvm_remove_copies("/etc/lvm", name, err) < 0)
        return -1;
    lvm_remove_links("/dev", name);
    return result;
}

int undo_array(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *name = teardown_text(arguments, "name");
    int result = check_name(teardown, "md_azilr_", "_", name, err) < 0 ? -1 : md_stop(name, teardown->wait, err);

    if (result > 0)
        teardown_say(teardown, "stopped the backup's array, which was called %s here", name);
    return result;
}
