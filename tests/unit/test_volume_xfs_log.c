/* SPDX-License-Identifier: MIT */
/* Logs as mkfs.xfs and the kernel leave them, reduced to what is looked at; real ones are in the lab's scenarios. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "volume/xfs_log.h"

/* Groups of 1000 blocks of 4096 bytes, and a log of 64 of them that begins with the group 2's block 3. */
enum { BLOCK = 4096, GROUP_BLOCKS = 1000, GROUP_BITS = 10, LOG_BLOCKS = 64, SECTORS = LOG_BLOCKS * BLOCK / 512 };
static const off_t LOG_AT = (off_t)(2 * GROUP_BLOCKS + 3) * BLOCK;

enum kind { UNMOUNT = 0x20, COMMIT = 0x02 };

static char path[] = "/tmp/azilr-xfs-XXXXXX";
static int disk = -1;

static void put32(off_t at, uint32_t value)
{
    value = htobe32(value);
    assert_int_equal(pwrite(disk, &value, sizeof(value), at), sizeof(value));
}

static void put_log_start(uint64_t start)
{
    put32(48, (uint32_t)(start >> 32));
    put32(52, (uint32_t)start);
}

static void put_byte(off_t at, unsigned char value)
{
    assert_int_equal(pwrite(disk, &value, 1, at), 1);
}

/* A record of a header and so many sectors, from this sector of the log on. Returns the sector behind it. */
static uint32_t put_record(uint32_t sector, uint32_t cycle, uint32_t sectors, enum kind kind, uint32_t operations)
{
    const off_t at = LOG_AT + (off_t)sector * 512;

    put32(at, 0xfeedbabe);
    put32(at + 4, cycle);
    put32(at + 8, 2);
    put32(at + 12, sectors * 512);
    put32(at + 40, operations);
    put32(at + 320, 32768);
    for (uint32_t i = 1; i <= sectors; i++)
        put32(at + (off_t)i * 512, cycle);
    put_byte(at + 512 + 9, (unsigned char)kind);
    return sector + 1 + sectors;
}

static int begin(void **state)
{
    (void)state;
    if (disk < 0)
        disk = mkstemp(path);
    assert_true(disk >= 0);
    assert_int_equal(ftruncate(disk, 0) | ftruncate(disk, LOG_AT + (off_t)LOG_BLOCKS * BLOCK), 0);
    put32(0, 0x58465342);
    put32(4, BLOCK);
    put_log_start(2 << GROUP_BITS | 3);
    put32(84, GROUP_BLOCKS);
    put32(96, LOG_BLOCKS);
    put_byte(124, GROUP_BITS);
    put32(196, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    return unlink(path) | close(disk);
}

static void one_that_was_never_used_is_clean(void **state)
{
    (void)state;
    put_record(0, 1, 1, UNMOUNT, 1);
    assert_false(xfs_log_is_dirty(path));
}

static void the_last_record_decides(void **state)
{
    uint32_t at = 0;

    (void)state;
    at = put_record(at, 1, 1, UNMOUNT, 1);
    at = put_record(at, 1, 40, COMMIT, 7);
    assert_true(xfs_log_is_dirty(path));
    at = put_record(at, 1, 1, UNMOUNT, 1);
    assert_false(xfs_log_is_dirty(path));
    put_record(at, 1, 1, COMMIT, 1);
    assert_true(xfs_log_is_dirty(path));
}

static void it_is_found_wherever_the_log_begins_anew(void **state)
{
    (void)state;
    for (uint32_t before = 1; before < SECTORS - 4; before += 37) {
        uint32_t at = 0;

        for (uint32_t i = 0; i < SECTORS; i++)
            put32(LOG_AT + (off_t)i * 512, 6);
        at = put_record(0, 7, before, COMMIT, 3);
        assert_true(xfs_log_is_dirty(path));
        put_record(at, 7, 1, UNMOUNT, 1);
        assert_false(xfs_log_is_dirty(path));
    }
}

static void records_are_as_long_as_the_unit(void **state)
{
    uint32_t at;

    (void)state;
    put32(196, 32768);
    at = put_record(0, 1, 127, COMMIT, 9);
    put_record(at, 1, 63, UNMOUNT, 1);
    assert_false(xfs_log_is_dirty(path));
    put_record(at, 1, 63, COMMIT, 1);
    assert_true(xfs_log_is_dirty(path));
}

static void an_unmount_that_others_are_with_or_behind_is_none(void **state)
{
    (void)state;
    put_record(0, 1, 1, UNMOUNT, 2);
    assert_true(xfs_log_is_dirty(path));
    put_record(0, 1, 1, UNMOUNT, 1);
    put32(LOG_AT + 2 * 512, 1);
    assert_true(xfs_log_is_dirty(path));
}

/* Left to the kernel, and nothing is read that is not there. */
static void what_makes_no_sense_is_not_judged(void **state)
{
    static const struct {
        off_t at;
        uint32_t value;
    } cases[] = {
        {0, 0x12345678},
        {4, 0},
        {4, 0xffffffff},
        {4, 513},
        {48, 0xffffffff},
        {52, 0xffffffff},
        {84, 0},
        {96, 0},
        {96, 0xffffffff},
        {124, 0xff000000},
        {196, 0xffffffff},
        {196, 1 << 30},
        {96, LOG_BLOCKS + 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(state);
        put_record(0, 1, 4, COMMIT, 4);
        assert_true(xfs_log_is_dirty(path));
        put32(cases[i].at, cases[i].value);
        if (xfs_log_is_dirty(path))
            fail_msg("case %zu", i);
    }
    begin(state);
    put_log_start(0);
    assert_false(xfs_log_is_dirty(path));
    assert_false(xfs_log_is_dirty("/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_that_was_never_used_is_clean, begin),
        cmocka_unit_test_setup(the_last_record_decides, begin),
        cmocka_unit_test_setup(it_is_found_wherever_the_log_begins_anew, begin),
        cmocka_unit_test_setup(records_are_as_long_as_the_unit, begin),
        cmocka_unit_test_setup(an_unmount_that_others_are_with_or_behind_is_none, begin),
        cmocka_unit_test_setup(what_makes_no_sense_is_not_judged, begin),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
