/* SPDX-License-Identifier: MIT */
/* The tunnel process itself: what it does from its first instruction to its last. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "tunnel/confine.h"
#include "tunnel/daemon.h"
#include "tunnel/footprint.h"
#include "tunnel/journal.h"
#include "tunnel/listener.h"
#include "tunnel/notify.h"
#include "tunnel/state.h"
#include "tunnel/supervisor.h"
#include "tunnel/tls.h"
#include "util/file.h"
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

    /* its port is anybody's once it is gone, while the session lives on */
    process_set_oom_score(PROCESS_SPARED);
    umask(077);
    if (chdir("/") < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot change to /");
    if (geteuid() == 0) {
        if (choose_user(&uid, &gid) < 0)
            return error_set(err, EXIT_HOST, "there is no user azilr for the tunnel, and no free number for one");
        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "the tunnel cannot become the user %u", (unsigned)uid);
    }
    if (confine(err) < 0)
        return -1;
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

/* What the relaying process needs; made before the privileges are given up. */
struct task {
    const struct tunnel_service *service;
    struct portal portal;
    int listen_fd;
    int state_fd; /* -1 in the foreground */
    uid_t owner;  /* beside root, whose connections are relayed */
    struct tunnel_report report;
};

static int listen_anew(struct task *task, struct error **err)
{
    const struct tunnel_service *service = task->service;

    return listener_open(service->listen_address, service->options.first_port, service->options.last_port,
                         &task->listen_fd, &task->report.port, err);
}

/* Under systemd, which keeps the socket of a process that was here before, and is to keep this one's. */
static int listen_by_systemd(struct task *task, struct error **err)
{
    const struct tunnel_options *options = &task->service->options;
    _cleanup_free_ char *status = NULL;

    task->listen_fd = notify_take_socket();
    task->report.port = listener_port(task->listen_fd);
    if (task->report.port)
        return 0;
    if (listen_anew(task, err) < 0)
        return -1;
    status = str_printf("Relaying port %d to %s", task->report.port, options->portal_host);
    return notify_keep_socket(task->listen_fd, status, err);
}

/* The CAs beside the system's, out of the state file or, in the foreground, a file of the person's. */
static int make_context(const struct task *task, SSL_CTX **context, struct error **err)
{
    const char *ca_file = task->service->options.ca_file;
    _cleanup_free_ char *ca = NULL;

    if (task->state_fd >= 0 && state_read_ca(task->state_fd, &ca, err) < 0)
        return -1;
    if (ca_file && tls_read_ca(ca_file, &ca, err) < 0)
        return -1;
    return tls_make_context(ca, ca_file ? ca_file : "--ca-file", context, err);
}

/* Takes up the report of a process that was here before; the first one tries the portal before it says that it is
 * ready. */
static int get_ready(struct task *task, struct wait *wait, struct error **err)
{
    const struct tunnel_service *service = task->service;
    struct tunnel_report before;

    if (task->state_fd >= 0 && state_read(task->state_fd, &before, NULL) > 0 && before.ready) {
        before.port = task->report.port;
        task->report = before;
        task->report.restarts++;
        task->report.open = 0;
    } else {
        if (task->state_fd >= 0 && try_portal(&task->portal, wait, err) < 0)
            return -1;
        task->report.since = time(NULL);
    }
    task->report.pid = getpid();
    task->report.start_time = process_start_time(getpid());
    task->report.ready = true;
    if (task->state_fd >= 0) {
        state_write(task->state_fd, &task->report);
    } else {
        printf("listening on %s:%d\n", service->listen_address, task->report.port);
        fflush(stdout);
    }
    footprint_shrink();
    journal(STDERR_FILENO, 0, "relaying %s:%d to %s:%d, as %s", service->listen_address, task->report.port,
            task->portal.host, task->portal.port, task->portal.certificate_name);
    return 0;
}

static int relay_all(struct task *task, struct error **err)
{
    struct listener_options options = {
        .portal = &task->portal, .owner = task->owner, .log_fd = STDERR_FILENO, .state_fd = task->state_fd};
    struct wait wait = WAIT_INIT;
    int result;

    if (wait_catch_signals(&wait, err) < 0)
        return -1;
    result = get_ready(task, &wait, err);
    if (result == 0)
        result = listener_run(task->listen_fd, &options, &task->report, &wait, err);
    if (result == 0)
        journal(STDERR_FILENO, 0, "ended");
    wait_close(&wait);
    return result;
}

/*
 * Says why to the log and, before it has been ready, to the starter. After that a session relies on its port, which any
 * user could take once it had ended: it is to be started again.
 */
static int fail(const struct task *task, const struct error *problem)
{
    struct tunnel_report before;
    int known = state_read(task->state_fd, &before, NULL);

    journal(STDERR_FILENO, 0, "error: %s", problem->message);
    if (known > 0 && before.ready)
        return SUPERVISE_AGAIN;
    if (known == 0)
        state_write_failure(task->state_fd, problem);
    return (int)problem->code;
}

/* In a process of its own below the supervisor. */
static int work(void *argument)
{
    struct task *task = argument;
    _cleanup_error_ struct error *problem = NULL;

    return relay_all(task, &problem) < 0 ? fail(task, problem) : EXIT_DONE;
}

static int prepare(struct task *task, SSL_CTX **context, struct error **err)
{
    const struct tunnel_service *service = task->service;
    bool is_daemon = service->pid_path != NULL, is_by_systemd = service->is_service && !is_daemon;

    if (is_daemon && write_pid_file(service->pid_path, err) < 0)
        return -1;
    if (service->lock_fd >= 0)
        close(service->lock_fd);
    if (service->is_service)
        journal_limit();
    if ((is_by_systemd ? listen_by_systemd(task, err) : listen_anew(task, err)) < 0 ||
        make_context(task, context, err) < 0)
        return -1;
    task->portal.context = *context;
    /* what comes from the network is only read once nothing can be done with the host any more */
    return drop_privileges(err);
}

int tunnel_serve(const struct tunnel_service *service, struct error **err)
{
    const struct tunnel_options *options = &service->options;
    _cleanup_free_ char *own_name = tls_certificate_name(options->portal_host);
    _cleanup_context_ SSL_CTX *context = NULL;
    _cleanup_error_ struct error *problem = NULL;
    struct task task = {.service = service,
                        .portal = {.host = options->portal_host,
                                   .port = options->portal_port,
                                   .certificate_name = options->server_name ? options->server_name : own_name},
                        .listen_fd = -1,
                        .state_fd = service->is_service ? STDIN_FILENO : -1,
                        /* a person's own, in the foreground; root's alone of a service, whatever it runs as */
                        .owner = service->is_service ? 0 : getuid()};
    int code;

    /* started as /proc/self/exe it would be called "exe" in ps and top */
    prctl(PR_SET_NAME, "azilr", 0, 0, 0);
    if (!service->is_service)
        return prepare(&task, &context, err) < 0 || relay_all(&task, err) < 0 ? -1 : EXIT_DONE;
    if (prepare(&task, &context, &problem) < 0)
        code = fail(&task, problem);
    else
        code = service->pid_path ? supervise(work, &task) : work(&task);
    close(task.listen_fd);
    return code;
}
