/* SPDX-License-Identifier: MIT */
/* Opening LUKS and BitLocker volumes, read-only, through cryptsetup. */
#ifndef AZILR_VOLUME_CRYPT_H
#define AZILR_VOLUME_CRYPT_H

#include <stdbool.h>

#include "util/buffer.h"
#include "util/error.h"
#include "util/wait.h"

/* As long as a key file may be. */
#define CRYPT_MAX_KEY ((size_t)1024 * 1024)

/* Whether libblkid's name for what a device holds is one of those that can be opened here. */
bool crypt_is_known(const char *type);

/*
 * Reads a key file whole, to the byte. Only its owner may have access to it (EXIT_USAGE). The caller clears *key, which
 * is wiped.
 */
int crypt_read_key(const char *path, struct buffer *key, struct error **err);

/*
 * Opens the device of that type (libblkid's) as /dev/mapper/NAME, whose path *path becomes; the caller frees it. The
 * key is a passphrase (BitLocker: or the recovery password of 48 digits with its dashes, or a startup key's .BEK file),
 * to the byte; it is handed over on standard input. A BitLocker password that is not all ASCII is taken for wrong by
 * cryptsetup (it hashes more than the password, seen in 2.6); such a volume opens with its recovery password. Enter the
 * name in the undo list first. Returns 1 if it is open, 0 if it is not the key; -1 with err set: EXIT_HOST if
 * cryptsetup is not there or this host has too little memory for the key's derivation. lock_fd is for the child to
 * inherit, as in struct run_options.
 */
int crypt_open(const char *device, const char *type, const struct buffer *key, const char *name, int lock_fd,
               struct wait *wait, char **path, struct error **err);

#endif
