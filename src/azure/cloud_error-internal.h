/* SPDX-License-Identifier: MIT */
/* What the files of cloud_error share: one error body (CloudErrorBody, untrusted) as text, as JSON, and as advice. */
#ifndef AZILR_AZURE_CLOUD_ERROR_INTERNAL_H
#define AZILR_AZURE_CLOUD_ERROR_INTERNAL_H

#include "util/buffer.h"
#include "util/json.h"

/* Caps on what an answer may put on a person's screen, or into a document. */
enum {
    CLOUD_ERROR_MAX_DEPTH = 6,     /* of details in details */
    CLOUD_ERROR_MAX_ENTRIES = 24,  /* details and additionalInfo together */
    CLOUD_ERROR_MAX_TEXT = 1500,   /* bytes of one text */
    CLOUD_ERROR_MAX_EXCERPT = 300, /* bytes of what has no known shape */
    CLOUD_ERROR_MAX_SIZE = 16384,  /* bytes of the whole message */
};

/* Appends text, as far as there is room. */
void cloud_error_add(struct buffer *to, const char *text);

/* Begins a new line, indented by so many steps. */
void cloud_error_new_line(struct buffer *to, int indent);

/* Appends untrusted text of one or more lines, made safe, the further ones indented. */
void cloud_error_add_text(struct buffer *to, int indent, const char *text);

/* Whether a body may be a sentence of a gateway, rather than JSON, whole or cut, or something binary. Pure. */
bool cloud_error_is_prose(const char *body);

/*
 * A copy with "***" for whatever may be a secret: what stands between blanks and is long, or has 12 bytes or more of
 * which some are not those of a word. The passwords of scripts have 15, tokens hundreds. Pure. The caller frees it.
 */
char *cloud_error_mask(const char *text);

/* Appends a body and all that hangs below it: code, message, target, details, additionalInfo. */
void cloud_error_add_body(struct buffer *to, const cJSON *body);

/* Sets code, message, target, details and additionalInfo of `into` from a body: the same tree, capped and made safe. */
void cloud_error_copy_body(const cJSON *body, cJSON *into);

/*
 * What to do about a body (the first of it and its details that something is known of), about a code alone (the sign-in
 * service's), or else about an HTTP status (0 for none); body and code may be NULL. NULL if nothing is known. The
 * caller frees it.
 */
char *cloud_error_advice(const cJSON *body, const char *code, int status);

#endif
