/* SPDX-License-Identifier: MIT */
#include "cmd/find_item.h"

#include <string.h>

#include "util/log.h"
#include "util/str.h"

/* More names or candidates than this do not help a person. */
enum { MAX_SHOWN = 12 };

struct backup_scope find_scope(const struct options *options)
{
    return (struct backup_scope){
        .subscription = options->subscription, .resource_group = options->resource_group, .vault = options->vault};
}

void find_warn_of_gaps(const struct backup_gaps *gaps)
{
    for (size_t i = 0; i < gaps->count; i++)
        log_warning("%s cannot be looked into: %s", gaps->list[i].where, gaps->list[i].reason);
}

bool find_name_means(const char *name, const char *full, const char *friendly)
{
    const char *kind_end = strchr(full, ';');

    if (!strchr(name, ';'))
        return str_equal_ignoring_case(name, friendly);
    return str_equal_ignoring_case(name, full) || (kind_end && str_equal_ignoring_case(name, kind_end + 1));
}

static bool is_meant(const struct backup_item *item, const struct options *options, const char *vm)
{
    const struct arm_id *id = &item->id;

    return (!vm || find_name_means(vm, id->item, item->name) || find_name_means(vm, id->item, id->vm_name)) &&
           (!options->item || find_name_means(options->item, id->item, item->name) ||
            find_name_means(options->item, id->item, id->vm_name)) &&
           (!options->container || find_name_means(options->container, id->container, item->name) ||
            find_name_means(options->container, id->container, id->vm_name));
}

/* --- telling candidates apart --- */

/* In the order in which a person would rather give them. */
static const char *const option_names[] = {"--vault-name", "--resource-group", "--container-name", "--subscription"};
enum { OPTION_COUNT = sizeof(option_names) / sizeof(option_names[0]) };

static const char *value_of(const struct backup_item *item, int option)
{
    const struct arm_id *id = &item->id;
    const char *const values[OPTION_COUNT] = {id->vault, id->resource_group, id->container, id->subscription};

    return values[option];
}

/* Whether these options (a bit each) leave no other candidate. */
static bool names_alone(const struct backup_item *const *candidates, size_t count, size_t which, unsigned options)
{
    for (size_t i = 0; i < count; i++) {
        bool same = i != which;

        for (int option = 0; option < OPTION_COUNT && same; option++)
            if (options & 1U << option)
                same = str_equal_ignoring_case(value_of(candidates[i], option), value_of(candidates[which], option));
        if (same)
            return false;
    }
    return true;
}

/* As few options as do it, the more convenient ones first; all of them if none do. */
static unsigned choose_options(const struct backup_item *const *candidates, size_t count, size_t which)
{
    for (int size = 1; size < OPTION_COUNT; size++)
        for (unsigned options = 1; options < 1U << OPTION_COUNT; options++)
            if (__builtin_popcount(options) == size && names_alone(candidates, count, which, options))
                return options;
    return (1U << OPTION_COUNT) - 1;
}

static void append(char **text, const char *separator, const char *more)
{
    char *longer = str_printf("%s%s%s", *text ? *text : "", *text ? separator : "", more);

    free(*text);
    *text = longer;
}

static char *option_text(const struct backup_item *item, int option)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *value = value_of(item, option);
    /* an id's parts have no quotes in them (arm_id.c) */
    const char *quote = str_only(value, plain) ? "" : "'";

    return str_printf("%s %s%s%s", option_names[option], quote, value, quote);
}

char *find_tell_apart(const struct backup_item *const *candidates, size_t count)
{
    char *text = NULL;

    for (size_t i = 0; i < count && i < MAX_SHOWN; i++) {
        unsigned options = choose_options(candidates, count, i);
        _cleanup_free_ char *line = NULL;

        for (int option = 0; option < OPTION_COUNT; option++) {
            _cleanup_free_ char *one = options & 1U << option ? option_text(candidates[i], option) : NULL;

            if (one)
                append(&line, " ", one);
        }
        append(&text, "\n  ", line);
    }
    if (count > MAX_SHOWN)
        append(&text, "\n  ", "…");
    return text ? text : str_dup("");
}

/* --- what went wrong --- */

static int several(const struct backup_item *const *candidates, size_t count, struct error **err)
{
    _cleanup_free_ char *list = find_tell_apart(candidates, count);

    error_set(err, EXIT_USAGE, "%zu backups are of a machine named %s:\n  %s", count, candidates[0]->name, list);
    return error_hint(err, "give the options that stand beside the one that is meant");
}

/* "\"web01\"", or the options that were given in its place. */
static char *describe(const struct options *options, const char *vm)
{
    const char *name = vm ? vm : options->item ? options->item : options->container;

    return name ? str_printable(name, strlen(name), 100) : str_dup("");
}

static char *names_of(const struct backup_items *items)
{
    char *names = NULL;

    for (size_t i = 0; i < items->count && i < MAX_SHOWN; i++)
        append(&names, ", ", items->list[i].name);
    if (items->count > MAX_SHOWN)
        append(&names, ", ", "…");
    return names ? names : str_dup("");
}

static int none(const struct options *options, const char *vm, const struct backup_items *items,
                const struct backup_gaps *gaps, struct error **err)
{
    enum exit_code code = gaps->count && !gaps->looked_into ? backup_gaps_code(gaps) : EXIT_NOT_FOUND;
    _cleanup_free_ char *name = describe(options, vm), *names = names_of(items);
    _cleanup_free_ char *unseen =
        gaps->count ? str_printf(" (%zu %s could not be looked into)", gaps->count,
                                 gaps->count == 1 ? "place that was warned of" : "places that were warned of")
                    : str_dup("");
    _cleanup_free_ char *where = options->vault ? str_printf("vault %s protects", options->vault)
                                                : str_dup("the vaults that this identity can see protect");

    if (items->count == 0)
        error_set(err, code, "%s no Azure VM%s", where, unseen);
    else
        error_set(err, code, "%s no Azure VM named \"%s\"%s; there %s: %s", where, name, unseen,
                  items->count == 1 ? "is" : "are", names);
    if (code != EXIT_NOT_FOUND)
        backup_gaps_explain(gaps, err);
    return error_hint(err, "check the name, and --vault-name, --resource-group (the vault's, not the machine's) and "
                           "--subscription where they are set");
}

int find_item(struct arm *arm, const struct options *options, const char *vm, struct backup_item *item,
              struct error **err)
{
    const struct backup_scope scope = find_scope(options);
    _cleanup_backup_items_ struct backup_items items = {0};
    _cleanup_backup_gaps_ struct backup_gaps gaps = {0};
    _cleanup_free_ const struct backup_item **candidates = NULL;
    size_t count = 0;

    memset(item, 0, sizeof(*item));
    if (backup_list_items(arm, &scope, &items, &gaps, err) < 0)
        return -1;
    find_warn_of_gaps(&gaps);
    candidates = xcalloc(items.count, sizeof(struct backup_item *));
    for (size_t i = 0; i < items.count; i++)
        if (is_meant(&items.list[i], options, vm))
            candidates[count++] = &items.list[i];
    if (count == 0)
        return none(options, vm, &items, &gaps, err);
    if (count > 1)
        return several(candidates, count, err);
    for (size_t i = 0; i < items.count; i++) {
        if (candidates[0] != &items.list[i])
            continue;
        *item = items.list[i];
        items.list[i] = (struct backup_item){0};
    }
    return 0;
}
