/* SPDX-License-Identifier: MIT */
#include "script/script.h"

#include <ctype.h>
#include <string.h>

#include "script/assignments.h"
#include "script/fields.h"
#include "script/name.h"
#include "util/buffer.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/str.h"

/* What stands in a script for a password that is not in it (observed). */
static const char PASSWORD_ELSEWHERE[] = "UserInput012345";

/* The values as they stand in the script; owned, NULL where it has none. */
struct raw {
    char *vm, *machine, *host, *port, *target, *user, *password, *initiator_secret, *script_id;
    char *multi_target, *private_endpoint, *large_disk;
};

static void raw_clear(struct raw *raw)
{
    char **const plain[] = {&raw->vm,         &raw->machine,  &raw->host,         &raw->port,
                            &raw->target,     &raw->user,     &raw->multi_target, &raw->private_endpoint,
                            &raw->large_disk, &raw->script_id};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        free(*plain[i]);
    secret_free(raw->password);
    secret_free(raw->initiator_secret);
}

static int read_assignments(const char *text, size_t length, enum script_format format, struct raw *raw,
                            struct error **err)
{
    const struct assignment wanted[] = {
        {"VMName", &raw->vm},
        {"MachineName", &raw->machine},
        {"TargetPortalAddress", &raw->host},
        {"TargetPortalPortNumber", &raw->port},
        {"TargetNodeAddress", &raw->target},
        {"TargetUserName", &raw->user},
        {"TargetPassword", &raw->password},
        {"InitiatorChapPassword", &raw->initiator_secret},
        {"ScriptId", &raw->script_id},
        {"IsMultiTarget", &raw->multi_target},
        {"IsPEEnabled", &raw->private_endpoint},
        {"IsLargeDisk", &raw->large_disk},
    };

    return assignments_read(text, length, format == SCRIPT_SH ? ASSIGNMENT_SHELL : ASSIGNMENT_PYTHON, wanted,
                            sizeof(wanted) / sizeof(wanted[0]), err);
}

/* What follows `key` up to a comma or the end of the line, without blanks around it. The caller frees it; NULL if none.
 */
static char *txt_value(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    size_t length;

    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " =");
    length = strcspn(at, ",\r\n");
    while (length && at[length - 1] == ' ')
        length--;
    return length ? str_ndup(at, length) : NULL;
}

/* A Windows VM's first entry: one line, whose portal follows from the region in the name and the cloud. */
static int read_txt(const char *text, const struct script_name *name, const char *portal_domain, struct raw *raw,
                    struct error **err)
{
    _cleanup_free_ char *resource = txt_value(text, ",Name=");
    _cleanup_free_ char *sequence = txt_value(text, "Sequence");

    raw->user = txt_value(text, "User - ");
    if (resource && sequence && field_is_number(sequence))
        raw->target = str_printf("iqn.2016-01.microsoft.azure.backup:%s.%s", resource, sequence);
    if (!name->region)
        return error_set(err, EXIT_USAGE, "the region is not in its name, and without it the portal is not known");
    raw->host = str_printf("pod01-rec2.%s.%s", name->region, portal_domain);
    raw->port = str_dup("3260");
    if (name->machine)
        raw->machine = str_dup(name->machine);
    return 0;
}

static enum script_format find_format(const char *text, const struct script_name *name)
{
    _cleanup_free_ char *first_line = str_ndup(text, strcspn(text, "\r\n"));

    if (str_starts_with(text, "User - ") || str_equal(name->extension, ".txt"))
        return SCRIPT_TXT;
    if (str_starts_with(first_line, "#!"))
        return strstr(first_line, "python") ? SCRIPT_PY : SCRIPT_SH;
    if (str_equal(name->extension, ".sh"))
        return SCRIPT_SH;
    return SCRIPT_PY;
}

