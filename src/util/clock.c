/* SPDX-License-Identifier: MIT */
#include "util/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int64_t clock_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

char *clock_format(time_t when, char *text)
{
    struct tm utc = {0};

    if (!gmtime_r(&when, &utc) || strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        text[0] = '\0';
    return text;
}

char *clock_format_compact(time_t when, char *text)
{
    struct tm utc = {0};

    if (!gmtime_r(&when, &utc) || strftime(text, CLOCK_TEXT_SIZE, "%Y%m%dT%H%M%SZ", &utc) == 0)
        text[0] = '\0';
    return text;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Two digits of at most max; -1 if there are none. */
static int two_digits(const char *text, int max)
{
    int value;

    if (!is_digit(text[0]) || !is_digit(text[1]))
        return -1;
    value = (text[0] - '0') * 10 + (text[1] - '0');
    return value <= max ? value : -1;
}

/* What is left after the seconds: an optional fraction, then the zone, whose offset goes to *seconds. */
static int parse_zone(const char *text, long *seconds)
{
    int hours, minutes;

    *seconds = 0;
    if (*text == '.') {
        if (!is_digit(*++text))
            return -1;
        while (is_digit(*text))
            text++;
    }
    if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
        return 0;
    if ((*text != '+' && *text != '-') || (hours = two_digits(text + 1, 23)) < 0 || text[3] != ':' ||
        (minutes = two_digits(text + 4, 59)) < 0 || text[6] != '\0')
        return -1;
    *seconds = (hours * 3600L + minutes * 60L) * (*text == '+' ? 1 : -1);
    return 0;
}

int clock_parse(const char *text, time_t *when)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    struct tm utc = {0};
    struct tm back;
    long offset;
    time_t value;

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        bool fits = shape[i] == 'd'   ? is_digit(text[i])
                    : shape[i] == 'T' ? text[i] == 'T' || text[i] == 't' || text[i] == ' '
                                      : text[i] == shape[i];
        if (!fits)
            return -1;
    }
    utc.tm_year = two_digits(text, 99) * 100 + two_digits(text + 2, 99) - 1900;
    utc.tm_mon = two_digits(text + 5, 12) - 1;
    utc.tm_mday = two_digits(text + 8, 31);
    utc.tm_hour = two_digits(text + 11, 23);
    utc.tm_min = two_digits(text + 14, 59);
    utc.tm_sec = two_digits(text + 17, 60);
    if (utc.tm_mon < 0 || utc.tm_mday < 1 || utc.tm_hour < 0 || utc.tm_min < 0 || utc.tm_sec < 0 ||
        parse_zone(text + sizeof(shape) - 1, &offset) < 0)
        return -1;
    back = utc;
    value = timegm(&back);
    /* timegm() makes 1 March out of 30 February; a date that comes back changed was none */
    if (utc.tm_sec < 60 && (back.tm_mday != utc.tm_mday || back.tm_mon != utc.tm_mon))
        return -1;
    *when = value - offset;
    return 0;
}
