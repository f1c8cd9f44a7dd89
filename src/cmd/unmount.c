/* SPDX-License-Identifier: MIT */
/* `azilr unmount`: which sessions are meant, and taking each of them down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/udev_rules.h"
#include "cmd/azure_access.h"
#include "cmd/choice.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/in_use.h"
#include "cmd/options.h"
#include "cmd/revoke.h"
#include "cmd/teardown.h"
#include "cmd/unreached.h"
#include "session/session.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/progress.h"
#include "util/str.h"

struct unmount {
    const struct options *options;
    struct progress progress;
    struct wait waiting; /* for a lock: a person may give up on that */
    struct wait working; /* no signal is heeded: taking down is not stopped half-way. --timeout is, between its steps */
    struct wait asking;  /* for Azure: a person may give up on that too */
    struct azure_access access;
    struct unreached unreached;
    const cJSON *state; /* of the session that is being taken down */
    cJSON *results;     /* array, for --json */
};

/* Whether a signal has come, whatever the time. */
static bool is_interrupted(struct unmount *unmount, struct error **err)
{
    struct wait signals_only = unmount->waiting;
    int result;

    signals_only.deadline_ms = 0;
    result = wait_check(&signals_only, err);
    unmount->waiting.signal = signals_only.signal;
    return result < 0;
}

/*
 * A signal ends the waiting for Azure. One that came before, while something was taken down, leaves it a moment: what
 * is nearly done is better done. --timeout may end it earlier in any case, and alone where Azure has not failed before.
 */
static void limit_asking(struct unmount *unmount, int64_t limit_ms, bool is_late)
{
    const int64_t end_ms = clock_monotonic_ms() + (is_late ? UNREACHED_AGAIN_MS : limit_ms);
    const bool is_short = is_late || limit_ms == UNREACHED_AGAIN_MS;

    unmount->asking = is_late ? unmount->working : unmount->waiting;
    if (!unmount->asking.deadline_ms || (is_short && unmount->asking.deadline_ms > end_ms))
        unmount->asking.deadline_ms = end_ms;
}

static int ask_to_revoke(struct unmount *unmount, const cJSON *registration, const char *point, struct error **err)
{
    const bool is_late = is_interrupted(unmount, NULL);
    _cleanup_error_ struct error *problem = NULL;
    int result;

    limit_asking(unmount, unreached_limit_ms(&unmount->unreached, registration), is_late);
    result = azure_access_open_recorded(&unmount->access, unmount->options, registration, &unmount->asking, &problem);
    if (result == 0)
        result = revoke_session(unmount->access.arm, unmount->state, point, &problem);
    if (!is_late)
        unmount->waiting.signal = unmount->asking.signal;
    if (result >= 0)
        return result;
    if (is_late && problem->code == EXIT_NETWORK && !problem->details && is_interrupted(unmount, err))
        return -1;
    unreached_note(&unmount->unreached, registration, problem);
    return error_move(err, &problem);
}

static int revoke_access(void *argument, const cJSON *arguments, struct error **err)
{
    struct unmount *unmount = argument;
    const char *point = json_string(arguments, "recovery_point");
    int result;

    if (!point)
        return error_set(err, EXIT_FAILED, "the session's state does not say of which recovery point");
    progress_begin(&unmount->progress, "Revoking the access");
    result = ask_to_revoke(unmount, arguments, point, err);
    if (result < 0)
        progress_fail(&unmount->progress);
    else
        progress_end(&unmount->progress, result ? "there was none any more" : "done");
    return result;
}

/* Of a session that was not begun with, since a signal came before. */
#define STATUS_LEFT "left"

/* What became of one session. The arrays are for the document, which owns them once it is reported. */
struct outcome {
    const char *status;
    cJSON *done, *forced; /* sentences */
    cJSON *users;         /* of mount/users.h, where they kept it from being taken down */
};

static void print_lines(const char *id, const char *what, const cJSON *lines)
{
    const cJSON *line;

    cJSON_ArrayForEach(line, lines) printf("%s: %s%s\n", id, what, line->valuestring);
}

