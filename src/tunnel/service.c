/* SPDX-License-Identifier: MIT */
/* The tunnel process itself: what it does from its first instruction to its last. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "tunnel/daemon.h"
#include "tunnel/journal.h"
#include "tunnel/listener.h"
#include "tunnel/tls.h"
#include "util/file.h"
#include "util/json.h"
#include "util/process.h"
#include "util/secret.h"
#include "util/str.h"

DEFINE_CLEANUP(cleanup_context_ptr, SSL_CTX *, SSL_CTX_free);
#define _cleanup_context_ _cleanup_(cleanup_context_ptr)

/* While the starter's lock is still held: whoever gets the lock after the starter was killed finds this file. */
static int write_pid_file(const char *path, struct error **err)
{
    _cleanup_free_ char *line = str_printf("%d %llu\n", getpid(), process_start_time(getpid()));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || file_write_all(fd, line, strlen(line)) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write %s", path);
    return 0;
}

/*
 * The user azilr where the package made one, and otherwise a number that nobody has: from the range that systemd keeps
 * for such users (systemd.io, "Users, Groups, UIDs and GIDs"). Not "nobody", whose other processes could end this one
 * and take its port, and with it the backup's disks.
 */
static int choose_user(uid_t *uid, gid_t *gid)
{
    static const uid_t first = 61184, last = 65519;
    const struct passwd *own = getpwnam("azilr");
    uid_t start = (uid_t)getpid() % (last - first + 1);

    if (own) {
        *uid = own->pw_uid;
        *gid = own->pw_gid;
        return 0;
    }
    for (uid_t i = 0; i <= last - first; i++) {
        uid_t candidate = first + (start + i) % (last - first + 1);

        if (!getpwuid(candidate) && !getgrgid(candidate)) {
            *uid = *gid = candidate;
            return 0;
        }
    }
    return -1;
}

/* Gives up everything that relaying does not need, for good. */
static int drop_privileges(struct error **err)
{
    uid_t uid;
    gid_t gid;

    umask(077);
    if (chdir("/") < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot change to /");
    if (geteuid() == 0) {
        if (choose_user(&uid, &gid) < 0)
            return error_set(err, EXIT_HOST, "there is no user azilr for the tunnel, and no free number for one");
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "the tunnel cannot become the user %u", (unsigned)uid);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "the tunnel cannot give up new privileges");
    /* a change of user can make a process dumpable again */
    secret_protect_process();
    return 0;
}

/* One connection, to find out whether the portal is there and is what it should be. */
static int try_portal(const struct portal *portal, struct wait *wait, struct error **err)
{
    _cleanup_close_ int fd = -1;
    _cleanup_ssl_ SSL *ssl = NULL;

    if (portal_connect(portal, wait, &fd, &ssl, err) < 0)
        return -1;
    SSL_shutdown(ssl);
    return 0;
}

static void tell(int status_fd, cJSON *status)
{
    _cleanup_free_ char *text = json_text(status, false);

    /* the starter may be gone; the tunnel then waits for its undo list to end it */
    (void)file_write_all(status_fd, text, strlen(text));
    close(status_fd);
    cJSON_Delete(status);
}

static void tell_failure(int status_fd, const struct error *problem)
{
    cJSON *status = json_new_object();

    json_set_number(status, "code", problem->code);
    json_set_string(status, "message", problem->message);
    json_set_string(status, "hint", problem->hint);
    tell(status_fd, status);
}

static void tell_ready(const struct tunnel_service *service, int port)
{
    if (service->status_fd >= 0) {
        cJSON *status = json_new_object();

        json_set_number(status, "port", port);
        tell(service->status_fd, status);
        return;
    }
    printf("listening on %s:%d\n", service->listen_address, port);
    fflush(stdout);
}

static int serve(const struct tunnel_service *service, struct wait *wait, struct error **err)
{
    const struct tunnel_options *options = &service->options;
    _cleanup_free_ char *own_name = tls_certificate_name(options->portal_host);
    _cleanup_context_ SSL_CTX *context = NULL;
    _cleanup_close_ int listen_fd = -1;
    struct portal portal = {.host = options->portal_host,
                            .port = options->portal_port,
                            .certificate_name = options->server_name ? options->server_name : own_name};
    int log_fd = STDERR_FILENO, port = 0;

    if (options->pid_path && write_pid_file(options->pid_path, err) < 0)
        return -1;
    if (service->lock_fd >= 0)
        close(service->lock_fd);
    if (options->log_path && journal_open(options->log_path, &log_fd, err) < 0)
        return -1;
    if (listener_open(service->listen_address, options->first_port, options->last_port, &listen_fd, &port, err) < 0 ||
        tls_make_context(options->ca_file, &context, err) < 0)
        return -1;
    portal.context = context;
    /* what comes from the network is only read once nothing can be done with the host any more */
    if (drop_privileges(err) < 0 || (service->status_fd >= 0 && try_portal(&portal, wait, err) < 0))
        return -1;
    tell_ready(service, port);
    journal(log_fd, 0, "relaying %s:%d to %s:%d, as %s", service->listen_address, port, portal.host, portal.port,
            portal.certificate_name);
    if (listener_run(listen_fd, &portal, log_fd, wait, err) < 0)
        return -1;
    journal(log_fd, 0, "ended");
    return 0;
}

int tunnel_serve(const struct tunnel_service *service, struct error **err)
{
    struct wait wait = WAIT_INIT;
    struct error *problem = NULL;
    int result;

    /* started as /proc/self/exe it would be called "exe" in ps and top */
    prctl(PR_SET_NAME, "azilr", 0, 0, 0);
    if (wait_catch_signals(&wait, err) < 0)
        return -1;
    result = serve(service, &wait, &problem);
    if (result < 0 && service->status_fd >= 0)
        tell_failure(service->status_fd, problem);
    wait_close(&wait);
    return result < 0 ? error_move(err, &problem) : 0;
}
