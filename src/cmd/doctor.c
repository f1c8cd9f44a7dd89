/* SPDX-License-Identifier: MIT */
/* `azilr doctor`: whether this host can open backups, and if not, why. Looks at everything and changes nothing. */
#include "cmd/doctor.h"
#include "cmd/azure_access.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/progress.h"
#include "util/secret.h"
#include "util/str.h"

static const int64_t TIMEOUT_MS = 60 * 1000;

/* In the order in which they are run and shown, and in which the first failure gives the exit code. */
static const struct {
    const char *group;
    const char *doing;
    doctor_check *run;
} checks[] = {
    {"host", "Looking at this host", doctor_privileges},
    {"host", NULL, doctor_kernel},
    {"host", NULL, doctor_modules},
    {"host", NULL, doctor_tools},
    {"host", NULL, doctor_iscsid},
    {"host", NULL, doctor_udev},
    {"host", NULL, doctor_lvm},
    {"host", NULL, doctor_places},
    {"host", NULL, doctor_sessions},
    {"network", "Trying the network", doctor_network},
    {"access", "Trying the sign-in", doctor_access},
};
enum { CHECK_COUNT = sizeof(checks) / sizeof(checks[0]) };

static const char *const state_names[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_WARNING] = "warning", [DOCTOR_FAILURE] = "failure", [DOCTOR_SKIPPED] = "skipped"};

struct examination {
    struct options options;
    struct doctor doctor;
    struct wait wait;
    struct progress progress;
    size_t counts[DOCTOR_SKIPPED + 1];
    enum exit_code code; /* of the first failure */
    cJSON *document;
    cJSON *array; /* in that */
};

static void examination_clear(struct examination *examination)
{
    progress_close(&examination->progress);
    wait_close(&examination->wait);
    host_release_clear(&examination->doctor.release);
    connection_clear(&examination->doctor.connection);
    error_free(examination->doctor.script_problem);
    cJSON_Delete(examination->document);
    options_clear(&examination->options);
}

/* --- what is shown --- */

