/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "azure/backup.h"
#include "cmd/mount_run.h"
#include "cmd/provision.h"
#include "cmd/teardown.h"
#include "iscsi/iscsiadm.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

static int make_session(struct mount_run *run, const char *id, const struct recovery_point *point, struct error **err)
{
    char taken[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];

    if (session_create(&session_host_places, id, &run->session, err) < 0)
        return -1;
    mount_run_note(run, "vm", point->id.vm_name);
    mount_run_note(run, "status", "mounting");
    mount_run_note(run, "recovery_point", point->id.text);
    mount_run_note(run, "point_time", clock_format(point->time, taken));
    mount_run_note(run, "point_type", point->type);
    mount_run_note(run, "created", clock_format(time(NULL), now));
    mount_run_note(run, "expires", clock_format(time(NULL) + PROVISION_SECONDS, end));
    return 0;
}

/* Whether there is a session that waited for Azure to prepare the disks, and nobody is at work on it. */
static bool can_resume(const char *id, const struct recovery_point *point)
{
    _cleanup_json_ cJSON *state = NULL;
    bool locked = false;

    return session_peek(&session_host_places, id, &state, &locked, NULL) == 0 && !locked &&
           preparing_is_of(state, point->id.text);
}

/* Lets go of a session whose access has ended by itself. */
static int drop_session(struct mount_run *run, struct error **err)
{
    struct teardown rest = {.wait = &run->wait, .session = run->session, .keep_access = true};

    log_info("an earlier mount has opened this recovery point, but that access has ended; opening it anew");
    if (teardown(&rest, err) < 0)
        return error_wrap(err, "cannot undo what an earlier mount has left");
    session_close(steal(run->session));
    return 0;
}

/* Takes such a session up again, after undoing what a killed mount may have left on this host. */
static int resume_session(struct mount_run *run, struct error **err)
{
    struct teardown leftovers = {.wait = &run->wait, .session = run->session, .keep_access_as = STATUS_PREPARING};
    const char *initiator_name;

    run->keep_access = true;
    if (teardown(&leftovers, err) < 0)
        return error_wrap(err, "cannot undo what an earlier mount has left");
    initiator_name = json_string(run->session->state, "initiator_name");
    if (run->options->initiator_name && !str_equal(run->options->initiator_name, initiator_name))
        log_warning("the access was given to the initiator name %s; using that one", initiator_name);
    free(run->initiator_name);
    run->initiator_name = str_dup(initiator_name);
    log_info("an earlier mount has opened this recovery point; going on with that");
    return 0;
}

static int begin_session(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    char mark[CLOCK_TEXT_SIZE];
    _cleanup_free_ char *id = session_make_id(point->id.vm_name, clock_format_compact(point->time, mark));

    _cleanup_session_ struct session *session = NULL;

    if (!can_resume(id, point))
        return make_session(run, id, point, err);
    if (session_open(&session_host_places, id, 0, &run->wait, &session, err) < 0)
        return -1;
    /* looked at without the lock; another mount may have been at work since */
    if (!preparing_is_of(session->state, point->id.text))
        return error_set(err, EXIT_BUSY, "another azilr has just worked on session %s", id);
    run->session = steal(session);
    if (!session_has_expired(run->session->state, time(NULL), true))
        return resume_session(run, err);
    return drop_session(run, err) < 0 ? -1 : make_session(run, id, point, err);
}

/* Where the operation can be asked about, should its result be needed again. Nothing in it is secret. */
static void note_operation(struct mount_run *run, const struct arm_operation *operation)
{
    char now[CLOCK_TEXT_SIZE];
    cJSON *noted;

    cJSON_DeleteItemFromObjectCaseSensitive(run->session->state, "operation");
    noted = json_set_object(run->session->state, "operation");
    json_set_string(noted, "url", operation->url);
    json_set_string(noted, "id", operation->id);
    json_set_bool(noted, "by_location", operation->by_location);
    json_set_string(noted, "accepted", clock_format(time(NULL), now));
}

/* The scripts once more, from the operation that gave them: a new one would have the disks prepared anew. */
static int ask_again(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    _cleanup_(arm_operation_clear) struct arm_operation operation = {.secret = true, .retry_after_ms = -1};
    const cJSON *noted = json_object(run->session->state, "operation");
    const char *id = json_string(noted, "id");

    operation.url = str_dup(json_string(noted, "url"));
    operation.id = id ? str_dup(id) : NULL;
    operation.by_location = json_bool(noted, "by_location", false);
    if (provision_finish(&run->access, point, &operation, &run->connection, err) == 0)
        return 0;
    /* an operation that is not known any more gives no script again, so there is nothing to keep */
    run->keep_access = !err || !*err || (*err)->code != EXIT_NOT_FOUND;
    error_wrap(err, "asking for the script of the access that is there already");
    return error_hint(err, "if this goes on, `azilr unmount %s`, and mount anew", run->session->id);
}

/* Gives the entry in the undo list, which is the session's; NULL with err set. */
static const cJSON *record_registration(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    if (session_will(run->session, CHANGE_REGISTRATION, azure_access_registration(&run->access, point->id.text), true,
                     err) < 0)
        return NULL;
    return session_last_change(run->session);
}

