/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/cloud_error.h"
#include "azure/ilr.h"
#include "azure/url.h"
#include "util/str.h"

/*
 * Where the clients of Azure Backup get their programs from ("Recover files from Azure virtual machine backup", access
 * requirements). A storage account's host (*.blob.core.windows.net) would be anybody's, so none is taken.
 */
static const char DOWNLOADS[] = "https://download.microsoft.com";

bool ilr_script_url_is_allowed(const char *endpoint, const char *url)
{
    return url_same_origin(endpoint, url) || url_same_origin(DOWNLOADS, url);
}

/* Takes the content over, since it may hold a password and is not to be copied about. */
static void take_content(struct client_script *script, struct http_answer *answer)
{
    script->content = answer->body.data;
    script->length = answer->body.length;
    answer->body = BUFFER_INIT(0);
}

static int download(struct arm *arm, struct client_script *script, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_free_ char *host = url_host(script->url);
    _cleanup_free_ char *our_host = url_host(arm_endpoint(arm));

    if (!ilr_script_url_is_allowed(arm_endpoint(arm), script->url)) {
        error_set(err, EXIT_NETWORK,
                  "the service gave an address for the connection script that leads to %s, not to %s or "
                  "download.microsoft.com: refused, nothing was sent there",
                  host, our_host);
        return error_hint(err, "download the script in the portal (File Recovery) and give it with --script");
    }
    if (arm_fetch(arm, script->url, ILR_MAX_SCRIPT, &answer, err) < 0)
        return error_wrap(err, "cannot download the connection script");
    if (answer.body.length == 0)
        return error_set(err, EXIT_NETWORK, "%s answered with an empty connection script", host);
    take_content(script, &answer);
    return 0;
}

int ilr_download_scripts(struct arm *arm, struct client_scripts *scripts, struct error **err)
{
    for (size_t i = 0; i < scripts->count; i++) {
        struct client_script *script = &scripts->list[i];

        if (script->content || !script->url || str_equal_ignoring_case(script->extension, ".exe"))
            continue;
        if (download(arm, script, err) < 0)
            return -1;
    }
    return 0;
}
