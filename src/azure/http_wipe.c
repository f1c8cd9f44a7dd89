/* SPDX-License-Identifier: MIT */
#include <openssl/ssl.h>

#include "azure/http-internal.h"
#include "util/str.h"

static CURLcode on_context(CURL *easy, void *context, void *argument)
{
    (void)easy;
    (void)argument;
    /* SSL_CTX_set_options(3): what was decrypted is wiped as soon as it has been read */
    SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
    return CURLE_OK;
}

void http_wipe_plaintext(CURL *easy)
{
    const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
    _cleanup_free_ char *wanted = str_printf("OpenSSL/%d.", OPENSSL_VERSION_MAJOR);

    /* the context is of another library's making otherwise */
    if (version->ssl_version && str_starts_with(version->ssl_version, wanted))
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
}
