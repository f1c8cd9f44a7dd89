/* SPDX-License-Identifier: MIT */
/* Where the clouds are. */
#ifndef AZILR_AZURE_CLOUD_H
#define AZILR_AZURE_CLOUD_H

/* The public cloud's Resource Manager and sign-in service (Azure REST reference). */
#define CLOUD_PUBLIC_ENDPOINT "https://management.azure.com"
#define CLOUD_PUBLIC_AUTHORITY "https://login.microsoftonline.com"

#endif
