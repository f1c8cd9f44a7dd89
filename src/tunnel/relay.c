/* SPDX-License-Identifier: MIT */
#include "tunnel/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "tunnel/tls.h"
#include "util/str.h"

/* What is gathered before it is handed on: sixteen TLS records. */
enum { BATCH = 256 * 1024 };

/* How long a portal may take to end its side after ours has ended and nothing moves any more. */
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
    short read_wait;  /* what SSL_read waits for on the portal's socket */
    short write_wait; /* the same for SSL_write and SSL_shutdown */
};

static bool is_empty(const struct flow *flow)
{
    return flow->start == flow->end;
}

static bool has_room(const struct flow *flow)
{
    return !flow->ended && flow->end < BATCH;
}

static void took(struct flow *flow, size_t count)
{
    flow->start += count;
    if (is_empty(flow))
        flow->start = flow->end = 0;
}

/* Each step returns 1 if it moved something, 0 if it must wait, -1 with err set. */

static int read_client(struct connection *connection, struct error **err)
{
    struct flow *up = &connection->up;
    ssize_t got;

    if (!has_room(up))
        return 0;
    got = recv(connection->client, up->bytes + up->end, BATCH - up->end, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got < 0)
        return error_set_errno(err, EXIT_NETWORK, errno, "reading from the initiator");
    up->ended = got == 0;
    up->end += (size_t)got;
    return 1;
}

static int write_client(struct connection *connection, uint64_t *count, struct error **err)
{
    struct flow *down = &connection->down;
    ssize_t put;

    if (is_empty(down)) {
        if (!down->ended || down->handed_on)
            return 0;
        down->handed_on = true;
        /* it may have gone already, which is an end too */
        shutdown(connection->client, SHUT_WR);
        return 1;
    }
    put = send(connection->client, down->bytes + down->start, down->end - down->start, MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (put < 0)
        return error_set_errno(err, EXIT_NETWORK, errno, "writing to the initiator");
    took(down, (size_t)put);
    *count += (uint64_t)put;
    return 1;
}

/* What OpenSSL waits for. Returns 0 and sets *wait_for, or -1 with err set. */
static int wants(SSL *ssl, int result, short *wait_for, const char *doing, struct error **err)
{
    int errnum = errno;
    int kind = SSL_get_error(ssl, result);

    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE) {
        *wait_for = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return 0;
    }
    return tls_set_error(ssl, result, errnum, doing, err);
}

static int read_portal(struct connection *connection, struct error **err)
{
    struct flow *down = &connection->down;
    int moved = 0;

    connection->read_wait = POLLIN;
    while (has_room(down)) {
        size_t got = 0;
        int result;

        errno = 0;
        result = SSL_read_ex(connection->ssl, down->bytes + down->end, BATCH - down->end, &got);
        if (result == 1) {
            down->end += got;
            moved = 1;
            continue;
        }
        if (SSL_get_error(connection->ssl, result) == SSL_ERROR_ZERO_RETURN) {
            down->ended = true;
            return 1;
        }
        return wants(connection->ssl, result, &connection->read_wait, "reading from the portal", err) < 0 ? -1 : moved;
    }
    return moved;
}

/* Tells the portal that no more will come. */
static int end_portal(struct connection *connection, struct error **err)
{
    struct flow *up = &connection->up;
    int result;

    if (!up->ended || up->handed_on)
        return 0;
    errno = 0;
    result = SSL_shutdown(connection->ssl);
    if (result < 0) {
        /* the portal has gone already: then it needs not be told */
        if (connection->down.ended && SSL_get_error(connection->ssl, result) == SSL_ERROR_SYSCALL)
            result = 0;
        else
            return wants(connection->ssl, result, &connection->write_wait, "closing towards the portal", err);
    }
    up->handed_on = true;
    return 1;
}

static int write_portal(struct connection *connection, uint64_t *count, struct error **err)
{
    struct flow *up = &connection->up;
    int moved = 0;

    connection->write_wait = POLLOUT;
    if (is_empty(up))
        return end_portal(connection, err);
    while (!is_empty(up)) {
        size_t put = 0;
        int result;

        errno = 0;
        result = SSL_write_ex(connection->ssl, up->bytes + up->start, up->end - up->start, &put);
        if (result != 1)
            return wants(connection->ssl, result, &connection->write_wait, "writing to the portal", err) < 0 ? -1
                                                                                                             : moved;
        took(up, put);
        *count += put;
        moved = 1;
    }
    return moved;
}

static bool is_over(const struct connection *connection)
{
    return connection->up.handed_on && connection->down.handed_on;
}

/* Waits for whatever can move something. Returns 1, 0 if it is to stop, -1 with err set. */
static int wait_for_more(const struct connection *connection, int stop_fd, struct error **err)
{
    const struct flow *up = &connection->up, *down = &connection->down;
    bool writes = !is_empty(up) || (up->ended && !up->handed_on);
    struct pollfd fds[3] = {{.fd = connection->client}, {.fd = connection->portal}, {.fd = stop_fd, .events = POLLIN}};
    int ready;

    if (has_room(up))
        fds[0].events |= POLLIN;
    if (!is_empty(down))
        fds[0].events |= POLLOUT;
    if (has_room(down))
        fds[1].events |= connection->read_wait;
    if (writes)
        fds[1].events |= connection->write_wait;
    /* poll() tells of errors even where nothing was asked, and would not let us sleep */
    for (int i = 0; i < 2; i++)
        if (!fds[i].events)
            fds[i].fd = -1;
    do
        ready = poll(fds, 3, up->handed_on ? LINGER_MS : -1);
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot wait for the connection");
    if (ready == 0)
        return error_set(err, EXIT_NETWORK, "the portal did not end the connection within %d s", LINGER_MS / 1000);
    return fds[2].revents ? 0 : 1;
}

static int move_all(struct connection *connection, int stop_fd, struct relay_result *result, struct error **err)
{
    while (!is_over(connection)) {
        int moved[4];
        int waited;

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
    _cleanup_free_ char *up = xcalloc(BATCH, 1);
    _cleanup_free_ char *down = xcalloc(BATCH, 1);
    struct connection connection = {.client = client,
                                    .portal = SSL_get_fd(ssl),
                                    .ssl = ssl,
                                    .up = {.bytes = up},
                                    .down = {.bytes = down},
                                    .read_wait = POLLIN,
                                    .write_wait = POLLOUT};

    *result = (struct relay_result){0};
    if (move_all(&connection, stop_fd, result, err) == 0)
        return 0;
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return -1;
}
