/* SPDX-License-Identifier: MIT */
/* How it stands with modules, out of a made-up host's files. */
#include <string.h>
#include <sys/stat.h>

#include "check.h"

#include "util/kernel_module.h"
#include "util/run.h"
#include "util/str.h"

#define RELEASE "6.1.0-18-amd64"

static char root[] = "/tmp/azilr-modules-XXXXXX";

static void put(const char *path, const char *text)
{
    _cleanup_free_ char *full = str_printf("%s%s", root, path);

    /* with the directories above it */
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_host(void **state)
{
    (void)state;
    if (!mkdtemp(root))
        return -1;
    put("/lib/modules/" RELEASE "/modules.dep",
        "kernel/drivers/scsi/iscsi_tcp.ko: kernel/drivers/scsi/libiscsi_tcp.ko kernel/drivers/scsi/libiscsi.ko\n"
        "kernel/drivers/scsi/libiscsi_tcp.ko: kernel/drivers/scsi/libiscsi.ko\n"
        "kernel/drivers/md/dm-snapshot.ko.xz: kernel/drivers/md/dm-mod.ko.xz\n"
        "kernel/drivers/md/dm-mod.ko.xz:\n"
        "kernel/fs/udf/udf.ko.zst:\n"
        "updates/xfs.ko:\n"
        "kernel/fs/btrfs/btrfs.ko:\n");
    put("/lib/modules/" RELEASE "/modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/drivers/block/loop.ko\n");
    put("/sys/module/sd_mod/refcnt", "1\n");
    put("/sys/module/dm_mod/refcnt", "1\n");
    put("/etc/modprobe.d/hardening.conf", "# install btrfs /bin/true\n  install udf /bin/false\ninstall xfsprogs x\n");
    put("/etc/modprobe.d/notes.txt", "install xfs /bin/false\n");
    return 0;
}

static int remove_host(void **state)
{
    const char *const argv[] = {"rm", "-r", root, NULL};

    (void)state;
    return run_checked(argv, NULL, NULL, NULL);
}

static enum kernel_module_state find(const char *module)
{
    _cleanup_kernel_modules_ struct kernel_modules modules = {0};

    kernel_modules_read(root, RELEASE, &modules);
    return kernel_module_find(&modules, module, NULL);
}

static void each_is_found_where_it_is(void **state)
{
    (void)state;
    assert_int_equal(find("sd_mod"), KERNEL_MODULE_LOADED);
    assert_int_equal(find("dm-mod"), KERNEL_MODULE_LOADED);
    assert_int_equal(find("ext4"), KERNEL_MODULE_BUILT_IN);
    assert_int_equal(find("loop"), KERNEL_MODULE_BUILT_IN);
    assert_int_equal(find("iscsi_tcp"), KERNEL_MODULE_LOADABLE);
    assert_int_equal(find("dm_snapshot"), KERNEL_MODULE_LOADABLE);
    assert_int_equal(find("btrfs"), KERNEL_MODULE_LOADABLE);
    assert_int_equal(find("xfs"), KERNEL_MODULE_LOADABLE);
    /* parts of names are no names, and what another depends on is not thereby there */
    assert_int_equal(find("tcp"), KERNEL_MODULE_MISSING);
    assert_int_equal(find("libiscsi"), KERNEL_MODULE_MISSING);
    assert_int_equal(find("ext"), KERNEL_MODULE_MISSING);
}

static void what_may_not_be_loaded_is_told_with_the_file(void **state)
{
    _cleanup_kernel_modules_ struct kernel_modules modules = {0};
    _cleanup_free_ char *blocked_by = NULL;

    (void)state;
    kernel_modules_read(root, RELEASE, &modules);
    assert_int_equal(kernel_module_find(&modules, "udf", &blocked_by), KERNEL_MODULE_BLOCKED);
    assert_true(str_ends_with(blocked_by, "/etc/modprobe.d/hardening.conf"));
}

static void a_kernel_that_loads_no_more_modules(void **state)
{
    (void)state;
    put("/proc/sys/kernel/modules_disabled", "1\n");
    assert_int_equal(find("iscsi_tcp"), KERNEL_MODULE_BLOCKED);
    assert_int_equal(find("sd_mod"), KERNEL_MODULE_LOADED);
    put("/proc/sys/kernel/modules_disabled", "0\n");
    assert_int_equal(find("iscsi_tcp"), KERNEL_MODULE_LOADABLE);
}

static void without_its_lists_nothing_is_known(void **state)
{
    _cleanup_kernel_modules_ struct kernel_modules modules = {0};

    (void)state;
    kernel_modules_read(root, "6.1.0-17-amd64", &modules);
    assert_int_equal(kernel_module_find(&modules, "iscsi_tcp", NULL), KERNEL_MODULE_UNKNOWN);
    assert_int_equal(kernel_module_find(&modules, "sd_mod", NULL), KERNEL_MODULE_LOADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_found_where_it_is),
        cmocka_unit_test(what_may_not_be_loaded_is_told_with_the_file),
        cmocka_unit_test(a_kernel_that_loads_no_more_modules),
        cmocka_unit_test(without_its_lists_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, make_host, remove_host);
}
