/* SPDX-License-Identifier: MIT */
#include "tunnel/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include "tunnel/kernel_flow.h"
#include "tunnel/tls.h"
#include "util/str.h"

/*
 * What is gathered before it is handed on: eight TLS records. With more of them there are fewer system calls, and more
 * of the bytes have left the processor's caches before they are copied on; from 32 KiB to 256 KiB all cost the same
 * within the noise (tests/bench/README.md), and a large one takes memory for each connection.
 */
enum { BATCH = 128 * 1024 };

/* How many batches may pass between two looks at whether to stop. */
static const unsigned STOP_ROUNDS = 64;

/* How long a portal may take to end its side after ours has ended and nothing comes any more. */
static const int LINGER_MS = 30 * 1000;

/* One direction. Bytes from `start` to `end` wait to be written. */
struct flow {
    char *bytes;
    size_t start, end;
    bool ended;     /* the reading side has come to its end */
    bool handed_on; /* and that has been told to the writing side */
};

struct connection {
    int client;
    int portal;
    SSL *ssl;
    struct flow up;   /* client to portal */
    struct flow down; /* portal to client */
    /* the same, where the kernel decrypts; never both have something at a time */
    struct kernel_flow kernel;
    /*
     * Whether it is worth a try. Set by poll(), and cleared as soon as there is reason to think that the next try
     * would find nothing: poll() then tells if that was wrong, and most system calls that move nothing are saved.
     */
    bool client_readable, client_writable;
    bool portal_readable, portal_writable;
    short read_wait;     /* what SSL_read waits for on the portal's socket */
    short write_wait;    /* the same for SSL_write and SSL_shutdown */
    bool client_hung_up; /* both its directions are closed: poll() would tell so for ever */
    bool client_failed;
};

static bool is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

static bool has_room(const struct flow *flow)
{
    return !flow->ended && flow->end < BATCH;
}

/* Whether bytes from the portal wait for the client. */
static bool owes_client(const struct connection *connection)
{
    return !is_empty(&connection->down) || connection->kernel.held > 0;
}

static bool wants_portal(const struct connection *connection)
{
    return has_room(&connection->down) && !connection->kernel.drain_first;
}

static void took(struct flow *flow, size_t count)
{
    flow->start += count;
    if (is_empty(flow))
        flow->start = flow->end = 0;
}

static bool would_block(int errnum)
{
    return errnum == EAGAIN || errnum == EINTR;
}

static int fail_client(struct connection *connection, int errnum, const char *what, struct error **err)
{
    connection->client_failed = true;
    return error_set_errno(err, EXIT_NETWORK, errnum, "%s", what);
}

/* Each step returns 1 if it moved something, 0 if it must wait, -1 with err set. */

static int read_client(struct connection *connection, struct error **err)
{
    struct flow *up = &connection->up;
    size_t room = BATCH - up->end;
    ssize_t got;

    if (!connection->client_readable || !has_room(up))
        return 0;
    got = recv(connection->client, up->bytes + up->end, room, 0);
    if (got < 0 && !would_block(errno))
        return fail_client(connection, errno, "reading from the initiator", err);
    if (got < (ssize_t)room)
        connection->client_readable = false;
    if (got < 0)
        return 0;
    up->ended = got == 0;
    up->end += (size_t)got;
    return 1;
}

static int write_client(struct connection *connection, _Atomic uint64_t *count, struct error **err)
{
    struct flow *down = &connection->down;
    struct kernel_flow *kernel = &connection->kernel;
    const bool by_kernel = kernel->held > 0;
    size_t length = by_kernel ? kernel->held : down->end - down->start;
    ssize_t put;

    if (!owes_client(connection)) {
        if (!down->ended || down->handed_on)
            return 0;
        down->handed_on = true;
        /* it may have gone already, which is an end too */
        shutdown(connection->client, SHUT_WR);
        return 1;
    }
    if (!connection->client_writable)
        return 0;
    if (by_kernel)
        put = kernel_flow_put(kernel, connection->client);
    else
        put = send(connection->client, down->bytes + down->start, length, MSG_NOSIGNAL);
    if (put < 0 && !would_block(errno))
        return fail_client(connection, errno, "writing to the initiator", err);
    if (put < (ssize_t)length)
        connection->client_writable = false;
    if (put < 0)
        return 0;
    if (!by_kernel)
        took(down, (size_t)put);
    atomic_fetch_add_explicit(count, (uint64_t)put, memory_order_relaxed);
    return 1;
}

