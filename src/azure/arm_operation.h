/* SPDX-License-Identifier: MIT */
/*
 * Long-running operations of Resource Manager (Azure REST reference, "Track asynchronous operations"): a POST
 * that is answered by 202 and the address of a status to poll, in Azure-AsyncOperation or else in Location.
 */
#ifndef AZILR_AZURE_ARM_OPERATION_H
#define AZILR_AZURE_ARM_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "azure/arm.h"

struct arm_operation {
    char *url;              /* where to poll; NULL if it was done at once */
    char *id;               /* last part of the address: letters, digits, "-", "_", at most 128; NULL if unknown */
    bool by_location;       /* Location's form: 202 while running, then 200 or 204 */
    bool secret;            /* the status holds secrets */
    int64_t retry_after_ms; /* -1 if the service named no interval */
    /* For arm_operation_is_unknown(): by clock_monotonic_ms(), 0 for never. */
    int64_t started_ms; /* when it began; 0 too where that is long ago, as for one that was recorded */
    int64_t missed_ms;  /* when it was first answered by 404, without another answer since */
    int64_t doubt_ms;   /* ARM_OPERATION_DOUBT_MS if 0 */
};

/* Resource Manager's copies may be some seconds apart: a 404 about what is younger than the second may be wrong. */
#define ARM_OPERATION_DOUBT_MS ((int64_t)10 * 1000)
#define ARM_OPERATION_YOUNG_MS ((int64_t)120 * 1000)

/*
 * Posts to an action of a resource. secret: the result will hold some. retry: RETRY_UNSENT where doing it
 * twice would do harm. After a failure, arm_operation_may_have_begun() tells from *answer whether the service may have
 * begun nevertheless. The caller clears *operation with arm_operation_clear(), and *answer.
 */
int arm_operation_start(struct arm *arm, const char *id, const char *action, const char *api_version, const cJSON *body,
                        bool secret, enum retry retry, struct arm_operation *operation, struct http_answer *answer,
                        struct error **err);

/* After a failed start: whether the service may have begun nevertheless. The answer was lost, or it failed
 * midway. */
bool arm_operation_may_have_begun(const struct http_answer *answer);

/*
 * Polls until the operation has ended, for 30 minutes at most, or until arm's wait says so. *status is its
 * last status document, or NULL where there is none; the caller deletes it (secret_json_free() if secret).
 * EXIT_NETWORK if it failed, was cancelled or took too long; EXIT_NOT_FOUND if the service does not know it.
 */
int arm_operation_wait(struct arm *arm, struct arm_operation *operation, cJSON **status, struct error **err);

/*
 * Asks once, without waiting: 1 if the operation has ended, whatever came of it, or is not known to the service (any
 * more); 0 if it runs, or may yet come to be known; -1 if that could not be found out.
 */
int arm_operation_has_ended(struct arm *arm, struct arm_operation *operation, struct error **err);

/*
 * Whether a 404 about the operation, at now_ms, is to be believed: of one that has just begun only if it was answered
 * so before, doubt_ms or more ago. Notes it for the next time. Pure.
 */
bool arm_operation_is_unknown(struct arm_operation *operation, int64_t now_ms);

void arm_operation_clear(struct arm_operation *operation);

/*
 * Milliseconds to let pass before poll number `poll` (from 0). Real operations end within 2 s though
 * Retry-After says 60: the first polls come early and grow by 2.2, so that an operation of 1.5 s is noticed
 * after 2.3 s and one of 60 s takes 6 polls; Retry-After is how seldom it gets. Without it (-1) that is 30 s, what
 * Azure's own libraries wait between any two polls then (azure-mgmt-core for Python, ARMPolling): rarely more than 6
 * polls for 60 s here too.
 */
int64_t arm_operation_delay_ms(int poll, int64_t retry_after_ms);

/* The same as arm_operation_wait() takes it: up to a tenth longer, so that hosts that began together do not go on so,
 * and never shorter than Retry-After where that is the delay. */
int64_t arm_operation_pause_ms(int poll, int64_t retry_after_ms);

enum arm_operation_state { ARM_OPERATION_RUNNING, ARM_OPERATION_SUCCEEDED, ARM_OPERATION_FAILED };

/* What a "status" means. Names that are not known, and there may be new ones, mean that it still runs. */
enum arm_operation_state arm_operation_state(const char *status);

/* The id in an operation's address, or NULL if there is none that could be one. The caller frees it. */
char *arm_operation_id(const char *url);

#define _cleanup_arm_operation_ _cleanup_(arm_operation_clear)

#endif
