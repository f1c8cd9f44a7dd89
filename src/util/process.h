/* SPDX-License-Identifier: MIT */
/* Who a process is. A pid alone is used again after a while; a pid with its start time is not. */
#ifndef AZILR_UTIL_PROCESS_H
#define AZILR_UTIL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Start time in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)); 0 if there is no such process.
 */
unsigned long long process_start_time(pid_t pid);

/* Whether that very process still runs (a zombie does not). */
bool process_is_running(pid_t pid, unsigned long long start_time);

/*
 * Ends that very process: SIGTERM, and SIGKILL after grace_ms. Returns 1 if it ran and is gone now, 0 if it
 * was gone already, -1 if it is still there.
 */
int process_end(pid_t pid, unsigned long long start_time, int grace_ms);

/* Values of oom_score_adj (proc(5)): others go before what the host is the worse for without; and what goes first. */
#define PROCESS_SPARED "-500"
#define PROCESS_FIRST_TO_GO "1000"

/*
 * Gives the calling process, and its children, such a score, if that is allowed. Safe after fork() in a process with
 * threads.
 */
void process_set_oom_score(const char *score);

#endif
