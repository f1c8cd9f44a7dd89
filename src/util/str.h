/* SPDX-License-Identifier: MIT */
/*
 * Strings and small allocations. These never return NULL: a host that cannot give a few bytes ends the
 * process, which is as safe as kill -9, since the undo list on disk is what cleans up. Anything sized by
 * untrusted input goes through util/buffer.h, which has caps.
 */
#ifndef AZILR_UTIL_STR_H
#define AZILR_UTIL_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));
void *xreallocarray(void *old, size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* A list that holds `count` elements gets room for one more; it grows by doubling, so a long one costs no more each. */
void *xgrow(void *list, size_t count, size_t size) __attribute__((returns_nonnull, warn_unused_result));

/* All return memory that the caller frees. */
char *str_dup(const char *text) __attribute__((returns_nonnull, warn_unused_result));
char *str_ndup(const char *text, size_t length) __attribute__((returns_nonnull, warn_unused_result));
char *str_printf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull, warn_unused_result));
char *str_vprintf(const char *format, va_list args)
    __attribute__((format(printf, 1, 0), returns_nonnull, warn_unused_result));

/*
 * A copy of untrusted text that is safe on a terminal and in a log: control bytes, and bytes that are not
 * UTF-8, become \xHH, and what is past `max` bytes of input becomes "…".
 */
char *str_printable(const char *text, size_t length, size_t max) __attribute__((returns_nonnull, warn_unused_result));

/* Whether text is UTF-8 that str_printable() leaves as it is. */
bool str_is_printable(const char *text);

/* Whether text is well-formed UTF-8 (RFC 3629), control characters or not. */
bool str_is_utf8(const char *text);

/* Puts a character in the place of each byte that str_printable() would write as \xHH. */
void str_replace_unprintable(char *text, char with);

/* How many characters UTF-8 text has. */
size_t str_count_characters(const char *text);

bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);
bool str_equal(const char *a, const char *b);               /* NULL equals only NULL */
bool str_equal_ignoring_case(const char *a, const char *b); /* ASCII; NULL equals only NULL */

/* Whether every character of text is in `allowed`; false for the empty string. */
bool str_only(const char *text, const char *allowed);

/* Reads a whole decimal number of [min, max]. Returns 0, or -1 if text is anything else. */
int str_to_long(const char *text, long min, long max, long *number);

/* Reads a size in bytes: a whole number, and perhaps K, M, G or T for that power of 1024. Returns 0, or -1. */
int str_to_size(const char *text, uint64_t *size);

#endif
