/* SPDX-License-Identifier: MIT */
/* `azilr renew`: the registration of a mounted session is extended while its disks stay where they are. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "azure/backup.h"
#include "cmd/azure_access.h"
#include "cmd/choice.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/options.h"
#include "cmd/provision.h"
#include "cmd/results.h"
#include "cmd/teardown.h"
#include "iscsi/iscsiadm.h"
#include "session/session.h"
#include "tunnel/daemon.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/progress.h"
#include "util/str.h"

struct renewal {
    const struct options *options;
    struct progress progress;
    struct wait wait;
    struct azure_access access;
    struct session *session;
};

static void renewal_clear(struct renewal *renewal)
{
    azure_access_close(&renewal->access);
    session_close(renewal->session);
    wait_close(&renewal->wait);
}

static const char *text_of(const struct renewal *renewal, const char *name)
{
    return json_string(renewal->session->state, name);
}

/* The arguments of the newest change of that kind, or NULL. */
static const cJSON *find_change(const struct session *session, const char *kind)
{
    const cJSON *change = session_last_change(session);

    while (change && !str_equal(json_string(change, "kind"), kind))
        change = session_change_before(session, change);
    return json_object(change, "arguments");
}

static int open_session(struct renewal *renewal, const char *name, struct error **err)
{
    char **ids = NULL;
    size_t count = 0;
    int result;

    if (choice_list(name, &ids, &count, err) < 0)
        return -1;
    result = count == 1 ? session_open(&session_host_places, ids[0], CHOICE_LOCK_WAIT_MS, &renewal->wait,
                                       &renewal->session, err)
                        : choice_explain(ids, count, name, "name one of them", err);
    session_list_free(ids, count);
    return result;
}

/* Only what is whole and came from a registration can be renewed. */
static int check_session(const struct renewal *renewal, struct error **err)
{
    const struct session *session = renewal->session;

    if (!find_change(session, CHANGE_REGISTRATION)) {
        error_set(err, EXIT_USAGE,
                  "session %s was made from a script, so there is no registration that azilr could renew", session->id);
        return error_hint(err, "before its access ends, unmount it and mount a new script from the portal");
    }
    if (!str_equal(text_of(renewal, "status"), "mounted") || !find_change(session, CHANGE_LOGIN)) {
        error_set(err, EXIT_FAILED, "session %s is not mounted any more, or only half-way", session->id);
        return error_hint(err, "`azilr unmount %s`, then mount it again", session->id);
    }
    if (!text_of(renewal, "target") || !text_of(renewal, "initiator_name"))
        return error_set(err, EXIT_FAILED, "the state of session %s does not say what it is connected to", session->id);
    return 0;
}

/* What is open at the point after that is somebody else's, or gives disks of its own; ours stay dead. */
static int check_end(const struct renewal *renewal, struct error **err)
{
    const cJSON *state = renewal->session->state;

    if (!session_has_expired(state, time(NULL) - PROVISION_CLOCK_MARGIN_S, false))
        return 0;
    error_set(err, EXIT_NOT_FOUND, "the access of session %s has ended by itself at %s, and its disks with it",
              renewal->session->id, session_access_end(state));
    return error_hint(err, "`azilr unmount %s`, then mount it again", renewal->session->id);
}

static int find_point(struct renewal *renewal, struct recovery_point *point, struct error **err)
{
    const cJSON *registration = find_change(renewal->session, CHANGE_REGISTRATION);
    const char *id = json_string(registration, "recovery_point");

    progress_begin(&renewal->progress, "Signing in to Azure");
    if (azure_access_open_recorded(&renewal->access, renewal->options, registration, &renewal->wait, err) < 0)
        return -1;
    progress_end(&renewal->progress, "%s", credential_description(renewal->access.credential));
    progress_begin(&renewal->progress, "Renewing the access to %s", text_of(renewal, "vm"));
    if (backup_get_point(renewal->access.arm, id ? id : "", point, err) < 0)
        return -1;
    /* where the service does not say, it may still be there; a request that renews finds out */
    if (point->session_active || point->session_unknown)
        return 0;
    /* another registration would be given disks of its own; ours stay dead */
    error_set(err, EXIT_NOT_FOUND, "the access of session %s has ended already, and its disks with it",
              renewal->session->id);
    return error_hint(err, "`azilr unmount %s`, then mount it again", renewal->session->id);
}

