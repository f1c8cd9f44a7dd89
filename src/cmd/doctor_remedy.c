/* SPDX-License-Identifier: MIT */
/* The packages and package managers of the distributions (their own package lists). */
#include <string.h>

#include "cmd/doctor.h"
#include "util/str.h"

enum family { FAMILY_DEBIAN, FAMILY_RED_HAT, FAMILY_SUSE, FAMILY_COUNT };

static const char *const names[FAMILY_COUNT][PACKAGE_NTFS_3G + 1] = {
    [FAMILY_DEBIAN] = {[PACKAGE_OPEN_ISCSI] = "open-iscsi",
                       [PACKAGE_KMOD] = "kmod",
                       [PACKAGE_UTIL_LINUX] = "util-linux",
                       [PACKAGE_UDEV] = "udev",
                       [PACKAGE_LVM] = "lvm2",
                       [PACKAGE_DMSETUP] = "dmsetup",
                       [PACKAGE_MDADM] = "mdadm",
                       [PACKAGE_CRYPTSETUP] = "cryptsetup-bin",
                       [PACKAGE_NTFS_3G] = "ntfs-3g"},
    [FAMILY_RED_HAT] = {[PACKAGE_OPEN_ISCSI] = "iscsi-initiator-utils",
                        [PACKAGE_KMOD] = "kmod",
                        [PACKAGE_UTIL_LINUX] = "util-linux",
                        [PACKAGE_UDEV] = "systemd-udev",
                        [PACKAGE_LVM] = "lvm2",
                        [PACKAGE_DMSETUP] = "device-mapper",
                        [PACKAGE_MDADM] = "mdadm",
                        [PACKAGE_CRYPTSETUP] = "cryptsetup",
                        [PACKAGE_NTFS_3G] = "ntfs-3g"},
    [FAMILY_SUSE] = {[PACKAGE_OPEN_ISCSI] = "open-iscsi",
                     [PACKAGE_KMOD] = "kmod",
                     [PACKAGE_UTIL_LINUX] = "util-linux",
                     [PACKAGE_UDEV] = "udev",
                     [PACKAGE_LVM] = "lvm2",
                     [PACKAGE_DMSETUP] = "device-mapper",
                     [PACKAGE_MDADM] = "mdadm",
                     [PACKAGE_CRYPTSETUP] = "cryptsetup",
                     [PACKAGE_NTFS_3G] = "ntfs-3g"},
};

/* Whether a word stands in a list of words with blanks between them, as os-release(5) has ID_LIKE. */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    while (list && *list) {
        size_t next = strcspn(list, " ");

        if (next == length && strncmp(list, word, length) == 0)
            return true;
        list += next + (list[next] == ' ');
    }
    return false;
}

static enum family family_of(const struct host_release *release)
{
    static const struct {
        const char *word;
        enum family family;
    } words[] = {
        {"debian", FAMILY_DEBIAN},  {"ubuntu", FAMILY_DEBIAN}, {"rhel", FAMILY_RED_HAT}, {"fedora", FAMILY_RED_HAT},
        {"centos", FAMILY_RED_HAT}, {"suse", FAMILY_SUSE},     {"sles", FAMILY_SUSE},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (has_word(release->id, words[i].word) || has_word(release->id_like, words[i].word))
            return words[i].family;
    return FAMILY_COUNT;
}

char *doctor_install(const struct host_release *release, enum doctor_package package)
{
    static const char *const managers[FAMILY_COUNT] = {"apt-get install", "dnf install", "zypper install"};
    enum family family = family_of(release);

    /* the name that most distributions have is a good one to look for elsewhere */
    if (family == FAMILY_COUNT)
        return str_printf("install %s", names[FAMILY_SUSE][package]);
    return str_printf("%s %s", managers[family], names[family][package]);
}

char *doctor_install_modules(const struct host_release *release)
{
    switch (family_of(release)) {
    case FAMILY_DEBIAN:
        /* Ubuntu parts its kernels' modules in two; Debian's cloud kernels leave them out */
        if (has_word(release->id, "ubuntu") || has_word(release->id_like, "ubuntu"))
            return str_dup("apt-get install linux-modules-extra-$(uname -r)");
        return str_dup("apt-get install linux-image-$(dpkg --print-architecture), and boot that kernel");
    case FAMILY_RED_HAT:
        return str_dup("dnf install kernel-modules-$(uname -r) kernel-modules-extra-$(uname -r)");
    case FAMILY_SUSE:
        return str_dup("zypper install kernel-default, and boot that kernel");
    default:
        return str_dup("install the distribution's kernel with all of its modules, and boot it");
    }
}
