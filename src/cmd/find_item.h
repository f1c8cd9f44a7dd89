/* SPDX-License-Identifier: MIT */
/* Which protected machine is meant, out of a name and the options that narrow it. */
#ifndef AZILR_CMD_FIND_ITEM_H
#define AZILR_CMD_FIND_ITEM_H

#include <stdbool.h>

#include "azure/backup.h"
#include "cmd/options.h"

/*
 * Finds the one machine that is meant by vm (its name, or az's full form of an item; NULL for any), --container-name,
 * --item-name and the vault's options. EXIT_NOT_FOUND if there is none (naming those that there are, when they are
 * few); EXIT_AUTH if that may be because nothing could be looked into; EXIT_USAGE with the candidates, each with the
 * options that name it alone, if there are several. Vaults that cannot be read are passed over with a warning. The
 * caller clears *item with backup_item_clear().
 */
int find_item(struct arm *arm, const struct options *options, const char *vm, struct backup_item *item,
              struct error **err);

/* The scope that the options narrow the search to. Borrowed from them. */
struct backup_scope find_scope(const struct options *options);

/* Says on standard error which places could not be looked into. */
void find_warn_of_gaps(const struct backup_gaps *gaps);

/*
 * Whether `name` means this container or item: it has the machine's name, or the full name with or without the kind in
 * front ("VM;iaasvmcontainerv2;group;name" or "iaasvmcontainerv2;group;name"), as the az command takes either. Pure.
 */
bool find_name_means(const char *name, const char *full, const char *friendly);

/* The candidates' list, a line each, with the options that name each alone. Pure. The caller frees it. */
char *find_tell_apart(const struct backup_item *const *candidates, size_t count);

#endif
