/* SPDX-License-Identifier: MIT */
/*
 * URLs: which host one leads to, and whether a token may go there. Pure. They are taken apart by libcurl's
 * own URL parser, so what is checked here is what is connected to later.
 */
#ifndef AZILR_AZURE_URL_H
#define AZILR_AZURE_URL_H

#include <stdbool.h>

#include "util/error.h"

/*
 * Reads "https://host[:port][/]" and nothing more. `what` names the option in the message (EXIT_USAGE). *base
 * becomes the same without the slash; the caller frees it.
 */
int url_parse_base(const char *text, const char *what, char **base, struct error **err);

/* Whether url is https and leads to the very host and port of base. False for anything that cannot be parsed.
 */
bool url_same_origin(const char *base, const char *url);

/*
 * Takes a URL out of an answer that claims to come from base. Refused (EXIT_NETWORK, naming the foreign host)
 * unless url_same_origin(); `what` says where it stood. *accepted is the URL to ask (spaces encoded); the
 * caller frees it.
 */
int url_accept(const char *base, const char *url, const char *what, char **accepted, struct error **err);

/*
 * Whether url is plain http to a service of this very machine: "localhost", or a loopback (127/8, ::1) or link-local
 * (169.254/16) address in numbers. Only such a one may be asked without TLS.
 */
bool url_is_local(const char *url);

/* "host" or "host:port" of a URL, printable, for messages; "an unreadable URL" if there is none. The caller
 * frees it. */
char *url_host(const char *url);

/* The path of a URL without its query, or NULL if it cannot be parsed. The caller frees it. */
char *url_path(const char *url);

/* Text as one path segment or query value: all but RFC 3986's unreserved characters percent-encoded. Caller
 * frees. */
char *url_encode(const char *text);

#endif
