/* SPDX-License-Identifier: MIT */
/*
 * What the files of `azilr doctor` share. A check looks at one thing, changes nothing, and adds what it found: one
 * finding, or one for each of several alike. doctor.c owns the order of the checks and what is shown of them.
 */
#ifndef AZILR_CMD_DOCTOR_H
#define AZILR_CMD_DOCTOR_H

#include <stddef.h>

#include "cmd/host.h"
#include "cmd/options.h"
#include "script/script.h"
#include "util/wait.h"

enum doctor_state { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILURE, DOCTOR_SKIPPED };

/* All strings are owned and printable; a message that is an error's may have several lines. */
struct doctor_finding {
    char *check;   /* "module", "tool", "dns", …: azilr(8) lists them */
    char *subject; /* which module, tool, host; NULL where there is only one */
    enum doctor_state state;
    enum exit_code code; /* of a failure */
    char *message;
    char *remedy; /* what to type or to do; NULL where nothing is to be done */
};

struct doctor_findings {
    struct doctor_finding *list;
    size_t count;
};

/* What the checks look with. */
struct doctor {
    const struct options *options;
    struct host_release release;
    struct connection connection; /* out of --script */
    struct error *script_problem; /* why that could not be read */
};

/* The printf-like message follows; a remedy, or NULL for what is good at all times, is owned by the findings from now
 * on. */
void doctor_add(struct doctor_findings *findings, const char *check, const char *subject, enum doctor_state state,
                enum exit_code code, char *remedy, const char *format, ...) __attribute__((format(printf, 7, 8)));

#define doctor_ok(findings, check, subject, ...)                                                                       \
    doctor_add(findings, check, subject, DOCTOR_OK, EXIT_DONE, NULL, __VA_ARGS__)
#define doctor_skip(findings, check, subject, ...)                                                                     \
    doctor_add(findings, check, subject, DOCTOR_SKIPPED, EXIT_DONE, NULL, __VA_ARGS__)
#define doctor_warn(findings, check, subject, remedy, ...)                                                             \
    doctor_add(findings, check, subject, DOCTOR_WARNING, EXIT_DONE, remedy, __VA_ARGS__)
#define doctor_fail(findings, check, subject, code, remedy, ...)                                                       \
    doctor_add(findings, check, subject, DOCTOR_FAILURE, code, remedy, __VA_ARGS__)

/* A failure that is an error's: its code, its message, its hint as the remedy. */
void doctor_fail_by(struct doctor_findings *findings, const char *check, const char *subject, const struct error *err);

/* Moves all of `from` behind what is there. */
void doctor_append(struct doctor_findings *findings, struct doctor_findings *from);
void doctor_findings_clear(struct doctor_findings *findings);
#define _cleanup_doctor_findings_ _cleanup_(doctor_findings_clear)

/* --- what to type on this kind of host; the caller frees it --- */

enum doctor_package {
    PACKAGE_OPEN_ISCSI,
    PACKAGE_KMOD,
    PACKAGE_UTIL_LINUX,
    PACKAGE_UDEV,
    PACKAGE_LVM,
    PACKAGE_DMSETUP,
    PACKAGE_MDADM,
    PACKAGE_CRYPTSETUP,
    PACKAGE_NTFS_3G,
};

char *doctor_install(const struct host_release *release, enum doctor_package package);

/* The same for a kernel with all of its modules. */
char *doctor_install_modules(const struct host_release *release);

/* --- the checks; those of a group may be called in any order --- */

typedef void doctor_check(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait);

doctor_check doctor_privileges, doctor_kernel, doctor_modules, doctor_udev, doctor_lvm, doctor_places, doctor_sessions;
doctor_check doctor_tools, doctor_iscsid;
doctor_check doctor_network;
doctor_check doctor_access;

/* A portal of the network group by itself, for tests. `origin` says where it is known from. */
void doctor_portal(const struct doctor *doctor, const char *host, int port, const char *origin,
                   struct doctor_findings *findings, struct wait *wait);

#endif
