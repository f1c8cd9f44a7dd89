/* SPDX-License-Identifier: MIT */
#include "iscsi/kernel.h"

#include <stdbool.h>
#include <unistd.h>

#include "util/kernel_module.h"

static const struct kernel_feature features[] = {
    {"iscsi_tcp", "/sys/class/iscsi_transport/tcp", "iSCSI over TCP"},
    {"sd_mod", "/sys/bus/scsi/drivers/sd", "SCSI disks"},
};

static int check_feature(const struct kernel_feature *feature, struct wait *wait, struct error **err)
{
    if (kernel_module_load(feature, wait, err) == 0)
        return 0;
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
