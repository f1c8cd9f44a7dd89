/* SPDX-License-Identifier: MIT */
/*
 * The file by which a tunnel and the commands hear from each other. A command makes it, readable by root only; the
 * tunnel has it as its standard input and output, and needs no right to any path. Its first part is the tunnel's
 * report, a JSON object replaced as a whole; the second is what the tunnel is told. Reading it waits for nobody.
 */
#ifndef AZILR_TUNNEL_STATE_H
#define AZILR_TUNNEL_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "util/error.h"

#define STATE_ERROR_SIZE 400

/* What a tunnel tells of itself. */
struct tunnel_report {
    pid_t pid; /* of the process that relays; 0 before there is one */
    unsigned long long start_time;
    int port;     /* 0 before it listens */
    bool ready;   /* has been through to the portal */
    bool expired; /* relays no more, since its time is over */
    time_t since; /* when the first of its processes was ready */
    unsigned restarts;
    unsigned open;           /* connections */
    uint64_t total, refused; /* connections since then; refused are those of other users */
    uint64_t to_portal;      /* bytes */
    uint64_t from_portal;    /* bytes */
    time_t last_error_at;    /* 0 for never */
    char last_error[STATE_ERROR_SIZE];
};

/*
 * Makes the file. ca is the PEM text of CAs to trust beside the system's, or NULL; until is when the tunnel is to stop
 * relaying. A path that is there already is an error.
 */
int state_create(const char *path, time_t until, const char *ca, struct error **err);

/* Tells the tunnel another end. */
int state_set_until(const char *path, time_t until, struct error **err);

/* --- the tunnel's side; fd is the file, open for reading and writing --- */

/* Replaces the report. Failing to write is no reason to stop relaying, so there is no telling. */
void state_write(int fd, const struct tunnel_report *report);

/* Replaces the report by what kept the tunnel from getting ready. */
void state_write_failure(int fd, const struct error *problem);

/* The end that it was told last; 0 if that cannot be read. */
time_t state_read_until(int fd);

/* The CAs, "" for none. The caller frees *ca. */
int state_read_ca(int fd, char **ca, struct error **err);

/* --- both sides --- */

/*
 * The report as last written. Whoever reads it takes its texts for untrusted: the tunnel speaks with the network; those
 * in *report are printable. Returns 1, 0 if there is none yet, or -1 with err set to the failure that the tunnel tells
 * of, or to why the file cannot be read.
 */
int state_read(int fd, struct tunnel_report *report, struct error **err);

/* The same of a text, which is the part of the file. *torn says of a failure that it may have been read half-written.
 */
int state_parse(const char *text, struct tunnel_report *report, bool *torn, struct error **err);

/* The same by path; EXIT_NOT_FOUND if there is no such file. */
int state_read_file(const char *path, struct tunnel_report *report, struct error **err);

#endif
