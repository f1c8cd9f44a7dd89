/* SPDX-License-Identifier: MIT */
/*
 * The name of a script: "{vm}_{geo}_{resource}_{12 digits}_{secrets}" with or without an extension. Pure. secrets are
 * 32 hex digits (the guid of the user name), the password (cut out of what the portal lets a person download) and the
 * initiator's secret. "largedisk_0_" may stand before it all, and "_1" behind the VM (observed).
 */
#ifndef AZILR_SCRIPT_NAME_H
#define AZILR_SCRIPT_NAME_H

/* What a name tells; all owned, NULL where it does not. */
struct script_name {
    char *machine;
    char *region;
    char *guid_digits;
    char *password;         /* wiped when freed */
    char *initiator_secret; /* wiped when freed */
    char *extension;        /* ".py" */
};

/* Takes out of a name what is there. A name that a person has changed just tells less. */
void script_name_read(const char *text, struct script_name *name);
void script_name_clear(struct script_name *name);

#endif
