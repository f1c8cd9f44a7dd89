/* SPDX-License-Identifier: MIT */
#include "tunnel/portal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "tunnel/tls.h"
#include "util/clock.h"
#include "util/str.h"

static const int CONNECT_TIMEOUT_MS = 15 * 1000;
/*
 * One try. The system's own retransmissions of a SYN come after 1, 3, 7 and 15 s, so that a network that is back may
 * not be noticed for as long as it was away; and a dead address must not cost the whole time.
 */
static const int TRY_TIMEOUT_MS = 3 * 1000;
static const int HANDSHAKE_TIMEOUT_MS = 20 * 1000;
static const unsigned UNANSWERED_MS = 120 * 1000;

DEFINE_CLEANUP(cleanup_addrinfo_ptr, struct addrinfo *, freeaddrinfo);
#define _cleanup_addrinfo_ _cleanup_(cleanup_addrinfo_ptr)

void portal_tune_socket(int fd)
{
    const int on = 1, idle_s = 60, interval_s = 15, probes = 4;

    /*
     * Requests are small and waited for. No SO_RCVBUF: it would end the kernel's own sizing of the window, which
     * follows the round trip, and the limit for it (net.core.rmem_max, 208 KiB) is a thirtieth of that for the other
     * (net.ipv4.tcp_rmem, 6 MiB).
     */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* One address. Returns 0, or an errno value, or -1 with err set if the wait was ended. */
static int try_address(const struct addrinfo *address, struct wait *wait, int *fd, struct error **err)
{
    _cleanup_close_ int made = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd ready = {.fd = made, .events = POLLOUT};
    socklen_t size = sizeof(int);
    int problem = 0, polled;

    if (made < 0)
        return errno;
    if (connect(made, address->ai_addr, address->ai_addrlen) < 0 && errno != EINPROGRESS)
        return errno;
    polled = wait_poll(wait, &ready, 1, TRY_TIMEOUT_MS, err);
    if (polled < 0)
        return -1;
    if (polled == 0)
        return ETIMEDOUT;
    if (getsockopt(made, SOL_SOCKET, SO_ERROR, &problem, &size) < 0)
        return errno;
    if (problem == 0) {
        portal_tune_socket(made);
        /* keep-alive says nothing while bytes wait to be acknowledged, and the system's own patience is 15 minutes */
        setsockopt(made, IPPROTO_TCP, TCP_USER_TIMEOUT, &UNANSWERED_MS, sizeof(UNANSWERED_MS));
        *fd = steal_fd(&made);
    }
    return problem;
}

/* All addresses in turn, and again while one of them does not answer. Returns as try_address(). */
static int try_addresses(const struct addrinfo *addresses, struct wait *wait, int *fd, struct error **err)
{
    int64_t end = clock_monotonic_ms() + CONNECT_TIMEOUT_MS;
    bool is_silent;
    int problem;

    do {
        is_silent = false;
        problem = ENETUNREACH;
        for (const struct addrinfo *at = addresses; at; at = at->ai_next) {
            problem = try_address(at, wait, fd, err);
            if (problem <= 0)
                return problem;
            is_silent = is_silent || problem == ETIMEDOUT;
        }
    } while (is_silent && clock_monotonic_ms() < end);
    return problem;
}

static int connect_tcp(const struct portal *portal, struct wait *wait, int *fd, struct error **err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    _cleanup_addrinfo_ struct addrinfo *addresses = NULL;
    char port[16];
    int result, problem;

    snprintf(port, sizeof(port), "%d", portal->port);
    result = getaddrinfo(portal->host, port, &hints, &addresses);
    if (result != 0) {
        error_set(err, EXIT_NETWORK, "cannot look up the address of %s: %s", portal->host,
                  result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
        return error_hint(err, "check this host's DNS; with a private endpoint the name is known only inside the "
                               "virtual network");
    }
    problem = try_addresses(addresses, wait, fd, err);
    if (problem <= 0)
        return problem;
    error_set_errno(err, EXIT_NETWORK, problem, "cannot connect to %s, port %d", portal->host, portal->port);
    return error_hint(err, "outbound TCP port %d to the portal must be open, on this host and in the network's rules",
                      portal->port);
}

int portal_connect(const struct portal *portal, struct wait *wait, int *fd, SSL **ssl, struct error **err)
{
    _cleanup_close_ int made = -1;

    if (connect_tcp(portal, wait, &made, err) < 0)
        return -1;
    if (tls_handshake(portal->context, made, portal->certificate_name, HANDSHAKE_TIMEOUT_MS, wait, ssl, err) < 0)
        return error_wrap(err, "portal %s, port %d", portal->host, portal->port);
    *fd = steal_fd(&made);
    return 0;
}

int portal_connect_tcp(const struct portal *portal, struct wait *wait, int *fd, struct error **err)
{
    return connect_tcp(portal, wait, fd, err);
}
