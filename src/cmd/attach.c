/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "block/disks.h"
#include "block/udev_rules.h"
#include "cmd/host.h"
#include "cmd/keeper_service.h"
#include "cmd/mount_run.h"
#include "cmd/provision.h"
#include "cmd/teardown.h"
#include "iscsi/discovery.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/iscsid.h"
#include "iscsi/sysfs.h"
#include "session/host_lock.h"
#include "tunnel/daemon.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"

static const int DISKS_TIMEOUT_MS = 60 * 1000;
static const int64_t CLAIM_PATIENCE_MS = 10 * 1000;
static const int CLAIM_POLL_MS = 100;

/* An argument object with one or two texts, for the undo list. */
static cJSON *arguments(const char *name, const char *value, const char *name2, const char *value2)
{
    cJSON *object = json_new_object();

    json_set_string(object, name, value);
    if (name2)
        json_set_string(object, name2, value2);
    return object;
}

struct iscsi_target mount_run_target(const struct mount_run *run, const char *target)
{
    return (struct iscsi_target){.iface = run->iface,
                                 .target = target,
                                 .address = TUNNEL_ADDRESS,
                                 .port = run->tunnel_port,
                                 .lock_fd = run->session->lock_fd};
}

/* Without an end that is known, as long as Azure ever gives access. */
static time_t tunnel_end(const struct mount_run *run)
{
    const char *text = json_string(run->session->state, "expires");
    time_t expires;

    if (!text || clock_parse(text, &expires) < 0)
        expires = time(NULL) + PROVISION_SECONDS;
    return expires + TUNNEL_GRACE_S;
}

static int start_tunnel(struct mount_run *run, struct error **err)
{
    _cleanup_free_ char *unit = tunnel_unit_name(run->session->id);
    const struct tunnel_place place = {.directory = run->session->directory, .unit = unit};
    _cleanup_host_release_ struct host_release release = {0};
    struct tunnel_options options = {
        .portal_host = run->connection.portal_host,
        .portal_port = run->connection.portal_port,
        .ca_file = run->options->ca_file,
        .until = tunnel_end(run),
        .inherit_lock_fd = run->session->lock_fd,
    };
    struct tunnel tunnel = {0};

    host_read_release(&release);
    tunnel_listen_ports(release.id, &options.first_port, &options.last_port);
    /* a discovery record of the script that Azure generates may be left for a port, and is not azilr's to remove */
    while (options.first_port < options.last_port && iscsi_has_discovery_record(TUNNEL_ADDRESS, options.first_port))
        options.first_port++;
    progress_begin(&run->progress, "Connecting to %s", run->connection.portal_host);
    if (session_will(run->session, CHANGE_TUNNEL, arguments("unit", unit, NULL, NULL), false, err) < 0 ||
        tunnel_start(&place, &options, &run->wait, &tunnel, err) < 0)
        return -1;
    run->tunnel_port = tunnel.port;
    json_set_number(run->session->state, "tunnel_port", tunnel.port);
    progress_end(&run->progress, "verified TLS, by way of port %d here", tunnel.port);
    return 0;
}

/* Its end must be watched, but a backup that opens without that is better than none: `status` tells of it. */
static int start_keeper(struct mount_run *run, struct error **err)
{
    _cleanup_free_ char *unit = keeper_unit_name(run->session->id);
    const struct keeper_place place = {.directory = run->session->directory, .unit = unit};
    _cleanup_error_ struct error *problem = NULL;

    if (session_will(run->session, CHANGE_KEEPER, arguments("unit", unit, NULL, NULL), false, err) < 0)
        return -1;
    if (keeper_start(&place, run->session->id, run->options, &problem) == 0)
        return 0;
    if (run->options->auto_renew)
        return error_move(err, &problem);
    log_warning("nobody will warn before the access ends: %s", problem->message);
    return 0;
}

static int ensure_iscsid(struct mount_run *run, struct error **err)
{
    const char *unit;
    int reachable;
    _cleanup_close_ int lock = host_lock(&session_host_places, &run->wait, err);

    if (lock < 0)
        return -1;
    unit = iscsid_unit(&run->wait);
    reachable = iscsid_is_reachable(err);
    if (reachable < 0)
        return -1;
    if (reachable) {
        /* another session of ours may have started it, and be gone before this one */
        if (unit && session_is_shared(&session_host_places, run->session, CHANGE_ISCSID, "unit", unit))
            return session_will(run->session, CHANGE_ISCSID, arguments("unit", unit, NULL, NULL), false, err);
        return 0;
    }
    log_info("iscsid does not run; starting it%s%s", unit ? " with systemd, unit " : "", unit ? unit : "");
    /* without a unit there is no telling how the system would stop it again, so it is left running; so is what others
     * start */
    if (unit && !iscsid_unit_has_job(unit, &run->wait) &&
        session_will(run->session, CHANGE_ISCSID, arguments("unit", unit, NULL, NULL), false, err) < 0)
        return -1;
    return iscsid_start(unit, run->session->lock_fd, &run->wait, err);
}