static void print_lines(const char *state, const char *what, const char *text)
{
    for (bool first = true; first || *text; first = false) {
        size_t length = strcspn(text, "\n");

        printf("%-8s %-22s %.*s\n", first ? state : "", first ? what : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_finding(const struct doctor_finding *finding)
{
    _cleanup_free_ char *what =
        str_printf("%s%s%s", finding->check, finding->subject ? " " : "", finding->subject ? finding->subject : "");
    _cleanup_free_ char *remedy = finding->remedy ? str_printf("-> %s", finding->remedy) : NULL;

    print_lines(state_names[finding->state], what, finding->message);
    if (remedy)
        print_lines("", "", remedy);
}

static void add_to_document(const struct doctor_finding *finding, const char *group, cJSON *array)
{
    cJSON *object = json_new_object();

    json_set_string(object, "group", group);
    json_set_string(object, "check", finding->check);
    json_set_string(object, "subject", finding->subject);
    json_set_string(object, "status", state_names[finding->state]);
    json_set_string(object, "message", finding->message);
    json_set_string(object, "remedy", finding->remedy);
    if (finding->state == DOCTOR_FAILURE)
        json_set_number(object, "exit_code", finding->code);
    json_append(array, object);
}

static void show(struct examination *examination, const char *group, const struct doctor_findings *findings)
{
    const struct options *options = &examination->options;

    progress_clear_line(&examination->progress);
    for (size_t i = 0; i < findings->count; i++) {
        const struct doctor_finding *finding = &findings->list[i];

        examination->counts[finding->state]++;
        if (finding->state == DOCTOR_FAILURE && examination->code == EXIT_DONE)
            examination->code = finding->code;
        if (options->json)
            add_to_document(finding, group, examination->array);
        else if (!options->quiet || finding->state == DOCTOR_WARNING || finding->state == DOCTOR_FAILURE)
            print_finding(finding);
    }
    fflush(stdout);
}

static int conclude(struct examination *examination)
{
    const size_t *counts = examination->counts;
    _cleanup_free_ char *text = NULL;

    if (examination->options.json) {
        json_set_number(examination->document, "exit_code", examination->code);
        text = json_result(examination->document);
        puts(text);
    } else if (!examination->options.quiet) {
        printf("\n%zu ok, %zu warning%s, %zu failure%s, %zu skipped\n", counts[DOCTOR_OK], counts[DOCTOR_WARNING],
               counts[DOCTOR_WARNING] == 1 ? "" : "s", counts[DOCTOR_FAILURE], counts[DOCTOR_FAILURE] == 1 ? "" : "s",
               counts[DOCTOR_SKIPPED]);
    }
    return (int)examination->code;
}

/* --- the course of it --- */

/* A finding like any other: what else there is to be seen is seen all the same. */
static void read_script(struct doctor *doctor)
{
    const char *path = doctor->options->script;
    const char *slash = path ? strrchr(path, '/') : NULL;
    _cleanup_secret_ char *text = NULL;
    const char *domain;
    size_t length;

    if (!path)
        return;
    if (azure_access_portal_domain(doctor->options, &domain, &doctor->script_problem) < 0 ||
        file_read_secret(path, SCRIPT_MAX_SIZE, &text, &length, &doctor->script_problem) < 0 ||
        script_parse(text, length, slash ? slash + 1 : path, domain, &doctor->connection, &doctor->script_problem) <
            0 ||
        script_check_portal_domain(&doctor->connection, &doctor->script_problem) < 0)
        connection_clear(&doctor->connection);
}

/* What was found by then goes with the error. */
static int interrupted(struct examination *examination, struct error **err)
{
    _cleanup_free_ char *done = json_text(examination->document, false);

    progress_fail(&examination->progress);
    (void)wait_check(&examination->wait, err);
    return error_set_results(err, done);
}

/* -1 if a signal ended it. */
static int run_checks(struct examination *examination, struct error **err)
{
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        _cleanup_doctor_findings_ struct doctor_findings findings = {0};
        _cleanup_error_ struct error *over = NULL;

        if (checks[i].doing)
            progress_begin(&examination->progress, "%s", checks[i].doing);
        if (wait_check(&examination->wait, &over) == 0)
            checks[i].run(&examination->doctor, &findings, &examination->wait);
        else if (over->code != EXIT_INTERRUPTED && checks[i].doing)
            doctor_fail_by(&findings, checks[i].group, NULL, over);
        if (examination->wait.signal)
            return interrupted(examination, err);
        show(examination, checks[i].group, &findings);
    }
    return 0;
}

static int examine(struct examination *examination, struct error **err)
{
    struct wait *wait = &examination->wait;

    wait->deadline_ms = clock_monotonic_ms() + TIMEOUT_MS;
    if (options_set_deadline(&examination->options, wait, err) < 0 || wait_catch_signals(wait, err) < 0)
        return -1;
    examination->options.unattended = true;
    examination->doctor.options = &examination->options;
    examination->document = json_new_object();
    examination->array = json_set_array(examination->document, "checks");
    host_read_release(&examination->doctor.release);
    read_script(&examination->doctor);
    /* the findings are shown as they come, so only a terminal needs to be told that something is going on */
    progress_open(&examination->progress, examination->options.quiet || !isatty(STDERR_FILENO));
    wait->tick = progress_tick;
    wait->tick_argument = &examination->progress;
    if (run_checks(examination, err) < 0)
        return -1;
    progress_clear_line(&examination->progress);
    return conclude(examination);
}

int cmd_doctor(int argc, char **argv, struct error **err)
{
    _cleanup_(examination_clear) struct examination examination = {.wait = WAIT_INIT};
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_DOCTOR, &examination.options, &rest, &rest_count, err) < 0)
        return -1;
    if (examination.options.help) {
        options_print_help("azilr doctor [--script FILE] [OPTIONS]", OPTIONS_DOCTOR);
        return EXIT_DONE;
    }
    if (rest_count)
        return error_set(err, EXIT_USAGE, "doctor takes no argument");
    return examine(&examination, err);
}
