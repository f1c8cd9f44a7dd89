/* SPDX-License-Identifier: MIT */
#include "script/name.h"

#include <string.h>
#include <strings.h>

#include "script/fields.h"
#include "util/secret.h"
#include "util/str.h"

/* Cuts a known extension off and keeps it. Others may be part of a password. */
static void take_extension(char *text, struct script_name *name)
{
    static const char *const known[] = {".py", ".sh", ".txt", ".exe"};
    char *dot = strrchr(text, '.');

    for (size_t i = 0; dot && i < sizeof(known) / sizeof(known[0]); i++)
        if (strcasecmp(dot, known[i]) == 0) {
            name->extension = str_dup(known[i]);
            *dot = '\0';
            return;
        }
}

/* Cuts the last part off and gives it; NULL, with nothing cut, if there is only one. Points into text. */
static char *last_part(char *text)
{
    char *underscore = strrchr(text, '_');

    if (!underscore)
        return NULL;
    *underscore = '\0';
    return underscore + 1;
}

static void take_secrets(const char *text, struct script_name *name)
{
    static const size_t ends = FIELD_GUID_DIGITS + FIELD_INITIATOR_SECRET_LENGTH;
    size_t length = strlen(text);
    _cleanup_secret_ char *password = NULL;

    if (length != ends && length != ends + FIELD_PASSWORD_LENGTH)
        return;
    if (strspn(text, "0123456789abcdefABCDEF") < FIELD_GUID_DIGITS)
        return;
    name->guid_digits = str_ndup(text, FIELD_GUID_DIGITS);
    if (field_is_initiator_secret(text + length - FIELD_INITIATOR_SECRET_LENGTH))
        name->initiator_secret = str_dup(text + length - FIELD_INITIATOR_SECRET_LENGTH);
    if (length == ends)
        return;
    password = str_ndup(text + FIELD_GUID_DIGITS, FIELD_PASSWORD_LENGTH);
    if (field_is_password(password))
        name->password = steal(password);
}

/*
 * What stands before the region: the VM's name, between marks that a flag each has left (observed:
 * "largedisk_0_web01_1"). No VM has an underscore in its name.
 */
static void take_machine(char *text, struct script_name *name)
{
    char *from = text, *underscore;

    if (str_starts_with(from, "largedisk_") && strchr(from + 10, '_'))
        from = strchr(from + 10, '_') + 1;
    underscore = strrchr(from, '_');
    if (underscore && field_is_number(underscore + 1))
        *underscore = '\0';
    if (field_is_name(from))
        name->machine = str_dup(from);
}

void script_name_read(const char *text, struct script_name *name)
{
    _cleanup_secret_ char *copy = str_dup(text);
    const char *secrets, *digits, *resource, *region;

    *name = (struct script_name){0};
    take_extension(copy, name);
    secrets = last_part(copy);
    if (!secrets)
        return;
    take_secrets(secrets, name);
    digits = last_part(copy);
    resource = digits ? last_part(copy) : NULL;
    region = resource ? last_part(copy) : NULL;
    if (region && field_is_number(digits) && field_is_number(resource) && field_is_region(region))
        name->region = str_dup(region);
    if (region)
        take_machine(copy, name);
}

void script_name_clear(struct script_name *name)
{
    free(name->machine);
    free(name->region);
    free(name->guid_digits);
    secret_free(name->password);
    secret_free(name->initiator_secret);
    free(name->extension);
    *name = (struct script_name){0};
}
