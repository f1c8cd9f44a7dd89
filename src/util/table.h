/* SPDX-License-Identifier: MIT */
/* A table of text for a person: columns as wide as they must be on a terminal, whatever the letters. */
#ifndef AZILR_UTIL_TABLE_H
#define AZILR_UTIL_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "util/cleanup.h"

struct table {
    size_t columns;
    char **cells;   /* row by row */
    size_t count;   /* of cells */
    unsigned right; /* the columns whose cells stand at the right, a bit each */
};

/* A table with these titles, which are its first row. */
void table_open(struct table *table, const char *const *titles, size_t columns);

/* Has the cells of that column (under 32) stand at its right, as numbers do. */
void table_align_right(struct table *table, size_t column);

/* Adds the next cell, row by row; NULL or "" is shown as "-". The text is copied and made printable. */
void table_add(struct table *table, const char *text);

/* Prints all whole rows, with two blanks between columns and none at the end of a line. */
void table_print(const struct table *table, FILE *to);

void table_clear(struct table *table);
#define _cleanup_table_ _cleanup_(table_clear)

/*
 * How many columns of a terminal printable UTF-8 text takes: two for wide letters, none for combining ones. Counts one
 * a character where the C library has no C.UTF-8 locale.
 */
size_t table_width(const char *text);

#endif
