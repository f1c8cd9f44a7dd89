/* SPDX-License-Identifier: MIT */
#include "volume/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <blkid/blkid.h>

#include "util/str.h"

DEFINE_CLEANUP(cleanup_blkid_ptr, blkid_probe, blkid_free_probe);
#define _cleanup_blkid_ _cleanup_(cleanup_blkid_ptr)

static char *value_of(blkid_probe handle, const char *name)
{
    const char *value = NULL;

    if (blkid_probe_lookup_value(handle, name, &value, NULL) < 0 || !value || !*value)
        return NULL;
    return str_printable(value, strlen(value), 128);
}

int probe_device(const char *path, struct probe *probe, struct error **err)
{
    _cleanup_blkid_ blkid_probe handle = blkid_new_probe();
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    *probe = (struct probe){0};
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    errno = 0;
    if (!handle || blkid_probe_set_device(handle, fd, 0, 0) != 0 || blkid_probe_enable_superblocks(handle, 1) != 0 ||
        blkid_probe_set_superblocks_flags(handle, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID) != 0 ||
        blkid_probe_enable_partitions(handle, 1) != 0 ||
        blkid_probe_set_partitions_flags(handle, BLKID_PARTS_ENTRY_DETAILS) != 0)
        return error_set_errno(err, EXIT_FAILED, errno ? errno : EIO, "cannot read %s", path);
    errno = 0;
    /* 1: nothing known on it; -2: signatures that contradict each other; both leave the type unknown */
    if (blkid_do_safeprobe(handle) == -1)
        return error_set_errno(err, EXIT_FAILED, errno ? errno : EIO, "cannot read %s", path);
    probe->type = value_of(handle, "TYPE");
    probe->label = value_of(handle, "LABEL");
    probe->uuid = value_of(handle, "UUID");
    probe->table = value_of(handle, "PTTYPE");
    probe->part_type = value_of(handle, "PART_ENTRY_TYPE");
    probe->part_uuid = value_of(handle, "PART_ENTRY_UUID");
    probe->part_name = value_of(handle, "PART_ENTRY_NAME");
    return 0;
}

void probe_clear(struct probe *probe)
{
    free(probe->type);
    free(probe->label);
    free(probe->uuid);
    free(probe->table);
    free(probe->part_type);
    free(probe->part_uuid);
    free(probe->part_name);
    *probe = (struct probe){0};
}
