/* SPDX-License-Identifier: MIT */
#include "iscsi/iscsiadm.h"

#include <string.h>
#include <sys/random.h>

#include "iscsi/iscsiadm-internal.h"
#include "iscsi/record.h"
#include "iscsi/sysfs.h"
#include "util/clock.h"
#include "util/run.h"
#include "util/str.h"

static const int64_t LOGOUT_LIMIT_MS = 240 * 1000;

/* RFC 7143, 4.2.7.1: at most 223 bytes */
static const size_t NAME_MAX_BYTES = 223;

int iscsi_check_name(const char *text, struct error **err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    bool has_form = str_starts_with(text, "iqn.") || str_starts_with(text, "eui.") || str_starts_with(text, "naa.");

    if (!has_form || !str_only(text, allowed) || strlen(text) > NAME_MAX_BYTES || strlen(text) < sizeof("iqn.x") - 1) {
        _cleanup_free_ char *shown = str_printable(text, strlen(text), 100);

        error_set(err, EXIT_USAGE, "\"%s\" is not an iSCSI name", shown);
        return error_hint(err, "a name looks like iqn.2026-11.com.example:web01");
    }
    return 0;
}

char *iscsi_make_initiator_name(void)
{
    unsigned char bytes[6];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    /* the naming authority that open-iscsi's own iscsi-iname uses */
    return str_printf("iqn.2005-03.org.open-iscsi:azilr-%02x%02x%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2],
                      bytes[3], bytes[4], bytes[5]);
}

static int adm(const char *const argv[], int lock_fd, struct wait *wait, struct run_result *result, struct error **err)
{
    struct run_options options = RUN_OPTIONS_INIT;

    options.inherit_fd = lock_fd;
    return run(argv, &options, wait, result, err);
}

