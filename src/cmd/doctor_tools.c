/* SPDX-License-Identifier: MIT */
/* The programs that azilr runs, and iscsid. */
#include <ctype.h>
#include <string.h>

#include "cmd/doctor.h"
#include "iscsi/iscsid.h"
#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

static const int64_t VERSION_TIMEOUT_MS = 5000;
static const size_t MAX_VERSION = 24;

static const struct tool {
    const char *name;
    enum doctor_package package;
    const char *without;   /* what cannot be done; NULL where nothing can be */
    const char *option[3]; /* what has it tell its version, and touch nothing */
} tools[] = {
    {"iscsiadm", PACKAGE_OPEN_ISCSI, NULL, {"--version"}},
    {"modprobe", PACKAGE_KMOD, "modules of the kernel that are not loaded yet cannot be", {"--version"}},
    {"blockdev",
     PACKAGE_UTIL_LINUX,
     "udev's rules cannot make the backup's disks read-only before azilr does",
     {"--version"}},
    {"udevadm", PACKAGE_UDEV, "udev cannot be told of rules that are not installed for good", {"--version"}},
    /* dmsetup and LVM ask the kernel for its version too, which would load device-mapper */
    {"dmsetup",
     PACKAGE_DMSETUP,
     "what must be written to be readable, a dirty journal for example, cannot be mounted",
     {NULL}},
    {"lvm", PACKAGE_LVM, "volume groups of a backup cannot be opened", {"version", "--driverloaded", "n"}},
    {"mdadm", PACKAGE_MDADM, "Linux software RAID of a backup cannot be opened", {"--version"}},
    {"cryptsetup", PACKAGE_CRYPTSETUP, "LUKS and BitLocker volumes of a backup cannot be opened", {"--version"}},
};

/* The first word that begins as a version does, "2.1.8" out of "iscsiadm version 2.1.8"; NULL if there is none. */
static char *find_version(const char *text)
{
    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " \t\n");
        const char *digits = word + (*word == 'v');

        if (isdigit((unsigned char)*digits))
            return str_printable(digits, length - (size_t)(digits - word), MAX_VERSION);
        word += length + (word[length] != '\0');
    }
    return NULL;
}

static char *version_of(const char *path, const struct tool *tool, struct wait *wait)
{
    const char *const argv[] = {path, tool->option[0], tool->option[1], tool->option[2], NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_run_result_ struct run_result result = {0};

    options.timeout_ms = VERSION_TIMEOUT_MS;
    options.interruptible = 1;
    if (!tool->option[0] || run(argv, &options, wait, &result, NULL) < 0)
        return NULL;
    return find_version(buffer_text(result.output.length ? &result.output : &result.errors));
}

static void check_tool(const struct doctor *doctor, const struct tool *tool, struct doctor_findings *findings,
                       struct wait *wait)
{
    _cleanup_free_ char *path = run_find(tool->name);
    _cleanup_free_ char *version = path ? version_of(path, tool, wait) : NULL;

    if (version)
        doctor_ok(findings, "tool", tool->name, "%s, version %s", path, version);
    else if (path)
        doctor_ok(findings, "tool", tool->name, "%s", path);
    else if (tool->without)
        doctor_warn(findings, "tool", tool->name, doctor_install(&doctor->release, tool->package),
                    "not installed (looked in %s): %s", RUN_PATH, tool->without);
    else
        doctor_fail(findings, "tool", tool->name, EXIT_HOST, doctor_install(&doctor->release, tool->package),
                    "not installed (looked in %s)", RUN_PATH);
}

void doctor_tools(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]) && wait_check(wait, NULL) == 0; i++)
        check_tool(doctor, &tools[i], findings, wait);
}

/* Where there is no systemd, and so no telling what the system would do, a script of the usual name will have to do. */
static void check_service_script(const struct doctor *doctor, struct doctor_findings *findings)
{
    static const char *const scripts[] = {"/etc/init.d/iscsid", "/etc/init.d/open-iscsi"};

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (access(scripts[i], X_OK) < 0)
            continue;
        doctor_ok(findings, "iscsid", NULL, "does not run; mount starts it with %s", scripts[i]);
        return;
    }
    doctor_fail(findings, "iscsid", NULL, EXIT_HOST, doctor_install(&doctor->release, PACKAGE_OPEN_ISCSI),
                "does not run, and nothing is known that starts it");
}

static void check_daemon(const struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    const char *unit = iscsid_unit(wait);
    const char *name = unit ? unit : "iscsid.service";

    if (iscsid_is_listened_for())
        doctor_ok(findings, "iscsid", NULL, "is there, or started by systemd when it is asked for");
    else if (iscsid_unit_is_masked(name, wait))
        doctor_fail(findings, "iscsid", NULL, EXIT_HOST, str_dup("systemctl unmask iscsid.socket iscsid.service"),
                    "does not run, and %s is masked, so mount cannot start it", name);
    else if (unit)
        doctor_ok(findings, "iscsid", NULL, "does not run; mount starts %s", unit);
    else
        check_service_script(doctor, findings);
}

/* azilr logs in with names of its own, but iscsid of some distributions does not start without the host's. */
static void check_initiator_name(struct doctor_findings *findings)
{
    static const char path[] = "/etc/iscsi/initiatorname.iscsi";
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error *problem = NULL;

    if (file_read(path, 65536, &text, NULL, &problem) < 0 && problem->code != EXIT_NOT_FOUND)
        doctor_skip(findings, "initiator-name", NULL, "%s", problem->message);
    else if (!text)
        doctor_warn(findings, "initiator-name", NULL, str_printf("echo InitiatorName=$(iscsi-iname) > %s", path),
                    "there is no %s, without which iscsid may not start", path);
    else if (!strstr(text, "InitiatorName=") && !strstr(text, "GenerateName=yes"))
        doctor_warn(findings, "initiator-name", NULL, str_printf("echo InitiatorName=$(iscsi-iname) > %s", path),
                    "%s gives no InitiatorName, without which iscsid may not start", path);
    else
        doctor_ok(findings, "initiator-name", NULL, "the host has one; azilr uses its own for each session");
}

void doctor_iscsid(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_free_ char *iscsiadm = run_find("iscsiadm");

    if (!iscsiadm) {
        doctor_skip(findings, "iscsid", NULL, "open-iscsi is not installed");
        return;
    }
    check_daemon(doctor, findings, wait);
    check_initiator_name(findings);
}
