/* SPDX-License-Identifier: MIT */
#include "tunnel/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tunnel/journal.h"
#include "tunnel/relay.h"
#include "tunnel/tls.h"
#include "util/str.h"

/* Enough for OpenSSL's handshake and getaddrinfo, and a fraction of the default of 8 MiB. */
static const size_t STACK_SIZE = 256 * 1024;
static const int STOP_GRACE_MS = 2000;

struct listener {
    const struct portal *portal;
    int log_fd;
    int stop_fd; /* an eventfd: readable once all are to end */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned running;
    unsigned accepted;
};

struct accepted {
    struct listener *listener;
    int client;
    unsigned number;
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
    if (bind(made, (const struct sockaddr *)&loopback->address, loopback->length) < 0 || listen(made, 16) < 0)
        return -1;
    *fd = steal_fd(&made);
    return 0;
}

int listener_open(const char *address, int first, int last, int *fd, int *port, struct error **err)
{
    struct loopback loopback;
    struct loopback bound;
    int problem = 0;

    if (parse_loopback(address, &loopback, err) < 0)
        return -1;
    for (int at = first; at <= last; at++) {
        if (try_port(&loopback, at, fd) == 0) {
            bound = loopback;
            bound.port = (in_port_t *)((char *)&bound.address + ((char *)loopback.port - (char *)&loopback.address));
            if (getsockname(*fd, (struct sockaddr *)&bound.address, &bound.length) < 0)
                return error_set_errno(err, EXIT_FAILED, errno, "cannot tell the port");
            *port = ntohs(*bound.port);
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

static void serve(struct listener *listener, int client, unsigned number)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_close_ int fd = -1;
    _cleanup_ssl_ SSL *ssl = NULL;
    /* the stop descriptor stands in for a signal's: a connection being made ends with the rest */
    struct wait wait = WAIT_INIT;
    struct relay_result result = {0};

    wait.stop_fd = listener->stop_fd;
    if (portal_connect(listener->portal, &wait, &fd, &ssl, &err) < 0) {
        journal(listener->log_fd, number, "error: %s", err->message);
        return;
    }
    journal(listener->log_fd, number, "open, %s", SSL_get_version(ssl));
    if (relay(client, ssl, listener->stop_fd, &result, &err) < 0)
        journal(listener->log_fd, number, "error: %s", err->message);
    journal(listener->log_fd, number, "closed, %llu bytes to the portal, %llu from it",
            (unsigned long long)result.to_portal, (unsigned long long)result.from_portal);
}

static void *thread(void *argument)
{
    struct accepted accepted = *(struct accepted *)argument;
    struct listener *listener = accepted.listener;

    free(argument);
    serve(listener, accepted.client, accepted.number);
    close(accepted.client);
    pthread_mutex_lock(&listener->lock);
    listener->running--;
    pthread_cond_signal(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    return NULL;
}

/* Takes over the client's socket. */
static void start_connection(struct listener *listener, int client)
{
    struct accepted *accepted;
    pthread_attr_t attributes;
    pthread_t made;
    unsigned running;
    int problem;

    pthread_mutex_lock(&listener->lock);
    running = listener->running;
    if (running < LISTENER_MAX_CONNECTIONS)
        listener->running++;
    pthread_mutex_unlock(&listener->lock);
    listener->accepted++;
    if (running >= LISTENER_MAX_CONNECTIONS) {
        journal(listener->log_fd, listener->accepted, "error: refused, %d connections are open already",
                LISTENER_MAX_CONNECTIONS);
        close(client);
        return;
    }
    portal_tune_socket(client);
    accepted = xcalloc(1, sizeof(*accepted));
    *accepted = (struct accepted){.listener = listener, .client = client, .number = listener->accepted};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    problem = pthread_create(&made, &attributes, thread, accepted);
    pthread_attr_destroy(&attributes);
    if (problem) {
        journal(listener->log_fd, listener->accepted, "error: no thread for it: %s", strerror(problem));
        free(accepted);
        close(client);
        pthread_mutex_lock(&listener->lock);
        listener->running--;
        pthread_mutex_unlock(&listener->lock);
    }
}

static int accept_loop(struct listener *listener, int fd, struct wait *wait, struct error **err)
{
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int client;

        if (wait_poll(wait, &ready, 1, -1, err) < 0)
            return -1;
        client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            start_connection(listener, client);
        } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
            return error_set_errno(err, EXIT_FAILED, errno, "cannot accept connections");
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            /* the mounts depend on this process: what may pass is waited for */
            journal(listener->log_fd, 0, "error: cannot accept a connection: %s", strerror(errno));
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
        journal(listener->log_fd, 0, "ended with %u connections still being made", listener->running);
        _exit(EXIT_DONE);
    }
    pthread_mutex_unlock(&listener->lock);
}

int listener_run(int fd, const struct portal *portal, int log_fd, struct wait *wait, struct error **err)
{
    struct listener listener = {.portal = portal,
                                .log_fd = log_fd,
                                .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};
    _cleanup_error_ struct error *ended = NULL;

    if (listener.stop_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make an event descriptor");
    accept_loop(&listener, fd, wait, &ended);
    stop_all(&listener);
    close(listener.stop_fd);
    return ended->code == EXIT_INTERRUPTED ? 0 : error_move(err, &ended);
}
