/* SPDX-License-Identifier: MIT */
/* `azilr mount`: the stages in their order; if one fails, everything that was done is undone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/credential.h"
#include "block/udev_rules.h"
#include "cmd/cmd.h"
#include "cmd/environment.h"
#include "cmd/host.h"
#include "cmd/mount_batch.h"
#include "cmd/mount_overlay.h"
#include "cmd/mount_run.h"
#include "cmd/mount_stack.h"
#include "cmd/provision.h"
#include "cmd/results.h"
#include "cmd/revoke.h"
#include "cmd/teardown.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/kernel.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

/* A failed mount does not keep a person waiting for longer than this for the revocation. */
static const int REVOKE_LIMIT_MS = 60 * 1000;
static const long MAX_WAIT_S = 12 * 60 * 60;

void mount_run_note(struct mount_run *run, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(run->session->state, name);
    json_set_string(run->session->state, name, value);
}

static void mount_run_clear(struct mount_run *run)
{
    volumes_clear(&run->volumes);
    md_answers_clear(&run->md_answers);
    disks_clear(&run->disks);
    targets_clear(&run->targets);
    connection_clear(&run->connection);
    azure_access_close(&run->access);
    session_close(run->session);
    wait_close(&run->wait);
    free(run->initiator_name);
    free(run->iface);
    for (size_t i = 0; i < run->key_count; i++)
        buffer_clear(&run->keys[i]);
    free(run->keys);
    free(run->directory);
    free(run->overlay_directory);
    error_free(run->overlay_problem);
}

/* What renews is another process, which no secret is handed to: it would have to be kept for as long as the mount. */
static int check_auto_renew(const struct options *options, struct error **err)
{
    if (!options->auto_renew)
        return 0;
    if (options->script)
        return error_set(err, EXIT_USAGE,
                         "--auto-renew does not go with --script: azilr cannot renew the portal's access");
    if (str_equal(options->auth, "device-code"))
        return error_set(err, EXIT_USAGE, "--auto-renew needs a sign-in without a person: not a device code");
    for (size_t i = 0; credential_secret_variables[i]; i++)
        if (getenv(credential_secret_variables[i])) {
            error_set(err, EXIT_USAGE, "--auto-renew does not keep a secret, and %s is in the environment",
                      credential_secret_variables[i]);
            return error_hint(err,
                              "use a managed identity, a certificate without a password, or a --token-file that is "
                              "kept fresh");
        }
    for (size_t i = 0; environment_proxies[i]; i++) {
        const char *address = getenv(environment_proxies[i]);

        if (address && environment_is_secret_proxy(address)) {
            error_set(err, EXIT_USAGE, "--auto-renew does not keep a secret, and the proxy of %s has one",
                      environment_proxies[i]);
            return error_hint(err, "use a proxy that lets this host through without a password, except Azure from it "
                                   "by no_proxy, or renew by hand with `azilr renew`");
        }
    }
    return 0;
}

static int check_arguments(struct mount_run *run, char **rest, int rest_count, struct error **err)
{
    const struct options *options = run->options;

    if (options->script
            ? rest_count != 0
            : rest_count > 1 || (rest_count == 0 && !options->point && !options->item && !options->container)) {
        error_set(err, EXIT_USAGE, "mount takes %s",
                  options->script ? "no VM beside --script" : "one VM or recovery point, or --script FILE");
        return error_hint(err, "`azilr mount --help` shows how");
    }
    run->what = rest_count ? rest[0] : NULL;
    if (options->script && (options->at || options->point))
        return error_set(err, EXIT_USAGE,
                         "a script is of one recovery point: --at and --point (--rp-name) do not go with it");
    if (!options->script && find_point_check(run, err) < 0)
        return -1;
    if (options->initiator_name && iscsi_check_name(options->initiator_name, err) < 0)
        return error_wrap(err, "--initiator-name");
    if (check_auto_renew(options, err) < 0)
        return -1;
    if (options->password_file && !options->script)
        return error_set(err, EXIT_USAGE, "--password-file goes with --script");
    if (options->wait && str_to_long(options->wait, 0, MAX_WAIT_S, &run->wait_s) < 0)
        return error_set(err, EXIT_USAGE, "--wait takes seconds, from 0 to %ld", MAX_WAIT_S);
    if (provision_check_options(options, err) < 0 || mount_overlay_check(run, err) < 0 ||
        mount_batch_check(run, err) < 0 || stack_read_keys(run, err) < 0)
        return -1;
    return options_set_deadline(options, &run->wait, err);
}

