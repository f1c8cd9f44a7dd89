/* SPDX-License-Identifier: MIT */
/* Which iSCSI targets a recovery point has, and waiting for Azure to have them ready. */
#include "cmd/countdown.h"
#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "iscsi/discovery.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

/* Preparing the largest points takes 20 to 30 minutes (public documentation). */
static const int64_t DEFAULT_WAIT_S = 45 * 60;
static const int64_t FIRST_PAUSE_S = 10;
static const int64_t LONGEST_PAUSE_S = 60;

/* The record, which holds the secret, is only there while the portal is asked. */
static int discover(struct mount_run *run, const char *user, struct targets *shown, struct error **err)
{
    const struct iscsi_target at = mount_run_target(run, NULL);
    cJSON *record = NULL;
    int result, removed;

    if (iscsi_has_discovery_record(at.address, at.port)) {
        error_set(err, EXIT_BUSY, "open-iscsi has a discovery record of %s:%d that is not azilr's", at.address,
                  at.port);
        return error_hint(err, "if nobody needs it: iscsiadm -m discoverydb -t sendtargets -p %s:%d -o delete",
                          at.address, at.port);
    }
    record = json_new_object();
    json_set_string(record, "address", at.address);
    json_set_number(record, "port", at.port);
    if (session_will(run->session, CHANGE_DISCOVERY, record, true, err) < 0)
        return -1;
    result = iscsi_discover(&at, user, run->connection.password, &run->wait, shown, err);
    removed = iscsi_remove_discovery(at.address, at.port, at.lock_fd, &run->wait, result < 0 ? NULL : err);
    if (removed >= 0 && session_undone(run->session, session_last_change(run->session), result < 0 ? NULL : err) < 0)
        removed = -1;
    return result < 0 || removed < 0 ? -1 : 0;
}

/* Whether the script leaves open how many targets there are, or whether they are ready. */
static bool must_ask(const struct connection *connection)
{
    return connection->multi_target || connection->large_disk || connection->format == SCRIPT_TXT;
}

static int explain_missing(struct mount_run *run, const struct targets *shown, struct error **err)
{
    /* waiting on does not help */
    run->keep_access = false;
    error_set(err, EXIT_NETWORK, "the portal does not show the target %s (it shows %zu others)", run->connection.target,
              shown->count);
    return error_hint(err, "the access may have been revoked or renewed meanwhile, and the script with it");
}

static int explain_blocked(struct mount_run *run, struct error **err)
{
    run->keep_access = false;
    error_set(err, EXIT_NETWORK, "the vault has a private endpoint, and this host is outside of its virtual network");
    return error_hint(err,
                      "run azilr on a host in (or peered with) that network, whose DNS knows the private endpoint");
}

static int begin_waiting(struct mount_run *run, int64_t limit_s, struct error **err)
{
    bool can_go_on = preparing_is_possible(run->session->state);

    log_info("Azure is still preparing the disks, as it does for many or very large ones; waiting for up to %lld "
             "minutes%s",
             (long long)((limit_s + 59) / 60),
             can_go_on ? ". Interrupted, the same command goes on with it later" : "");
    if (!can_go_on)
        return 0;
    run->keep_access = true;
    mount_run_note(run, "status", STATUS_PREPARING);
    return session_save(run->session, err);
}

int targets_are_reached(struct mount_run *run, struct error **err)
{
    if (!run->keep_access)
        return 0;
    run->keep_access = false;
    mount_run_note(run, "status", "mounting");
    return session_save(run->session, err);
}

static int give_up(int64_t limit_s, struct error **err)
{
    error_set(err, EXIT_NETWORK, "Azure has not prepared the disks within %lld s", (long long)limit_s);
    return error_hint(err, "mount again later: that goes on with this preparation; --wait SECONDS waits longer");
}

/*
 * Where the script names the one target that there is, a portal that does not answer the question may still answer the
 * login, or refuse it with a better reason.
 */
static int do_without(struct mount_run *run, enum targets_state *state, struct error **problem, struct error **err)
{
    if ((*problem)->code == EXIT_AUTH)
        run->keep_access = false;
    else if (run->keep_access && (*problem)->code == EXIT_NETWORK && wait_check(&run->wait, NULL) == 0) {
        /* while the disks are being prepared, a portal that is silent for a moment is only asked again */
        log_verbose("%s", (*problem)->message);
        *state = TARGETS_PREPARING;
        return 0;
    }
    if (must_ask(&run->connection) || (*problem)->code == EXIT_AUTH || (*problem)->code == EXIT_INTERRUPTED ||
        wait_check(&run->wait, NULL) < 0)
        return error_move(err, problem);
    log_verbose("%s; trying the target that the script names", (*problem)->message);
    targets_add(&run->targets, run->connection.target);
    return 0;
}

/* One look at the portal. */
static int look(struct mount_run *run, const char *user, enum targets_state *state, struct error **err)
{
    _cleanup_targets_ struct targets shown = {0};
    _cleanup_error_ struct error *problem = NULL;

    *state = TARGETS_READY;
    if (discover(run, user, &shown, &problem) < 0)
        return do_without(run, state, &problem, err);
    *state = targets_choose(&shown, run->connection.target, must_ask(&run->connection), &run->targets);
    if (*state == TARGETS_MISSING)
        return explain_missing(run, &shown, err);
    if (*state == TARGETS_BLOCKED)
        return explain_blocked(run, err);
    return 0;
}

int find_targets(struct mount_run *run, const char *chap_user, struct error **err)
{
    const int64_t limit_s = run->options->wait ? run->wait_s : DEFAULT_WAIT_S;
    const int64_t end_ms = clock_monotonic_ms() + limit_s * 1000;
    int64_t pause_s = FIRST_PAUSE_S;

    for (bool waiting = false;; waiting = true) {
        enum targets_state state;

        if (look(run, chap_user, &state, err) < 0)
            return -1;
        if (state == TARGETS_READY) {
            progress_rename(&run->progress, "Logging in");
            return 0;
        }
        if (!waiting && begin_waiting(run, limit_s, err) < 0)
            return -1;
        if (clock_monotonic_ms() >= end_ms)
            return give_up(limit_s, err);
        if (countdown_sleep(&run->progress, &run->wait, "Waiting for Azure to prepare the disks", pause_s, end_ms,
                            err) < 0)
            return -1;
        pause_s = pause_s * 2 < LONGEST_PAUSE_S ? pause_s * 2 : LONGEST_PAUSE_S;
    }
}
