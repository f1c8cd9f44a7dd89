/* SPDX-License-Identifier: MIT */
/* Plain assignments of literals, in a script of either language. Pure. */
#ifndef AZILR_SCRIPT_ASSIGNMENTS_H
#define AZILR_SCRIPT_ASSIGNMENTS_H

#include <stddef.h>

#include "util/error.h"

/* One name to look for, and where its value goes (owned by whoever owns the slot; wiped when replaced). */
struct assignment {
    const char *name;
    char **value;
};

/*
 * Looks through a script for lines that begin with one of the names, then '=', then one literal: in double or single
 * quotes, or bare. Indented lines, and values that are anything but a literal, are code and are passed over. EXIT_USAGE
 * if a name is given two different values: then there is no telling which is meant.
 */
int assignments_read(const char *text, size_t length, const struct assignment *wanted, size_t count,
                     struct error **err);

#endif
