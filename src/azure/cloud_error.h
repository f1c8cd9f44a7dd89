/* SPDX-License-Identifier: MIT */
/*
 * What Azure says when it refuses, for a person; and for a program, in the error's details, as the object "azure"
 * that azilr(8) describes under JSON. Pure. Shapes: CloudError and CloudErrorBody (Azure common
 * types:
 * {"error":{code, message, target, details[], additionalInfo[]}}), the OAuth error of RFC 6749, 5.2, which
 * the sign-in service answers with, and whatever a gateway makes up (HTML, nothing at all).
 */
#ifndef AZILR_AZURE_CLOUD_ERROR_H
#define AZILR_AZURE_CLOUD_ERROR_H

#include "azure/http.h"
#include "util/error.h"
#include "util/json.h"

/*
 * Sets err from an answer that is no success: the whole error tree (capped), or the status and a safe
 * excerpt, and the request ids that a support case needs. host is who answered. Exit code by status: 401 and
 * 403 EXIT_AUTH, 404 EXIT_NOT_FOUND, all else EXIT_NETWORK. Returns -1.
 */
int cloud_error_set(const char *host, const struct http_answer *answer, struct error **err);

/*
 * The same for the answer of a place to sign in at: whatever the shape, a 4xx is EXIT_AUTH, since it says nothing of
 * what the person wanted to find there; but 408 and 429, and all else, EXIT_NETWORK.
 */
int cloud_error_set_sign_in(const char *host, const struct http_answer *answer, struct error **err);

/*
 * The same for an operation that was accepted and then ended badly: status is its status document, ids those
 * of the answer that carried it (may be NULL). EXIT_NETWORK. Returns -1.
 */
int cloud_error_set_operation(const char *host, const cJSON *status, const struct http_answer *answer,
                              struct error **err);

/* For an answer that ought to be JSON and is not (EXIT_NETWORK), with a safe excerpt. Returns -1. */
int cloud_error_set_unreadable(const char *host, const struct http_answer *answer, const char *why, struct error **err);

/* The HTTP status that such an error came with; 0 for one that no answer was there for. Pure. */
int cloud_error_status(const struct error *err);

/* Whether such an error has this top-level code, in any case. Pure. */
bool cloud_error_has_code(const struct error *err, const char *code);

/* The top-level error code of an answer ("ResourceNotFound"), or NULL. The caller frees it. */
char *cloud_error_code(const struct http_answer *answer);

#endif
