/* SPDX-License-Identifier: MIT */
#include "util/error.h"

#include <stdarg.h>
#include <string.h>

#include "util/str.h"

static void set_message(struct error **err, enum exit_code code, char *message)
{
    struct error *made = xcalloc(1, sizeof(*made));

    made->code = code;
    made->message = message;
    *err = made;
}

int error_set(struct error **err, enum exit_code code, const char *format, ...)
{
    va_list args;

    if (!err)
        return -1;
    va_start(args, format);
    set_message(err, code, str_vprintf(format, args));
    va_end(args);
    return -1;
}

int error_set_errno(struct error **err, enum exit_code code, int errnum, const char *format, ...)
{
    _cleanup_free_ char *what = NULL;
    char text[128];
    va_list args;

    if (!err)
        return -1;
    va_start(args, format);
    what = str_vprintf(format, args);
    va_end(args);
    set_message(err, code, str_printf("%s: %s", what, strerror_r(errnum, text, sizeof(text))));
    return -1;
}

int error_wrap(struct error **err, const char *format, ...)
{
    _cleanup_free_ char *what = NULL;
    _cleanup_free_ char *inner = NULL;
    va_list args;

    if (!err || !*err)
        return -1;
    va_start(args, format);
    what = str_vprintf(format, args);
    va_end(args);
    inner = (*err)->message;
    (*err)->message = str_printf("%s: %s", what, inner);
    return -1;
}

int error_hint(struct error **err, const char *format, ...)
{
    va_list args;

    if (!err || !*err || (*err)->hint)
        return -1;
    va_start(args, format);
    (*err)->hint = str_vprintf(format, args);
    va_end(args);
    return -1;
}

int error_set_details(struct error **err, const char *json)
{
    if (err && *err && !(*err)->details)
        (*err)->details = str_dup(json);
    return -1;
}

int error_set_results(struct error **err, const char *json)
{
    if (err && *err && !(*err)->results)
        (*err)->results = str_dup(json);
    return -1;
}

int error_append(struct error **err, const char *text)
{
    _cleanup_free_ char *before = NULL;

    if (!err || !*err)
        return -1;
    before = (*err)->message;
    (*err)->message = str_printf("%s:\n  %s", before, text);
    return -1;
}

int error_move(struct error **to, struct error **from)
{
    if (to)
        *to = *from;
    else
        error_free(*from);
    *from = NULL;
    return -1;
}

int error_set_copy(struct error **err, const struct error *from)
{
    if (!err)
        return -1;
    set_message(err, from->code, str_dup(from->message));
    (*err)->hint = from->hint ? str_dup(from->hint) : NULL;
    (*err)->details = from->details ? str_dup(from->details) : NULL;
    (*err)->results = from->results ? str_dup(from->results) : NULL;
    return -1;
}

void error_free(struct error *err)
{
    if (!err)
        return;
    free(err->message);
    free(err->hint);
    free(err->details);
    free(err->results);
    free(err);
}

void error_fold_hint(struct error *error)
{
    char *message;

    if (!error || !error->hint)
        return;
    message = str_printf("%s; %s", error->message, error->hint);
    free(error->message);
    error->message = message;
    free(error->hint);
    error->hint = NULL;
}
