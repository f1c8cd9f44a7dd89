/* SPDX-License-Identifier: MIT */
#include "util/kernel_module.h"

#include <sys/utsname.h>

#include "util/run.h"
#include "util/str.h"

int kernel_module_load(const struct kernel_feature *feature, struct wait *wait, struct error **err)
{
    const char *const argv[] = {"modprobe", feature->module, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_error_ struct error *run_err = NULL;
    _cleanup_free_ char *words = NULL;
    struct utsname kernel = {0};

    if (access(feature->path, F_OK) == 0)
        return 0;
    if (run(argv, NULL, wait, &result, &run_err) < 0)
        words = str_dup(run_err->message);
    else if (access(feature->path, F_OK) == 0)
        return 0;
    else
        words = run_last_words(&result);
    uname(&kernel);
    return error_set(err, EXIT_HOST, "this kernel (%s) has no %s: the module %s could not be loaded: %s",
                     kernel.release, feature->what, feature->module, words);
}
