/* SPDX-License-Identifier: MIT */
#include "tunnel/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "tunnel/footprint.h"
#include "tunnel/journal.h"
#include "tunnel/peer.h"
#include "tunnel/relay.h"
#include "tunnel/tls.h"
#include "util/clock.h"
#include "util/str.h"

/* Enough for OpenSSL's handshake and getaddrinfo, and a fraction of the default of 8 MiB. */
static const size_t STACK_SIZE = 256 * 1024;
static const int STOP_GRACE_MS = 2000;

/* The report is written at most so often, and looked at for changes so often while nothing happens. */
static const int64_t REPORT_PAUSE_MS = 200, REPORT_TICK_MS = 1000;

/* A user who tries again and again must not fill the log. */
static const int64_t REFUSED_PAUSE_MS = 60 * 1000;

struct accepted {
    struct listener *listener;
    struct accepted *next; /* in the listener's list */
    int client;
    unsigned number;
    struct relay_result result;
};

struct listener {
    const struct listener_options *options;
    int stop_fd; /* an eventfd: readable once all are to end */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock, from here on */
    struct accepted *running;
    struct tunnel_report *report; /* its bytes are those of the connections that have ended */
    /* of the accepting thread alone */
    struct tunnel_report written;
    int64_t written_ms, refused_ms;
};

struct loopback {
    struct sockaddr_storage address;
    socklen_t length;
    in_port_t *port; /* within address */
};

static int parse_loopback(const char *text, struct loopback *loopback, struct error **err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&loopback->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&loopback->address;

    memset(loopback, 0, sizeof(*loopback));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1 && ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) {
        v4->sin_family = AF_INET;
        loopback->length = sizeof(*v4);
        loopback->port = &v4->sin_port;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
        v6->sin6_family = AF_INET6;
        loopback->length = sizeof(*v6);
        loopback->port = &v6->sin6_port;
        return 0;
    }
    error_set(err, EXIT_USAGE, "\"%s\" is not a loopback address", text);
    return error_hint(err, "the relay gives whoever reaches it the backup; it listens on 127.0.0.1 or ::1 only");
}

static int try_port(struct loopback *loopback, int port, int *fd)
{
    _cleanup_close_ int made =
        socket(loopback->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    const int on = 1;

    if (made < 0)
        return -1;
    *loopback->port = htons((in_port_t)port);
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(made, (const struct sockaddr *)&loopback->address, loopback->length) < 0 || listen(made, 128) < 0)
        return -1;
    *fd = steal_fd(&made);
    return 0;
}