/* What OpenSSL waits for. Returns 0 and sets *wait_for, or -1 with err set. */
static int wants(SSL *ssl, int result, int errnum, short *wait_for, const char *doing, struct error **err)
{
    int kind = SSL_get_error(ssl, result);

    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        *wait_for = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return 0;
    }
    return tls_set_error(ssl, result, errnum, doing, err);
}

/* What OpenSSL has read before the kernel took over comes first. */
static bool is_kernels_turn(const struct connection *connection)
{
    return connection->kernel.pipe[0] >= 0 && is_empty(&connection->down) && !SSL_has_pending(connection->ssl);
}

static int read_portal(struct connection *connection, struct error **err)
{
    struct flow *down = &connection->down;
    int moved = 0;

    /* what the pipe holds came first, and OpenSSL's is not to overtake it */
    if (!wants_portal(connection))
        return 0;
    if (connection->portal_readable && is_kernels_turn(connection)) {
        size_t held = connection->kernel.held;
        enum kernel_flow_step step;

        do
            step = kernel_flow_take(&connection->kernel, connection->portal);
        while (step == KERNEL_FLOW_MOVED);
        if (step == KERNEL_FLOW_EMPTY)
            connection->portal_readable = false;
        if (step != KERNEL_FLOW_OTHER)
            return connection->kernel.held > held;
    }
    while (connection->portal_readable && has_room(down)) {
        size_t got = 0;
        int result, errnum;

        ERR_clear_error();
        errno = 0;
        result = SSL_read_ex(connection->ssl, down->bytes + down->end, BATCH - down->end, &got);
        errnum = errno;
        if (result == 1) {
            down->end += got;
            moved = 1;
            connection->portal_readable = SSL_has_pending(connection->ssl) == 1;
            connection->read_wait = POLLIN;
            continue;
        }
        if (SSL_get_error(connection->ssl, result) == SSL_ERROR_ZERO_RETURN) {
            down->ended = true;
            return 1;
        }
        connection->portal_readable = false;
        if (wants(connection->ssl, result, errnum, &connection->read_wait, "reading from the portal", err) < 0)
            return -1;
    }
    return moved;
}

/*
 * A portal that has ended both ways takes no more, but what it sent before is still on its way to us, and it may say
 * how it ended: so a failed write only ends the one direction, and reading goes on.
 */
static bool is_deaf(const struct connection *connection, int result, int errnum)
{
    return SSL_get_error(connection->ssl, result) == SSL_ERROR_SYSCALL && (errnum == EPIPE || errnum == ECONNRESET);
}

static void give_up_portal(struct connection *connection)
{
    struct flow *up = &connection->up;

    up->start = up->end = 0;
    up->ended = true;
    up->handed_on = true;
    connection->portal_readable = true;
}

/* Tells the portal that no more will come. */
static int end_portal(struct connection *connection, struct error **err)
{
    struct flow *up = &connection->up;
    int result, errnum;

    if (!up->ended || up->handed_on || !connection->portal_writable)
        return 0;
    ERR_clear_error();
    errno = 0;
    result = SSL_shutdown(connection->ssl);
    errnum = errno;
    if (result < 0 && is_deaf(connection, result, errnum)) {
        give_up_portal(connection);
        return 1;
    }
    if (result < 0) {
        connection->portal_writable = false;
        return wants(connection->ssl, result, errnum, &connection->write_wait, "closing towards the portal", err);
    }
    up->handed_on = true;
    return 1;
}

static int write_portal(struct connection *connection, _Atomic uint64_t *count, struct error **err)
{
    struct flow *up = &connection->up;
    int moved = 0;

    if (is_empty(up))
        return end_portal(connection, err);
    while (connection->portal_writable && !is_empty(up)) {
        size_t put = 0;
        int result, errnum;

        ERR_clear_error();
        errno = 0;
        result = SSL_write_ex(connection->ssl, up->bytes + up->start, up->end - up->start, &put);
        errnum = errno;
        if (result == 1) {
            took(up, put);
            atomic_fetch_add_explicit(count, put, memory_order_relaxed);
            moved = 1;
            continue;
        }
        if (is_deaf(connection, result, errnum)) {
            give_up_portal(connection);
            return 1;
        }
        connection->portal_writable = false;
        if (wants(connection->ssl, result, errnum, &connection->write_wait, "writing to the portal", err) < 0)
            return -1;
    }
    return moved;
}

static bool is_over(const struct connection *connection)
{
    return connection->up.handed_on && connection->down.handed_on;
}

