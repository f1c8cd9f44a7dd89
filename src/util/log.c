/* SPDX-License-Identifier: MIT */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/str.h"

static struct {
    enum log_level level;
    bool json;
    void (*before)(void *);
    void *argument;
} logger = {.level = LOG_LEVEL_NORMAL};

void log_set_level(enum log_level level)
{
    logger.level = level;
}

enum log_level log_get_level(void)
{
    return logger.level;
}

void log_set_json(bool wanted)
{
    logger.json = wanted;
}

bool log_wants_json(void)
{
    return logger.json;
}

void log_set_before(void (*before)(void *), void *argument)
{
    logger.before = before;
    logger.argument = argument;
}

/* Whatever a message quotes, a file's name too, must not be able to move the cursor or change the title. */
static void put_safely(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        _cleanup_free_ char *line = str_printable(text, length, length);

        fputs(line, stderr);
        text += length;
        if (*text)
            fputc(*text++, stderr);
    }
}

static void print(const char *prefix, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void print(const char *prefix, const char *format, va_list args)
{
    _cleanup_free_ char *text = str_vprintf(format, args);

    /* threads: lines stay whole, and the live line is nobody else's meanwhile */
    flockfile(stderr);
    if (logger.before)
        logger.before(logger.argument);
    fprintf(stderr, "azilr: %s", prefix);
    put_safely(text);
    fputc('\n', stderr);
    funlockfile(stderr);
}

void log_verbose(const char *format, ...)
{
    va_list args;

    if (logger.level < LOG_LEVEL_VERBOSE)
        return;
    va_start(args, format);
    print("", format, args);
    va_end(args);
}

void log_info(const char *format, ...)
{
    va_list args;

    if (logger.level < LOG_LEVEL_NORMAL)
        return;
    va_start(args, format);
    print("", format, args);
    va_end(args);
}

void log_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("warning: ", format, args);
    va_end(args);
}

void log_prompt(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("", format, args);
    va_end(args);
}

void log_error(const struct error *err)
{
    if (logger.before)
        logger.before(logger.argument);
    fputs("azilr: ", stderr);
    put_safely(err->message);
    fputs(err->hint ? "\nhint: " : "\n", stderr);
    if (!err->hint)
        return;
    put_safely(err->hint);
    fputc('\n', stderr);
}
