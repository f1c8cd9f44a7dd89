/* SPDX-License-Identifier: MIT */
/*
 * Calls to Azure Resource Manager: JSON over HTTPS with a bearer token that goes to this one host and port
 * and nowhere else. A 401 leads to one new sign-in; 429, 503 and broken connections are retried as
 * azure/retry.h says. Errors of the service are as azure/cloud_error.h describes.
 */
#ifndef AZILR_AZURE_ARM_H
#define AZILR_AZURE_ARM_H

#include <stdbool.h>

#include "azure/cloud.h"
#include "azure/credential.h"
#include "azure/http.h"
#include "azure/retry.h"
#include "util/json.h"
#include "util/wait.h"

struct arm;

struct arm_options {
    const char *endpoint;          /* https://host[:port]; NULL means CLOUD_PUBLIC_ENDPOINT */
    const char *ca_file;           /* as for http_open() */
    struct credential *credential; /* borrowed */
    struct wait *wait;             /* borrowed; may be NULL */
};

/* EXIT_USAGE for an unsuitable endpoint. Nothing is sent yet. The caller frees *arm. */
int arm_open(const struct arm_options *options, struct arm **arm, struct error **err);
void arm_free(struct arm *arm);

/* The endpoint in use, without a slash at the end; owned by arm. */
const char *arm_endpoint(const struct arm *arm);

/* Whether the last call was never made since there was no token for it: then no other can be made either. */
bool arm_has_no_token(const struct arm *arm);

/* What the calls from now on are interrupted by; taking down needs another one than building up. */
void arm_set_wait(struct arm *arm, struct wait *wait);
struct wait *arm_get_wait(const struct arm *arm);

/* The URL of a resource's id (and an action below it, or NULL) with its query; filter may be NULL. Caller
 * frees. */
char *arm_url(const struct arm *arm, const char *id, const char *action, const char *api_version, const char *filter);

struct arm_call {
    const char *url;
    const cJSON *body; /* of a POST; NULL for an empty one */
    bool post;
    bool secret;     /* the answer holds secrets: wiped, never quoted, up to 12 MiB */
    size_t max_body; /* bytes that the answer may have; 0 for http.h's default */
    enum retry retry;
};

/*
 * Makes a call: 0 with the answer if its status is a 2xx, else -1. EXIT_NETWORK, with nothing sent, for a URL
 * that leads to another host. *answer is to be cleared with http_answer_clear() in any case; after a failure
 * its status (0 for none), body, `sent` and `unsure` can still be looked at.
 */
int arm_call(struct arm *arm, const struct arm_call *call, struct http_answer *answer, struct error **err);

/*
 * A GET without a token, which no redirect leads astray: 0 with a 200, whose body of at most max_body bytes is wiped
 * when let go of; EXIT_NETWORK for any other answer. The caller has checked where url leads. *answer is to be cleared
 * in any case.
 */
int arm_fetch(struct arm *arm, const char *url, size_t max_body, struct http_answer *answer, struct error **err);

/* The JSON object in an answer. EXIT_NETWORK for anything else. The caller deletes *json (secret_json_free()
 * if secret). */
int arm_parse(struct arm *arm, const struct http_answer *answer, cJSON **json, struct error **err);

/* A GET of a resource. The caller deletes *json. */
int arm_get(struct arm *arm, const char *id, const char *api_version, cJSON **json, struct error **err);

/*
 * A list, page after page by nextLink (each on this very host): calls each() with every object of "value" until
 * that returns other than 0, which ends the list and is returned if negative. EXIT_NETWORK for a list that is longer
 * than any that Azure has (2,000 pages, 100,000 objects, or 32 MiB in one page).
 */
int arm_list(struct arm *arm, const char *id, const char *action, const char *api_version, const char *filter,
             int (*each)(const cJSON *element, void *argument, struct error **err), void *argument, struct error **err);

DEFINE_CLEANUP(cleanup_arm_ptr, struct arm *, arm_free);
#define _cleanup_arm_ _cleanup_(cleanup_arm_ptr)

#endif
