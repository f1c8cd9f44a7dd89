/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "util/str.h"
#include "volume/ntfs.h"
#include "volume/volumes.h"

/*
 * A made volume: sectors of 512 bytes, clusters of 1024, records of 1024; the MFT at cluster 4, its mirror at 16, the
 * journal in two runs of which the second page begins in the second. Offsets are written down here once more.
 */
enum {
    SIZE = 256 << 10,
    CLUSTER = 1024,
    MFT = 4 * CLUSTER,
    MIRROR = 16 * CLUSTER,
    LOG_RECORD = 2 * 1024,
    VOLUME_RECORD = 3 * 1024,
    LOG_1 = 64 * CLUSTER, /* 6 clusters, and 10 more at LOG_2 */
    LOG_2 = 40 * CLUSTER,
    PAGE_2_HEAD = LOG_1 + 4 * CLUSTER,
};

static unsigned char image[SIZE];

static void put(size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        image[at + i] = (unsigned char)(value >> (8 * i));
}

/* Sets the update sequence of what is at `at`, whose array is at its offset `array`. */
static void seal(unsigned char *data, size_t size, size_t array)
{
    data[4] = (unsigned char)array;
    data[6] = (unsigned char)(size / 512 + 1);
    data[array] = 0x5a;
    data[array + 1] = 0xa5;
    for (size_t i = 1; i <= size / 512; i++) {
        memcpy(data + array + 2 * i, data + 512 * i - 2, 2);
        memcpy(data + 512 * i - 2, data + array, 2);
    }
}

static void make_record(size_t at, const char *attribute, size_t length)
{
    memset(image + at, 0, 1024);
    memcpy(image + at, "FILE", 4);
    put(at + 0x14, 0x38, 2);
    memcpy(image + at + 0x38, attribute, length);
    put(at + 0x38 + length, 0xffffffff, 4);
    seal(image + at, 1024, 0x30);
}

static void make_records(size_t table, unsigned flags)
{
    static const char runs[] = "\x11\x06\x40\x11\x0a\xe8"; /* 6 clusters at 64, 10 at 64 - 24 */
    char attribute[0x50] = {0};

    attribute[0] = (char)0x80;
    attribute[4] = 0x50;
    attribute[8] = 1;
    attribute[0x20] = 0x40;
    memcpy(attribute + 0x40, runs, sizeof(runs));
    make_record(table + LOG_RECORD, attribute, sizeof(attribute));
    memset(attribute, 0, sizeof(attribute));
    attribute[0] = 0x70;
    attribute[4] = 0x28;
    attribute[0x10] = 12;
    attribute[0x14] = 0x18;
    attribute[0x18 + 10] = (char)flags;
    make_record(table + VOLUME_RECORD, attribute, 0x28);
}

static void make_volume(unsigned flags)
{
    memset(image, 0, SIZE);
    memcpy(image + 3, "NTFS    ", 8);
    put(11, 512, 2);
    put(13, 2, 1);
    put(48, MFT / CLUSTER, 8);
    put(56, MIRROR / CLUSTER, 8);
    put(64, 1, 1);
    make_records(MFT, flags);
    make_records(MIRROR, flags);
    memset(image + LOG_1, 0xff, 6 * CLUSTER);
    memset(image + LOG_2, 0xff, 10 * CLUSTER);
}

static void make_page(unsigned char *page, uint64_t lsn, unsigned client, unsigned flags)
{
    memset(page, 0, 4096);
    memcpy(page, "RSTR", 4);
    page[0x11] = page[0x15] = 0x10; /* 4096 */
    page[0x18] = 0x30;
    memcpy(page + 0x30, &lsn, sizeof(lsn));
    memcpy(page + 0x30 + 0xa, (unsigned char[]){0xff, 0xff, (unsigned char)client, (unsigned char)(client >> 8)}, 4);
    page[0x30 + 0xe] = (unsigned char)flags;
    seal(page, 4096, 0x1e);
}

/* The second page, of which 2 KiB are in the first run. */
static void put_second(const unsigned char *page)
{
    memcpy(image + PAGE_2_HEAD, page, 2048);
    memcpy(image + LOG_2, page + 2048, 2048);
}

