/* SPDX-License-Identifier: MIT */
/* Access to a recovery point: from what the person asked for to connection details. mount and renew share it. */
#ifndef AZILR_CMD_PROVISION_H
#define AZILR_CMD_PROVISION_H

#include <stdbool.h>
#include <time.h>

#include "azure/arm.h"
#include "azure/arm_operation.h"
#include "azure/backup.h"
#include "cmd/azure_access.h"
#include "cmd/options.h"
#include "script/script.h"

/* How long a registration lasts, in seconds (Azure Backup documentation, file recovery). */
#define PROVISION_SECONDS ((time_t)12 * 60 * 60)

/* So long past its end an access is gone for certain, whatever the clocks (see session_has_expired()). */
#define PROVISION_CLOCK_MARGIN_S ((time_t)10 * 60)

/* EXIT_USAGE for a --tag, --etag or --location that Resource Manager could not take. Asks nobody. */
int provision_check_options(const struct options *options, struct error **err);

/*
 * Registers initiator_name for the recovery point, or with `renew` renews what is registered for it. Who then has to
 * end it, and when it is to be recorded, is told at ilr_provision_start(); *may_have_begun tells after a failure
 * whether there may be something of ours to undo, or with `renew` whether it may last longer now. The caller clears
 * *operation with arm_operation_clear().
 */
int provision_start(struct arm *arm, const struct options *options, const struct recovery_point *point,
                    const char *initiator_name, bool renew, struct arm_operation *operation, bool *may_have_begun,
                    struct error **err);

/*
 * Whether such a failure is Resource Manager's refusal of the request as it was (400) or as things are (409), which has
 * changed nothing. No public source lists the codes by which it refuses since a session is active, or since none is.
 * Pure.
 */
bool provision_was_refused(const struct error *err);

/*
 * Waits for it, and reads the script into *connection, whose portal is one of Azure's and whose password is known;
 * EXIT_NETWORK for a script that cannot be used, since the service made it. The caller clears *connection with
 * connection_clear(), in any case.
 */
int provision_finish(const struct azure_access *access, const struct recovery_point *point,
                     struct arm_operation *operation, struct connection *connection, struct error **err);

#endif
