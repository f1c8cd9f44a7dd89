/* SPDX-License-Identifier: MIT */
/*
 * Faults on demand, in a test build of azilr only: each call that changes the host is wrapped at link time (ld's
 * --wrap; the objects are those of the program itself) and is a point. README.md tells of the variables that choose
 * one.
 */
#ifndef AZILR_TESTS_FAULT_H
#define AZILR_TESTS_FAULT_H

#include <stdbool.h>
#include <sys/types.h>

/* What a call at a point is to do. The signals before a call have been sent when fault_meet() returns. */
enum fault {
    FAULT_NONE,        /* just the call */
    FAULT_FAIL,        /* not the call; a failure */
    FAULT_DO_AND_FAIL, /* the call, and then a failure all the same */
    FAULT_HANG,        /* not the call; it takes longer than azilr waits */
    FAULT_DO_AND_HANG, /* the call, which then takes longer than azilr waits */
    FAULT_KILL_AFTER,  /* the call, and SIGKILL */
    FAULT_KILL_DURING, /* SIGKILL while a child does the work */
    FAULT_INT_AFTER,   /* the call, and SIGINT */
};

/* Enters a point, named after what is about to be called, on what. Numbers of the run are left out of the name. */
enum fault fault_meet(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves it. Keeps errno. */
void fault_leave(enum fault fault);

/* Points within a call that is a point itself do not count, in this thread, until the same with false. */
void fault_ignore(bool ignore);

/*
 * Around a call of azilr's that has a child of its own do something, and waits for it: what is met there counts here
 * too. Not in two threads at once.
 */
void fault_share(void);
void fault_unshare(void);

/* In that child, whose descriptors may be closed: the signals of a point are for azilr, which started it. */
void fault_enter_child(pid_t azilr);

/* The variables that choose a point, for a program that azilr runs as a part of itself: NULL-terminated. */
char *const *fault_variables(void);

/* The file that points are recorded in; NULL for none. */
const char *fault_record(void);

/* Whether time is to pass quickly here, because another process of azilr hangs. */
bool fault_hurries(void);

/* Whether the call that hangs is one that azilr makes in a child of its own. */
bool fault_hangs_in_child(void);

#endif
