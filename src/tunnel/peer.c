/* SPDX-License-Identifier: MIT */
#include "tunnel/peer.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "util/file.h"
#include "util/str.h"

/* A line a socket, of every user. */
static const size_t MAX_TABLE = (size_t)64 * 1024 * 1024;

struct ends {
    struct sockaddr_storage peer, local;
};

static void fill_id(const struct ends *ends, struct inet_diag_sockid *id)
{
    const struct sockaddr_in *peer = (const struct sockaddr_in *)&ends->peer;
    const struct sockaddr_in *local = (const struct sockaddr_in *)&ends->local;
    const struct sockaddr_in6 *peer6 = (const struct sockaddr_in6 *)&ends->peer;
    const struct sockaddr_in6 *local6 = (const struct sockaddr_in6 *)&ends->local;

    /* seen from the other end: its source is our peer */
    id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (ends->peer.ss_family == AF_INET6) {
        id->idiag_sport = peer6->sin6_port;
        id->idiag_dport = local6->sin6_port;
        memcpy(id->idiag_src, &peer6->sin6_addr, sizeof(peer6->sin6_addr));
        memcpy(id->idiag_dst, &local6->sin6_addr, sizeof(local6->sin6_addr));
        return;
    }
    id->idiag_sport = peer->sin_port;
    id->idiag_dport = local->sin_port;
    memcpy(id->idiag_src, &peer->sin_addr, sizeof(peer->sin_addr));
    memcpy(id->idiag_dst, &local->sin_addr, sizeof(local->sin_addr));
}

/* Returns 1 with the owner, 0 if the kernel knows of no such socket with an owner, -1 if it cannot be asked. */
static int ask_kernel(const struct ends *ends, uid_t *owner)
{
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 request;
    } question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST,
                   .nlmsg_seq = 1},
        .request = {.sdiag_family = (uint8_t)ends->peer.ss_family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = ~0U}};
    union {
        struct nlmsghdr header;
        char bytes[8192];
    } answer;
    const struct inet_diag_msg *found = NLMSG_DATA(&answer.header);
    ssize_t got;

    fill_id(ends, &question.request.id);
    if (fd < 0 || sendto(fd, &question, sizeof(question), 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -1;
    /* the kernel has answered when the question has been sent */
    got = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
    if (got < (ssize_t)sizeof(answer.header) || !NLMSG_OK(&answer.header, (size_t)got))
        return -1;
    if (answer.header.nlmsg_type == NLMSG_ERROR)
        return ((const struct nlmsgerr *)NLMSG_DATA(&answer.header))->error == -ENOENT ? 0 : -1;
    if (answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY || answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(*found)) ||
        found->idiag_inode == 0)
        return answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY ? 0 : -1;
    *owner = found->idiag_uid;
    return 1;
}

/* An address and port as the table has them: words of the address as the machine reads them, in hexadecimal. */
static void table_name(const struct sockaddr_storage *address, char *text, size_t size)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    uint32_t words[4] = {0};

    if (address->ss_family == AF_INET) {
        snprintf(text, size, "%08X:%04X", v4->sin_addr.s_addr, ntohs(v4->sin_port));
        return;
    }
    memcpy(words, &v6->sin6_addr, sizeof(words));
    snprintf(text, size, "%08X%08X%08X%08X:%04X", words[0], words[1], words[2], words[3], ntohs(v6->sin6_port));
}

int peer_find_in_table(const char *table, const struct sockaddr_storage *peer, const struct sockaddr_storage *local,
                       uid_t *owner)
{
    char peer_name[48], local_name[48];
    _cleanup_free_ char *both = NULL;
    const char *found;
    unsigned long inode = 0;
    unsigned uid = 0;

    table_name(peer, peer_name, sizeof(peer_name));
    table_name(local, local_name, sizeof(local_name));
    both = str_printf(": %s %s ", peer_name, local_name);
    found = strstr(table, both);
    /* state, queues, timer, retransmissions, user, time-out, inode */
    // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
    if (!found || sscanf(found + strlen(both), "%*x %*x:%*x %*x:%*x %*x %u %*d %lu", &uid, &inode) != 2 || inode == 0)
        return -1;
    *owner = uid;
    return 0;
}

static int read_table(const struct ends *ends, uid_t *owner)
{
    const char *path = ends->peer.ss_family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp";
    _cleanup_free_ char *table = NULL;

    if (file_read(path, MAX_TABLE, &table, NULL, NULL) < 0)
        return -1;
    return peer_find_in_table(table, &ends->peer, &ends->local, owner);
}

/*
 * Whether our end still has its connection. One that was reset could have the numbers of a connection that another
 * process has made since; while ours lasts, the kernel gives them to nobody else.
 */
static bool is_connected(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

int peer_owner(int fd, uid_t *owner, struct error **err)
{
    struct ends ends;
    socklen_t peer_size = sizeof(ends.peer), local_size = sizeof(ends.local);
    int known;

    memset(&ends, 0, sizeof(ends));
    if (getpeername(fd, (struct sockaddr *)&ends.peer, &peer_size) < 0 ||
        getsockname(fd, (struct sockaddr *)&ends.local, &local_size) < 0)
        return error_set_errno(err, EXIT_AUTH, errno, "cannot tell whose connection it is");
    known = ask_kernel(&ends, owner);
    if (known < 0 && read_table(&ends, owner) == 0)
        known = 1;
    if (known <= 0 || !is_connected(fd))
        return error_set(err, EXIT_AUTH, "its other end has no owner any more, or the kernel does not tell");
    return 0;
}
