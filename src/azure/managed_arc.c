/* SPDX-License-Identifier: MIT */
#include "azure/managed_arc.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure/cloud_error.h"
#include "azure/retry.h"
#include "azure/url.h"
#include "util/secret.h"
#include "util/str.h"

/* Where the agent answers where no variable says so, and its program (Microsoft's authentication library for Go,
 * apps/managedidentity/managedidentity.go: azureArcEndpoint, linuxHimdsPath; azureArcMaxFileSizeBytes is the next). */
static const char DEFAULT_URL[] = "http://127.0.0.1:40342/metadata/identity/oauth2/token";
static const char AGENT[] = "/opt/azcmagent/bin/himds";
/* Larger files are refused. */
static const size_t MAX_KEY = 4096;

int managed_arc_find(char **url, struct error **err)
{
    const char *endpoint = credential_environment("IDENTITY_ENDPOINT");

    *url = NULL;
    /* with IDENTITY_HEADER it is another service's (App Service), which azilr does not run in */
    if (!endpoint || !credential_environment("IMDS_ENDPOINT") || credential_environment("IDENTITY_HEADER")) {
        if (access(AGENT, X_OK) == 0)
            *url = str_dup(DEFAULT_URL);
        return 0;
    }
    if (!url_is_local(endpoint) || strpbrk(endpoint, "?#"))
        return error_set(err, EXIT_USAGE, "IDENTITY_ENDPOINT does not lead to a service of this machine");
    *url = str_dup(endpoint);
    return 0;
}

int managed_arc_key_path(const char *challenge, const char *folder, char **path, struct error **err)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    static const char start[] = "Basic realm=";
    _cleanup_free_ char *safe = str_printable(challenge, strlen(challenge), 200);
    _cleanup_free_ char *text = NULL;
    const char *name;

    if (strncasecmp(challenge, start, strlen(start)) != 0)
        return error_set(err, EXIT_AUTH, "Azure Arc's agent asks for something else than a file: %s", safe);
    challenge += strlen(start);
    text = *challenge == '"' && str_ends_with(challenge + 1, "\"") ? str_ndup(challenge + 1, strlen(challenge) - 2)
                                                                   : str_dup(challenge);
    name = str_starts_with(text, folder) && text[strlen(folder)] == '/' ? text + strlen(folder) + 1 : "";
    if (!str_only(name, alphabet) || name[0] == '.' || !str_ends_with(name, ".key") || strlen(name) > 255)
        return error_set(err, EXIT_AUTH, "Azure Arc's agent names a file that is not one of %s/*.key: %s", folder,
                         safe);
    *path = steal(text);
    return 0;
}

/* Who may not read it is no administrator of the agent, but may be signed in another way. */
static int unreadable(const char *path, int errnum, struct error **err)
{
    error_set_errno(err, EXIT_AUTH, errnum, "cannot read Azure Arc's file %s", path);
    error_hint(err, "root, and the members of the group himds, can");
    return CREDENTIAL_UNAVAILABLE;
}

/* 0, -1, or CREDENTIAL_UNAVAILABLE if the file is not for this user. */
static int read_key(const char *challenge, const char *folder, struct buffer *key, struct error **err)
{
    _cleanup_free_ char *path = NULL;
    struct stat st;

    if (!challenge)
        return error_set(err, EXIT_AUTH, "Azure Arc's agent refuses without saying which file it wants to be read");
    if (managed_arc_key_path(challenge, folder, &path, err) < 0 || !path)
        return -1;
    if (lstat(path, &st) < 0)
        return unreadable(path, errno, err);
    if (!S_ISREG(st.st_mode))
        return error_set(err, EXIT_AUTH, "Azure Arc's file %s is not a plain file", path);
    if (euidaccess(path, R_OK) < 0)
        return unreadable(path, errno, err);
    if (secret_read(path, SECRET_ANY_MODE, key, err) < 0)
        return error_wrap(err, "Azure Arc's file");
    while (key->length && strchr(" \r\n", key->data[key->length - 1]))
        key->data[--key->length] = '\0';
    return credential_check_token(buffer_text(key), path, err);
}

/* An agent that does not give this machine a token (4xx) lets others be tried, as IMDS does; one in trouble does not.
 */
static int refused(const char *host, const struct http_answer *answer, struct error **err)
{
    bool final = answer->status >= 400 && answer->status < 500 && answer->status != 401 && answer->status != 408 &&
                 answer->status != 429;

    cloud_error_set_sign_in(host, answer, err);
    return final ? CREDENTIAL_UNAVAILABLE : -1;
}

int managed_arc_fetch(struct http *http, const char *url, const char *folder, struct wait *wait,
                      struct credential_token *token, struct error **err)
{
    _cleanup_http_answer_ struct http_answer challenge = {0};
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_buffer_ struct buffer key = BUFFER_INIT(MAX_KEY);
    struct http_request request = {.url = url, .local = true, .metadata = true, .secret = true};
    _cleanup_free_ char *host = url_host(url);
    int result;

    if (retry_send(http, &request, RETRY_SAFE, wait, &challenge, err) < 0)
        return wait_check(wait, NULL) < 0 ? -1 : CREDENTIAL_UNAVAILABLE;
    if (challenge.status != 401)
        return refused(host, &challenge, err);
    result = read_key(challenge.headers[HTTP_AUTHENTICATE], folder, &key, err);
    if (result)
        return result;
    request.basic = buffer_text(&key);
    /* a key is good for one request */
    if (retry_send(http, &request, RETRY_UNSENT, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return refused(host, &answer, err);
    return credential_parse_answer(host, &answer, token, err);
}
