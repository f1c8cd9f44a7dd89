/* SPDX-License-Identifier: MIT */
/* The device authorization grant's answers; for its credential and for tests. */
#ifndef AZILR_AZURE_CREDENTIAL_DEVICE_H
#define AZILR_AZURE_CREDENTIAL_DEVICE_H

#include "azure/credential-internal.h"

struct device_code {
    char *code;         /* secret: what is polled with */
    char *user_code;    /* what the person types; printable */
    char *page;         /* where; https, printable */
    int64_t interval_s; /* between polls */
    int64_t lifetime_s;
};

/* Reads an answer of the device authorization end point (RFC 8628, 3.2), checked and with limits on its numbers.
 * EXIT_NETWORK. The caller clears *code with device_code_clear() in any case. */
int device_code_parse(const char *host, const struct http_answer *answer, struct device_code *code, struct error **err);
void device_code_clear(struct device_code *code);

/* What a poll's refusal says (RFC 8628, 3.5, and the names that Entra has for the same). Where the service has trouble
 * (5xx, 408, 429) it is to be polled less often, as that section has it for connections that time out. */
enum device_poll { DEVICE_PENDING, DEVICE_SLOW_DOWN, DEVICE_DENIED, DEVICE_EXPIRED, DEVICE_FAILED };
enum device_poll device_poll_outcome(const struct http_answer *answer);

#endif
