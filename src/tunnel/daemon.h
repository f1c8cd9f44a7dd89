/* SPDX-License-Identifier: MIT */
/* The tunnel as a process of its own, which outlives the command that started it. */
#ifndef AZILR_TUNNEL_DAEMON_H
#define AZILR_TUNNEL_DAEMON_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"

struct tunnel_options {
    const char *portal_host;
    int portal_port;
    const char *server_name;   /* name to verify instead of the one that follows from portal_host; NULL for none */
    const char *ca_file;       /* CAs to trust beside the system's; NULL for none */
    int first_port, last_port; /* on 127.0.0.1; the first free one is taken */
    const char *pid_path;      /* made by the tunnel: "PID STARTTIME" */
    const char *log_path;
    int inherit_lock_fd; /* held by the tunnel until pid_path is written; -1 for none */
};

struct tunnel {
    int port; /* on 127.0.0.1 */
};

/*
 * The ports to try on a host with this ID of os-release(5): 5365 to 5396 as the generated script does, but 3260 alone
 * on Red Hat's family, where SELinux lets iscsid connect to iSCSI's own port only. Pure; os_id may be NULL.
 */
void tunnel_listen_ports(const char *os_id, int *first, int *last);

/*
 * Starts the tunnel and waits until it has been through to the portal once, TLS and all, so that a portal that is
 * closed or not what it should be is told of here (EXIT_NETWORK). The caller has entered pid_path in its undo list: a
 * process may be left even where this fails, or is killed.
 */
int tunnel_start(const struct tunnel_options *options, struct wait *wait, struct tunnel *tunnel, struct error **err);

/* Ends the tunnel of that pid file, if it runs, and removes the file. */
int tunnel_stop(const char *pid_path, bool *was_running, struct error **err);

bool tunnel_is_running(const char *pid_path);

/* The last error in a tunnel's log, printable; NULL if there is none. The caller frees it. */
char *tunnel_last_error(const char *log_path);

/*
 * The tunnel's own side, run by `azilr tunnel`. Descriptors are -1 in the foreground, where pid_path and log_path are
 * NULL and the log goes to standard error.
 */
struct tunnel_service {
    struct tunnel_options options;
    const char *listen_address;
    int status_fd; /* where to tell the starter how it went */
    int lock_fd;
};

int tunnel_serve(const struct tunnel_service *service, struct error **err);

#endif
