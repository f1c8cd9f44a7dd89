/* SPDX-License-Identifier: MIT */
#include "util/when.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "util/str.h"

static const size_t MAX_TEXT = 100;
static const long SECONDS_A_DAY = 24L * 60 * 60;
/* struct tm and four digits of a year go further; no backup does */
static const int MIN_YEAR = 1970, MAX_YEAR = 9999;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *text)
{
    while (is_blank(*text))
        text++;
    return text;
}

/* Takes `count` digits as a number of [min, max]. */
static bool take_number(const char **text, int count, int min, int max, int *number)
{
    int value = 0;

    for (int i = 0; i < count; i++) {
        if (!is_digit((*text)[i]))
            return false;
        value = value * 10 + ((*text)[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *text += count;
    *number = value;
    return true;
}

static bool take_char(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

/* A word in any case, with a blank or the end behind it. */
static bool take_word(const char **text, const char *word)
{
    size_t length = strlen(word);

    if (strncasecmp(*text, word, length) != 0 || ((*text)[length] && !is_blank((*text)[length])))
        return false;
    *text = skip_blanks(*text + length);
    return true;
}

static bool same_wall_time(const struct tm *a, const struct tm *b)
{
    return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday && a->tm_hour == b->tm_hour &&
           a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/*
 * The moments at which local clocks show this time: none in a gap, two in a fold. The offset from UTC is one of those
 * a day before and a day after, unless it changed twice within two days, which no zone does.
 */
static int local_moments(const struct tm *wall, time_t moments[2])
{
    struct tm copy = *wall;
    time_t as_utc = timegm(&copy);
    int count = 0;

    for (int side = -1; side <= 1; side += 2) {
        time_t near_by = as_utc + side * SECONDS_A_DAY, moment;
        struct tm local;

        if (!localtime_r(&near_by, &local))
            continue;
        moment = as_utc - local.tm_gmtoff;
        if (count == 1 && moments[0] == moment)
            continue;
        if (localtime_r(&moment, &local) && same_wall_time(&local, wall))
            moments[count++] = moment;
    }
    return count;
}

static int from_local(const struct tm *wall, bool last, time_t *when, const char **fault)
{
    time_t moments[2];
    int count = local_moments(wall, moments);

    if (count == 0) {
        *fault = "local clocks never showed that time: they were put forward over it";
        return -1;
    }
    *when = moments[0];
    if (count == 2 && (moments[1] > moments[0]) == last)
        *when = moments[1];
    return 0;
}

/* Fills in year, month and day. */
static bool take_date(const char **text, struct tm *wall)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *at = *text;
    int year, month, day, length;

    if (!take_number(&at, 4, MIN_YEAR, MAX_YEAR, &year) || !take_char(&at, '-') ||
        !take_number(&at, 2, 1, 12, &month) || !take_char(&at, '-') || !take_number(&at, 2, 1, 31, &day))
        return false;
    length = days[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        length++;
    if (day > length)
        return false;
    wall->tm_year = year - 1900;
    wall->tm_mon = month - 1;
    wall->tm_mday = day;
    *text = at;
    return true;
}

/* hh:mm[:ss[.fraction]]; the fraction is dropped, which never makes the moment later. A leap second counts as :59. */
static bool take_time(const char **text, struct tm *wall)
{
    const char *at = *text;
    int second = 0;

    if (!take_number(&at, 2, 0, 23, &wall->tm_hour) || !take_char(&at, ':') ||
        !take_number(&at, 2, 0, 59, &wall->tm_min))
        return false;
    if (take_char(&at, ':')) {
        if (!take_number(&at, 2, 0, 60, &second))
            return false;
        if (take_char(&at, '.')) {
            if (!is_digit(*at))
                return false;
            while (is_digit(*at))
                at++;
        }
    }
    wall->tm_sec = second == 60 ? 59 : second;
    *text = at;
    return true;
}

/* Z or an offset: true if the whole rest of the text is one. */
static bool take_zone(const char *text, long *offset)
{
    long sign = *text == '-' ? -1 : 1;
    int hours, minutes;

    *offset = 0;
    if (strcasecmp(text, "z") == 0 || strcasecmp(text, "utc") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    text++;
    if (!take_number(&text, 2, 0, 23, &hours))
        return false;
    take_char(&text, ':');
    if (!take_number(&text, 2, 0, 59, &minutes) || *text)
        return false;
    *offset = sign * (hours * 3600L + minutes * 60L);
    return true;
}

/* The rest behind a day: nothing, or a time with or without a zone. */
static int with_time(const char *text, struct tm *wall, time_t *when, const char **fault)
{
    struct tm copy;
    long offset;

    if (!*text) {
        wall->tm_hour = 23;
        wall->tm_min = wall->tm_sec = 59;
        return from_local(wall, true, when, fault);
    }
    if (!take_time(&text, wall))
        return -1;
    text = skip_blanks(text);
    if (!*text)
        return from_local(wall, false, when, fault);
    if (!take_zone(text, &offset))
        return -1;
    copy = *wall;
    *when = timegm(&copy) - offset;
    return 0;
}

/* The calendar day so many days before that of `now`. */
static bool day_before(time_t now, int days, struct tm *wall)
{
    struct tm local, noon = {0};
    time_t moment;

    if (!localtime_r(&now, &local))
        return false;
    noon.tm_year = local.tm_year;
    noon.tm_mon = local.tm_mon;
    noon.tm_mday = local.tm_mday - days;
    noon.tm_hour = 12;
    moment = timegm(&noon);
    if (!gmtime_r(&moment, &noon))
        return false;
    wall->tm_year = noon.tm_year;
    wall->tm_mon = noon.tm_mon;
    wall->tm_mday = noon.tm_mday;
    return true;
}

/* "N units ago" */
static int ago(const char *text, time_t now, time_t *when, const char **fault)
{
    static const struct {
        const char *one, *many;
        long seconds;
    } units[] = {
        {"second", "seconds", 1},
        {"minute", "minutes", 60},
        {"hour", "hours", 60L * 60},
        {"day", "days", 24L * 60L * 60L},
        {"week", "weeks", 7 * 24L * 60 * 60},
    };
    long long number = 0, seconds;

    if (!is_digit(*text))
        return -1;
    for (; is_digit(*text); text++) {
        /* a million weeks are more than there have been since 1970, and seconds since then are under 10^10 */
        if (number < 100000000000LL)
            number = number * 10 + (*text - '0');
    }
    text = skip_blanks(text);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!take_word(&text, units[i].one) && !take_word(&text, units[i].many))
            continue;
        if (!take_word(&text, "ago") || *text)
            return -1;
        seconds = number * units[i].seconds;
        *fault = "that is before 1970";
        if (seconds > now)
            return -1;
        *when = now - (time_t)seconds;
        return 0;
    }
    return -1;
}

static int parse(const char *text, time_t now, time_t *when, const char **fault)
{
    struct tm wall = {0};

    if (take_word(&text, "now")) {
        *when = now;
        return *text ? -1 : 0;
    }
    if (take_word(&text, "today"))
        return day_before(now, 0, &wall) ? with_time(text, &wall, when, fault) : -1;
    if (take_word(&text, "yesterday"))
        return day_before(now, 1, &wall) ? with_time(text, &wall, when, fault) : -1;
    if (!take_date(&text, &wall))
        return ago(text, now, when, fault);
    if (*text == 'T' || *text == 't')
        return is_digit(*++text) ? with_time(text, &wall, when, fault) : -1;
    if (*text && !is_blank(*text))
        return -1;
    return with_time(skip_blanks(text), &wall, when, fault);
}

int when_parse(const char *text, time_t now, time_t *when, struct error **err)
{
    size_t length = strnlen(text, MAX_TEXT + 1);
    _cleanup_free_ char *safe = str_printable(text, length, MAX_TEXT);
    _cleanup_free_ char *trimmed = NULL;
    const char *fault = NULL;
    time_t value = 0;
    int result = -1;

    if (length <= MAX_TEXT) {
        while (length && is_blank(text[length - 1]))
            length--;
        trimmed = str_ndup(text, length);
        result = parse(skip_blanks(trimmed), now, &value, &fault);
    }
    if (result == 0 && value < 0) {
        fault = "that is before 1970";
        result = -1;
    }
    if (result == 0) {
        *when = value;
        return 0;
    }
    error_set(err, EXIT_USAGE, fault ? "\"%s\": %s" : "\"%s\" is no moment that is understood", safe, fault);
    return error_hint(err, "\"2026-11-20 03:00\" (local), 2026-11-20T03:00:00Z, 2026-11-20 (its end), yesterday and "
                           "\"6 hours ago\" are");
}

char *when_format_local(time_t when, char *text)
{
    struct tm local = {0};

    if (!localtime_r(&when, &local) || strftime(text, WHEN_TEXT_SIZE, "%Y-%m-%d %H:%M:%S %z", &local) == 0)
        text[0] = '\0';
    return text;
}