/* Runs iscsiadm where only success will do, or, if also_fine is not 0, that exit code. */
static int adm_checked(const char *const argv[], int lock_fd, int also_fine, struct wait *wait, struct error **err)
{
    _cleanup_run_result_ struct run_result result = {0};

    if (adm(argv, lock_fd, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0 || (also_fine && result.exit_code == also_fine))
        return 0;
    _cleanup_free_ char *words = run_last_words(&result);
    return error_set(err, result.exit_code == ISCSI_ERR_ISCSID_NOTCONN ? EXIT_HOST : EXIT_FAILED,
                     "iscsiadm ended with exit code %d: %s", result.exit_code, words);
}

int iscsi_add_iface(const struct iscsi_target *at, const char *initiator_name, struct wait *wait, struct error **err)
{
    const char *const make[] = {"iscsiadm", "-m", "iface", "-I", at->iface, "-o", "new", NULL};
    const char *const name[] = {
        "iscsiadm", "-m",           "iface", "-I", at->iface, "-o", "update", "-n", "iface.initiatorname",
        "-v",       initiator_name, NULL};

    if (adm_checked(make, at->lock_fd, 0, wait, err) < 0 || adm_checked(name, at->lock_fd, 0, wait, err) < 0)
        return error_wrap(err, "cannot make the iSCSI interface record %s", at->iface);
    return 0;
}

int iscsi_remove_iface(const char *iface, int lock_fd, struct wait *wait, struct error **err)
{
    const char *const remove[] = {"iscsiadm", "-m", "iface", "-I", iface, "-o", "delete", NULL};

    if (!record_has_iface(iface))
        return 0;
    if (adm_checked(remove, lock_fd, ISCSI_ERR_NO_OBJS_FOUND, wait, err) < 0)
        return error_wrap(err, "cannot remove the iSCSI interface record %s", iface);
    return record_remove_iface(iface, err) < 0 ? -1 : 1;
}

int iscsi_add_node(const struct iscsi_target *at, const char *user, const char *password, struct wait *wait,
                   struct error **err)
{
    _cleanup_free_ char *portal = str_printf("%s:%d", at->address, at->port);
    _cleanup_free_ char *path = NULL;
    const char *const make[] = {"iscsiadm", "-m", "node",    "-T", at->target, "-p",
                                portal,     "-I", at->iface, "-o", "new",      NULL};
    const struct record_setting settings[] = {
        {"node.startup", "manual"},
        /* one session a target, whatever the host's iscsid.conf has for its own */
        {"node.session.nr_sessions", "1"},
        /* no disk before the udev flag that marks this session's disks is in place */
        {"node.session.scan", "manual"},
        {"node.session.auth.authmethod", "CHAP"},
        {"node.session.auth.username", user},
        {"node.session.auth.password", password},
        /* the Linux script does one-way CHAP; a host's iscsid.conf may have the other way for its own targets
         */
        {"node.session.auth.username_in", NULL},
        {"node.session.auth.password_in", NULL},
        {"node.conn[0].timeo.login_timeout", "15"},
        /* the tunnel has just been through to the portal: more tries would only hide a refusal */
        {"node.session.initial_login_retry_max", "2"},
        /*
         * Commands under way at once: of a LUN, and of all its LUNs together (open-iscsi has 32 and 128). Each takes
         * a round trip however small it is, so with 32 small reads of many readers a link of 20 ms gives 1600 in a
         * second. What the target cannot queue it does not let us send (RFC 7143, 3.2.2.1, MaxCmdSN).
         */
        {"node.session.queue_depth", "128"},
        {"node.session.cmds_max", "512"},
        /*
         * A read of a megabyte, which is what the read-ahead is cut to, is then one sequence, of PDUs that are large
         * beside their headers. These are open-iscsi's own defaults; a host's iscsid.conf may have less for its own
         * targets. FirstBurstLength, InitialR2T and ImmediateData are about writes, of which there are none.
         */
        {"node.session.iscsi.MaxBurstLength", "16776192"},
        {"node.conn[0].iscsi.MaxRecvDataSegmentLength", "262144"},
        /* how long reads wait for a connection before they fail: a host's iscsid.conf may have 0, or for ever, for its
           own; open-iscsi's default */
        {"node.session.timeo.replacement_timeout", "120"},
        /* Azure's advice against sessions that drop under load (public documentation) */
        {"node.conn[0].timeo.noop_out_timeout", "30"},
    };

    if (adm_checked(make, at->lock_fd, 0, wait, err) < 0)
        return error_wrap(err, "cannot make the iSCSI node record for %s", at->target);
    path = record_find(at->target, at->iface, err);
    return path ? record_edit_file(path, settings, sizeof(settings) / sizeof(settings[0]), err) : -1;
}

int iscsi_update_chap(const char *target, const char *iface, const char *user, const char *password, struct error **err)
{
    _cleanup_free_ char *path = record_find(target, iface, NULL);
    const struct record_setting settings[] = {
        {"node.session.auth.username", user},
        {"node.session.auth.password", password},
    };

    if (!path)
        return error_set(err, EXIT_NOT_FOUND, "the iSCSI node record for %s through %s is gone", target, iface);
    return record_edit_file(path, settings, sizeof(settings) / sizeof(settings[0]), err);
}

int iscsi_remove_node(const char *target, const char *iface, int lock_fd, struct wait *wait, struct error **err)
{
    const char *const remove[] = {"iscsiadm", "-m", "node", "-T", target, "-I", iface, "-o", "delete", NULL};
    _cleanup_free_ char *path = NULL;

    record_remove_leftovers(target, iface);
    path = record_find(target, iface, NULL);
    if (!path)
        return record_remove(target, iface, err);
    if (adm_checked(remove, lock_fd, ISCSI_ERR_NO_OBJS_FOUND, wait, err) < 0)
        return error_wrap(err, "cannot remove the iSCSI node record for %s", target);
    return record_remove(target, iface, err) < 0 ? -1 : 1;
}

static int login_error(int exit_code, const char *words, struct error **err)
{
    switch (exit_code) {
    case ISCSI_ERR_LOGIN_AUTH_FAILED:
        error_set(err, EXIT_AUTH,
                  "the target refused the login: the CHAP user name, password or initiator name is "
                  "wrong, or the script's access has expired or been revoked (%s)",
                  words);
        return error_hint(err, "a script is good for 12 hours; get a new one, and copy its password whole");
    case ISCSI_ERR_TRANS:
    case ISCSI_ERR_LOGIN:
    case ISCSI_ERR_TRANS_TIMEOUT:
    case ISCSI_ERR_PDU_TIMEOUT:
        error_set(err, EXIT_NETWORK, "the target did not answer the login (%s)", words);
        return error_hint(err, "check that nothing between this host and the portal cuts or inspects TCP port 3260");
    case ISCSI_ERR_ISCSID_NOTCONN:
    case ISCSI_ERR_INTERNAL:
        error_set(err, EXIT_HOST, "iscsid could not do the login (%s)", words);
        return error_hint(err, "see `systemctl status iscsid` or the system's log");
    default:
        return error_set(err, EXIT_FAILED, "iscsiadm could not log in, exit code %d (%s)", exit_code, words);
    }
}

int iscsi_login(const struct iscsi_target *at, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *portal = str_printf("%s:%d", at->address, at->port);
    const char *const argv[] = {"iscsiadm", "-m", "node",    "-T",      at->target, "-p",
                                portal,     "-I", at->iface, "--login", NULL};
    _cleanup_run_result_ struct run_result result = {0};

    if (adm(argv, at->lock_fd, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0 || result.exit_code == ISCSI_ERR_SESS_EXISTS)
        return 0;
    _cleanup_free_ char *words = run_last_words(&result);
    return login_error(result.exit_code, words, err);
}

/* Nothing is changed half-way where a logout is not waited for: iscsid goes on with it. */
static int64_t logout_limit_ms(const struct wait *wait)
{
    int64_t left = wait && wait->deadline_ms ? wait->deadline_ms - clock_monotonic_ms() : LOGOUT_LIMIT_MS;

    return left < 1 ? 1 : left < LOGOUT_LIMIT_MS ? left : LOGOUT_LIMIT_MS;
}

int iscsi_logout(const char *target, const char *iface, struct wait *wait, struct error **err)
{
    /* with a portal that is silent: our noop time-out, then the replacement_timeout of our record */
    struct run_options patience = RUN_OPTIONS_INIT;
    int64_t end = clock_monotonic_ms() + 30 * 1000;
    int was_there = 0;

    patience.timeout_ms = logout_limit_ms(wait);

    for (;;) {
        _cleanup_iscsi_session_ struct iscsi_session session = {0};
        _cleanup_run_result_ struct run_result result = {0};
        _cleanup_free_ char *sid = NULL;
        int found = iscsi_find_session(target, iface, &session, err);

        if (found <= 0)
            return found < 0 ? -1 : was_there;
        /* the kernel lets go of it as iscsiadm ends, as a rule, and then nothing is waited for */
        if (was_there && wait_sleep(wait, 50, err) < 0)
            return -1;
        was_there = 1;
        sid = str_printf("%d", session.number);
        const char *const argv[] = {"iscsiadm", "-m", "session", "-r", sid, "--logout", NULL};
        if (run(argv, &patience, wait, &result, err) < 0) {
            /* the person's limit, not ours */
            if (patience.timeout_ms < LOGOUT_LIMIT_MS && err && (*err)->code == EXIT_FAILED)
                (*err)->code = EXIT_NETWORK;
            error_wrap(err, "logging out of %s", target);
            return error_hint(err, "a portal that does not answer can make this last for minutes; try again");
        }
        if (result.exit_code != 0 && result.exit_code != ISCSI_ERR_SESS_NOT_FOUND &&
            result.exit_code != ISCSI_ERR_NO_OBJS_FOUND && clock_monotonic_ms() >= end) {
            _cleanup_free_ char *words = run_last_words(&result);

            return error_set(err, EXIT_FAILED, "cannot log out of %s (iscsiadm's exit code %d): %s", target,
                             result.exit_code, words);
        }
        if (clock_monotonic_ms() >= end)
            return error_set(err, EXIT_FAILED, "the kernel did not let go of the session to %s within 30 s", target);
    }
}

int iscsi_scan(int session, int lock_fd, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *sid = str_printf("%d", session);
    const char *const argv[] = {"iscsiadm", "-m", "session", "-r", sid, "--rescan", NULL};

    if (adm_checked(argv, lock_fd, 0, wait, err) < 0)
        return error_wrap(err, "cannot look for the disks of iSCSI session %d", session);
    return 0;
}
