/* SPDX-License-Identifier: MIT */
#include "azure/cloud.h"

#include <string.h>

#include "util/str.h"

/* Endpoints: `az cloud list` and Microsoft's page "Compare Azure Government and global Azure"; portals: the
 * network requirements of file recovery in Azure Backup's documentation. */
static const struct {
    struct cloud cloud;
    const char *cli_name;
} clouds[] = {
    {{"public", CLOUD_PUBLIC_ENDPOINT, CLOUD_PUBLIC_AUTHORITY, CLOUD_PUBLIC_PORTAL_DOMAIN}, "AzureCloud"},
    {{"usgov", "https://management.usgovcloudapi.net", "https://login.microsoftonline.us", "backup.windowsazure.us"},
     "AzureUSGovernment"},
    {{"china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn", "backup.windowsazure.cn"},
     "AzureChinaCloud"},
};

const struct cloud *cloud_find(const char *name, const char *what, struct error **err)
{
    _cleanup_free_ char *safe = str_printable(name, strlen(name), 60);

    for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
        if (str_equal_ignoring_case(name, clouds[i].cloud.name) || str_equal_ignoring_case(name, clouds[i].cli_name))
            return &clouds[i].cloud;
    }
    error_set(err, EXIT_USAGE, "%s knows no cloud \"%s\"", what, safe);
    error_hint(err, "it is public, usgov or china; for another, give --endpoint and --authority");
    return NULL;
}

const struct cloud *cloud_of_endpoint(const char *endpoint)
{
    _cleanup_free_ char *bare = str_dup(endpoint);

    if (str_ends_with(bare, "/"))
        bare[strlen(bare) - 1] = '\0';
    for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++) {
        if (str_equal_ignoring_case(bare, clouds[i].cloud.endpoint))
            return &clouds[i].cloud;
    }
    return NULL;
}
