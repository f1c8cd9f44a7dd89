/* SPDX-License-Identifier: MIT */
/*
 * Connection details out of the script that Azure generates, and out of its name. The script is data from the network:
 * a few known assignments of literal values are read, nothing is ever run, and every value is checked. Pure.
 */
#ifndef AZILR_SCRIPT_SCRIPT_H
#define AZILR_SCRIPT_SCRIPT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define SCRIPT_MAX_SIZE (1024 * 1024) /* bytes; real ones have about 60 KiB */

enum script_format { SCRIPT_PY, SCRIPT_SH, SCRIPT_TXT };

/* All strings are owned. */
struct connection {
    enum script_format format;
    char *portal_host;
    int portal_port;
    char *target;    /* IQN */
    char *chap_user; /* TargetUserName; see script_chap_user() */
    char *vm;        /* VMName, "iaasvmcontainerv2;{rg};{vm}"; NULL if not given */
    char *machine;   /* MachineName; NULL if not given */
    char *script_id; /* NULL if not given */
    bool multi_target;
    bool private_endpoint;
    bool large_disk;
    bool secret_known;      /* password is set */
    char *password;         /* wiped when freed */
    char *initiator_secret; /* for mutual CHAP, which only Windows does; NULL if not given; wiped when freed */
};

/*
 * Reads a script. name is its file name or the API's scriptNameSuffix, which may hold the password, and for a Windows
 * VM's .txt also the region; NULL for none. portal_domain is the cloud's (struct cloud), in which the portal of a .txt
 * is, since it names none itself. EXIT_USAGE if it is no connection script, or a cut one: the message names what is
 * missing or wrong. The caller clears *connection with connection_clear(), in any case.
 */
int script_parse(const char *text, size_t length, const char *name, const char *portal_domain,
                 struct connection *connection, struct error **err);

/*
 * Whether the portal is in one of Azure Backup's domains (public documentation); EXIT_USAGE otherwise. Whoever could
 * name another portal could hand this host a file system made to attack it.
 */
int script_check_portal_domain(const struct connection *connection, struct error **err);

/* Takes the password that the portal showed a person. EXIT_USAGE if it cannot be one: they have 15 characters. */
int connection_set_password(struct connection *connection, const char *password, struct error **err);

/*
 * The CHAP user name to log in with: "{OS name};{version};{TargetUserName}". The target knows a handful of OS names; a
 * host of another kind is given that of its nearest relative. The arguments are os-release(5)'s ID, ID_LIKE and
 * VERSION_ID, each of which may be NULL. The caller frees the result.
 */
char *script_chap_user(const struct connection *connection, const char *os_id, const char *os_id_like,
                       const char *version_id);

/* What can be told of it, without any secret; the members are documented in azilr(8). The caller deletes it. */
cJSON *connection_to_json(const struct connection *connection);

void connection_clear(struct connection *connection);
#define _cleanup_connection_ _cleanup_(connection_clear)

#endif
