/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "util/str.h"
#include "volume/partition_table.h"

enum { SECTORS = 4096 };

struct entry {
    unsigned char type;
    uint32_t start, size;
};

static void put(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* An MBR as UEFI's specification 5.2.1 has it: entries of 16 bytes from 446 on, 0x55 0xaa at the end. */
static char *image_of(const struct entry *entries, size_t count)
{
    unsigned char sector[512] = {0};
    char *path = str_dup("/tmp/azilr-table-XXXXXX");
    int fd = mkstemp(path);

    put(sector + 440, 0x12345678);
    for (size_t i = 0; i < count; i++) {
        sector[446 + 16 * i + 4] = entries[i].type;
        put(sector + 446 + 16 * i + 8, entries[i].start);
        put(sector + 446 + 16 * i + 12, entries[i].size);
    }
    sector[510] = 0x55;
    sector[511] = 0xaa;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)SECTORS * 512), 0);
    assert_int_equal(pwrite(fd, sector, sizeof(sector), 0), sizeof(sector));
    close(fd);
    return path;
}

static void read_table(const struct entry *entries, size_t count, struct partition_table *table)
{
    _cleanup_free_ char *path = image_of(entries, count);
    struct error *err = NULL;

    assert_int_equal(partition_table_read(path, table, &err), 0);
    unlink(path);
}

static void partitions_are_found_with_what_they_are_known_by(void **state)
{
    static const struct entry entries[] = {{0x83, 64, 1000}, {0x8e, 2048, 2048}};
    _cleanup_partition_table_ struct partition_table table = {0};

    (void)state;
    read_table(entries, 2, &table);
    assert_int_equal(table.count, 2);
    assert_int_equal(table.entries[0].number, 1);
    assert_int_equal(table.entries[0].start, 64);
    assert_int_equal(table.entries[0].size, 1000);
    assert_string_equal(table.entries[0].type, "0x83");
    assert_string_equal(table.entries[1].uuid, "12345678-02");
    assert_null(table.entries[1].name);
}

static void what_does_not_lie_on_the_device_is_left_out(void **state)
{
    static const struct entry cases[] = {
        {0x83, 0, SECTORS},             /* the whole device, and so itself */
        {0x83, 64, 0},                  /* nothing */
        {0x83, 64, SECTORS - 63},       /* one sector too many */
        {0x83, SECTORS, 1},             /* behind it */
        {0x83, 0xffffffff, 0xffffffff}, /* far behind */
        {0x05, 64, 1000},               /* an extended one, empty */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct entry entries[] = {cases[i], {0x83, 2048, SECTORS - 2048}};
        _cleanup_partition_table_ struct partition_table table = {0};

        read_table(entries, 2, &table);
        /* libblkid may take no table at all for one that has such an entry */
        if (table.count > 1 || (table.count == 1 && table.entries[0].start != 2048))
            fail_msg("case %zu: %zu entries, the first at %ju", i, table.count, (uintmax_t)table.entries[0].start);
    }
}

/* The polynomial of a GPT's checksums (UEFI specification 5.3.2). */
static uint32_t crc32(const unsigned char *data, size_t length)
{
    uint32_t sum = 0xffffffff;

    for (size_t i = 0; i < length; i++) {
        sum ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = (sum >> 1) ^ ((sum & 1) ? 0xedb88320 : 0);
    }
    return ~sum;
}

enum { ENTRIES_SIZE = 128 * 128 };

/* A header of the UEFI specification 5.3.2 at sector `self`, and the entries at `entries_at`. */
static void put_gpt(int fd, uint32_t sector, uint32_t self, uint32_t other, uint32_t entries_at,
                    const unsigned char *entries)
{
    unsigned char head[92] = "EFI PART";
    const uint32_t before = 2 + ENTRIES_SIZE / sector, sectors = SECTORS * 512 / sector;

    put(head + 8, 0x10000);
    put(head + 12, sizeof(head));
    put(head + 24, self);
    put(head + 32, other);
    put(head + 40, before);
    put(head + 48, sectors - before);
    put(head + 56, 0x12345678);
    put(head + 72, entries_at);
    put(head + 80, 128);
    put(head + 84, 128);
    put(head + 88, crc32(entries, ENTRIES_SIZE));
    put(head + 16, crc32(head, sizeof(head)));
    assert_int_equal(pwrite(fd, head, sizeof(head), (off_t)self * sector), sizeof(head));
    assert_int_equal(pwrite(fd, entries, ENTRIES_SIZE, (off_t)entries_at * sector), ENTRIES_SIZE);
}

