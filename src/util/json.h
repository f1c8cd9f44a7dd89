/* SPDX-License-Identifier: MIT */
/* JSON through cJSON: reading what is hostile, building what is ours. */
#ifndef AZILR_UTIL_JSON_H
#define AZILR_UTIL_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/cleanup.h"
#include "util/error.h"

DEFINE_CLEANUP(cleanup_json_ptr, cJSON *, cJSON_Delete);
#define _cleanup_json_ _cleanup_(cleanup_json_ptr)

/*
 * Parses one whole document of at most 32 levels and 1,000,000 values, which take about 100 bytes of memory each beside
 * their text; anything behind it but white space is an error. `what` names the document in the message. Returns NULL
 * with err set (EXIT_FAILED); the caller deletes the result.
 */
cJSON *json_parse(const char *text, size_t length, const char *what, struct error **err);

/* Members by exact name. NULL or the default if the object is NULL, or the member missing or of another type.
 */
const cJSON *json_object(const cJSON *object, const char *name);
const cJSON *json_array(const cJSON *object, const char *name);
const char *json_string(const cJSON *object, const char *name); /* owned by the document */
bool json_bool(const cJSON *object, const char *name, bool missing);
double json_number(const cJSON *object, const char *name, double missing);
int json_whole(const cJSON *object, const char *name, int min, int max, int missing); /* a whole number of [min, max] */

/* Building: these never fail (see util/str.h). A NULL string becomes null. */
cJSON *json_new_object(void);
cJSON *json_new_array(void);
void json_set_string(cJSON *object, const char *name, const char *value);
void json_set_number(cJSON *object, const char *name, double value);
void json_set_device(cJSON *object, dev_t number); /* a device's number, as its members "major" and "minor" */
void json_set_bool(cJSON *object, const char *name, bool value);
cJSON *json_set_object(cJSON *object, const char *name); /* adds an empty one; owned by `object` */
cJSON *json_set_array(cJSON *object, const char *name);
void json_append(cJSON *array, cJSON *item); /* the array owns item from now on */

/* Sets a text, or puts it behind the one that is there: "first; second". */
void json_add_text(cJSON *object, const char *name, const char *text);

/*
 * Replaces each text and each name that is not UTF-8, which JSON must be (RFC 8259, 8.1), by its printable form. What
 * came from a backup or a service may be anything; what is our own to read again, a path above all, is better left as
 * it is.
 */
void json_make_valid(cJSON *document);

/* The text of a document that a command gives as its result, which is made valid for that. The caller frees it. */
char *json_result(cJSON *document);

/* The text of a document, indented for people or on one line. The caller frees it. */
char *json_text(const cJSON *document, bool indented);

#endif
