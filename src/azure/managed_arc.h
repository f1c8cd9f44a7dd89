/* SPDX-License-Identifier: MIT */
/*
 * The managed identity of a machine that Azure Arc has connected. Its agent gives tokens on loopback, to whoever can
 * read a file that it names in a challenge (Azure Arc documentation, "Authenticate against Azure resources with Azure
 * Arc-enabled servers").
 */
#ifndef AZILR_AZURE_MANAGED_ARC_H
#define AZILR_AZURE_MANAGED_ARC_H

#include "azure/credential-internal.h"

/* Where the agent puts the challenge's files (the same documentation; linuxTokenPath of managed_arc.c's source). */
#define MANAGED_ARC_FOLDER "/var/opt/azcmagent/tokens"

/*
 * Whether this machine has the agent: *url becomes where it answers (the caller frees it), or NULL. The variables
 * IDENTITY_ENDPOINT and IMDS_ENDPOINT say so or, where sudo has dropped them, the agent's program does.
 * EXIT_USAGE for a variable that leads off this machine.
 */
int managed_arc_find(char **url, struct error **err);

/*
 * Takes the file's path out of a challenge (WWW-Authenticate). Pure. EXIT_AUTH unless it is a name ending in ".key"
 * right below folder: the agent's word alone must not make azilr read any other file and send it off. The caller frees
 * *path.
 */
int managed_arc_key_path(const char *challenge, const char *folder, char **path, struct error **err);

/*
 * Gets a token: 0, -1, or CREDENTIAL_UNAVAILABLE if the agent does not answer or refuses, or this user may not read its
 * file. folder holds the challenge's files.
 */
int managed_arc_fetch(struct http *http, const char *url, const char *folder, struct wait *wait,
                      struct credential_token *token, struct error **err);

#endif