/* A disk with a GPT for sectors of this size, and one partition of the bytes from 1 MiB to 1.5 MiB. */
static char *gpt_of(uint32_t sector)
{
    static const struct entry protective[] = {{0xee, 1, SECTORS - 1}};
    unsigned char entries[ENTRIES_SIZE] = {0};
    char *path = image_of(protective, 1);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    const uint32_t last = SECTORS * 512 / sector - 1;

    memset(entries, 0x11, 32);
    put(entries + 32, (1 << 20) / sector);
    put(entries + 40, (1 << 20) / sector + (1 << 19) / sector - 1);
    assert_true(fd >= 0);
    put_gpt(fd, sector, 1, last, 2, entries);
    put_gpt(fd, sector, last, 1, last - ENTRIES_SIZE / sector, entries);
    close(fd);
    return path;
}

static void a_gpt_that_the_kernel_does_not_take_is_read(void **state)
{
    static const struct {
        uint32_t sector;
        off_t damage_at; /* this sector of 512 bytes is overwritten with zeros; 0 for none, -1 for the very first */
    } cases[] = {{512, 0}, {512, 1}, {512, 2}, {512, -1}, {4096, 0}, {4096, 8}, {4096, -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_partition_table_ struct partition_table table = {0};
        static const unsigned char zeros[512];
        _cleanup_free_ char *path = gpt_of(cases[i].sector);
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (cases[i].damage_at)
            assert_int_equal(pwrite(fd, zeros, 512, cases[i].damage_at < 0 ? 0 : cases[i].damage_at * 512), 512);
        close(fd);
        assert_int_equal(partition_table_read(path, &table, NULL), 0);
        if (table.count != 1 || table.entries[0].start != 2048 || table.entries[0].size != 1024)
            fail_msg("case %zu: %zu entries", i, table.count);
        assert_string_equal(table.kind, "gpt");
        unlink(path);
    }
}

static void what_is_cut_off_is_counted(void **state)
{
    static const struct entry entries[] = {{0x83, 64, 1000}, {0x83, 2048, SECTORS}};
    _cleanup_partition_table_ struct partition_table table = {0};

    (void)state;
    read_table(entries, 2, &table);
    assert_int_equal(table.count, 1);
    assert_int_equal(table.left_out, 1);
}

static void no_table_is_no_error_and_no_device_is(void **state)
{
    _cleanup_partition_table_ struct partition_table table = {0};
    struct error *err = NULL;

    (void)state;
    assert_int_equal(partition_table_read("/dev/zero/none", &table, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot open /dev/zero/none");
    assert_int_equal(table.count, 0);
}

static void a_partition_is_called_after_its_device(void **state)
{
    static const struct {
        const char *whole, *alias;
    } cases[] = {
        {"md/data", "md/data1"},
        {"md/0", "md/0p1"},
        {"mapper/vg-lv", "mapper/vg-lv1"},
        {"md/0\nmd0", "md/0p1\nmd0p1"},
    };

    (void)state;
    assert_null(partition_alias(NULL, 1));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *alias = partition_alias(cases[i].whole, 1);

        assert_string_equal(alias, cases[i].alias);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_found_with_what_they_are_known_by),
        cmocka_unit_test(what_does_not_lie_on_the_device_is_left_out),
        cmocka_unit_test(no_table_is_no_error_and_no_device_is),
        cmocka_unit_test(a_partition_is_called_after_its_device),
        cmocka_unit_test(a_gpt_that_the_kernel_does_not_take_is_read),
        cmocka_unit_test(what_is_cut_off_is_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
