/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>

#include "azure/backup.h"
#include "azure/ilr.h"
#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "iscsi/iscsiadm.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

/* How long a registration lasts (Azure Backup documentation, file recovery). */
static const time_t ACCESS_SECONDS = 12 * 60 * 60;

static int begin_session(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    char mark[CLOCK_TEXT_SIZE], taken[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];
    _cleanup_free_ char *id = session_make_id(point->id.vm_name, clock_format_compact(point->time, mark));

    if (session_create(&session_host_places, id, &run->session, err) < 0)
        return -1;
    mount_run_note(run, "vm", point->id.vm_name);
    mount_run_note(run, "status", "mounting");
    mount_run_note(run, "recovery_point", point->id.text);
    mount_run_note(run, "point_time", clock_format(point->time, taken));
    mount_run_note(run, "point_type", point->type);
    mount_run_note(run, "created", clock_format(time(NULL), now));
    mount_run_note(run, "expires", clock_format(time(NULL) + ACCESS_SECONDS, end));
    return 0;
}

/* The first script that can be read: a Windows VM has an .exe behind the .txt, which says nothing to a Linux host. */
static int read_scripts(struct mount_run *run, const struct client_scripts *scripts, struct error **err)
{
    for (size_t i = 0; i < scripts->count; i++) {
        const struct client_script *script = &scripts->list[i];

        if (!script->content || str_equal_ignoring_case(script->extension, ".exe"))
            continue;
        if (script_parse(script->content, script->length, script->name_suffix, &run->connection, err) < 0)
            return error_wrap(err, "the connection script from Azure");
        return 0;
    }
    return error_set(err, EXIT_NETWORK, "Azure gave no connection script that can be read here (%zu in all)",
                     scripts->count);
}

static int provision(struct mount_run *run, const struct recovery_point *point, struct error **err)
{
    _cleanup_(arm_operation_clear) struct arm_operation operation = {0};
    _cleanup_(client_scripts_clear) struct client_scripts scripts = {0};
    const struct ilr_request request = {
        .point = point, .initiator_name = run->initiator_name, .renew = point->session_active};

    if (point->session_active)
        log_info("the recovery point is open already, from here or elsewhere; renewing that");
    if (session_will(run->session, CHANGE_REGISTRATION, azure_access_registration(&run->access, point->id.text), true,
                     err) < 0 ||
        ilr_provision_start(run->access.arm, &request, &operation, err) < 0 ||
        ilr_provision_wait(run->access.arm, point, &operation, &scripts, err) < 0)
        return -1;
    return read_scripts(run, &scripts, err);
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
    if (begin_session(run, &point, err) < 0 || provision(run, &point, err) < 0)
        return -1;
    if (script_check_portal_domain(&run->connection, err) < 0)
        return -1;
    if (!run->connection.secret_known)
        return error_set(err, EXIT_NETWORK, "Azure's answer holds a connection script but not its password");
    progress_end(&run->progress, "access given until %s", json_string(run->session->state, "expires"));
    return wait_check(&run->wait, err);
}
