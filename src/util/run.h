/* SPDX-License-Identifier: MIT */
/*
 * Running another program: an argument vector and no shell, found on a fixed PATH, with a clean environment
 * (PATH, LC_ALL=C), standard input from nowhere unless some is given, every other descriptor closed, in a process group
 * of its own so that a terminal's Ctrl-C reaches only azilr. No secret may be in argv or the environment.
 */
#ifndef AZILR_UTIL_RUN_H
#define AZILR_UTIL_RUN_H

#include <stdint.h>
#include <sys/types.h>

#include "util/buffer.h"
#include "util/error.h"
#include "util/person.h"
#include "util/wait.h"

#define RUN_PATH "/usr/sbin:/usr/bin:/sbin:/bin"

struct run_result {
    int exit_code;        /* 0..255, or 128 + the signal that ended it */
    struct buffer output; /* standard output, at most 1 MiB */
    struct buffer errors; /* standard error, at most 64 KiB; what is over is dropped */
};

struct run_options {
    int64_t timeout_ms; /* then SIGTERM, and SIGKILL 2 s later; 0 means 60 s */
    /*
     * A descriptor the child inherits, or -1. The session's lock goes here: a child that outlives a killed
     * azilr keeps the session locked until it has finished changing the host.
     */
    int inherit_fd;
    /*
     * A process of azilr's holds inherit_fd, instead of the program, until that has ended: for one that closes what it
     * inherits, as LVM's do (lvm2, tools/lvmcmdline.c), or puts something into the background that would keep it.
     */
    int guard_inherited;
    /* Ends the child when a signal asks azilr to stop. Otherwise the child, which is changing the host, may
     * finish. */
    int interruptible;
    /*
     * For a child whose cost somebody else decides: so many bytes of address space (setrlimit(2), RLIMIT_AS), less of
     * the processors than all others, and the first to go when the host runs out of memory. 0 for none of it.
     */
    uint64_t memory_limit;
    /*
     * Runs as this person, or NULL for azilr's own user: with HOME, USER and LOGNAME of theirs, and if they are another
     * than azilr's user, with their groups only, without a way back (no_new_privs), and in a session of its own, from
     * which azilr's terminal cannot be written to. Borrowed.
     */
    const struct person *person;
    /* More of the child's environment: "NAME=value", NULL-terminated, at most RUN_MAX_ENVIRONMENT; or NULL. Borrowed.
     */
    const char *const *environment;
    /* Standard output is a secret: it is wiped with the result, and never quoted. */
    int secret_output;
    /*
     * What the child reads on its standard input, to the byte, at most RUN_MAX_INPUT of them; NULL for nothing. The way
     * to hand it a secret: it is in no file and no argument. Borrowed.
     */
    const struct buffer *input;
};

#define RUN_MAX_ENVIRONMENT 16
#define RUN_MAX_INPUT ((size_t)1024 * 1024)

#define RUN_OPTIONS_INIT ((struct run_options){.inherit_fd = -1})

/*
 * Runs argv (NULL-terminated) to its end. options and wait may be NULL. Returns 0 when it ran, whatever its
 * exit code; -1 with err set if it could not be run (EXIT_HOST if it is not installed), took too long
 * (EXIT_FAILED), was interrupted (EXIT_INTERRUPTED) or printed more than the cap. The caller clears *result
 * with run_result_clear().
 */
int run(const char *const argv[], const struct run_options *options, struct wait *wait, struct run_result *result,
        struct error **err);

/* The same, where an exit code other than 0 is an error too (EXIT_FAILED) that quotes standard error. */
int run_checked(const char *const argv[], const struct run_options *options, struct wait *wait, struct error **err);

/* Where the program is on RUN_PATH; NULL if it is not there. The caller frees it. */
char *run_find(const char *name);

/* The program's last words, made printable: its standard error, or else its standard output if that is no secret. The
 * caller frees it. */
char *run_last_words(const struct run_result *result);

void run_result_clear(struct run_result *result);
#define _cleanup_run_result_ _cleanup_(run_result_clear)

#endif
