/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cmd/environment.h"
#include "cmd/mount_run.h"
#include "cmd/provision.h"
#include "iscsi/iscsiadm.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/secret.h"
#include "util/str.h"

static const size_t MAX_SCRIPT = 1024 * 1024;
static const size_t MAX_PASSWORD = 64;

static int read_script(struct mount_run *run, struct error **err)
{
    const char *path = run->options->script;
    const char *slash = strrchr(path, '/');
    _cleanup_secret_ char *text = NULL;
    const char *domain;
    size_t length;

    if (azure_access_portal_domain(run->options, &domain, err) < 0 ||
        file_read_secret(path, MAX_SCRIPT, &text, &length, err) < 0)
        return -1;
    if (script_parse(text, length, slash ? slash + 1 : path, domain, &run->connection, err) < 0)
        return error_wrap(err, "%s", path);
    return script_check_portal_domain(&run->connection, err);
}

static int get_password(struct mount_run *run, struct error **err)
{
    _cleanup_secret_ char *password = NULL;
    int got;

    if (run->options->password_file)
        got = secret_from_file(run->options->password_file, MAX_PASSWORD, &password, err);
    else if (run->connection.secret_known)
        return 0;
    else
        got = secret_from_terminal("Password of the script, as the portal shows it: ", MAX_PASSWORD, &password, err);
    if (got == 0 && !*password)
        got = error_set(err, EXIT_USAGE, "no password was given");
    if (got < 0)
        return error_hint(err, "give it with --password-file FILE");
    return connection_set_password(&run->connection, password, err);
}

/* It does not tell when it was made, which is at the latest when the file was written, if that can be right. */
static time_t begin_of_access(const char *path)
{
    time_t now = time(NULL);
    struct stat st;

    return stat(path, &st) == 0 && st.st_mtime < now && st.st_mtime > now - PROVISION_SECONDS ? st.st_mtime : now;
}

/* The same script makes the same session, so that it cannot be mounted twice; the script has no date in it. */
static int begin_session(struct mount_run *run, struct error **err)
{
    const struct connection *connection = &run->connection;
    const char *vm = connection->machine ? connection->machine : connection->vm ? connection->vm : "script";
    const char *sequence = strrchr(connection->target, '.');
    _cleanup_free_ char *mark = str_printf("script-%.20s", sequence ? sequence + 1 : "");
    _cleanup_free_ char *id = session_make_id(vm, mark);
    char now[CLOCK_TEXT_SIZE], end[CLOCK_TEXT_SIZE];

    if (session_create(&session_host_places, id, &run->session, err) < 0)
        return -1;
    mount_run_note(run, "vm", vm);
    mount_run_note(run, "status", "mounting");
    mount_run_note(run, "created", clock_format(time(NULL), now));
    mount_run_note(run, "expires", clock_format(begin_of_access(run->options->script) + PROVISION_SECONDS, end));
    return 0;
}

int open_from_script(struct mount_run *run, struct error **err)
{
    environment_forget_secrets();
    /* the screen is the prompt's while a password is asked for, so the stage begins behind it */
    if (read_script(run, err) < 0 || get_password(run, err) < 0)
        return -1;
    run->initiator_name =
        run->options->initiator_name ? str_dup(run->options->initiator_name) : iscsi_make_initiator_name();
    progress_begin(&run->progress, "Reading the script");
    if (begin_session(run, err) < 0)
        return -1;
    progress_end(&run->progress, "it connects to %s", run->connection.portal_host);
    return wait_check(&run->wait, err);
}
