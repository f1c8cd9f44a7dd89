/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "block/overlay_room.h"
#include "check.h"
#include "util/clock.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static void a_share_leaves_room_for_others(void **state)
{
    static const struct {
        uint64_t available, promised, whole, asked, share;
        bool is_short;
    } cases[] = {
        /* there is plenty: what the origin could need, or 1 GiB, or what was asked for */
        {100 * GIB, 0, 30 * GIB, 0, GIB, false},
        {100 * GIB, 0, 48 * MIB, 0, 48 * MIB, false},
        {100 * GIB, 0, 64 * KIB, 0, 64 * KIB, false},
        {100 * GIB, 0, 30 * GIB, 20 * GIB, 20 * GIB, false},
        {100 * GIB, 0, 30 * GIB, MIB, 4 * MIB, false},
        {100 * GIB, 0, 30 * GIB, 60 * GIB, 30 * GIB, false},
        /* a quarter of what is left, unless another size was asked for */
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 0, 512 * MIB, true},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, GIB, GIB, false},
        {2 * GIB + 16 * MIB, 0, 30 * GIB, 4 * GIB, 2 * GIB, true},
        /* what others may come to need is as good as gone */
        {100 * GIB, 97 * GIB, 30 * GIB, 0, 764 * MIB, true},
        {100 * GIB, 97 * GIB, 30 * GIB, 4 * GIB, 3 * GIB - 16 * MIB, true},
        {100 * GIB, 100 * GIB, 30 * GIB, 0, 0, true},
        {100 * GIB, 200 * GIB, 30 * GIB, 0, 0, true},
        /* hardly anything */
        {20 * MIB, 0, 30 * GIB, 0, 4 * MIB, true},
        {20 * MIB - 1, 0, 30 * GIB, 0, 0, true},
        {20 * MIB - 1, 0, 64 * KIB, 0, 64 * KIB, false},
        {16 * MIB, 0, 64 * KIB, 0, 0, true},
        {0, 0, 30 * GIB, GIB, 0, true},
        {UINT64_MAX, 0, UINT64_MAX / 4096 * 4096, UINT64_MAX, UINT64_MAX / 4096 * 4096 - 16 * MIB, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct overlay_room room = {.available = cases[i].available, .promised = cases[i].promised};
        bool is_short = !cases[i].is_short;
        uint64_t least = 0, share = overlay_room_share(&room, cases[i].whole, cases[i].asked, &least, &is_short);

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

        while ((share = overlay_room_share(&room, 30 * GIB, asked[i], &least, &is_short)) > 0) {
            room.promised += share;
            count++;
        }
        assert_true(room.promised <= room.available - OVERLAY_RESERVE);
        assert_true(room.promised > room.available - OVERLAY_RESERVE - 4 * MIB - 4096);
        assert_true(count >= 1 && count <= 1000);
        if (!asked[i])
            assert_true(count > 16);
    }
}

static void a_directory_is_one_azilr_s_at_a_time(void **state)
{
    char place[] = "/tmp/azilr-room-XXXXXX";
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;
    int first, second;

    (void)state;
    assert_non_null(mkdtemp(place));
    first = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    second = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(overlay_room_lock(first, NULL, NULL), 0);
    wait.deadline_ms = clock_monotonic_ms() + 100;
    assert_int_equal(overlay_room_lock(second, &wait, &err), -1);
    assert_error(err, EXIT_NETWORK, "");
    close(first);
    assert_int_equal(overlay_room_lock(second, NULL, NULL), 0);
    close(second);
    rmdir(place);
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
        cmocka_unit_test(a_directory_is_one_azilr_s_at_a_time),
        cmocka_unit_test(the_file_system_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
