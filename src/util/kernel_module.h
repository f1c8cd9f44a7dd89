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

#endif
