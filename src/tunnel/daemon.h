/* SPDX-License-Identifier: MIT */
/*
 * The tunnel as a process that outlives the command that started it: a service of systemd's where that is process 1,
 * else a daemon with a parent that starts it again (supervisor.h). Either way it runs as a user of its own, without
 * privileges, and its port is kept while it restarts.
 */
#ifndef AZILR_TUNNEL_DAEMON_H
#define AZILR_TUNNEL_DAEMON_H

#include <stdbool.h>
#include <time.h>

#include "tunnel/state.h"
#include "util/error.h"
#include "util/wait.h"

/* Where a tunnel is found again. Borrowed. */
struct tunnel_place {
    const char *directory; /* that only root can enter; holds tunnel.state, and a daemon's tunnel.pid and tunnel.log */
    const char *unit;      /* systemd's name for it; NULL for a daemon */
};

/* A tunnel relays past the end of the access by so much, that whatever happens at that end is through with it. */
#define TUNNEL_GRACE_S ((time_t)15 * 60)

struct tunnel_options {
    const char *portal_host;
    int portal_port;
    const char *server_name;   /* name to verify instead of the one that follows from portal_host; NULL for none */
    const char *ca_file;       /* CAs to trust beside the system's; NULL for none */
    int first_port, last_port; /* on 127.0.0.1; the first free one is taken */
    time_t until;              /* when it is to stop relaying */
    int inherit_lock_fd;       /* held until the tunnel can be found by its place; -1 for none */
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
 * What to call the unit of a session's tunnel; NULL where systemd is not process 1. The caller frees it. A session's id
 * is fit for a unit's name (systemd.unit(5)).
 */
char *tunnel_unit_name(const char *session_id);

/*
 * Starts the tunnel and waits until it has been through to the portal once, TLS and all, so that a portal that is
 * closed or not what it should be is told of here (EXIT_NETWORK). Where systemd cannot run it, it becomes a daemon. The
 * caller has entered the place in its undo list: a process may be left even where this fails, or is killed.
 */
int tunnel_start(const struct tunnel_place *place, const struct tunnel_options *options, struct wait *wait,
                 struct tunnel *tunnel, struct error **err);

/* Ends the tunnel of that place, if it runs, and removes its files but for the log. */
int tunnel_stop(const struct tunnel_place *place, bool *was_running, struct error **err);

enum tunnel_condition {
    TUNNEL_GONE,
    TUNNEL_RESTARTING, /* there is no process now, but there will be */
    TUNNEL_RUNS,
};

/* How a tunnel is. *report is what it told of itself last, all zero if nothing. Waits for no tunnel. */
enum tunnel_condition tunnel_look(const struct tunnel_place *place, struct tunnel_report *report);

/* Lets a tunnel, if there is one, relay until then. */
int tunnel_extend(const struct tunnel_place *place, time_t until, struct error **err);

/*
 * The tunnel's own side, run by `azilr tunnel`. As a service its standard input and output are its state file, and its
 * log goes to standard error; in the foreground the log does too.
 */
struct tunnel_service {
    struct tunnel_options options;
    const char *listen_address;
    bool is_service;
    const char *pid_path; /* of a daemon: made by it, "PID STARTTIME"; NULL under systemd, which knows it */
    int lock_fd;          /* of a daemon; -1 for none */
};

int tunnel_serve(const struct tunnel_service *service, struct error **err);

#endif