static int ensure_udev_rules(struct mount_run *run, struct error **err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int lock = -1;

    if (!udev_is_running())
        return 0;
    lock = host_lock(&session_host_places, &run->wait, err);
    if (lock < 0)
        return -1;
    switch (udev_rules_examine("", &path)) {
    case UDEV_RULES_GOOD:
        return 0;
    case UDEV_RULES_OVERRIDDEN:
        return udev_rules_check(err);
    case UDEV_RULES_OTHER:
        log_warning("%s is of another version of azilr; using the program's own copy while the session lasts", path);
        break;
    case UDEV_RULES_COPIED:
    case UDEV_RULES_MISSING:
        log_verbose("the udev rules are not installed; using the program's own copy while the session lasts");
        break;
    }
    if (session_will(run->session, CHANGE_UDEV_RULES, arguments("path", udev_rules_path(), NULL, NULL), false, err) < 0)
        return -1;
    return udev_rules_place(&run->wait, err);
}

/* iscsiadm makes the directories of its records where it finds none, and would leave them. */
static int note_record_directories(struct mount_run *run, struct error **err)
{
    static const char *const places[] = {"/etc/iscsi", "/var/lib/iscsi"};
    static const char *const names[] = {"ifaces", "nodes", "send_targets"};
    _cleanup_close_ int lock = host_lock(&session_host_places, &run->wait, err);

    if (lock < 0)
        return -1;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            _cleanup_free_ char *path = str_printf("%s/%s", places[i], names[j]);

            if (access(places[i], F_OK) < 0 ||
                (access(path, F_OK) == 0 &&
                 !session_is_shared(&session_host_places, run->session, CHANGE_DIRECTORY, "path", path)))
                continue;
            if (session_will(run->session, CHANGE_DIRECTORY, arguments("path", path, NULL, NULL), true, err) < 0)
                return -1;
        }
    return 0;
}

struct logins {
    struct mount_run *run;
    struct error *problems[TARGETS_MAX];
};

static void log_in_to(void *argument, size_t i, struct wait *wait)
{
    struct logins *logins = argument;
    const struct iscsi_target at = mount_run_target(logins->run, logins->run->targets.names[i]);

    if (wait_check(wait, &logins->problems[i]) == 0)
        iscsi_login(&at, wait, &logins->problems[i]);
}

/* The first problem, if there is one; a secret that is refused will be so the next time too. */
static int judge_logins(struct logins *logins, int result, struct error **err)
{
    for (size_t i = 0; i < logins->run->targets.count; i++) {
        _cleanup_error_ struct error *problem = logins->problems[i];

        if (!problem)
            continue;
        if (problem->code == EXIT_AUTH)
            logins->run->keep_access = false;
        if (result == 0)
            result = error_move(err, &problem);
    }
    return result;
}

static int add_nodes(struct mount_run *run, const char *user, struct error **err)
{
    for (size_t i = 0; i < run->targets.count; i++) {
        const char *target = run->targets.names[i];
        const struct iscsi_target at = mount_run_target(run, target);

        if (session_will(run->session, CHANGE_NODE, arguments("target", target, "iface", run->iface), true, err) < 0 ||
            iscsi_add_node(&at, user, run->connection.password, &run->wait, err) < 0 || wait_check(&run->wait, err) < 0)
            return -1;
    }
    return 0;
}

static int log_in(struct mount_run *run, struct error **err)
{
    _cleanup_host_release_ struct host_release release = {0};
    const struct iscsi_target at = mount_run_target(run, run->connection.target);
    struct logins logins = {.run = run};
    _cleanup_free_ char *user = NULL;

    host_read_release(&release);
    user = script_chap_user(&run->connection, release.id, release.id_like, release.version_id);
    if (note_record_directories(run, err) < 0 ||
        session_will(run->session, CHANGE_IFACE, arguments("iface", run->iface, NULL, NULL), true, err) < 0 ||
        iscsi_add_iface(&at, run->initiator_name, &run->wait, err) < 0 || find_targets(run, user, err) < 0 ||
        add_nodes(run, user, err) < 0)
        return -1;
    for (size_t i = 0; i < run->targets.count; i++)
        session_enter(run->session, CHANGE_LOGIN, arguments("target", run->targets.names[i], "iface", run->iface),
                      false);
    if (session_save(run->session, err) < 0 ||
        judge_logins(&logins, pool_run(run->targets.count, log_in_to, &logins, &run->wait, err), err) < 0)
        return -1;
    return targets_are_reached(run, err);
}

struct scans {
    struct mount_run *run;
    struct iscsi_session sessions[TARGETS_MAX];
    struct error *problems[TARGETS_MAX];
};

