/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "util/clock.h"
#include "util/str.h"
#include "util/when.h"

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static time_t utc(const char *text)
{
    time_t when = 0;

    if (clock_parse(text, &when) < 0)
        fail_msg("%s", text);
    return when;
}

static void expect(const char *text, const char *now, const char *expected)
{
    struct error *err = NULL;
    char shown[CLOCK_TEXT_SIZE];
    time_t when = -1;

    if (when_parse(text, utc(now), &when, &err) < 0)
        fail_msg("\"%s\": %s", text, err->message);
    if (!str_equal(clock_format(when, shown), expected))
        fail_msg("\"%s\" gave %s, not %s", text, shown, expected);
}

static void refused(const char *text, const char *now, const char *why)
{
    struct error *err = NULL;
    time_t when = 7;

    if (when_parse(text, utc(now), &when, &err) == 0)
        fail_msg("\"%s\" was taken for %lld", text, (long long)when);
    assert_int_equal(when, 7);
    assert_non_null(err->hint);
    assert_error(err, EXIT_USAGE, why);
}

static const char NOW[] = "2026-11-25T10:30:15Z";

static void rfc_3339_is_the_same_in_every_zone(void **state)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"};
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"2026-11-20T03:00:00Z", "2026-11-20T03:00:00Z"},
        {"2026-11-20t03:00:00z", "2026-11-20T03:00:00Z"},
        {"2026-11-20 03:00:00Z", "2026-11-20T03:00:00Z"},
        {"2026-11-20T03:00:00.9999999Z", "2026-11-20T03:00:00Z"},
        {"2026-11-20T03:00:00+01:30", "2026-11-20T01:30:00Z"},
        {"2026-11-20T03:00:00.123456+00:00", "2026-11-20T03:00:00Z"},
        {"2026-11-20T03:00:00-05:00", "2026-11-20T08:00:00Z"},
        {"2026-11-20 03:00:00 +0100", "2026-11-20T02:00:00Z"},
        {"2026-11-20T23:30:00-01:00", "2026-11-21T00:30:00Z"},
        {"2026-11-20T03:00Z", "2026-11-20T03:00:00Z"},
        {"2026-11-20 03:00 UTC", "2026-11-20T03:00:00Z"},
        {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"},
        {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"},
        {"2000-02-29T12:00:00Z", "2000-02-29T12:00:00Z"},
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
    };

    (void)state;
    for (size_t zone = 0; zone < sizeof(zones) / sizeof(zones[0]); zone++) {
        use_zone(zones[zone]);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
            expect(cases[i].text, NOW, cases[i].expected);
    }
}

static void local_times_are_local(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    expect("2026-11-20 03:00", NOW, "2026-11-20T02:00:00Z");
    expect("2026-11-20T03:00", NOW, "2026-11-20T02:00:00Z");
    expect("2026-11-20T03:00:30", NOW, "2026-11-20T02:00:30Z");
    expect("  2026-11-20   03:00\t", NOW, "2026-11-20T02:00:00Z");
    expect("2026-07-20 03:00", NOW, "2026-07-20T01:00:00Z");
    expect("2026-11-20 00:00", NOW, "2026-11-19T23:00:00Z");
    use_zone("Asia/Kathmandu");
    expect("2026-11-20 03:00", NOW, "2026-11-19T21:15:00Z");
}

static void a_day_alone_is_its_end(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    expect("2026-11-20", NOW, "2026-11-20T22:59:59Z");
    expect("2026-12-31", NOW, "2026-12-31T22:59:59Z");
    expect("2024-02-29", NOW, "2024-02-29T22:59:59Z");
    /* the days on which the clocks change, of 23 and of 25 hours */
    expect("2026-03-29", NOW, "2026-03-29T21:59:59Z");
    expect("2026-10-25", NOW, "2026-10-25T22:59:59Z");
    /* clocks went back at midnight: 23:59:59 came twice, and the day ended with the second */
    use_zone("America/Sao_Paulo");
    expect("2018-02-17", NOW, "2018-02-18T02:59:59Z");
    /* they went forward at midnight, which takes nothing from the day before */
    expect("2018-11-03", NOW, "2018-11-04T02:59:59Z");
}

