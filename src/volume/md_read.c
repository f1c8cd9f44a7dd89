/* SPDX-License-Identifier: MIT */
/* What mdadm says of devices: asked of all at once, and of each once. */
#include <stdlib.h>

#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/md-internal.h"

static void answer_clear(struct md_answer *answer)
{
    free(answer->device);
    free(answer->exported);
    free(answer->examined);
    error_free(answer->problem);
    *answer = (struct md_answer){0};
}

void md_answers_clear(struct md_answers *answers)
{
    for (size_t i = 0; i < answers->count; i++)
        answer_clear(&answers->items[i]);
    free(answers->items);
    *answers = (struct md_answers){0};
}

static const struct md_answer *answer_of(const struct md_answers *answers, const char *device)
{
    for (size_t i = 0; i < answers->count; i++)
        if (str_equal(answers->items[i].device, device))
            return &answers->items[i];
    return NULL;
}

/* Asks mdadm about the i-th of an array of answers. */
static void ask(void *argument, size_t i, struct wait *wait)
{
    struct md_answer *answer = (struct md_answer *)argument + i;
    const char *const export[] = {"mdadm", "--examine", "--export", "--config=none", answer->device, NULL};
    const char *const show[] = {"mdadm", "--examine", "--config=none", answer->device, NULL};
    _cleanup_run_result_ struct run_result exported = {0}, shown = {0};

    if (md_run(export, MD_READS, wait, &exported, &answer->problem) < 0 || exported.exit_code != 0 ||
        md_run(show, MD_READS, wait, &shown, &answer->problem) < 0)
        return;
    answer->exported = str_dup(buffer_text(&exported.output));
    answer->examined = str_dup(buffer_text(&shown.output));
}

/* Asks about those that are not known yet; one that could not be asked has its reason. */
static int ask_all(const char *const devices[], size_t count, struct md_answers *known, struct wait *wait,
                   struct error **err)
{
    struct md_answers fresh = {.items = xcalloc(count + 1, sizeof(*fresh.items))};
    int result;

    for (size_t i = 0; i < count; i++)
        if (!answer_of(known, devices[i]))
            fresh.items[fresh.count++].device = str_dup(devices[i]);
    result = pool_run(fresh.count, ask, fresh.items, wait, err);
    if (result == 0 && fresh.count) {
        known->items = xreallocarray(known->items, known->count + fresh.count, sizeof(*known->items));
        for (size_t i = 0; i < fresh.count; i++) {
            known->items[known->count++] = fresh.items[i];
            fresh.items[i] = (struct md_answer){0};
        }
    }
    md_answers_clear(&fresh);
    return result;
}

/* Returns 1 if the device has a superblock, 0 if not or if it makes no sense, -1 with err set. */
static int parse(const struct md_answer *answer, struct md_superblock *superblock, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;

    if (answer->problem && answer->problem->code != EXIT_FAILED)
        return error_set_copy(err, answer->problem);
    if (answer->problem)
        log_verbose("%s: %s", answer->device, answer->problem->message);
    if (!answer->exported)
        return 0;
    if (md_parse(answer->exported, answer->examined, superblock, &why) == 0)
        return 1;
    log_verbose("%s: %s", answer->device, why->message);
    return 0;
}

int md_read(const char *const devices[], size_t count, struct md_answers *known, struct md_arrays *arrays,
            struct wait *wait, struct error **err)
{
    _cleanup_free_ const char **members = xcalloc(count + 1, sizeof(*members));
    _cleanup_free_ struct md_superblock *superblocks = xcalloc(count + 1, sizeof(*superblocks));
    size_t found = 0;
    int result;

    *arrays = (struct md_arrays){0};
    if (count > MD_MAX_DEVICES)
        return error_set(err, EXIT_FAILED, "more than %d devices of software RAID", MD_MAX_DEVICES);
    result = ask_all(devices, count, known, wait, err);
    for (size_t i = 0; i < count && result >= 0; i++) {
        result = parse(answer_of(known, devices[i]), &superblocks[found], err);
        if (result > 0)
            members[found++] = devices[i];
    }
    if (result >= 0)
        md_divide(superblocks, found);
    for (size_t i = 0; i < found && result >= 0; i++)
        md_add(arrays, members[i], &superblocks[i]);
    for (size_t i = 0; i < found && result < 0; i++)
        md_superblock_clear(&superblocks[i]);
    md_judge(arrays);
    return result < 0 ? -1 : 0;
}