static int stages(struct mount_run *run, struct error **err)
{
    progress_begin(&run->progress, "Checking this host");
    if (iscsi_check_host(&run->wait, err) < 0 || udev_rules_check(err) < 0)
        return -1;
    progress_end(&run->progress, "it can do iSCSI");
    if ((run->options->script ? open_from_script(run, err) : open_from_azure(run, err)) < 0 ||
        attach_disks(run, err) < 0 || mount_volumes(run, err) < 0)
        return -1;
    return wait_check(&run->wait, err);
}

static int revoke_access(void *argument, const cJSON *arguments, struct error **err)
{
    struct mount_run *run = argument;
    struct wait patient = WAIT_INIT;
    int result;

    patient.deadline_ms = clock_monotonic_ms() + REVOKE_LIMIT_MS;
    patient.tick = run->wait.tick;
    patient.tick_argument = run->wait.tick_argument;
    arm_set_wait(run->access.arm, &patient);
    result = revoke_session(run->access.arm, run->session->state, json_string(arguments, "recovery_point"), err);
    arm_set_wait(run->access.arm, &run->wait);
    return result;
}

/* Whatever went wrong stays the reason that is told; trouble while taking down is told beside it. */
static void undo_all(struct mount_run *run)
{
    struct wait patient = WAIT_INIT;
    struct teardown work = {.session = run->session, .wait = &patient, .revoke = revoke_access, .argument = run};
    _cleanup_error_ struct error *problem = NULL;

    progress_fail(&run->progress);
    if (!run->session)
        return;
    patient.tick = progress_tick;
    patient.tick_argument = &run->progress;
    work.keep_access_as = run->keep_access ? STATUS_PREPARING : NULL;
    progress_begin(&run->progress,
                   run->keep_access ? "Taking down what this host has" : "Taking everything down again");
    if (teardown(&work, &problem) == 0) {
        progress_end(&run->progress,
                     run->keep_access ? "only the access to the recovery point is left" : "nothing is left");
        if (run->keep_access)
            log_info("the same mount goes on with it; `azilr unmount %s` gives it up", run->session->id);
        return;
    }
    progress_fail(&run->progress);
    log_warning("%s; `azilr unmount %s` takes down what is left", problem->message, run->session->id);
}

static int finish(struct mount_run *run, struct error **err)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < run->volumes.count; i++)
        if (run->volumes.items[i].state == VOLUME_FAILED)
            code = EXIT_PARTIAL;
    if (json_string(run->session->state, "problem"))
        code = EXIT_PARTIAL;
    mount_run_note(run, "status", "mounted");
    if (session_save(run->session, err) < 0)
        return -1;
    if (run->options->json) {
        _cleanup_json_ cJSON *document = results_to_json(run->session->state);
        _cleanup_free_ char *text = json_result(document);

        puts(text);
    } else {
        results_print(run->session->state);
    }
    /* whoever cannot be told where the files are would not know that they are there either */
    if (fflush(stdout) != 0 || ferror(stdout))
        return error_set(err, EXIT_FAILED, "cannot write the result to standard output");
    if (!run->options->json)
        log_info("take it down with: azilr unmount %s", run->session->id);
    return code;
}

int cmd_mount(int argc, char **argv, struct error **err)
{
    _cleanup_(mount_run_clear) struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_options_ struct options options = {0};
    char **rest;
    int rest_count, code;

    if (options_parse(argc, argv, OPTIONS_MOUNT, &options, &rest, &rest_count, err) < 0)
        return -1;
    if (options.help) {
        options_print_help("azilr mount VM [--at TIME | --point ID] [OPTIONS]\n"
                           "       azilr mount RECOVERY-POINT-ID [OPTIONS]\n"
                           "       azilr mount --script FILE [--password-file FILE] [OPTIONS]",
                           OPTIONS_MOUNT);
        return EXIT_DONE;
    }
    /* whoever is to renew can ask nobody: what serves here must serve there */
    options.unattended = options.auto_renew;
    run.options = &options;
    if (check_arguments(&run, rest, rest_count, err) < 0 || host_require_root("mount", err) < 0 ||
        wait_catch_signals(&run.wait, err) < 0)
        return -1;
    progress_open(&run.progress, options.quiet);
    run.wait.tick = progress_tick;
    run.wait.tick_argument = &run.progress;
    code = stages(&run, err) < 0 ? -1 : finish(&run, err);
    if (code < 0)
        undo_all(&run);
    progress_close(&run.progress);
    return code;
}