static void report(struct unmount *unmount, const char *id, struct outcome *outcome, const struct error *problem)
{
    cJSON *result = json_new_object();

    json_set_string(result, "session", id);
    json_set_string(result, "status", outcome->status);
    json_set_string(result, "error", problem ? problem->message : NULL);
    if (!unmount->options->quiet && !unmount->options->json) {
        print_lines(id, "", outcome->done);
        print_lines(id, "by force: ", outcome->forced);
        printf("%s: %s\n", id,
               !problem ? "nothing of it is left"
               : str_equal(outcome->status, "busy") || str_equal(outcome->status, STATUS_LEFT)
                   ? "nothing was taken down"
                   : "NOT all could be taken down");
    }
    cJSON_AddItemToObject(result, "done", outcome->done);
    cJSON_AddItemToObject(result, "forced", outcome->forced);
    cJSON_AddItemToObject(result, "users", outcome->users);
    json_append(unmount->results, result);
}

/*
 * All or nothing: with one volume in use the others would be of little use, and whoever comes back to finish would find
 * half a tree. What cannot be found out is no reason not to try: the kernel refuses to unmount what is in use.
 */
static int check_unused(struct unmount *unmount, const struct session *session, cJSON *users, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;

    if (unmount->options->lazy || unmount->options->force ||
        in_use_check(session->state, &unmount->waiting, users, &problem) == 0)
        return 0;
    if (problem->code != EXIT_BUSY && problem->code != EXIT_INTERRUPTED) {
        log_warning("%s; going on without", problem->message);
        return 0;
    }
    error_move(err, &problem);
    return error_hint(err,
                      "end these, or unmount what was mounted by hand, then try again; or give --lazy (they can go on "
                      "for now) or --force (they get I/O errors)");
}

static void take_down(struct unmount *unmount, struct session *session, struct outcome *outcome, struct error **problem)
{
    struct teardown work = {.wait = &unmount->working,
                            .session = session,
                            .revoke = revoke_access,
                            .argument = unmount,
                            .way = unmount->options->lazy    ? TEARDOWN_LAZILY
                                   : unmount->options->force ? TEARDOWN_BY_FORCE
                                                             : TEARDOWN_GENTLY,
                            .keep_access = unmount->options->keep_access,
                            .done = outcome->done,
                            .forced = outcome->forced};

    outcome->status = "unmounted";
    if (check_unused(unmount, session, outcome->users, problem) < 0)
        outcome->status = (*problem)->code == EXIT_BUSY ? "busy" : "incomplete";
    else if (teardown(&work, problem) < 0)
        outcome->status =
            str_equal(json_string(session->state, "status"), STATUS_DETACHED) ? STATUS_DETACHED : "incomplete";
}

static int unmount_one(struct unmount *unmount, const char *id, struct error **err)
{
    _cleanup_session_ struct session *session = NULL;
    struct outcome outcome;
    struct error *problem = NULL;

    progress_begin(&unmount->progress, "Taking down %s", id);
    if (session_open(&session_host_places, id, CHOICE_LOCK_WAIT_MS, &unmount->waiting, &session, &problem) < 0) {
        /* it was in the list, and another azilr has taken it down since */
        if (unmount->options->all && problem->code == EXIT_NOT_FOUND) {
            progress_end(&unmount->progress, "it is gone already");
            error_free(problem);
            return 0;
        }
        progress_fail(&unmount->progress);
        return error_move(err, &problem);
    }
    unmount->state = session->state;
    outcome = (struct outcome){.done = json_new_array(), .forced = json_new_array(), .users = json_new_array()};
    take_down(unmount, session, &outcome, &problem);
    if (problem)
        progress_fail(&unmount->progress);
    else
        progress_end(&unmount->progress, "done");
    report(unmount, id, &outcome, problem);
    return problem ? error_move(err, &problem) : 0;
}

/* A session whose turn does not come any more. */
static void leave(struct unmount *unmount, const char *id, const struct error *reason)
{
    struct outcome outcome = {
        .status = STATUS_LEFT, .done = json_new_array(), .forced = json_new_array(), .users = json_new_array()};

    log_warning("%s: left as it is; `azilr unmount %s` takes it down", id, id);
    report(unmount, id, &outcome, reason);
}

