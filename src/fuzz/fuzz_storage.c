/* SPDX-License-Identifier: MIT */
/*
 * What lvm2 and mdadm say of a backup's disks, whose metadata may be hostile: the first byte says whose answer the rest
 * is ("p" of pvs, "l" of lvs, "m" of mdadm, the two answers with a NUL between them, several devices with two NULs).
 */
#include <stdint.h>
#include <string.h>

#include "util/str.h"
#include "volume/lvm-internal.h"
#include "volume/md-internal.h"

static const char pvs[] =
    "{\"report\":[{\"pv\":[{\"pv_name\":\"/dev/sdc\",\"pv_uuid\":\"jG8F1H-c1lt-JZNc-2UjL-Kc26-UNo8-PmOFCd\","
    "\"vg_name\":\"vgdata\",\"vg_uuid\":\"eidr1z-zrmB-JX9o-mu2h-xrFZ-Igw0-BuEwvR\",\"pv_size\":\"1048576\","
    "\"pe_start\":\"1048576\"},{\"pv_name\":\"[unknown]\",\"pv_uuid\":\"MNmFj5-x6jK-O4kt-WT5z-MNE0-gdz3-th3tiF\","
    "\"pv_missing\":\"missing\",\"vg_name\":\"vgdata\",\"vg_uuid\":\"eidr1z-zrmB-JX9o-mu2h-xrFZ-Igw0-BuEwvR\","
    "\"pv_size\":\"1048576\",\"pe_start\":\"1048576\"}]}]}";

static void check_groups(const struct lvm_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct lvm_group *group = &groups->items[i];

        /* both become arguments of LVM's commands */
        if (!lvm_name_is_valid(group->name) || group->missing > group->pv_count)
            abort();
        for (size_t j = 0; j < group->pv_count; j++) {
            free(lvm_stand_in_table(&group->pvs[j]));
            if ((group->pvs[j].device == NULL) != (j >= group->pv_count - group->missing))
                abort();
        }
        for (size_t j = 0; j < group->lv_count; j++)
            if (!lvm_name_is_valid(group->lvs[j].name))
                abort();
    }
}

static void fuzz_lvm(const char *text, size_t length, bool lvs)
{
    static const char *const devices[] = {"/dev/sdc", "/dev/null"};
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};

    if (lvs && lvm_report_pvs(pvs, sizeof(pvs) - 1, &groups, NULL) < 0)
        abort();
    if (lvs)
        lvm_report_lvs(text, length, &groups, NULL);
    else
        lvm_report_pvs(text, length, &groups, NULL);
    check_groups(&groups);
    lvm_name_devices(&groups, devices, 2);
    check_groups(&groups);
}

/* The next text of the input; "" at its end. */
static const char *next(const char **at, const char *end)
{
    const char *text = *at;

    *at = text + strlen(text);
    *at += *at < end;
    return text;
}

static void fuzz_md(const char *text, size_t length)
{
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    const char *at = text, *end = text + length;

    for (int i = 0; i < 16 && at < end; i++) {
        const char *exported = next(&at, end);
        const char *examined = next(&at, end);
        struct md_superblock superblock;

        if (md_parse(exported, examined, &superblock, NULL) == 0)
            md_add(&arrays, "/dev/sdx", &superblock);
    }
    md_judge(&arrays);
    for (size_t i = 0; i < arrays.count; i++) {
        const struct md_array *array = &arrays.items[i];

        if (array->raid_devices < 0 || array->raid_devices > MD_MAX_DEVICES || array->missing < 0 ||
            array->missing > array->raid_devices || (array->state == MD_WHOLE) != (array->reason == NULL))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = NULL;

    if (size == 0)
        return 0;
    text = xcalloc(size, 1);
    memcpy(text, data + 1, size - 1);
    if (data[0] == 'm')
        fuzz_md(text, size - 1);
    else
        fuzz_lvm(text, size - 1, data[0] == 'l');
    return 0;
}
