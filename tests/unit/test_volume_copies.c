/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "util/str.h"
#include "volume/copies.h"

enum { MOST = 16 };

/* "PLACE/COUNTER[@TIME][s] …", where an s says that it is settled. Returns how many. */
static size_t read_copies(const char *text, struct copy *copies)
{
    size_t count = 0;
    int used = 0;

    for (const char *at = text; *at && count < MOST; at += used, at += strspn(at, " ")) {
        unsigned place, counter, time = 0;
        char word[32] = "";

        assert_int_equal(sscanf(at, "%31s%n", word, &used), 1);
        assert_true(sscanf(word, "%u/%u@%u", &place, &counter, &time) >= 2);
        copies[count++] = (struct copy){
            .place = place, .counter = counter, .time = time, .is_settled = word[strlen(word) - 1] == 's'};
    }
    return count;
}

/* A letter for the set of each, "a" for the first that comes, and "?" where it is doubtful. */
static void show(const struct copy *copies, size_t count, char *shown)
{
    size_t seen[MOST], sets = 0;

    for (size_t i = 0; i < count; i++) {
        size_t set = 0;

        while (set < sets && seen[set] != copies[i].set)
            set++;
        if (set == sets)
            seen[sets++] = copies[i].set;
        shown[i] = (char)(copies[i].is_doubtful ? '?' : 'a' + (char)set);
    }
    shown[count] = '\0';
}

static void copies_are_never_mixed(void **state)
{
    static const struct {
        const char *copies;
        unsigned places;
        const char *sets;
    } cases[] = {
        {"0/5 1/5", 2, "aa"},
        {"1/5 0/5 2/5", 3, "aaa"},
        /* told apart by what they know */
        {"0/9 0/5 1/5 1/9", 2, "abba"},
        {"0/5@1 0/5@2 1/5@2 1/5@1", 2, "abba"},
        /* by the order of the disks, where they know the same */
        {"0/5 1/5 0/5 1/5", 2, "aabb"},
        {"0/5 1/5 1/5 0/5", 2, "aabb"},
        {"0/0 1/0 2/0 0/0 1/0 2/0 2/0 1/0 0/0", 3, "aaabbbccc"},
        {"0/5 1/5 0/5", 2, "aab"},
        /* or not at all */
        {"0/5 0/5 1/5 1/5", 2, "????"},
        {"0/5 0/5 1/5", 2, "???"},
        {"0/5 1/5 1/5 2/5", 2, "????"},
        {"0/5 0/5 1/5 1/5 0/9 1/9", 2, "????bb"},
        /* where nothing was written since, one is as good as the other */
        {"0/5s 0/5s 1/5s 1/5s", 2, "abab"},
        {"0/5s 0/5s 1/5 1/5s", 2, "????"},
        /* half of it is a step behind, and is whose it can only be */
        {"0/5 1/4", 2, "aa"},
        {"0/5 1/4 0/9 1/9", 2, "aabb"},
        {"0/5 1/3", 2, "ab"},
        /* complete already, or there are two to choose from */
        {"0/5 1/5 0/4 1/4", 2, "aabb"},
        {"0/5 1/5 1/4", 2, "aab"},
        {"0/5 1/4@1 1/4@2", 2, "abc"},
        {"0/5 0/5", 1, "ab"},
        {"0/5 0/5", 2, "ab"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct copy copies[MOST];
        size_t count = read_copies(cases[i].copies, copies);
        char shown[MOST + 1];

        copies_divide(copies, count, cases[i].places);
        show(copies, count, shown);
        if (!str_equal(shown, cases[i].sets))
            fail_msg("%s: %s and not %s", cases[i].copies, shown, cases[i].sets);
    }
}

static void a_place_that_is_taken_twice_is_seen(void **state)
{
    struct copy copies[MOST];

    (void)state;
    assert_false(copies_are_there(copies, read_copies("", copies)));
    assert_false(copies_are_there(copies, read_copies("0/5 1/5 2/4", copies)));
    assert_true(copies_are_there(copies, read_copies("0/5 1/5 2/4 1/9", copies)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_never_mixed),
        cmocka_unit_test(a_place_that_is_taken_twice_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