/* The disks stay only if the new script leads to the same place. */
static int check_same(const struct renewal *renewal, const struct connection *connection, struct error **err)
{
    const char *portal = text_of(renewal, "portal");

    if (str_equal_ignoring_case(connection->target, text_of(renewal, "target")) &&
        (!portal || str_equal_ignoring_case(connection->portal_host, portal)))
        return 0;
    error_set(err, EXIT_FAILED,
              "the renewed access is to %s at %s, and session %s is connected to %s: its disks may go at any time",
              connection->target, connection->portal_host, renewal->session->id, text_of(renewal, "target"));
    return error_hint(err, "`azilr unmount %s`, then mount it again", renewal->session->id);
}

static void set_moment(const struct renewal *renewal, const char *name, const char *moment)
{
    cJSON_DeleteItemFromObjectCaseSensitive(renewal->session->state, name);
    if (moment)
        json_set_string(renewal->session->state, name, moment);
}

/* A clock that was set back does not shorten what was given before: `known` may be NULL. */
static time_t end_of_renewal(time_t asked, const char *known)
{
    time_t end = asked + PROVISION_SECONDS, before;

    return known && clock_parse(known, &before) == 0 && before > end ? before : end;
}

/*
 * From the moment on that it is asked for the access may last longer, whether an answer comes or not: whoever takes the
 * session down has to know.
 */
static int note_attempt(const struct renewal *renewal, time_t asked, struct error **err)
{
    char end[CLOCK_TEXT_SIZE];

    clock_format(end_of_renewal(asked, text_of(renewal, "may_last_until")), end);
    set_moment(renewal, "may_last_until", end);
    return session_save(renewal->session, err);
}

/* Nothing has come of it: what was known before, which may be NULL, is so again. */
static void forget_attempt(const struct renewal *renewal, const char *before)
{
    set_moment(renewal, "may_last_until", before);
    if (session_save(renewal->session, NULL) < 0)
        log_verbose("the session's state cannot be saved");
}

static int note_expiry(const struct renewal *renewal, time_t asked, struct error **err)
{
    char end[CLOCK_TEXT_SIZE];

    clock_format(end_of_renewal(asked, text_of(renewal, "expires")), end);
    set_moment(renewal, "expires", end);
    set_moment(renewal, "may_last_until", NULL);
    if (session_save(renewal->session, err) < 0)
        return error_wrap(err, "the access was renewed until %s, but that cannot be kept", end);
    return 0;
}

static int extend_tunnel(const struct renewal *renewal, struct error **err)
{
    const cJSON *change = find_change(renewal->session, CHANGE_TUNNEL);
    const struct tunnel_place place = {.directory = renewal->session->directory, .unit = json_string(change, "unit")};
    const char *expires = text_of(renewal, "expires");
    time_t end = 0;

    if (clock_parse(expires, &end) == 0 && tunnel_extend(&place, end + TUNNEL_GRACE_S, err) == 0)
        return 0;
    error_wrap(err, "the access was renewed until %s, but the tunnel could not be told, and ends when it was to before",
               expires);
    return error_hint(err, "`azilr renew %s` tries again", renewal->session->id);
}

/* A renewal changes user and password, for every target alike. */
static int update_records(const struct renewal *renewal, const struct connection *connection, struct error **err)
{
    _cleanup_host_release_ struct host_release release = {0};
    _cleanup_free_ char *user = NULL;
    const cJSON *change;

    host_read_release(&release);
    user = script_chap_user(connection, release.id, release.id_like, release.version_id);
    for (change = session_last_change(renewal->session); change;
         change = session_change_before(renewal->session, change)) {
        const cJSON *arguments = json_object(change, "arguments");
        const char *target = json_string(arguments, "target"), *iface = json_string(arguments, "iface");

        if (!str_equal(json_string(change, "kind"), CHANGE_NODE) || !target || !iface)
            continue;
        if (iscsi_update_chap(target, iface, user, connection->password, err) < 0) {
            error_wrap(err, "the access was renewed, but a connection that breaks cannot be made again");
            return error_hint(err, "`azilr unmount %s`, then mount it again", renewal->session->id);
        }
    }
    return 0;
}