static char *write_image(void)
{
    char *path = str_dup("/tmp/azilr-ntfs-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, SIZE), SIZE);
    close(fd);
    return path;
}

static struct ntfs_state state_of_image(void)
{
    _cleanup_free_ char *path = write_image();
    _cleanup_error_ struct error *err = NULL;
    struct ntfs_state state;

    assert_int_equal(ntfs_read_state(path, &state, &err), 0);
    unlink(path);
    return state;
}

static void the_journal_is_told_by_its_restart_pages(void **state)
{
    static const struct {
        uint64_t lsns[2];
        unsigned clients[2], flags[2];
        enum ntfs_journal journal;
    } cases[] = {
        {{8, 8}, {0, 0}, {0, 0}, NTFS_JOURNAL_LIVE},
        {{8, 8}, {0, 0}, {1, 1}, NTFS_JOURNAL_LIVE},
        {{8, 8}, {0xffff, 0xffff}, {0, 0}, NTFS_JOURNAL_CLEAN},
        {{8, 8}, {0, 0}, {2, 2}, NTFS_JOURNAL_CLEAN},
        /* the later one of two that differ, whichever page that is */
        {{8, 9}, {0xffff, 0}, {2, 0}, NTFS_JOURNAL_LIVE},
        {{9, 8}, {0xffff, 0}, {2, 0}, NTFS_JOURNAL_CLEAN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char second[4096];

        make_volume(0);
        make_page(image + LOG_1, cases[i].lsns[0], cases[i].clients[0], cases[i].flags[0]);
        make_page(second, cases[i].lsns[1], cases[i].clients[1], cases[i].flags[1]);
        put_second(second);
        assert_int_equal(state_of_image().journal, cases[i].journal);
    }
}

static void an_emptied_journal_is_clean_and_the_flag_is_told(void **state)
{
    struct ntfs_state found;
    _cleanup_free_ char *none = NULL, *check = NULL;

    (void)state;
    make_volume(0);
    found = state_of_image();
    assert_int_equal(found.journal, NTFS_JOURNAL_CLEAN);
    assert_false(found.wants_check);
    none = ntfs_note(&found);
    assert_null(none);
    make_volume(1);
    found = state_of_image();
    assert_int_equal(found.journal, NTFS_JOURNAL_CLEAN);
    assert_true(found.wants_check);
    check = ntfs_note(&found);
    assert_non_null(strstr(check, "chkdsk"));
    assert_null(strstr(check, "replayed"));
}

static void a_page_cut_short_leaves_the_other(void **state)
{
    unsigned char second[4096];

    (void)state;
    make_volume(0);
    make_page(image + LOG_1, 9, 0xffff, 2);
    make_page(second, 8, 0, 0);
    put_second(second);
    image[LOG_1 + 1022] ^= 1;
    assert_int_equal(state_of_image().journal, NTFS_JOURNAL_LIVE);
    image[LOG_2 + 2046] ^= 1;
    assert_int_equal(state_of_image().journal, NTFS_JOURNAL_UNREADABLE);
}

static void a_damaged_record_is_read_from_the_mirror(void **state)
{
    (void)state;
    make_volume(1);
    make_page(image + LOG_1, 9, 0, 0);
    memset(image + MFT, 0, 4096);
    assert_int_equal(state_of_image().journal, NTFS_JOURNAL_LIVE);
    assert_true(state_of_image().wants_check);
    memset(image + MIRROR, 0, 4096);
    assert_int_equal(state_of_image().journal, NTFS_JOURNAL_UNREADABLE);
}

static void a_volume_carries_the_note(void **state)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_volumes_ struct volumes volumes = {0};
    struct volume *volume;

    (void)state;
    make_volume(0);
    make_page(image + LOG_1, 9, 0, 0);
    /* what libblkid wants beside: the media byte, the size, the end mark, and the first record with its name */
    put(21, 0xf8, 1);
    put(40, SIZE / 512 - 1, 8);
    put(510, 0xaa55, 2);
    memcpy(image + MFT, "FILE", 4);
    path = write_image();
    volume = volumes_add(&volumes, "disk0p1", path, 0, 1, SIZE, false);
    volume_probe(volume);
    unlink(path);
    assert_string_equal(volume->type, "ntfs");
    assert_int_equal(volume->state, VOLUME_FOUND);
    assert_non_null(volume->note);
    assert_non_null(strstr(volume->note, "its journal was not replayed"));
}

/* Each byte of what is read, made absurd: it ends, without reading beyond what is there, which the sanitizers watch. */
static void nonsense_is_survived(void **state)
{
    static const unsigned char absurd[] = {0x00, 0x7f, 0x80, 0xff};
    static const size_t places[][2] = {
        {0, 80}, {MFT + LOG_RECORD, 256}, {MFT + VOLUME_RECORD, 256}, {LOG_1, 96}, {PAGE_2_HEAD, 32}};
    _cleanup_free_ char *path = NULL;
    int fd;

    (void)state;
    make_volume(0);
    make_page(image + LOG_1, 9, 0, 0);
    path = write_image();
    fd = open(path, O_RDWR);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        for (size_t j = 0; j < places[i][1] * sizeof(absurd); j++) {
            size_t at = places[i][0] + j / sizeof(absurd);
            struct ntfs_state found;

            assert_int_equal(pwrite(fd, &absurd[j % sizeof(absurd)], 1, (off_t)at), 1);
            if (ntfs_read_state(path, &found, NULL) == 0)
                assert_in_range(found.journal, NTFS_JOURNAL_CLEAN, NTFS_JOURNAL_UNREADABLE);
            assert_int_equal(pwrite(fd, image + at, 1, (off_t)at), 1);
        }
    close(fd);
    unlink(path);
    assert_int_equal(state_of_image().journal, NTFS_JOURNAL_LIVE);
}

static void what_is_no_ntfs_is_an_error(void **state)
{
    _cleanup_free_ char *path = NULL;
    struct error *err = NULL;
    struct ntfs_state found;

    (void)state;
    make_volume(0);
    put(13, 3, 1);
    path = write_image();
    assert_int_equal(ntfs_read_state(path, &found, &err), -1);
    assert_error(err, EXIT_FAILED, "not that of an NTFS");
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(ntfs_read_state(path, &found, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot read the boot sector");
    unlink(path);
    assert_int_equal(ntfs_read_state("/nonexistent/device", &found, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_is_told_by_its_restart_pages),
        cmocka_unit_test(an_emptied_journal_is_clean_and_the_flag_is_told),
        cmocka_unit_test(a_page_cut_short_leaves_the_other),
        cmocka_unit_test(a_damaged_record_is_read_from_the_mirror),
        cmocka_unit_test(a_volume_carries_the_note),
        cmocka_unit_test(nonsense_is_survived),
        cmocka_unit_test(what_is_no_ntfs_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
