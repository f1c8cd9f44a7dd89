/* SPDX-License-Identifier: MIT */
#include "iscsi/targets.h"

#include <stdlib.h>
#include <string.h>

#include "iscsi/iscsiadm.h"
#include "util/str.h"

/* What may stand between the shared parts of two names: the number of a target, one digit as far as observed. */
static const size_t MAX_NUMBER = 3;

void targets_add(struct targets *targets, const char *name)
{
    targets->names = xreallocarray(targets->names, targets->count + 1, sizeof(*targets->names));
    targets->names[targets->count++] = str_dup(name);
}

void targets_clear(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        free(targets->names[i]);
    free(targets->names);
    *targets = (struct targets){0};
}

static bool holds(const struct targets *targets, const char *name)
{
    for (size_t i = 0; i < targets->count; i++)
        if (str_equal(targets->names[i], name))
            return true;
    return false;
}

static int add_line(const char *line, size_t length, struct targets *targets, struct error **err)
{
    const char *blank = memchr(line, ' ', length);
    _cleanup_free_ char *name = blank ? str_ndup(blank + 1, length - (size_t)(blank + 1 - line)) : NULL;

    if (!name)
        return 0;
    if (iscsi_check_name(name, NULL) < 0) {
        _cleanup_free_ char *shown = str_printable(name, strlen(name), 100);

        return error_set(err, EXIT_NETWORK, "the portal shows a target whose name is none: \"%s\"", shown);
    }
    /* a target is shown once for each of its addresses */
    if (holds(targets, name))
        return 0;
    if (targets->count == TARGETS_MAX)
        return error_set(err, EXIT_NETWORK, "the portal shows more than %d targets", TARGETS_MAX);
    targets_add(targets, name);
    return 0;
}

int targets_parse(const char *text, struct targets *targets, struct error **err)
{
    *targets = (struct targets){0};
    while (*text) {
        size_t length = strcspn(text, "\n");

        if (add_line(text, length, targets, err) < 0)
            return -1;
        text += length + (text[length] == '\n');
    }
    return 0;
}

static bool any_is_marked(const struct targets *shown, const char *mark)
{
    for (size_t i = 0; i < shown->count; i++)
        if (strcasestr(shown->names[i], mark))
            return true;
    return false;
}

/* Whether `name` is `target` but for the number in front of the last dot. */
static bool is_sibling(const char *name, const char *target)
{
    const char *sequence = strrchr(target, '.');
    size_t shared = sequence && sequence > target ? (size_t)(sequence - target) - 1 : 0;
    size_t length = strlen(name), tail = sequence ? strlen(sequence) : 0;
    size_t number = length > shared + tail ? length - shared - tail : 0;

    if (!shared || number == 0 || number > MAX_NUMBER || strncmp(name, target, shared) != 0 ||
        !str_equal(name + length - tail, sequence))
        return false;
    return strspn(name + shared, "0123456789") == number;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* That the names before a first one come behind the last: the script names the first group of disks. */
static void begin_with(struct targets *targets, const char *first)
{
    char **names = xcalloc(targets->count, sizeof(*names));
    size_t start = 0;

    while (start < targets->count && strcmp(targets->names[start], first) < 0)
        start++;
    for (size_t i = 0; i < targets->count; i++)
        names[i] = targets->names[(start + i) % targets->count];
    free(targets->names);
    targets->names = names;
}

enum targets_state targets_choose(const struct targets *shown, const char *target, bool several, struct targets *ours)
{
    *ours = (struct targets){0};
    if (any_is_marked(shown, "blocked"))
        return TARGETS_BLOCKED;
    if (any_is_marked(shown, "-notready"))
        return TARGETS_PREPARING;
    for (size_t i = 0; i < shown->count; i++)
        if (str_equal(shown->names[i], target) || (several && is_sibling(shown->names[i], target)))
            targets_add(ours, shown->names[i]);
    if (ours->count == 0)
        return TARGETS_MISSING;
    qsort(ours->names, ours->count, sizeof(*ours->names), compare_names);
    begin_with(ours, target);
    return TARGETS_READY;
}