/* All that is missing at once, since a cut file misses much. */
static int check_complete(const struct raw *raw, struct error **err)
{
    const struct {
        const char *name, *value;
    } needed[] = {{"TargetPortalAddress", raw->host},
                  {"TargetPortalPortNumber", raw->port},
                  {"TargetNodeAddress", raw->target},
                  {"TargetUserName", raw->user}};
    _cleanup_buffer_ struct buffer missing = BUFFER_INIT(200);

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (!needed[i].value) {
            if (missing.length)
                buffer_append(&missing, ", ", 2);
            buffer_append(&missing, needed[i].name, strlen(needed[i].name));
        }
    if (!missing.length)
        return 0;
    error_set(err, EXIT_USAGE, "it is no connection script of Azure Backup, or only a part of one: it has no %s",
              buffer_text(&missing));
    return error_hint(err, "download the script again, and leave the file as it is");
}

/* Moves a value on if it has the right form. A wrong one is never shown: it may be a piece of a secret. */
static int take(const char *what, char **from, bool (*is_valid)(const char *), char **to, struct error **err)
{
    if (!*from)
        return 0;
    if (!is_valid(*from))
        return error_set(err, EXIT_USAGE, "its %s has not the form of one", what);
    *to = steal(*from);
    return 0;
}

static int take_flag(const char *what, const char *value, bool *flag, struct error **err)
{
    int is_set = value ? field_boolean(value) : 0;

    if (is_set < 0)
        return error_set(err, EXIT_USAGE, "its %s is neither true nor false", what);
    *flag = is_set == 1;
    return 0;
}

static int take_all(struct raw *raw, struct connection *connection, struct error **err)
{
    long port = 0;

    if (check_complete(raw, err) < 0 ||
        take("TargetPortalAddress", &raw->host, field_is_host, &connection->portal_host, err) < 0 ||
        take("TargetNodeAddress", &raw->target, field_is_iqn, &connection->target, err) < 0 ||
        take("TargetUserName", &raw->user, field_is_user, &connection->chap_user, err) < 0 ||
        take("VMName", &raw->vm, field_is_name, &connection->vm, err) < 0 ||
        take("MachineName", &raw->machine, field_is_name, &connection->machine, err) < 0 ||
        take("ScriptId", &raw->script_id, field_is_guid, &connection->script_id, err) < 0 ||
        take_flag("IsMultiTarget", raw->multi_target, &connection->multi_target, err) < 0 ||
        take_flag("IsPEEnabled", raw->private_endpoint, &connection->private_endpoint, err) < 0 ||
        take_flag("IsLargeDisk", raw->large_disk, &connection->large_disk, err) < 0)
        return -1;
    if (str_to_long(raw->port, 1, 65535, &port) < 0)
        return error_set(err, EXIT_USAGE, "its TargetPortalPortNumber is not a port");
    connection->portal_port = (int)port;
    if (strcasestr(connection->portal_host, ".privatelink."))
        connection->private_endpoint = true;
    return 0;
}

/* Whether the 32 digits in the name are the guid of the user name: else they are two scripts' name and content. */
static bool belongs(const char *guid_digits, const char *user)
{
    const char *guid = user + strlen(user) - 36;
    size_t at = 0;

    for (; *guid; guid++)
        if (*guid != '-' && (*guid | 0x20) != (guid_digits[at++] | 0x20))
            return false;
    return true;
}

static int take_secrets(struct raw *raw, struct script_name *name, struct connection *connection, struct error **err)
{
    if (name->guid_digits && !belongs(name->guid_digits, connection->chap_user)) {
        error_set(err, EXIT_USAGE, "its name belongs to another script: the user's guid differs");
        return error_hint(err, "give it back the name that it was downloaded with");
    }
    if (raw->password && !str_equal(raw->password, PASSWORD_ELSEWHERE)) {
        if (take("TargetPassword", &raw->password, field_is_password, &connection->password, err) < 0)
            return -1;
    } else {
        connection->password = steal(name->password);
    }
    connection->secret_known = connection->password != NULL;
    if (raw->initiator_secret && field_is_initiator_secret(raw->initiator_secret))
        connection->initiator_secret = steal(raw->initiator_secret);
    else
        connection->initiator_secret = steal(name->initiator_secret);
    return 0;
}

