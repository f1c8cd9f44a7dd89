/* SPDX-License-Identifier: MIT */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>

static struct {
    enum log_level level;
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

void log_set_before(void (*before)(void *), void *argument)
{
    logger.before = before;
    logger.argument = argument;
}

static void print(const char *prefix, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void print(const char *prefix, const char *format, va_list args)
{
    if (logger.before)
        logger.before(logger.argument);
    fprintf(stderr, "azilr: %s", prefix);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
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
    fprintf(stderr, "azilr: %s\n", err->message);
    if (err->hint)
        fprintf(stderr, "hint: %s\n", err->hint);
}
