/* SPDX-License-Identifier: MIT */
/* Token requests to Microsoft Entra ID (the v2.0 end points of the Microsoft identity platform; RFC 6749). */
#ifndef AZILR_AZURE_OAUTH_H
#define AZILR_AZURE_OAUTH_H

#include "azure/credential-internal.h"

struct oauth {
    struct http *http;
    char *host;      /* for messages */
    char *token_url; /* also the audience of a client's assertion */
    char *device_url;
    char *client;
    char *scope;
};

#define OAUTH_FORM_INIT ((struct buffer){.max = 65536, .secret = true})
/* Of a token that proves the client instead of a secret (RFC 7523, 2.2). */
#define OAUTH_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/*
 * Prepares requests of an application in a tenant; nothing is sent. EXIT_USAGE for ids that cannot be ones, and for
 * an unsuitable authority or endpoint. The caller clears *oauth with oauth_clear() in any case.
 */
int oauth_open(struct oauth *oauth, const struct credential_options *options, const char *tenant, const char *client,
               struct error **err);
void oauth_clear(struct oauth *oauth);

/* Appends a field to a form that began as OAUTH_FORM_INIT. EXIT_AUTH if it is too long for one. */
int oauth_add(struct buffer *form, const char *name, const char *value, struct error **err);

/* Posts the form and gives the answer, whatever its status; transient failures are retried. The caller clears
 * *answer in any case. */
int oauth_post(const struct oauth *oauth, const char *url, const struct buffer *form, struct wait *wait,
               struct http_answer *answer, struct error **err);

/* The same without a retry, for what is asked again and again anyhow, and no more often than agreed. */
int oauth_post_once(const struct oauth *oauth, const char *url, const struct buffer *form, struct wait *wait,
                    struct http_answer *answer, struct error **err);

/* Adds client and scope to the form, posts it to the token end point and takes the token out of the answer. */
int oauth_request_token(const struct oauth *oauth, struct buffer *form, struct wait *wait,
                        struct credential_token *token, struct error **err);

#endif