static void days_by_name_are_local_days(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    expect("now", NOW, NOW);
    expect("NOW", NOW, NOW);
    expect("today", NOW, "2026-11-25T22:59:59Z");
    expect("Yesterday", NOW, "2026-11-24T22:59:59Z");
    expect("yesterday 14:00", NOW, "2026-11-24T13:00:00Z");
    expect("today 06:00:30", NOW, "2026-11-25T05:00:30Z");
    expect("yesterday 14:00Z", NOW, "2026-11-24T14:00:00Z");
    /* it is tomorrow here already */
    expect("today", "2026-11-25T23:30:00Z", "2026-11-26T22:59:59Z");
    expect("yesterday", "2026-11-25T23:30:00Z", "2026-11-25T22:59:59Z");
    expect("yesterday", "2026-12-31T23:30:00Z", "2026-12-31T22:59:59Z");
    expect("yesterday", "2024-03-01T12:00:00Z", "2024-02-29T22:59:59Z");
    expect("yesterday", "2026-03-29T22:30:00Z", "2026-03-29T21:59:59Z");
    use_zone("Pacific/Kiritimati");
    expect("yesterday", NOW, "2026-11-25T09:59:59Z");
    use_zone("Pacific/Pago_Pago");
    expect("yesterday", NOW, "2026-11-24T10:59:59Z");
}

static void so_long_ago(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    expect("1 second ago", NOW, "2026-11-25T10:30:14Z");
    expect("1 minute ago", NOW, "2026-11-25T10:29:15Z");
    expect("30 minutes ago", NOW, "2026-11-25T10:00:15Z");
    expect("1 hour ago", NOW, "2026-11-25T09:30:15Z");
    expect("36 Hours AGO", NOW, "2026-11-23T22:30:15Z");
    expect("1 day ago", NOW, "2026-11-24T10:30:15Z");
    expect("2 days ago", NOW, "2026-11-23T10:30:15Z");
    expect("2days ago", NOW, "2026-11-23T10:30:15Z");
    expect("3 weeks ago", NOW, "2026-11-04T10:30:15Z");
    expect("1 week  ago", NOW, "2026-11-18T10:30:15Z");
    expect("0 days ago", NOW, NOW);
    expect("002 days ago", NOW, "2026-11-23T10:30:15Z");
    /* days of 24 hours, over a change of the clocks too */
    expect("1 day ago", "2026-10-25T12:00:00Z", "2026-10-24T12:00:00Z");
    expect("1 second ago", "1970-01-01T00:00:01Z", "1970-01-01T00:00:00Z");
}

static void clocks_that_change(void **state)
{
    (void)state;
    use_zone("Europe/Berlin");
    expect("2026-03-29 01:59:59", NOW, "2026-03-29T00:59:59Z");
    refused("2026-03-29 02:00", NOW, "put forward");
    refused("2026-03-29 02:59:59", NOW, "put forward");
    expect("2026-03-29 03:00", NOW, "2026-03-29T01:00:00Z");
    refused("yesterday 02:30", "2026-03-30T12:00:00Z", "put forward");
    /* 02:30 came twice: the earlier */
    expect("2026-10-25 01:59:59", NOW, "2026-10-24T23:59:59Z");
    expect("2026-10-25 02:00", NOW, "2026-10-25T00:00:00Z");
    expect("2026-10-25 02:59:59", NOW, "2026-10-25T00:59:59Z");
    expect("2026-10-25 03:00", NOW, "2026-10-25T02:00:00Z");
    expect("2026-10-25T02:30:00+01:00", NOW, "2026-10-25T01:30:00Z");
    use_zone("America/New_York");
    refused("2026-03-08 02:30", NOW, "put forward");
    expect("2026-11-01 01:30", NOW, "2026-11-01T05:30:00Z");
    use_zone("Australia/Lord_Howe"); /* half an hour */
    refused("2026-10-04 02:15", NOW, "put forward");
    expect("2026-10-04 02:30", NOW, "2026-10-03T15:30:00Z");
    expect("2026-04-05 01:45", NOW, "2026-04-04T14:45:00Z");
    use_zone("Europe/Moscow"); /* another standard time, without summer time: 01:30 came twice */
    expect("2014-10-26 01:30", NOW, "2014-10-25T21:30:00Z");
    use_zone("Pacific/Apia"); /* a day that was left out */
    refused("2011-12-30", NOW, "put forward");
    refused("2011-12-30 12:00", NOW, "put forward");
    expect("2011-12-31 00:00", NOW, "2011-12-30T10:00:00Z");
}

