/* SPDX-License-Identifier: MIT */
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "cmd/keeper_overlays.h"
#include "cmd/keeper_schedule.h"
#include "util/cleanup.h"
#include "util/json.h"
#include "util/str.h"
#include "util/terminals.h"

enum { END = 1000000, MINUTE = 60, HOUR = 3600 };

static void assert_next(const struct keeper_schedule *schedule, time_t now, enum keeper_event event, time_t when)
{
    time_t got;

    assert_int_equal(keeper_next(schedule, now, &got), event);
    if (event != KEEPER_NOTHING)
        assert_int_equal(got, when);
}

static void test_warnings_and_the_end(void **state)
{
    struct keeper_schedule schedule = {.expires = END};

    (void)state;
    assert_next(&schedule, END - 12 * HOUR, KEEPER_WARN, END - 30 * MINUTE);
    assert_next(&schedule, END - 30 * MINUTE, KEEPER_WARN, END - 30 * MINUTE);
    schedule.warned_at = END - 30 * MINUTE;
    assert_next(&schedule, END - 30 * MINUTE, KEEPER_WARN, END - 5 * MINUTE);
    schedule.warned_at = END - 5 * MINUTE;
    assert_next(&schedule, END - 5 * MINUTE, KEEPER_END, END - KEEPER_END_MARGIN_S);
    schedule.end_again = END - MINUTE;
    assert_next(&schedule, END - 90, KEEPER_END, END - MINUTE);
}

static void test_time_that_was_slept_through(void **state)
{
    struct keeper_schedule schedule = {.expires = END};

    (void)state;
    /* both warnings are due, and are one */
    assert_next(&schedule, END - 4 * MINUTE, KEEPER_WARN, END - 5 * MINUTE);
    /* and none where it is too late for any */
    assert_next(&schedule, END + HOUR, KEEPER_END, END - KEEPER_END_MARGIN_S);
    schedule.renews = true;
    assert_next(&schedule, END - KEEPER_END_MARGIN_S, KEEPER_END, END - KEEPER_END_MARGIN_S);
}

static void test_renewal(void **state)
{
    struct keeper_schedule schedule = {.expires = END, .renews = true};

    (void)state;
    assert_next(&schedule, END - 12 * HOUR, KEEPER_RENEW, END - 6 * HOUR);
    assert_next(&schedule, END - 20 * MINUTE, KEEPER_RENEW, END - 6 * HOUR);
    schedule.renew_again = END - 10 * MINUTE;
    /* between attempts there are the warnings */
    assert_next(&schedule, END - 20 * MINUTE, KEEPER_WARN, END - 30 * MINUTE);
    schedule.warned_at = END - 30 * MINUTE;
    assert_next(&schedule, END - 20 * MINUTE, KEEPER_RENEW, END - 10 * MINUTE);
    schedule.renew_again = END + 10 * MINUTE;
    schedule.warned_at = END - 5 * MINUTE;
    assert_next(&schedule, END - 4 * MINUTE, KEEPER_END, END - KEEPER_END_MARGIN_S);
}

static void test_unknown_end(void **state)
{
    const struct keeper_schedule schedule = {.renews = true};

    (void)state;
    assert_next(&schedule, END, KEEPER_NOTHING, 0);
}

static void test_pauses(void **state)
{
    (void)state;
    assert_int_equal(keeper_pause(1), 60);
    assert_int_equal(keeper_pause(2), 120);
    assert_int_equal(keeper_pause(5), 960);
    assert_int_equal(keeper_pause(6), 1800);
    assert_int_equal(keeper_pause(4000000000U), 1800);
}

static void test_durations(void **state)
{
    static const struct {
        time_t seconds;
        const char *text;
    } cases[] = {{-5, "under a minute"},
                 {59, "under a minute"},
                 {60, "1 min"},
                 {3599, "59 min"},
                 {3 * HOUR + 12 * MINUTE, "3 h 12 min"},
                 {43200, "12 h 0 min"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = keeper_duration(cases[i].seconds);

        assert_string_equal(text, cases[i].text);
    }
}

static enum overlay_state state_of_b;
static int looks;

static int pretended_usage(const char *name, struct wait *wait, struct overlay_usage *usage, struct error **err)
{
    (void)wait;
    looks++;
    *usage = (struct overlay_usage){.state = str_equal(name, "b") ? state_of_b : OVERLAY_GOOD};
    return str_equal(name, "gone") ? error_set(err, EXIT_FAILED, "gone") : 0;
}

static void test_full_overlays_are_told_once(void **state)
{
    static const char text[] = "{\"status\": \"mounted\", \"overlays\": [{\"name\": \"a\", \"volume\": \"disk1\"}, "
                               "{\"name\": \"b\", \"volume\": \"disk2\"}, {\"name\": \"gone\"}, {}]}";
    _cleanup_json_ cJSON *session = json_parse(text, strlen(text), "state", NULL);
    struct keeper_overlays overlays = {0};
    _cleanup_free_ char *told = NULL;

    (void)state;
    assert_null(keeper_overlays_look(&overlays, session, END, pretended_usage));
    assert_int_equal(looks, 3);
    assert_int_equal(overlays.again, END + KEEPER_OVERLAYS_S);
    state_of_b = OVERLAY_FULL;
    /* not yet */
    assert_null(keeper_overlays_look(&overlays, session, END + 1, pretended_usage));
    assert_int_equal(looks, 3);
    told = keeper_overlays_look(&overlays, session, overlays.again, pretended_usage);
    assert_string_equal(told, "disk2 (full)");
    assert_null(keeper_overlays_look(&overlays, session, overlays.again, pretended_usage));
    assert_int_equal(looks, 8);
    keeper_overlays_clear(&overlays);
}

static void test_what_has_no_overlays_is_not_looked_at(void **state)
{
    static const char *const texts[] = {"{\"status\": \"mounted\"}", "{\"status\": \"mounted\", \"overlays\": []}",
                                        "{\"status\": \"preparing\", \"overlays\": [{\"name\": \"b\"}]}", "{}"};
    const int before = looks;

    (void)state;
    state_of_b = OVERLAY_BROKEN;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_json_ cJSON *session = json_parse(texts[i], strlen(texts[i]), "state", NULL);
        struct keeper_overlays overlays = {0};

        assert_null(keeper_overlays_look(&overlays, session, END, pretended_usage));
        assert_int_equal(overlays.again, 0);
        keeper_overlays_clear(&overlays);
    }
    assert_int_equal(looks, before);
}

