/* SPDX-License-Identifier: MIT */
/* What the kernel may have as a module. */
#ifndef AZILR_UTIL_KERNEL_MODULE_H
#define AZILR_UTIL_KERNEL_MODULE_H

#include "util/error.h"
#include "util/wait.h"

/* A feature of the kernel, all constants: "iSCSI over TCP" is there once `path` is, by `module` or built in. */
struct kernel_feature {
    const char *module;
    const char *path;
    const char *what;
};

/*
 * Makes sure that the kernel has the feature, loading its module if need be; what is loaded stays. EXIT_HOST if it has
 * not, with what modprobe said.
 */
int kernel_module_load(const struct kernel_feature *feature, struct wait *wait, struct error **err);

enum kernel_module_state {
    KERNEL_MODULE_LOADED, /* or built in with parameters, which looks the same */
    KERNEL_MODULE_BUILT_IN,
    KERNEL_MODULE_LOADABLE,
    KERNEL_MODULE_BLOCKED, /* it is there, but a line "install" of modprobe.d(5), or the kernel, keeps it out */
    KERNEL_MODULE_MISSING,
    KERNEL_MODULE_UNKNOWN, /* this kernel's list of modules is not on the disk, so there is no telling */
};

/* What the running kernel has on the disk. Both texts are owned; NULL where the list is not there. */
struct kernel_modules {
    const char *root;   /* "" but in tests: what stands in front of every path */
    char *release;      /* "6.1.0-18-amd64" */
    char *dependencies; /* modules.dep */
    char *built_in;     /* modules.builtin */
};

/*
 * Reads the lists that depmod(8) and the kernel's build have left below /lib/modules/RELEASE; loads nothing. `release`
 * is of uname(2). The caller clears *modules.
 */
void kernel_modules_read(const char *root, const char *release, struct kernel_modules *modules);
void kernel_modules_clear(struct kernel_modules *modules);
#define _cleanup_kernel_modules_ _cleanup_(kernel_modules_clear)

/*
 * How it stands with a module ("iscsi_tcp"; "-" is as good as "_"), without loading it. If it is blocked, *blocked_by,
 * unless blocked_by is NULL, is the file that says so, which the caller frees; it is left alone otherwise.
 */
enum kernel_module_state kernel_module_find(const struct kernel_modules *modules, const char *module,
                                            char **blocked_by);

#endif
