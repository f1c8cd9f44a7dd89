/* SPDX-License-Identifier: MIT */
/*
 * Errors as values. A function that can fail takes `struct error **err` last, returns 0 or more for success,
 * and a negative value with *err set for failure. Each layer puts in front what it was doing (error_wrap),
 * and main alone prints. err may be NULL where the caller does not want the reason.
 */
#ifndef AZILR_UTIL_ERROR_H
#define AZILR_UTIL_ERROR_H

#include "util/cleanup.h"

/* The program's exit codes, as documented in azilr(8). */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_AUTH = 3,      /* sign-in or permission */
    EXIT_NOT_FOUND = 4, /* no such vault, VM, recovery point, session or file */
    EXIT_NETWORK = 5,   /* network or service */
    EXIT_PARTIAL = 6,   /* mounted, but some volumes could not be */
    EXIT_BUSY = 7,      /* locked, in use, or a session is already there */
    EXIT_HOST = 8,      /* this host lacks something */
    EXIT_INTERRUPTED = 130,
};

struct error {
    enum exit_code code;
    char *message; /* one line, or several where a service said more; safe to print */
    char *hint;    /* what to do next; NULL if nothing useful is known */
    char *details; /* the text of a JSON object with what a program may want to know beside the message; or NULL */
    char *results; /* the text of a JSON object: what the command did get done, for its --json; or NULL */
};

/* Sets *err, which must be NULL before. Returns -1. */
int error_set(struct error **err, enum exit_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and the system's text for errnum (an errno value) appended. Returns -1. */
int error_set_errno(struct error **err, enum exit_code code, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "what was being done: " in front of the message. Returns -1. */
int error_wrap(struct error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says what to do next, unless a deeper layer, which knows more, has said so already. Returns -1. */
int error_hint(struct error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Adds details for a program: json is the text of an object, whose members --json shows inside of "error"; what they
 * mean is between the layer that knows them and azilr(8). Kept from the deepest layer that gives some. Returns -1.
 */
int error_set_details(struct error **err, const char *json);

/* Adds what was done in spite of the error: json is the text of an object, shown beside "error". Returns -1. */
int error_set_results(struct error **err, const char *json);

/* Puts a further text of several lines behind the message, on lines of its own. Returns -1. */
int error_append(struct error **err, const char *text);

/* Puts the hint, if there is one, behind the message, for a place that keeps only that. NULL is fine. */
void error_fold_hint(struct error *error);

/* Hands the error in *from on to *to (frees it where `to` is NULL). Returns -1. */
int error_move(struct error **to, struct error **from);

/* Sets *err, which must be NULL before, to the same as `from`: for a failure that several have to hear of. Returns -1.
 */
int error_set_copy(struct error **err, const struct error *from);

void error_free(struct error *err);

DEFINE_CLEANUP(cleanup_error_ptr, struct error *, error_free);
#define _cleanup_error_ _cleanup_(cleanup_error_ptr)

#endif