static void test_a_terminal_gets_printable_text(void **state)
{
    int master, slave;
    char name[64], text[256] = "";

    (void)state;
    assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
    assert_int_equal(terminals_tell_one(name + strlen("/dev/"), "ends \033]0;x\007 soon"), 0);
    assert_true(read(master, text, sizeof(text) - 1) > 0);
    assert_non_null(strstr(text, "azilr: ends "));
    assert_null(strchr(text, '\033'));
    close(slave);
    close(master);
}

static void test_what_is_no_terminal(void **state)
{
    (void)state;
    assert_int_equal(terminals_tell_one("null", "text"), -1);
    assert_int_equal(terminals_tell_one("../etc/passwd", "text"), -1);
    assert_int_equal(terminals_tell_one("", "text"), -1);
    assert_int_equal(terminals_tell_one("no-such-terminal", "text"), -1);
}

static void remove_process(const char *proc, const char *pid)
{
    static const char *const names[] = {"stat", "loginuid", ""};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s/%s", proc, pid, names[i]);

        remove(path);
    }
}

static void put(const char *proc, const char *pid, const char *name, const char *text)
{
    _cleanup_free_ char *folder = str_printf("%s/%s", proc, pid), *path = str_printf("%s/%s", folder, name);
    _cleanup_fclose_ FILE *file = NULL;

    mkdir(folder, 0700);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
}

/* 34816 is 136:0, 35850 is 140:10 with the number in the kernel's form, 1025 is 4:1. */
static void test_terminals_of_those_who_logged_in(void **state)
{
    static const struct {
        const char *pid, *stat, *loginuid;
    } processes[] = {
        {"100", "100 (ssh) d) S 1 100 100 34816 100", "1000"}, /* a shell with an odd name */
        {"101", "101 (cat) S 100 101 100 34816 101", "1000"},  /* no leader of a session */
        {"102", "102 (bash) S 1 102 102 0 -1", "1000"},        /* no terminal */
        {"103", "103 (getty) S 1 103 103 34817 103", "4294967295"},
        {"104", "104 (bash) S 1 104 104 35850 104", "0"},
        {"105", "105 (tmux) S 1 105 105 34816 105", "1000"}, /* the same one again */
        {"106", "106 (broken", "1000"},
        {"107", "107 (odd) S 1 107 107 34818 107", "nobody"},
    };
    _cleanup_terminals_ struct terminals terminals = {0};
    char proc[] = "/tmp/azilr-terminals-XXXXXX";
    bool first = false, second = false;

    (void)state;
    assert_non_null(mkdtemp(proc));
    for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
        put(proc, processes[i].pid, "stat", processes[i].stat);
        put(proc, processes[i].pid, "loginuid", processes[i].loginuid);
    }
    put(proc, "self-made", "stat", processes[0].stat);
    terminals_of_logins(proc, &terminals);
    for (size_t i = 0; i < terminals.count; i++) {
        first = first || strcmp(terminals.lines[i], "pts/0") == 0;
        second = second || strcmp(terminals.lines[i], "pts/1034") == 0;
    }
    assert_true(first && second);
    assert_int_equal(terminals.count, 2);
    for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++)
        remove_process(proc, processes[i].pid);
    remove_process(proc, "self-made");
    assert_int_equal(rmdir(proc), 0);
}

/* Somebody who has stopped the terminal and lets it run full must not hold up anybody. */
static void test_a_terminal_that_takes_nothing(void **state)
{
    int master, slave, told = 0;
    char name[64];

    (void)state;
    assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
    while (told < 10000 && terminals_tell_one(name + strlen("/dev/"), "text") == 0)
        told++;
    assert_true(told > 0 && told < 10000);
    close(slave);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings_and_the_end),
        cmocka_unit_test(test_time_that_was_slept_through),
        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_unknown_end),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_full_overlays_are_told_once),
        cmocka_unit_test(test_what_has_no_overlays_is_not_looked_at),
        cmocka_unit_test(test_a_terminal_gets_printable_text),
        cmocka_unit_test(test_what_is_no_terminal),
        cmocka_unit_test(test_terminals_of_those_who_logged_in),
        cmocka_unit_test(test_a_terminal_that_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