int script_parse(const char *text, size_t length, const char *name_text, const char *portal_domain,
                 struct connection *connection, struct error **err)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    _cleanup_(script_name_clear) struct script_name name = {0};
    _cleanup_(raw_clear) struct raw raw = {0};
    _cleanup_secret_ char *copy = NULL;
    int result;

    *connection = (struct connection){0};
    if (length > SCRIPT_MAX_SIZE)
        return error_set(err, EXIT_USAGE, "it has %zu bytes, and a connection script has at most %d", length,
                         SCRIPT_MAX_SIZE);
    if (memchr(text, '\0', length))
        return error_set(err, EXIT_USAGE, "it is no text");
    if (length >= sizeof(byte_order_mark) - 1 && memcmp(text, byte_order_mark, sizeof(byte_order_mark) - 1) == 0) {
        text += sizeof(byte_order_mark) - 1;
        length -= sizeof(byte_order_mark) - 1;
    }
    copy = str_ndup(text, length);
    if (name_text)
        script_name_read(name_text, &name);
    connection->format = find_format(copy, &name);
    if (connection->format == SCRIPT_TXT)
        result = read_txt(copy, &name, portal_domain, &raw, err);
    else
        result = read_assignments(copy, length, connection->format, &raw, err);
    if (result < 0 || take_all(&raw, connection, err) < 0 || take_secrets(&raw, &name, connection, err) < 0)
        return -1;
    return 0;
}

int script_check_portal_domain(const struct connection *connection, struct error **err)
{
    static const char *const domains[] = {".backup.windowsazure.com", ".backup.windowsazure.cn",
                                          ".backup.windowsazure.us", ".backup.windowsazure.de"};
    _cleanup_free_ char *host = str_dup(connection->portal_host);

    for (char *at = host; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
        if (str_ends_with(host, domains[i]))
            return 0;
    error_set(err, EXIT_USAGE, "its portal %s is in none of Azure Backup's domains", connection->portal_host);
    return error_hint(err, "do not use this script unless you know where it comes from");
}

int connection_set_password(struct connection *connection, const char *password, struct error **err)
{
    if (!field_is_password(password))
        return error_set(err, EXIT_USAGE, "that is no password of a script: they have %d characters and no blanks",
                         FIELD_PASSWORD_LENGTH);
    secret_free(connection->password);
    connection->password = str_dup(password);
    connection->secret_known = true;
    return 0;
}

cJSON *connection_to_json(const struct connection *connection)
{
    static const char *const formats[] = {[SCRIPT_PY] = "py", [SCRIPT_SH] = "sh", [SCRIPT_TXT] = "txt"};
    cJSON *object = json_new_object();

    json_set_string(object, "format", formats[connection->format]);
    json_set_string(object, "portal", connection->portal_host);
    json_set_number(object, "port", connection->portal_port);
    json_set_string(object, "target", connection->target);
    json_set_string(object, "user", connection->chap_user);
    json_set_string(object, "vm", connection->vm);
    json_set_string(object, "machine", connection->machine);
    json_set_string(object, "script_id", connection->script_id);
    json_set_bool(object, "multi_target", connection->multi_target);
    json_set_bool(object, "private_endpoint", connection->private_endpoint);
    json_set_bool(object, "large_disk", connection->large_disk);
    json_set_bool(object, "secret_known", connection->secret_known);
    return object;
}

void connection_clear(struct connection *connection)
{
    free(connection->portal_host);
    free(connection->target);
    free(connection->chap_user);
    free(connection->vm);
    free(connection->machine);
    free(connection->script_id);
    secret_free(connection->password);
    secret_free(connection->initiator_secret);
    *connection = (struct connection){0};
}
