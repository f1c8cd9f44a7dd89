/* SPDX-License-Identifier: MIT */
#include "iscsi/kernel.h"

#include <stdbool.h>
#include <sys/utsname.h>

#include "util/run.h"
#include "util/str.h"

/* What the kernel shows in sysfs once a feature is there, as a module or built in. */
struct feature {
    const char *module;
    const char *path;
    const char *what;
};

static const struct feature features[] = {
    {"iscsi_tcp", "/sys/class/iscsi_transport/tcp", "iSCSI over TCP"},
    {"sd_mod", "/sys/bus/scsi/drivers/sd", "SCSI disks"},
};

static int check_feature(const struct feature *feature, struct wait *wait, struct error **err)
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
    error_set(err, EXIT_HOST, "this kernel (%s) has no %s: the module %s could not be loaded: %s", kernel.release,
              feature->what, feature->module, words);
    return error_hint(err,
                      "install the distribution's full kernel package and boot it; some cloud kernels, and SLES 12 "
                      "SP4's open-iscsi, come without %s",
                      feature->module);
}

static bool have_iscsiadm(void)
{
    static const char *const places[] = {"/usr/sbin/iscsiadm", "/sbin/iscsiadm", "/usr/bin/iscsiadm"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], X_OK) == 0)
            return true;
    return false;
}

int iscsi_check_host(struct wait *wait, struct error **err)
{
    if (!have_iscsiadm()) {
        error_set(err, EXIT_HOST, "iscsiadm is not installed");
        return error_hint(err, "install open-iscsi (Debian, Ubuntu, SUSE: open-iscsi; Red Hat: iscsi-initiator-utils)");
    }
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (check_feature(&features[i], wait, err) < 0)
            return -1;
    return 0;
}
