/* SPDX-License-Identifier: MIT */
/* Plain assignments of literals, in a script of either language. Pure. */
#ifndef AZILR_SCRIPT_ASSIGNMENTS_H
#define AZILR_SCRIPT_ASSIGNMENTS_H

#include <stddef.h>

#include "util/error.h"

enum assignment_language { ASSIGNMENT_PYTHON, ASSIGNMENT_SHELL };

/* One name to look for, and where its value goes (owned by whoever owns the slot; wiped when replaced). */
struct assignment {
    const char *name;
    char **value;
};

/*
 * Looks through a script for lines of which all is one of the names, '=' and one literal: text in quotes that the
 * language would take as it stands, or a bare number or word. Anything else is code, and passed over: the real scripts
 * assign `ilr_params["TargetUserName"]` and `int(sys.argv[4])` to the same names (observed). Indented lines count,
 * since the block of values stands in an `else:` (observed). EXIT_USAGE if a name is given two different values: then
 * there is no telling which is meant.
 */
int assignments_read(const char *text, size_t length, enum assignment_language language,
                     const struct assignment *wanted, size_t count, struct error **err);

#endif
