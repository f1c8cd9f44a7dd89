/* SPDX-License-Identifier: MIT */
/* Where the clouds are. Pure. */
#ifndef AZILR_AZURE_CLOUD_H
#define AZILR_AZURE_CLOUD_H

#include "util/error.h"

/* The public cloud's Resource Manager and sign-in service (Azure REST reference). */
#define CLOUD_PUBLIC_ENDPOINT "https://management.azure.com"
#define CLOUD_PUBLIC_AUTHORITY "https://login.microsoftonline.com"

/* Where its portals are: see cloud.c. */
#define CLOUD_PUBLIC_PORTAL_DOMAIN "backup.windowsazure.com"

struct cloud {
    const char *name;          /* as --cloud takes it */
    const char *endpoint;      /* Azure Resource Manager */
    const char *authority;     /* Microsoft Entra ID */
    const char *portal_domain; /* below which the iSCSI portals of item level recovery are */
};

/*
 * The cloud of a name: "public", "usgov" or "china", or as the Azure CLI calls them (AzureCloud,
 * AzureUSGovernment, AzureChinaCloud), in any case. EXIT_USAGE, with `what` (the option or variable) in the message,
 * for anything else; NULL then.
 */
const struct cloud *cloud_find(const char *name, const char *what, struct error **err);

/* The cloud whose Resource Manager that is, with a slash behind it or without, in any case; NULL if it is none's. */
const struct cloud *cloud_of_endpoint(const char *endpoint);

#endif
