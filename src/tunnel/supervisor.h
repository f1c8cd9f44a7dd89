/* SPDX-License-Identifier: MIT */
/* A parent that starts the relaying process again when it crashes, where no systemd does that. */
#ifndef AZILR_TUNNEL_SUPERVISOR_H
#define AZILR_TUNNEL_SUPERVISOR_H

/*
 * An exit code that asks to be started again, EX_TEMPFAIL of sysexits(3): systemd, for which it is none of those that
 * end a tunnel for good (unit.c), heeds it likewise.
 */
enum { SUPERVISE_AGAIN = 75 };

/*
 * Runs work(argument) in a child, with what this process has open, and again when a signal ends the child, or it ends
 * with SUPERVISE_AGAIN. A child that ends otherwise has its reasons, and so does who sends this process SIGTERM, SIGINT
 * or SIGHUP, which it hands on.
 * Returns the exit code of the last child; the child never returns. The child dies with this process. For a process
 * with one thread.
 */
int supervise(int (*work)(void *argument), void *argument);

#endif