static void nonsense_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "x",
        "-",
        "0",
        "2026",
        "2026-11",
        "2026-11-20T",
        "2026-11-20T ",
        "2026-11-20 T03:00",
        "2026-11-20X03:00",
        "2026-11-20 3:00",
        "2026-11-20 03",
        "2026-11-20 03:",
        "2026-11-20 03:0",
        "2026-11-20 24:00",
        "2026-11-20 03:60",
        "2026-11-20 03:00:61",
        "2026-11-20 03:00:00.",
        "2026-11-20 03:00:00,5",
        "2026-11-20 03:00.5",
        "2026-11-20 03:00:00X",
        "2026-11-20 03:00 CET",
        "2026-11-20Z",
        "2026-11-20 +01:00",
        "2026-11-20T03:00:00+",
        "2026-11-20T03:00:00+1",
        "2026-11-20T03:00:00+01",
        "2026-11-20T03:00:00+01:",
        "2026-11-20T03:00:00+24:00",
        "2026-11-20T03:00:00+01:60",
        "2026-11-20T03:00:00+01:00 x",
        "2026-11-20T03:00:00Zulu",
        "2026-00-20",
        "2026-13-20",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "2100-02-29",
        "1900-01-01",
        "0000-01-01",
        "10000-01-01",
        "-2026-11-20",
        "+2026-11-20",
        "20261120",
        "20.11.2026",
        "11/20/2026",
        "2026-11-20 03:00 pm",
        "nowhere",
        "now now",
        "now 03:00",
        "todayish",
        "yesterday-1",
        "yesterday yesterday",
        "tomorrow",
        "ago",
        "days ago",
        "2 days",
        "2 daysago",
        "2 ago",
        "-2 days ago",
        "+2 days ago",
        "2.5 days ago",
        "two days ago",
        "2 fortnights ago",
        "2 days ago ago",
        "2 days before",
        "2 dayss ago",
        "2026-11-20\n03:00",
        "\xff\xfe",
        "２ days ago",
    };

    (void)state;
    use_zone("Europe/Berlin");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i], NOW, "is no moment");
}

static void too_much_is_refused(void **state)
{
    char longer[5000];
    struct error *err = NULL;
    time_t when;

    (void)state;
    use_zone("Europe/Berlin");
    refused("57 years ago", NOW, "is no moment");
    refused("99999 weeks ago", NOW, "before 1970");
    refused("99999999999999999999999999999999999999 seconds ago", NOW, "before 1970");
    refused("9223372036854775807 weeks ago", NOW, "before 1970");
    refused("18446744073709551617 days ago", NOW, "before 1970");
    refused("2 seconds ago", "1970-01-01T00:00:01Z", "before 1970");
    refused("1970-01-01 00:30", NOW, "before 1970");
    refused("1970-01-01T00:00:00+00:01", NOW, "before 1970");
    memset(longer, '9', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    refused(longer, NOW, "is no moment");
    /* a message shows nothing that a terminal would act upon */
    assert_int_equal(when_parse("\x1b[2J", 0, &when, &err), -1);
    assert_null(strchr(err->message, '\x1b'));
    assert_error(err, EXIT_USAGE, "\\x1b[2J");
}

static void what_is_shown_is_read_back(void **state)
{
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"};
    static const char *const moments[] = {"2026-11-20T03:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"};

    (void)state;
    for (size_t zone = 0; zone < sizeof(zones) / sizeof(zones[0]); zone++) {
        use_zone(zones[zone]);
        for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
            char shown[WHEN_TEXT_SIZE];

            expect(when_format_local(utc(moments[i]), shown), NOW, moments[i]);
        }
    }
    use_zone("Europe/Berlin");
    char shown[WHEN_TEXT_SIZE];
    assert_string_equal(when_format_local(utc("2026-11-20T03:00:00Z"), shown), "2026-11-20 04:00:00 +0100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_is_the_same_in_every_zone),
        cmocka_unit_test(local_times_are_local),
        cmocka_unit_test(a_day_alone_is_its_end),
        cmocka_unit_test(days_by_name_are_local_days),
        cmocka_unit_test(so_long_ago),
        cmocka_unit_test(clocks_that_change),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(what_is_shown_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
