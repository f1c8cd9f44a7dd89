/* SPDX-License-Identifier: MIT */
/* How the drivers print their results: one JSON document, which the tests read. */
#ifndef AZILR_TESTS_PRINT_H
#define AZILR_TESTS_PRINT_H

#include "azure/backup.h"

/* Prints the document on a line of standard output. Returns 0. */
int print_document(const cJSON *document);

/* Prints all that is known of a recovery point. Returns 0. */
int print_point(const struct recovery_point *point);

#endif
