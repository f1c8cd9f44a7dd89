/* SPDX-License-Identifier: MIT */
/* Opening LUKS and BitLocker volumes, read-only, through cryptsetup. */
#ifndef AZILR_VOLUME_CRYPT_H
#define AZILR_VOLUME_CRYPT_H

#include <stdbool.h>

#include "util/buffer.h"
#include "util/error.h"
#include "util/wait.h"
#include "volume/crypt_room.h"

/* As long as a key file may be. */
#define CRYPT_MAX_KEY ((size_t)1024 * 1024)

/* Whether libblkid's name for what a device holds is one of those that can be opened here. */
bool crypt_is_known(const char *type);

/*
 * Reads a key file whole, to the byte. Only its owner may have access to it (EXIT_USAGE). The caller clears *key, which
 * is wiped.
 */
int crypt_read_key(const char *path, struct buffer *key, struct error **err);

/* All borrowed. */
struct crypt_wish {
    const char *device, *type; /* as libblkid calls that */
    const struct buffer *key;
    const char *name;
    int lock_fd;             /* for the child to inherit, as in struct run_options */
    struct crypt_room *room; /* shared by all that are tried at the same time */
};

/*
 * Opens the device as /dev/mapper/NAME, whose path *path becomes; the caller frees it. The
 * key is a passphrase (BitLocker: or the recovery password of 48 digits with its dashes, or a startup key's .BEK file),
 * to the byte; it is handed over on standard input. A BitLocker password that is not all ASCII is taken for wrong by
 * cryptsetup (it hashes more than the password, seen in 2.6); such a volume opens with its recovery password. Enter the
 * name in the undo list first: a signal or the time limit ends it at any moment. Returns 1 if it is open, 0 if it is
 * not the key; -1 with err set: EXIT_HOST if cryptsetup is not there or this host has too little memory for the key's
 * derivation. Threads may call it at the same time.
 */
int crypt_open(const struct crypt_wish *wish, struct wait *wait, char **path, struct error **err);

#endif