static void scans_clear(struct scans *scans)
{
    for (size_t i = 0; i < TARGETS_MAX; i++) {
        iscsi_session_clear(&scans->sessions[i]);
        error_free(scans->problems[i]);
    }
}

static void scan(void *argument, size_t i, struct wait *wait)
{
    struct scans *scans = argument;

    if (wait_check(wait, &scans->problems[i]) == 0)
        iscsi_scan(scans->sessions[i].number, scans->run->session->lock_fd, wait, &scans->problems[i]);
}

/* Marks the disks to come of every target as ours. */
static int mark_sessions(struct scans *scans, struct error **err)
{
    struct mount_run *run = scans->run;

    for (size_t i = 0; i < run->targets.count; i++) {
        struct iscsi_session *session = &scans->sessions[i];
        cJSON *mark;

        if (iscsi_find_session(run->targets.names[i], run->iface, session, err) < 0)
            return -1;
        if (!session->syspath)
            return error_set(err, EXIT_NETWORK, "the iSCSI session to %s ended right after the login",
                             run->targets.names[i]);
        mark = json_new_object();
        json_set_number(mark, "session", session->number);
        json_set_string(mark, "iface", run->iface);
        session_enter(run->session, CHANGE_UDEV_MARK, mark, false);
    }
    if (session_save(run->session, err) < 0)
        return -1;
    for (size_t i = 0; i < run->targets.count; i++)
        if (udev_mark_session(scans->sessions[i].number, run->session->id, run->targets.count > 1 ? i + 1 : 0, err) < 0)
            return -1;
    return 0;
}

/*
 * What holds a disk for a moment only, as md's and multipath's tools do to look at it, is waited for. Who holds it for
 * longer has taken it, past the rules and the disk's being read-only, and what it does with it is not known.
 */
static int refuse_claimed(struct mount_run *run, struct error **err)
{
    const int64_t until = clock_monotonic_ms() + CLAIM_PATIENCE_MS;

    for (size_t i = 0; i < run->disks.count; i++) {
        const char *path = run->disks.items[i].path;

        while (disk_is_claimed(path, &run->wait)) {
            if (clock_monotonic_ms() >= until) {
                error_set(err, EXIT_BUSY, "%s, a disk of the backup, was taken by something else on this host", path);
                return error_hint(err, "lsblk %s shows by what: let it go of the disk, and keep it from such disks",
                                  path);
            }
            if (wait_sleep(&run->wait, CLAIM_POLL_MS, err) < 0)
                return -1;
        }
    }
    return 0;
}

/* All targets are scanned at once, and then waited for one after the other, which takes as long as the slowest. */
static int bring_disks(struct mount_run *run, struct error **err)
{
    _cleanup_(scans_clear) struct scans scans = {.run = run};
    _cleanup_disk_watch_ struct disk_watch *watch = NULL;
    bool is_incomplete = false;

    if (disk_watch_open(&watch, err) < 0 || mark_sessions(&scans, err) < 0 ||
        pool_run(run->targets.count, scan, &scans, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < run->targets.count; i++) {
        int result = scans.problems[i] ? error_move(err, &scans.problems[i])
                                       : disk_watch_collect(watch, scans.sessions[i].syspath, DISKS_TIMEOUT_MS,
                                                            &run->wait, &run->disks, err);

        if (result < 0)
            return -1;
        is_incomplete = is_incomplete || result > 0;
    }
    if (refuse_claimed(run, err) < 0)
        return -1;
    if (is_incomplete)
        mount_run_note(run, "problem",
                       "not all disks of the recovery point came, or not in time; see the system's log");
    return 0;
}

int attach_disks(struct mount_run *run, struct error **err)
{
    mount_run_note(run, "portal", run->connection.portal_host);
    mount_run_note(run, "target", run->connection.target);
    mount_run_note(run, "initiator_name", run->initiator_name);
    run->iface = str_printf("azilr-%s", run->session->id);
    if (start_tunnel(run, err) < 0 || start_keeper(run, err) < 0)
        return -1;

    progress_begin(&run->progress, "Logging in");
    if (ensure_iscsid(run, err) < 0 || ensure_udev_rules(run, err) < 0 || log_in(run, err) < 0) {
        _cleanup_free_ char *unit = tunnel_unit_name(run->session->id);
        const struct tunnel_place place = {.directory = run->session->directory, .unit = unit};
        struct tunnel_report report;

        tunnel_look(&place, &report);
        if (*report.last_error)
            log_info("the tunnel's last error: %s", report.last_error);
        return -1;
    }
    if (run->targets.count > 1)
        progress_end(&run->progress, "as %s, to %zu targets", run->initiator_name, run->targets.count);
    else
        progress_end(&run->progress, "as %s", run->initiator_name);

    progress_begin(&run->progress, "Finding the disks");
    if (bring_disks(run, err) < 0)
        return -1;
    progress_end(&run->progress, "%zu, all read-only", run->disks.count);
    return wait_check(&run->wait, err);
}
