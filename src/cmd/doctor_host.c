/* SPDX-License-Identifier: MIT */
/* Privileges and the kernel. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/doctor.h"
#include "util/buffer.h"
#include "util/file.h"
#include "util/kernel_module.h"
#include "util/run.h"
#include "util/str.h"

/* CAP_SYS_ADMIN of capabilities(7): mounting, and everything about block devices */
static const unsigned CAPABILITY_ADMIN = 21;
/* close_range(2), see PACKAGING.md */
static const int OLDEST_KERNEL[] = {5, 9};

/* The value of a line of /proc/self/status(5), a number in base 16; 0 if it is not there. */
static unsigned long long status_value(const char *name)
{
    _cleanup_free_ char *text = NULL;
    const char *line;

    if (file_read("/proc/self/status", 65536, &text, NULL, NULL) < 0)
        return 0;
    line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 16) : 0;
}

void doctor_privileges(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    (void)doctor;
    (void)wait;
    if (geteuid() != 0)
        doctor_warn(findings, "root", NULL, str_dup("sudo azilr doctor"),
                    "not run by root: what only root can see is skipped; mount needs root");
    else if (!(status_value("\nCapEff:") >> CAPABILITY_ADMIN & 1))
        doctor_fail(findings, "root", NULL, EXIT_HOST, str_dup("run azilr on the host itself"),
                    "this root has no capability CAP_SYS_ADMIN (it is in a container?), and cannot mount");
    else
        doctor_ok(findings, "root", NULL, "run by root, who may mount");
}

void doctor_kernel(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    struct utsname kernel = {0};
    char *rest = NULL;
    long major, minor;

    (void)doctor;
    (void)wait;
    uname(&kernel);
    major = strtol(kernel.release, &rest, 10);
    minor = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    if (major < OLDEST_KERNEL[0] || (major == OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1]))
        doctor_fail(findings, "kernel", NULL, EXIT_HOST, str_dup("boot a newer kernel"), "%s is older than Linux %d.%d",
                    kernel.release, OLDEST_KERNEL[0], OLDEST_KERNEL[1]);
    else
        doctor_ok(findings, "kernel", NULL, "%s", kernel.release);
}

/* --- modules --- */

/* Modules for one purpose. What is needed always has no `without`. */
static const struct module_group {
    const char *name;
    const char *without;
    const char *modules[12];
} groups[] = {
    {"iscsi_tcp", NULL, {"iscsi_tcp"}},
    {"sd_mod", NULL, {"sd_mod"}},
    {"overlays",
     "what must be written to be readable, a dirty journal for example, cannot be mounted",
     {"loop", "dm_mod", "dm_snapshot"}},
    {"file-systems",
     "volumes with these file systems cannot be mounted",
     {"ext4", "xfs", "btrfs", "vfat", "exfat", "isofs", "udf", "squashfs"}},
    {"characters", "vfat file systems cannot be mounted", {"nls_utf8", "nls_cp437"}},
    {"lvm",
     "logical volumes made with these cannot be opened",
     {"dm_mod", "dm_thin_pool", "dm_raid", "dm_mirror", "dm_cache"}},
    {"raid", "arrays of these levels cannot be opened", {"md_mod", "raid0", "raid1", "raid10", "raid456"}},
    {"encryption", "LUKS and BitLocker volumes cannot be opened", {"dm_crypt"}},
    {"bitlocker", "BitLocker volumes cannot be opened", {"dm_zero"}},
    {"integrity", "LUKS 2 volumes with integrity cannot be opened", {"dm_integrity"}},
    {"btrfs-checksums",
     "a btrfs whose checksums are xxhash64 or BLAKE2 cannot be mounted",
     {"algif_hash", "xxhash_generic", "blake2b_generic"}},
    {"tls", "the tunnel decrypts by itself, which takes more of the processor", {"tls"}},
};

/* The file systems that are called otherwise than their modules in /proc/filesystems. */
static const char *file_system_of(const char *module)
{
    return str_equal(module, "isofs") ? "iso9660" : module;
}

static bool kernel_knows_file_system(const char *name)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (file_read("/proc/filesystems", 65536, &text, NULL, NULL) < 0)
        return false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *tab = strrchr(line, '\t');

        if (tab && str_equal(tab + 1, name))
            return true;
    }
    return false;
}

/* Other signs of what is built in without a line in any list. */
static bool is_there(const char *module)
{
    static const struct {
        const char *module, *path;
    } signs[] = {
        {"iscsi_tcp", "/sys/class/iscsi_transport/tcp"},
        {"sd_mod", "/sys/bus/scsi/drivers/sd"},
        {"loop", "/sys/block/loop0"},
        {"dm_mod", "/sys/class/misc/device-mapper/dev"},
    };

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (str_equal(signs[i].module, module) && access(signs[i].path, F_OK) == 0)
            return true;
    return kernel_knows_file_system(file_system_of(module));
}

static void add_word(struct buffer *list, const char *word)
{
    if (list->length)
        buffer_append(list, ", ", 2);
    buffer_append(list, word, strlen(word));
}