int listener_port(int fd)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {0};
    socklen_t size = sizeof(bound);

    if (getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
        return 0;
    return ntohs(bound.any.ss_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

int listener_open(const char *address, int first, int last, int *fd, int *port, struct error **err)
{
    struct loopback loopback;
    int problem = 0;

    if (parse_loopback(address, &loopback, err) < 0)
        return -1;
    for (int at = first; at <= last; at++) {
        if (try_port(&loopback, at, fd) == 0) {
            *port = listener_port(*fd);
            return 0;
        }
        problem = errno;
    }
    if (first == last)
        error_set_errno(err, EXIT_HOST, problem, "cannot listen on %s, port %d", address, first);
    else
        error_set_errno(err, EXIT_HOST, problem, "cannot listen on %s, on any port from %d to %d", address, first,
                        last);
    return error_hint(err, "see what uses the port with `ss -ltnp`");
}

static void note_error(struct listener *listener, unsigned number, const char *message)
{
    journal(listener->options->log_fd, number, "error: %s", message);
    pthread_mutex_lock(&listener->lock);
    snprintf(listener->report->last_error, sizeof(listener->report->last_error), "%s", message);
    listener->report->last_error_at = time(NULL);
    pthread_mutex_unlock(&listener->lock);
}

static void serve(struct accepted *accepted)
{
    struct listener *listener = accepted->listener;
    struct relay_result *result = &accepted->result;
    int log_fd = listener->options->log_fd;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_close_ int fd = -1;
    _cleanup_ssl_ SSL *ssl = NULL;
    /* the stop descriptor stands in for a signal's: a connection being made ends with the rest */
    struct wait wait = WAIT_INIT;

    wait.stop_fd = listener->stop_fd;
    if (portal_connect(listener->options->portal, &wait, &fd, &ssl, &err) < 0) {
        note_error(listener, accepted->number, err->message);
        return;
    }
    /* a handshake goes through more code than all that is relayed after it */
    footprint_shrink();
    journal(log_fd, accepted->number, "open, %s", SSL_get_version(ssl));
    if (relay(accepted->client, ssl, listener->stop_fd, result, &err) < 0) {
        if (result->by_client)
            journal(log_fd, accepted->number, "%s", err->message);
        else
            note_error(listener, accepted->number, err->message);
    }
    journal(log_fd, accepted->number, "closed, %llu bytes to the portal, %llu from it",
            (unsigned long long)result->to_portal, (unsigned long long)result->from_portal);
}

/* Takes a connection off the list, into the sums. Under the lock. */
static void forget(struct accepted *accepted)
{
    struct listener *listener = accepted->listener;
    struct accepted **at = &listener->running;

    while (*at != accepted)
        at = &(*at)->next;
    *at = accepted->next;
    listener->report->open--;
    listener->report->to_portal += accepted->result.to_portal;
    listener->report->from_portal += accepted->result.from_portal;
}

static void *thread(void *argument)
{
    struct accepted *accepted = argument;
    struct listener *listener = accepted->listener;

    serve(accepted);
    close(accepted->client);
    pthread_mutex_lock(&listener->lock);
    forget(accepted);
    pthread_cond_signal(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    free(accepted);
    return NULL;
}

/* Closes without an end, so that nothing is left of it here, and nobody takes it for an answer. */
static void reset(int client)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(client);
}

/* Refuses what is not root's or the owner's, before it costs more than this. */
static bool is_welcome(struct listener *listener, int client)
{
    _cleanup_error_ struct error *problem = NULL;
    uid_t owner = (uid_t)-1;

    if (peer_owner(client, &owner, &problem) == 0 && (owner == 0 || owner == listener->options->owner))
        return true;
    pthread_mutex_lock(&listener->lock);
    listener->report->refused++;
    pthread_mutex_unlock(&listener->lock);
    if (listener->refused_ms && clock_monotonic_ms() - listener->refused_ms < REFUSED_PAUSE_MS)
        return false;
    listener->refused_ms = clock_monotonic_ms();
    if (problem)
        journal(listener->options->log_fd, 0, "refused a connection: %s", problem->message);
    else
        journal(listener->options->log_fd, 0, "refused a connection of the user %u", (unsigned)owner);
    return false;
}

/* The connection's number, or 0 with the reason if it is not to be served. */
static unsigned admit(struct listener *listener, struct accepted *accepted, const char **reason)
{
    struct tunnel_report *report = listener->report;
    unsigned number = 0;

    pthread_mutex_lock(&listener->lock);
    if (report->expired) {
        *reason = "refused, the time of this tunnel is over";
    } else if (report->open >= LISTENER_MAX_CONNECTIONS) {
        *reason = "refused, as many connections as there may be are open already";
    } else {
        report->open++;
        number = accepted->number = (unsigned)++report->total;
        accepted->next = listener->running;
        listener->running = accepted;
    }
    pthread_mutex_unlock(&listener->lock);
    return number;
}

/* Takes over the client's socket. */
static void start_connection(struct listener *listener, int client)
{
    struct accepted *accepted;
    const char *reason = NULL;
    pthread_attr_t attributes;
    pthread_t made;
    int problem;

    if (!is_welcome(listener, client)) {
        reset(client);
        return;
    }
    accepted = xcalloc(1, sizeof(*accepted));
    accepted->listener = listener;
    accepted->client = client;
    if (!admit(listener, accepted, &reason)) {
        note_error(listener, 0, reason);
        free(accepted);
        reset(client);
        return;
    }
    portal_tune_socket(client);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    problem = pthread_create(&made, &attributes, thread, accepted);
    pthread_attr_destroy(&attributes);
    if (problem) {
        note_error(listener, accepted->number, strerror(problem));
        pthread_mutex_lock(&listener->lock);
        forget(accepted);
        pthread_mutex_unlock(&listener->lock);
        free(accepted);
        reset(client);
    }
}

/* Whether a person would see a difference. */
static bool is_same(const struct tunnel_report *a, const struct tunnel_report *b)
{
    return a->open == b->open && a->total == b->total && a->refused == b->refused && a->to_portal == b->to_portal &&
           a->from_portal == b->from_portal && a->expired == b->expired && a->last_error_at == b->last_error_at &&
           a->ready == b->ready;
}

static void write_report(struct listener *listener)
{
    struct tunnel_report now;

    if (clock_monotonic_ms() - listener->written_ms < REPORT_PAUSE_MS)
        return;
    pthread_mutex_lock(&listener->lock);
    now = *listener->report;
    for (const struct accepted *at = listener->running; at; at = at->next) {
        now.to_portal += at->result.to_portal;
        now.from_portal += at->result.from_portal;
    }
    pthread_mutex_unlock(&listener->lock);
    if (is_same(&now, &listener->written))
        return;
    state_write(listener->options->state_fd, &now);
    listener->written = now;
    listener->written_ms = clock_monotonic_ms();
}

/* A renewal moves the end, and may come after it. */
static void check_time(struct listener *listener)
{
    time_t until = state_read_until(listener->options->state_fd);
    bool was, is = until && time(NULL) >= until, is_idle;
    eventfd_t ignored;

    pthread_mutex_lock(&listener->lock);
    was = listener->report->expired;
    is_idle = !listener->running;
    /* those that are being ended must all have gone before others may come */
    if (is || is_idle)
        listener->report->expired = is;
    pthread_mutex_unlock(&listener->lock);
    if (is && !was) {
        journal(listener->options->log_fd, 0, "the time of this tunnel is over; its port is kept until it is stopped");
        eventfd_write(listener->stop_fd, 1);
    } else if (was && !is && is_idle) {
        journal(listener->options->log_fd, 0, "relaying again");
        eventfd_read(listener->stop_fd, &ignored);
    }
}

static int accept_loop(struct listener *listener, int fd, struct wait *wait, struct error **err)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int client, polled;

        if (listener->options->state_fd >= 0) {
            check_time(listener);
            write_report(listener);
        }
        polled = wait_poll(wait, &ready, 1, REPORT_TICK_MS, err);
        if (polled < 0)
            return -1;
        if (polled == 0)
            continue;
        client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            start_connection(listener, client);
        } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
            return error_set_errno(err, EXIT_FAILED, errno, "cannot accept connections");
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            _cleanup_free_ char *text = str_printf("cannot accept a connection: %s", strerror(errno));

            /* the mounts depend on this process: what may pass is waited for */
            note_error(listener, 0, text);
            if (wait_sleep(wait, 200, err) < 0)
                return -1;
        }
    }
}

/* Ends all connections and waits for their threads, which use this very structure. */
static void stop_all(struct listener *listener)
{
    struct timespec end;

    eventfd_write(listener->stop_fd, 1);
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += STOP_GRACE_MS / 1000;
    pthread_mutex_lock(&listener->lock);
    while (listener->running && pthread_cond_timedwait(&listener->changed, &listener->lock, &end) == 0)
        continue;
    if (listener->running) {
        /* one is stuck in a name look-up, which nothing can interrupt but the end of the process */
        journal(listener->options->log_fd, 0, "ended with %u connections still being made", listener->report->open);
        _exit(EXIT_DONE);
    }
    pthread_mutex_unlock(&listener->lock);
}

int listener_run(int fd, const struct listener_options *options, struct tunnel_report *report, struct wait *wait,
                 struct error **err)
{
    struct listener listener = {.options = options,
                                .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER,
                                .report = report};
    _cleanup_error_ struct error *ended = NULL;

    if (listener.stop_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make an event descriptor");
    accept_loop(&listener, fd, wait, &ended);
    stop_all(&listener);
    close(listener.stop_fd);
    return ended->code == EXIT_INTERRUPTED ? 0 : error_move(err, &ended);
}