/* Only the first problem goes to the caller, but that of an interruption before any; the others are told here. */
static void keep_one(struct error **kept, struct error *next)
{
    struct error *told = next;

    if (!*kept || (next->code == EXIT_INTERRUPTED && (*kept)->code != EXIT_INTERRUPTED)) {
        told = *kept;
        *kept = next;
    }
    if (told && told->code != EXIT_INTERRUPTED)
        log_error(told);
    error_free(told);
}

static int unmount_all(struct unmount *unmount, char **ids, size_t count, struct error **err)
{
    struct error *kept = NULL;

    for (size_t i = 0; i < count; i++) {
        struct error *problem = NULL;

        if (is_interrupted(unmount, &problem))
            leave(unmount, ids[i], problem);
        else if (unmount_one(unmount, ids[i], &problem) >= 0)
            continue;
        else
            error_wrap(&problem, "%s", ids[i]);
        keep_one(&kept, problem);
    }
    return kept ? error_move(err, &kept) : EXIT_DONE;
}

static int run_unmount(struct unmount *unmount, char **rest, int rest_count, struct error **err)
{
    const char *name = rest_count ? rest[0] : NULL;
    char **ids = NULL;
    size_t count = 0;
    int code;

    if (choice_list(name, &ids, &count, err) < 0)
        return -1;
    /* a relative path has been looked up by now, and azilr itself is not to be what keeps a volume in use */
    if (chdir("/") < 0)
        log_verbose("cannot go to /");
    if (!unmount->options->all && count != 1)
        code = choice_explain(ids, count, name, "name one of them, or give --all", err);
    else
        code = unmount_all(unmount, ids, count, err);
    if (unmount->options->all) {
        /* no session tells of them any more */
        udev_sweep_marks(NULL);
        session_sweep(&session_host_places);
    }
    if (unmount->options->all && count == 0)
        log_info("nothing is open on this host");
    session_list_free(ids, count);
    return code;
}

int cmd_unmount(int argc, char **argv, struct error **err)
{
    _cleanup_options_ struct options options = {0};
    struct unmount unmount = {.options = &options, .waiting = WAIT_INIT, .working = WAIT_INIT};
    char **rest;
    int rest_count, code;

    if (options_parse(argc, argv, OPTIONS_UNMOUNT, &options, &rest, &rest_count, err) < 0)
        return -1;
    if (options.help) {
        options_print_help("azilr unmount [SESSION | VM | DIR | --all] [OPTIONS]", OPTIONS_UNMOUNT);
        return EXIT_DONE;
    }
    if (rest_count > 1 || (rest_count && options.all)) {
        error_set(err, EXIT_USAGE, "unmount takes one session, VM or directory, or --all");
        return error_hint(err, "`azilr status` lists what is open");
    }
    if (options.lazy && options.force)
        return error_set(err, EXIT_USAGE, "unmount takes --lazy or --force, not both");
    if (options_set_deadline(&options, &unmount.waiting, err) < 0 || host_require_root("unmount", err) < 0)
        return -1;
    unmount.working.deadline_ms = unmount.waiting.deadline_ms;
    if (wait_catch_signals(&unmount.waiting, err) < 0)
        return -1;
    progress_open(&unmount.progress, options.quiet);
    unmount.waiting.tick = unmount.working.tick = progress_tick;
    unmount.waiting.tick_argument = unmount.working.tick_argument = &unmount.progress;
    unmount.results = json_new_array();
    code = run_unmount(&unmount, rest, rest_count, err);
    progress_close(&unmount.progress);
    azure_access_close(&unmount.access);
    unreached_clear(&unmount.unreached);
    wait_close(&unmount.waiting);
    if (options.json) {
        _cleanup_json_ cJSON *document = json_new_object();
        _cleanup_free_ char *text = NULL;

        cJSON_AddItemToObject(document, "sessions", unmount.results);
        text = json_result(document);
        /* one document only: after a failure main prints it, together with the error */
        if (code < 0)
            error_set_results(err, text);
        else
            puts(text);
    } else {
        cJSON_Delete(unmount.results);
    }
    return code;
}