/* The modules of a group, by how it stands with them. */
struct tally {
    struct buffer here, loadable, missing;
    char *blocked_by; /* the first file that keeps one of them out */
    bool unknown;     /* there was no list to look into */
};

static void tally_clear(struct tally *tally)
{
    buffer_clear(&tally->here);
    buffer_clear(&tally->loadable);
    buffer_clear(&tally->missing);
    free(tally->blocked_by);
}

static void count_module(const struct kernel_modules *modules, const char *module, struct tally *tally)
{
    _cleanup_free_ char *blocked_by = NULL;
    enum kernel_module_state state =
        is_there(module) ? KERNEL_MODULE_LOADED : kernel_module_find(modules, module, &blocked_by);

    switch (state) {
    case KERNEL_MODULE_LOADED:
    case KERNEL_MODULE_BUILT_IN:
        add_word(&tally->here, module);
        return;
    case KERNEL_MODULE_LOADABLE:
        add_word(&tally->loadable, module);
        return;
    case KERNEL_MODULE_BLOCKED:
        if (!tally->blocked_by)
            tally->blocked_by = steal(blocked_by);
        break;
    case KERNEL_MODULE_UNKNOWN:
        tally->unknown = true;
        break;
    case KERNEL_MODULE_MISSING:
        break;
    }
    add_word(&tally->missing, module);
}

static void judge_group(const struct doctor *doctor, const struct kernel_modules *modules,
                        const struct module_group *group, struct tally *tally, struct doctor_findings *findings)
{
    enum doctor_state state = group->without ? DOCTOR_WARNING : DOCTOR_FAILURE;
    const char *missing = buffer_text(&tally->missing);

    if (!tally->missing.length)
        doctor_ok(findings, "module", group->name, "%s%s%s%s", tally->here.length ? "in the kernel: " : "",
                  buffer_text(&tally->here),
                  !tally->loadable.length ? ""
                  : tally->here.length    ? "; can be loaded: "
                                          : "can be loaded: ",
                  buffer_text(&tally->loadable));
    else if (tally->blocked_by)
        doctor_add(findings, "module", group->name, state, EXIT_HOST,
                   str_printf("see %s, which says so", tally->blocked_by), "may not be loaded on this host: %s%s%s",
                   missing, group->without ? "; " : "", group->without ? group->without : "");
    else if (tally->unknown && group->without)
        doctor_skip(findings, "module", group->name, "not loaded: %s; there is no /lib/modules/%s that would tell more",
                    missing, modules->release);
    else if (tally->unknown)
        doctor_fail(findings, "module", group->name, EXIT_HOST,
                    str_dup("reboot, if the kernel was updated; or install the modules of this one"),
                    "not loaded, and there is no /lib/modules/%s to load it from", modules->release);
    else
        doctor_add(findings, "module", group->name, state, EXIT_HOST, doctor_install_modules(&doctor->release),
                   "kernel %s does not have: %s%s%s", modules->release, missing, group->without ? "; " : "",
                   group->without ? group->without : "");
}

/* NTFS has two drivers, one of which suffices. */
static void check_ntfs(const struct doctor *doctor, const struct kernel_modules *modules,
                       struct doctor_findings *findings)
{
    _cleanup_free_ char *program = run_find("ntfs-3g");
    _cleanup_(tally_clear) struct tally kernel = {
        .here = BUFFER_INIT(4096), .loadable = BUFFER_INIT(4096), .missing = BUFFER_INIT(4096)};
    _cleanup_(tally_clear) struct tally fuse = {
        .here = BUFFER_INIT(4096), .loadable = BUFFER_INIT(4096), .missing = BUFFER_INIT(4096)};

    count_module(modules, "ntfs3", &kernel);
    count_module(modules, "fuse", &fuse);
    if (!kernel.missing.length)
        doctor_ok(findings, "module", "ntfs", "the kernel's own driver, ntfs3");
    else if (program && !fuse.missing.length)
        doctor_ok(findings, "module", "ntfs", "%s, since the kernel has no ntfs3", program);
    else if (program)
        doctor_warn(findings, "module", "ntfs", doctor_install_modules(&doctor->release),
                    "the kernel has neither ntfs3 nor fuse: NTFS cannot be mounted");
    else
        doctor_warn(findings, "module", "ntfs", doctor_install(&doctor->release, PACKAGE_NTFS_3G),
                    "the kernel has no ntfs3, and there is no ntfs-3g: NTFS cannot be mounted");
}

void doctor_modules(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_kernel_modules_ struct kernel_modules modules = {0};
    struct utsname kernel = {0};

    (void)wait;
    uname(&kernel);
    kernel_modules_read("", kernel.release, &modules);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        _cleanup_(tally_clear) struct tally tally = {
            .here = BUFFER_INIT(4096), .loadable = BUFFER_INIT(4096), .missing = BUFFER_INIT(4096)};

        for (size_t j = 0; j < sizeof(groups[i].modules) / sizeof(groups[i].modules[0]) && groups[i].modules[j]; j++)
            count_module(&modules, groups[i].modules[j], &tally);
        judge_group(doctor, &modules, &groups[i], &tally, findings);
    }
    check_ntfs(doctor, &modules, findings);
}
