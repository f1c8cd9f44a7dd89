/* SPDX-License-Identifier: MIT */
#include "tunnel/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "util/str.h"

/* SD_LISTEN_FDS_START of sd-daemon.h */
static const int FIRST_FD = 3;

int notify_take_socket(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    long number = 0;
    int flags;

    if (!pid || !count || str_to_long(pid, 1, INT_MAX, &number) < 0 || number != getpid() ||
        str_to_long(count, 1, 16, &number) < 0)
        return -1;
    flags = fcntl(FIRST_FD, F_GETFL);
    if (flags < 0 || fcntl(FIRST_FD, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return FIRST_FD;
}

int notify_keep_socket(int fd, const char *status, struct error **err)
{
    _cleanup_close_ int to = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _cleanup_free_ char *text = str_printf("FDSTORE=1\nFDNAME=listen\nSTATUS=%s\n", status);
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_name = &address,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return error_set(err, EXIT_HOST, "systemd does not say where to tell it of the tunnel's socket");
    memcpy(address.sun_path, path, strlen(path));
    message.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    /* an abstract name is written with an @ in place of its zero byte */
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    control.header =
        (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (to < 0 || sendmsg(to, &message, MSG_NOSIGNAL) < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot hand systemd the tunnel's socket");
    return 0;
}
