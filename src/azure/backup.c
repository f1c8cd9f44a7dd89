/* SPDX-License-Identifier: MIT */
#include "azure/backup.h"

#include <stdarg.h>
#include <string.h>

#include "azure/backup-internal.h"
#include "azure/cloud_error.h"
#include "util/str.h"

void backup_gaps_clear(struct backup_gaps *gaps)
{
    for (size_t i = 0; i < gaps->count; i++) {
        free(gaps->list[i].where);
        free(gaps->list[i].reason);
    }
    free(gaps->list);
    error_free(gaps->first);
    memset(gaps, 0, sizeof(*gaps));
}

void backup_gaps_add(struct backup_gaps *gaps, struct error **err, const char *format, ...)
{
    struct backup_gap gap = {.reason = str_ndup((*err)->message, strcspn((*err)->message, "\n"))};
    va_list args;

    va_start(args, format);
    gap.where = str_vprintf(format, args);
    va_end(args);
    gaps->list = xgrow(gaps->list, gaps->count, sizeof(*gaps->list));
    gaps->list[gaps->count++] = gap;
    if (gaps->first)
        error_free(steal(*err));
    else
        gaps->first = steal(*err);
}

enum exit_code backup_gaps_code(const struct backup_gaps *gaps)
{
    return gaps->first && gaps->first->code == EXIT_NETWORK ? EXIT_NETWORK : EXIT_AUTH;
}

int backup_gaps_explain(const struct backup_gaps *gaps, struct error **err)
{
    const struct error *first = gaps->first;

    if (!first || !err || !*err)
        return -1;
    error_append(err, first->message);
    if (first->hint)
        error_hint(err, "%s", first->hint);
    if (first->details)
        error_set_details(err, first->details);
    return -1;
}

char *backup_copy_string(const cJSON *object, const char *name)
{
    const char *value = json_string(object, name);

    return value && *value ? str_printable(value, strlen(value), 256) : NULL;
}

bool backup_may_pass_over(const struct arm *arm, const struct error *err)
{
    return !arm_has_no_token(arm) &&
           (err->code == EXIT_AUTH || err->code == EXIT_NOT_FOUND || cloud_error_status(err) >= 400);
}