/*
 * Renews what is open already, which is somebody else's until the new script is there (see ilr_provision_start()): only
 * from then on it is in the undo list. `what` tells the person what is known of it.
 */
static int take_over(struct mount_run *run, const struct recovery_point *point, const char *what,
                     struct arm_operation *operation, struct error **err)
{
    bool may_have_begun;

    log_warning("the recovery point %s, from this host or another; renewing that. The script that has opened it may "
                "not work any more then, and what is mounted by it may be lost when its connection breaks",
                what);
    if (provision_start(run->access.arm, run->options, point, run->initiator_name, true, operation, &may_have_begun,
                        err) < 0)
        return -1;
    note_operation(run, operation);
    if (provision_finish(&run->access, point, operation, &run->connection, err) < 0)
        return error_wrap(err, "the renewal was accepted, so the script that has opened the recovery point before may "
                               "not work any more; but no new one could be had");
    return record_registration(run, point, err) ? 0 : -1;
}

/*
 * Where the service does not say whether a session is active, only its answer tells: what was refused may be there
 * already, and what was asked for in vain may be there now. If a renewal is refused too, the first reason counts, and
 * nobody else's access is there: what the first request may yet bring (may_have_begun) is ours to undo.
 */
static int renew_unseen(struct mount_run *run, const struct recovery_point *point, bool may_have_begun,
                        struct arm_operation *operation, struct error **first, struct error **err)
{
    _cleanup_error_ struct error *second = NULL;

    log_info("the request was %s, and Azure does not say whether the recovery point is open already: trying to renew "
             "that",
             provision_was_refused(*first) ? "refused" : "not answered as it should be");
    if (take_over(run, point, "may be open already", operation, &second) == 0)
        return 0;
    if (!provision_was_refused(second))
        return error_move(err, &second);
    if (may_have_begun && !record_registration(run, point, err))
        return -1;
    return error_move(err, first);
}

/* Tells whose the session is that a request was refused for, if that can be seen. */
static void tell_of_race(struct mount_run *run, const struct recovery_point *point, const struct error *failure)
{
    _cleanup_recovery_point_ struct recovery_point now = {0};

    if (!point->session_unknown && provision_was_refused(failure) &&
        backup_get_point(run->access.arm, point->id.text, &now, NULL) == 0 && now.session_active)
        log_warning(
            "the recovery point was not open when it was looked at, and is now: somebody else may have opened it "
            "in between, and keeps it");
}

/*
 * Asks for access where none is known of. Whatever may come of that is ours, and in the undo list before. The operation
 * is on disk before it is waited for: who cleans up after a mount that was killed then asks it when there is something
 * to revoke.
 */
static int begin_access(struct mount_run *run, const struct recovery_point *point, struct arm_operation *operation,
                        struct error **err)
{
    _cleanup_error_ struct error *failure = NULL;
    const cJSON *registration = record_registration(run, point, err);
    bool may_have_begun = false, is_unseen;

    if (!registration)
        return -1;
    if (provision_start(run->access.arm, run->options, point, run->initiator_name, false, operation, &may_have_begun,
                        &failure) == 0) {
        note_operation(run, operation);
        if (session_save(run->session, err) < 0)
            return -1;
        return provision_finish(&run->access, point, operation, &run->connection, err);
    }
    is_unseen = point->session_unknown &&
                (provision_was_refused(failure) || (may_have_begun && failure->code == EXIT_NETWORK)) &&
                wait_check(&run->wait, NULL) == 0;
    if (may_have_begun && !is_unseen)
        return error_move(err, &failure);
    /* what was refused is not there, and what is there may be somebody else's: revoking would end that */
    if (session_undone(run->session, registration, err) < 0)
        return -1;
    if (is_unseen)
        return renew_unseen(run, point, may_have_begun, operation, &failure, err);
    tell_of_race(run, point, failure);
    return error_move(err, &failure);
}

static int open_point(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    _cleanup_arm_operation_ struct arm_operation operation = {0};

    if (begin_session(run, point, err) < 0)
        return -1;
    if (run->keep_access)
        return ask_again(run, point, err);
    return point->session_active ? take_over(run, point, "is open already", &operation, err)
                                 : begin_access(run, point, &operation, err);
}

int open_from_azure(struct mount_run *run, struct error **err)
{
    _cleanup_(recovery_point_clear) struct recovery_point point = {0};

    run->initiator_name =
        run->options->initiator_name ? str_dup(run->options->initiator_name) : iscsi_make_initiator_name();
    progress_begin(&run->progress, "Signing in to Azure");
    if (azure_access_open(&run->access, run->options, &run->wait, err) < 0)
        return -1;
    progress_end(&run->progress, "%s", credential_description(run->access.credential));

    if (find_point(run, &point, err) < 0)
        return -1;

    progress_begin(&run->progress, "Opening the recovery point");
    if (open_point(run, &point, err) < 0)
        return -1;
    progress_end(&run->progress, "access given until %s", json_string(run->session->state, "expires"));
    return wait_check(&run->wait, err);
}
