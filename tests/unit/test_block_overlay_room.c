/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "block/overlay_room.h"
#include "check.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void a_share_leaves_room_for_others(void **state)
{
    static const struct {
        uint64_t available, promised, whole, asked, share;
        bool is_short;
        size_t others;
    } cases[] = {
        /* there is plenty: what the origin could need, or 1 GiB, or what was asked for */
        {100 * GIB, 0, 30 * GIB, 0, GIB, false, 0},
        {100 * GIB, 0, 48 * MIB, 0, 48 * MIB, false, 0},
        {100 * GIB, 0, 64 * KIB, 0, 64 * KIB, false, 0},
        {100 * GIB, 0, 30 * GIB, 20 * GIB, 20 * GIB, false, 0},
        {100 * GIB, 0, 30 * GIB, MIB, 4 * MIB, false, 0},
        {100 * GIB, 0, 30 * GIB, 60 * GIB, 30 * GIB, false, 0},
        /* a quarter of what is left; where a size was asked for, half */
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 0, 512 * MIB, true, 0},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, GIB, GIB, false, 0},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 4 * GIB, GIB, true, 0},
        /* those that are made at the same time get as much each */
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 0, 256 * MIB, true, 4},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 4 * GIB, 256 * MIB, true, 6},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 256 * MIB, 256 * MIB, false, 6},
        {20 * MIB, 0, 30 * GIB, 4 * GIB, 4 * MIB, true, 31},
        /* what others may come to need is as good as gone */
        {100 * GIB, 97 * GIB, 30 * GIB, 0, 764 * MIB, true, 0},
        {100 * GIB, 97 * GIB, 30 * GIB, 4 * GIB, 3 * GIB / 2 - 8 * MIB, true, 0},
        {100 * GIB, 100 * GIB, 30 * GIB, 0, 0, true, 0},
        {100 * GIB, 200 * GIB, 30 * GIB, 0, 0, true, 0},
        /* hardly anything */
        {20 * MIB, 0, 30 * GIB, 0, 4 * MIB, true, 0},
        {20 * MIB - 1, 0, 30 * GIB, 0, 0, true, 0},
        {20 * MIB - 1, 0, 64 * KIB, 0, 64 * KIB, false, 0},
        {16 * MIB, 0, 64 * KIB, 0, 0, true, 0},
        {0, 0, 30 * GIB, GIB, 0, true, 0},
        {UINT64_MAX, 0, UINT64_MAX / 4096 * 4096, UINT64_MAX, (UINT64_MAX - 16 * MIB) / 2 / 4096 * 4096, true, 0},
        {UINT64_MAX, 0, UINT64_MAX / 4096 * 4096, UINT64_MAX, (UINT64_MAX - 16 * MIB) / 1026 / 4096 * 4096, true, 1024},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct overlay_room room = {.available = cases[i].available, .promised = cases[i].promised};
        bool is_short = !cases[i].is_short;
        uint64_t least = 0,
                 share = overlay_room_share(&room, cases[i].whole, cases[i].asked, cases[i].others, &least, &is_short);

        if (share != cases[i].share)
            fail_msg("case %zu: %llu bytes", i, (unsigned long long)share);
        if (is_short != cases[i].is_short)
            fail_msg("case %zu: short is %d", i, is_short);
        assert_true(least == (cases[i].whole < 4 * MIB ? cases[i].whole : 4 * MIB));
    }
}

/* As many as there may be, each in want of more than there is. */
static void all_shares_together_fit(void **state)
{
    static const uint64_t asked[] = {0, MIB, 100 * MIB, 8 * GIB};

    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct overlay_room room = {.available = 3 * GIB + 5};
        uint64_t least, share;
        bool is_short;
        size_t count = 0;

        while ((share = overlay_room_share(&room, 30 * GIB, asked[i], 0, &least, &is_short)) > 0) {
            room.promised += share;
            count++;
        }
        assert_true(room.promised <= room.available - OVERLAY_RESERVE);
        assert_true(room.promised > room.available - OVERLAY_RESERVE - 4 * MIB - 4096);
        assert_in_range(count, asked[i] ? 10 : 17, 1000);
    }
}

/* 32 volumes whose journals are replayed, and a size that would fit once. */
static void a_large_size_starves_none_of_many(void **state)
{
    enum { COUNT = 32 };
    struct overlay_room room = {.available = 8 * GIB};
    uint64_t sizes[COUNT], least;
    bool is_short;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = overlay_room_share(&room, 30 * GIB, 8 * GIB, COUNT - 1 - i, &least, &is_short);
        room.promised += sizes[i];
        assert_true(is_short);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_in_range(sizes[i], sizes[0] - 4096 * (uint64_t)COUNT, sizes[0] + 4096 * (uint64_t)COUNT);
    assert_true(sizes[0] > 240 * MIB);
    /* and one that is still to come gets as much */
    assert_true(overlay_room_share(&room, 30 * GIB, 100 * MIB, 0, &least, &is_short) == 100 * MIB);
    assert_false(is_short);
}

static void the_file_system_is_asked(void **state)
{
    struct overlay_room room = {0};
    struct error *err = NULL;
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(overlay_room_look(fd, &room, NULL), 0);
    assert_true(room.available > 0);
    close(fd);
    assert_int_equal(overlay_room_look(-1, &room, &err), -1);
    assert_error(err, EXIT_FAILED, "free room");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_leaves_room_for_others),
        cmocka_unit_test(all_shares_together_fit),
        cmocka_unit_test(a_large_size_starves_none_of_many),
        cmocka_unit_test(the_file_system_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
