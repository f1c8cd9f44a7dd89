/* SPDX-License-Identifier: MIT */
#include "tunnel/kernel_flow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/file.h"
#include "util/str.h"

/*
 * A record's 16 KiB take five pages, and a pipe counts pages (pipe(7)); this is twelve records. A user's share of pipes
 * may be used up, and then it is as small as the kernel makes it.
 */
enum { PIPE_SIZE = 256 * 1024 };

void kernel_flow_close(struct kernel_flow *flow)
{
    for (int i = 0; i < 2; i++)
        if (flow->pipe[i] >= 0)
            close(flow->pipe[i]);
    *flow = KERNEL_FLOW_INIT;
}

bool kernel_flow_is_possible(void)
{
    _cleanup_free_ char *offered = file_read_line("/proc/sys/net/ipv4/tcp_available_ulp");

    for (char *rest = offered, *name; rest && (name = strsep(&rest, " "));)
        if (str_equal(name, "tls"))
            return true;
    return false;
}

void kernel_flow_open(struct kernel_flow *flow, SSL *ssl)
{
    *flow = KERNEL_FLOW_INIT;
    if (!BIO_get_ktls_recv(SSL_get_rbio(ssl)) || pipe2(flow->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    (void)fcntl(flow->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
}

enum kernel_flow_step kernel_flow_take(struct kernel_flow *flow, int portal)
{
    ssize_t got;

    if (flow->drain_first)
        return KERNEL_FLOW_FULL;
    got = splice(portal, NULL, flow->pipe[1], NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (got > 0) {
        flow->held += (size_t)got;
        return KERNEL_FLOW_MOVED;
    }
    /* a full pipe and an empty socket answer alike, and what is no data must not overtake what is held */
    if (flow->held) {
        flow->drain_first = true;
        return KERNEL_FLOW_FULL;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? KERNEL_FLOW_EMPTY : KERNEL_FLOW_OTHER;
}

ssize_t kernel_flow_put(struct kernel_flow *flow, int client)
{
    ssize_t put = splice(flow->pipe[0], NULL, client, NULL, flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

    if (put > 0)
        flow->held -= (size_t)put;
    flow->drain_first = flow->drain_first && flow->held > 0;
    return put;
}
