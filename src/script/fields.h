/* SPDX-License-Identifier: MIT */
/* The grammar of each value in a script. Pure. */
#ifndef AZILR_SCRIPT_FIELDS_H
#define AZILR_SCRIPT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#define FIELD_PASSWORD_LENGTH 15
#define FIELD_GUID_DIGITS 32
#define FIELD_INITIATOR_SECRET_LENGTH 14

bool field_is_host(const char *text);             /* a DNS name of at least two labels */
bool field_is_iqn(const char *text);              /* "iqn.yyyy-mm.…", at most 223 bytes (RFC 7143, 4.2.7) */
bool field_is_user(const char *text);             /* "{resource}-{guid}" */
bool field_is_guid(const char *text);             /* 8-4-4-4-12 hex digits */
bool field_is_password(const char *text);         /* FIELD_PASSWORD_LENGTH visible ASCII characters */
bool field_is_initiator_secret(const char *text); /* FIELD_INITIATOR_SECRET_LENGTH hex digits */
bool field_is_name(const char *text);   /* a VM's or container's name: visible, no quotes, at most 300 bytes */
bool field_is_region(const char *text); /* "weu": lower case and digits */
bool field_is_number(const char *text); /* digits, at most 40 */

/* 1 for "1", "true", "True"; 0 for "0", "false", "False"; else -1. */
int field_boolean(const char *text);

#endif
