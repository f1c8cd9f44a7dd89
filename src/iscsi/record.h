/* SPDX-License-Identifier: MIT */
/*
 * open-iscsi's node record files. iscsiadm can only be given a CHAP secret as an argument, where every user
 * of the host can read it in /proc; so azilr lets iscsiadm make the record, and puts the settings into its
 * file (mode 0600) itself. The format, "key = value" lines between "# BEGIN RECORD" and "# END RECORD", is
 * what `iscsiadm -o show` prints.
 */
#ifndef AZILR_ISCSI_RECORD_H
#define AZILR_ISCSI_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buffer.h"
#include "util/error.h"

struct record_setting {
    const char *key;
    const char *value; /* NULL takes the key out, so that open-iscsi's own default (mostly: none) holds */
};

/*
 * A record's text with the settings in place: each key once. Pure. EXIT_FAILED if text is no record,
 * EXIT_USAGE if a value holds a line end. *changed is made secret, and is cleared by the caller.
 */
int record_edit(const char *text, const struct record_setting *settings, size_t count, struct buffer *changed,
                struct error **err);

/*
 * Finds the file of the record of `target` through `iface`, under any of open-iscsi's database directories
 * (/etc/iscsi/nodes on Debian 12, /var/lib/iscsi/nodes elsewhere). Returns its path, which the caller frees,
 * or NULL with err set (EXIT_HOST).
 */
char *record_find(const char *target, const char *iface, struct error **err);

/*
 * Removes what is no whole record below `target`: what an edit that was killed half-way has left for `iface`, a file
 * that iscsiadm does not know of, with the secret in it; and what iscsiadm was writing when the power failed, since it
 * writes its files in place and does not sync them (open-iscsi, usr/idbm.c and usr/iface.c). Best effort.
 */
void record_remove_leftovers(const char *target, const char *iface);

/*
 * Removes what iscsiadm, told to delete it, has left of the record of `target` through `iface`, and directories in
 * which there was to be one; and the same for an iface.
 */
int record_remove(const char *target, const char *iface, struct error **err);
int record_remove_iface(const char *iface, struct error **err);

/* Whether there is a record of that iface. iscsiadm is not asked: any answer but yes could be a failure of its own. */
bool record_has_iface(const char *iface);

/* Edits that file: replaced at once, mode 0600, synced. */
int record_edit_file(const char *path, const struct record_setting *settings, size_t count, struct error **err);

#endif
