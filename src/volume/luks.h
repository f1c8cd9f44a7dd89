/* SPDX-License-Identifier: MIT */
/*
 * The header of a LUKS 2 volume, as far as it says what trying a key costs this host: whoever made the volume decided
 * that, and cryptsetup does as it is told. Reads it and changes nothing; every byte of it may be hostile.
 */
#ifndef AZILR_VOLUME_LUKS_H
#define AZILR_VOLUME_LUKS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes of memory that deriving a key for the most demanding keyslot takes; 0 for what is no such header, is damaged,
 * or takes none worth speaking of (PBKDF2, LUKS 1, BitLocker). UINT64_MAX for a number beyond all reason.
 */
uint64_t luks_memory(const char *device);

/* The same of the JSON text in such a header, which may end at its first NUL. Pure. */
uint64_t luks_memory_of_text(const char *text, size_t length);

#endif
