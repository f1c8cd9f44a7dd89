/* SPDX-License-Identifier: MIT */
/* What the files of http share, and its tests use. */
#ifndef AZILR_AZURE_HTTP_INTERNAL_H
#define AZILR_AZURE_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "azure/http.h"

/* Keeps a header line ("Name: value", with or without line end) if it is one of those that are kept. */
void http_answer_add_header(struct http_answer *answer, const char *line, size_t length);

/*
 * Puts libcurl's result into words. reason is its own text (may be ""), refused says why azilr itself cut the
 * answer off, or is NULL. Sets answer->transient. Returns -1.
 */
int http_explain(CURL *easy, CURLcode result, const char *reason, const char *refused, const char *url,
                 struct http_answer *answer, struct error **err);

/* Overwrites in the answer what it repeats of the request's secrets: whoever answers may, and messages quote answers.
 */
void http_redact_answer(const struct http_request *request, struct http_answer *answer);

/* Has the TLS library wipe its copies of answers, where it is OpenSSL; tokens come in them. Best effort. */
void http_wipe_plaintext(CURL *easy);

#endif