/* Each is of use without the others, so all are tried. Gives the first error, and logs the others. */
static int take_in(const struct renewal *renewal, const struct connection *connection, time_t asked, struct error **err)
{
    struct error *problems[3] = {NULL}, *first = NULL;

    note_expiry(renewal, asked, &problems[0]);
    update_records(renewal, connection, &problems[1]);
    extend_tunnel(renewal, &problems[2]);
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        if (first && problems[i])
            log_warning("%s", problems[i]->message);
        if (first)
            error_free(problems[i]);
        else
            first = problems[i];
    }
    return first ? error_move(err, &first) : 0;
}

static int ask(struct renewal *renewal, const struct recovery_point *point, struct arm_operation *operation,
               struct error **err)
{
    const char *noted = text_of(renewal, "may_last_until");
    _cleanup_free_ char *before = noted ? str_dup(noted) : NULL;
    bool may_last_longer = false;

    if (note_attempt(renewal, time(NULL), err) < 0)
        return -1;
    if (provision_start(renewal->access.arm, renewal->options, point, text_of(renewal, "initiator_name"), true,
                        operation, &may_last_longer, err) == 0)
        return 0;
    if (!may_last_longer)
        forget_attempt(renewal, before);
    return error_hint(err, "the disks stay as they are; `azilr renew %s` tries again", renewal->session->id);
}

static int renew(struct renewal *renewal, const char *name, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_connection_ struct connection connection = {0};
    _cleanup_arm_operation_ struct arm_operation operation = {0};
    time_t asked;

    if (open_session(renewal, name, err) < 0 || check_session(renewal, err) < 0 || check_end(renewal, err) < 0 ||
        find_point(renewal, &point, err) < 0)
        return -1;
    asked = time(NULL);
    if (ask(renewal, &point, &operation, err) < 0)
        return -1;
    if (provision_finish(&renewal->access, &point, &operation, &connection, err) < 0) {
        error_wrap(err, "the renewal was accepted, so the login that the disks were given by may not serve any more, "
                        "should their connection break; but the new one could not be had");
        return error_hint(err, "the disks stay as they are; `azilr renew %s` tries again", renewal->session->id);
    }
    if (check_same(renewal, &connection, err) < 0 || take_in(renewal, &connection, asked, err) < 0)
        return -1;
    progress_end(&renewal->progress, "until %s", text_of(renewal, "expires"));
    return 0;
}

static void report(const struct renewal *renewal)
{
    _cleanup_json_ cJSON *document = NULL;
    _cleanup_free_ char *text = NULL;

    if (!renewal->options->json) {
        printf("%s: access until %s\n", renewal->session->id, text_of(renewal, "expires"));
        return;
    }
    document = results_to_json(renewal->session->state);
    text = json_result(document);
    puts(text);
}

int cmd_renew(int argc, char **argv, struct error **err)
{
    _cleanup_(renewal_clear) struct renewal renewal = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    char **rest;
    int rest_count, result;

    if (options_parse(argc, argv, OPTIONS_RENEW, &options, &rest, &rest_count, err) < 0)
        return -1;
    renewal.options = &options;
    if (options.help) {
        options_print_help("azilr renew [SESSION | VM | DIR] [OPTIONS]", OPTIONS_RENEW);
        return EXIT_DONE;
    }
    if (rest_count > 1) {
        error_set(err, EXIT_USAGE, "renew takes one session, VM or directory");
        return error_hint(err, "`azilr status` lists what is open");
    }
    if (provision_check_options(&options, err) < 0 || options_set_deadline(&options, &renewal.wait, err) < 0 ||
        host_require_root("renew", err) < 0 || wait_catch_signals(&renewal.wait, err) < 0)
        return -1;
    progress_open(&renewal.progress, options.quiet);
    renewal.wait.tick = progress_tick;
    renewal.wait.tick_argument = &renewal.progress;
    result = renew(&renewal, rest_count ? rest[0] : NULL, err);
    if (result < 0)
        progress_fail(&renewal.progress);
    progress_close(&renewal.progress);
    if (result < 0)
        return -1;
    report(&renewal);
    return EXIT_DONE;
}