static void set_events(const struct connection *connection, struct pollfd *client, struct pollfd *portal)
{
    const struct flow *up = &connection->up;

    if (has_room(up))
        client->events |= POLLIN;
    if (owes_client(connection))
        client->events |= POLLOUT;
    if (wants_portal(connection))
        portal->events = (short)(portal->events | connection->read_wait);
    if (!is_empty(up) || (up->ended && !up->handed_on))
        portal->events = (short)(portal->events | connection->write_wait);
    /* poll() tells of errors even where nothing is asked, and would not let us sleep */
    if (!client->events && connection->client_hung_up)
        client->fd = -1;
    if (!portal->events)
        portal->fd = -1;
}

/* A client of which nothing is wanted now may still have gone, and the portal is then not kept waiting. */
static int check_client(struct connection *connection, const struct pollfd *client, struct error **err)
{
    socklen_t size = sizeof(int);
    int problem = 0;

    if (client->revents & POLLHUP)
        connection->client_hung_up = true;
    if (client->events || !(client->revents & POLLERR))
        return 0;
    getsockopt(connection->client, SOL_SOCKET, SO_ERROR, &problem, &size);
    return fail_client(connection, problem ? problem : ECONNRESET, "the initiator has gone", err);
}

/* Waits for whatever can move something. Returns 1, 0 if it is to stop, -1 with err set. */
static int wait_for_more(struct connection *connection, int stop_fd, struct error **err)
{
    struct pollfd fds[3] = {{.fd = connection->client}, {.fd = connection->portal}, {.fd = stop_fd, .events = POLLIN}};
    bool only_its_end = connection->up.handed_on && !owes_client(connection) && !connection->down.ended;
    const short broken = POLLERR | POLLHUP;
    int ready;

    set_events(connection, &fds[0], &fds[1]);
    do
        ready = poll(fds, 3, only_its_end ? LINGER_MS : -1);
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot wait for the connection");
    if (ready == 0)
        return error_set(err, EXIT_NETWORK, "the portal did not end the connection within %d s", LINGER_MS / 1000);
    connection->client_readable |= (fds[0].revents & (POLLIN | broken)) != 0;
    connection->client_writable |= (fds[0].revents & (POLLOUT | broken)) != 0;
    connection->portal_readable |= (fds[1].revents & (connection->read_wait | broken)) != 0;
    connection->portal_writable |= (fds[1].revents & (connection->write_wait | broken)) != 0;
    if (check_client(connection, &fds[0], err) < 0)
        return -1;
    return fds[2].revents ? 0 : 1;
}

static bool is_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 0) > 0;
}

static int move_all(struct connection *connection, int stop_fd, struct relay_result *result, struct error **err)
{
    for (unsigned round = 1; !is_over(connection); round++) {
        int moved[4];
        int waited;

        /* with data always at hand there is never a wait that would tell */
        if (round % STOP_ROUNDS == 0 && is_readable(stop_fd))
            return 0;

        if ((moved[0] = read_client(connection, err)) < 0 ||
            (moved[1] = write_portal(connection, &result->to_portal, err)) < 0 ||
            (moved[2] = read_portal(connection, err)) < 0 ||
            (moved[3] = write_client(connection, &result->from_portal, err)) < 0)
            return -1;
        if (moved[0] || moved[1] || moved[2] || moved[3])
            continue;
        waited = wait_for_more(connection, stop_fd, err);
        if (waited <= 0)
            return waited;
    }
    return 0;
}

int relay(int client, SSL *ssl, int stop_fd, struct relay_result *result, struct error **err)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    /* not cleared: pages that are never used are never there */
    _cleanup_free_ char *up = xreallocarray(NULL, BATCH, 1);
    _cleanup_free_ char *down = xreallocarray(NULL, BATCH, 1);
    struct connection connection = {.client = client,
                                    .portal = SSL_get_fd(ssl),
                                    .ssl = ssl,
                                    .up = {.bytes = up},
                                    .down = {.bytes = down},
                                    .client_readable = true,
                                    .client_writable = true,
                                    .portal_readable = true,
                                    .portal_writable = true,
                                    .read_wait = POLLIN,
                                    .write_wait = POLLOUT};
    int moved;

    kernel_flow_open(&connection.kernel, ssl);
    atomic_store(&result->to_portal, 0);
    atomic_store(&result->from_portal, 0);
    moved = move_all(&connection, stop_fd, result, err);
    kernel_flow_close(&connection.kernel);
    result->by_client = connection.client_failed;
    if (!is_over(&connection))
        setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return moved;
}
