/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "util/file.h"
#include "util/str.h"
#include "volume/lvm_host.h"

#define GROUP_UUID "RnDzbr-0KD5-dGde-qiuG-qTHI-aJIw-eYtFqd"
#define PV_UUID "jG8F1H-c1lt-JZNc-2UjL-Kc26-UNo8-PmOFCd"

static void write_text(const char *top, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", top, name);

    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, NULL), 0);
}

static void remove_below(const char *top, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", top, names[i]);

        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(rmdir(top), 0);
}

/* lvm2's files in /etc/lvm/backup, as vgcfgbackup(8) writes them. */
static void the_host_remembers_its_groups_and_no_others(void **state)
{
    static const char copy[] = "contents = \"Text Format Volume Group\"\nvgdata {\n\tid = \"" GROUP_UUID
                               "\"\n\tphysical_volumes {\n\t\tpv0 {\n\t\t\tid = \"" PV_UUID "\"\n\t\t}\n\t}\n}\n";
    static const char *const unknown[] = {"RnDzbr-0KD5-dGde-qiuG-qTHI-aJIw-eYtFqe", "", "../../../../etc/passwd", NULL,
                                          "RnDzbr-0KD5-dGde-qiuG-qTHI-aJIw-eYtFq"};
    static const char *const made[] = {"backup/vgdata", "backup/other", "backup"};
    _cleanup_free_ char *name = NULL, *by_member = NULL, *directory = NULL;
    char top[] = "/tmp/azilr-lvm-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(top));
    assert_false(lvm_host_remembers(top, GROUP_UUID, &name));
    directory = str_printf("%s/backup", top);
    assert_int_equal(mkdir(directory, 0700), 0);
    write_text(top, "backup/other", "other {\n\tid = \"LIP1Ah-eKmU-2Qdh-Rh6s-fDda-qgLq-KYFTcr\"\n}\n");
    assert_false(lvm_host_remembers(top, GROUP_UUID, &name));
    write_text(top, "backup/vgdata", copy);
    assert_true(lvm_host_remembers(top, GROUP_UUID, &name));
    assert_string_equal(name, "vgdata");
    assert_true(lvm_host_remembers(top, PV_UUID, &by_member));
    assert_string_equal(by_member, "vgdata");
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        char *none;

        assert_false(lvm_host_remembers(top, unknown[i], &none));
        assert_null(none);
    }
    remove_below(top, made, 3);
}

static void an_active_group_is_known_by_its_devices(void **state)
{
    static const char volume[] = "LVM-RnDzbr0KD5dGdeqiuGqTHIaJIweYtFqdSnAyBpxYOlRlFVVXnEeWwhNeHfVPCzVe";

    (void)state;
    assert_true(lvm_host_is_volume_of(volume, GROUP_UUID));
    assert_false(lvm_host_is_volume_of("", GROUP_UUID));
    assert_false(lvm_host_is_volume_of(volume, PV_UUID));
    assert_false(lvm_host_is_volume_of(volume, ""));
    assert_false(lvm_host_is_volume_of(volume, NULL));
}

static void a_thin_pool_of_the_host_is_told_from_a_backups(void **state)
{
    static const char pool[] = "LVM-RnDzbr0KD5dGdeqiuGqTHIaJIweYtFqd4567-tpool";

    (void)state;
    assert_true(lvm_host_is_thin_pool("vgdata-pool-tpool", pool));
    assert_false(lvm_host_is_thin_pool("azilr--0123abcd--vg1-pool-tpool", pool));
    assert_false(lvm_host_is_thin_pool("vgdata-home", "LVM-RnDzbr0KD5dGdeqiuGqTHIaJIweYtFqd4567"));
    assert_false(lvm_host_is_thin_pool("docker-pool", "other-tpool"));
}

/* What is no block device there is no physical volume of the host's; nor is what an id from a backup leads to. */
static void a_link_to_no_device_is_none_of_the_hosts(void **state)
{
    static const char *const made[] = {("disk/by-id/lvm-pv-uuid-" PV_UUID), "disk/by-id", "disk"};
    char top[] = "/tmp/azilr-lvm-XXXXXX";
    dev_t device;

    (void)state;
    assert_non_null(mkdtemp(top));
    for (size_t i = 3; i-- > 1;) {
        _cleanup_free_ char *path = str_printf("%s/%s", top, made[i]);

        assert_int_equal(mkdir(path, 0700), 0);
    }
    assert_false(lvm_host_device(top, PV_UUID, &device));
    write_text(top, made[0], "");
    assert_false(lvm_host_device(top, PV_UUID, &device));
    assert_false(lvm_host_device(top, "x/../../../../null", &device));
    remove_below(top, made, 3);
}

static void a_host_is_kept_from_backups_by_a_devices_file_or_a_filter(void **state)
{
    static const struct {
        const char *config;
        bool is_kept;
    } cases[] = {
        {"devices {\n}\n", false},
        {"\t# global_filter = [ \"r|^/dev/disk/by-azilr/|\" ]\n", false},
        {"global_filter = [ \"a|.*|\" ] # r|^/dev/disk/by-azilr/|\n", false},
        {"devices {\n\tfilter = [ \"r|^/dev/disk/by-azilr/|\" ]\n}\n", false},
        {"devices {\n\tglobal_filter = [ \"r|^/dev/disk/by-azilr/|\" ]\n}\n", true},
        {"devices/global_filter=[\"a|^/dev/sda|\",\"r|.*|\"]\n", true},
    };
    static const char *const made[] = {"devices/system.devices", "devices", "lvm.conf"};
    _cleanup_free_ char *directory = NULL;
    char top[] = "/tmp/azilr-lvm-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(top));
    assert_false(lvm_host_is_filtered(top));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_text(top, "lvm.conf", cases[i].config);
        assert_int_equal(lvm_host_is_filtered(top), cases[i].is_kept);
    }
    write_text(top, "lvm.conf", "");
    directory = str_printf("%s/devices", top);
    assert_int_equal(mkdir(directory, 0700), 0);
    write_text(top, made[0], "VERSION=1.1.1\n");
    assert_true(lvm_host_is_filtered(top));
    remove_below(top, made, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_remembers_its_groups_and_no_others),
        cmocka_unit_test(an_active_group_is_known_by_its_devices),
        cmocka_unit_test(a_thin_pool_of_the_host_is_told_from_a_backups),
        cmocka_unit_test(a_link_to_no_device_is_none_of_the_hosts),
        cmocka_unit_test(a_host_is_kept_from_backups_by_a_devices_file_or_a_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
