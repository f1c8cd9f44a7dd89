/* SPDX-License-Identifier: MIT */
/* What a volume's header may make this host spend on trying a key. */
#include <endian.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"
#include "util/str.h"
#include "volume/crypt_room.h"
#include "volume/luks.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t memory_of(const char *text)
{
    return luks_memory_of_text(text, strlen(text));
}

static void the_most_demanding_keyslot_counts(void **state)
{
    static const struct {
        const char *number;
        uint64_t bytes;
    } cases[] = {
        {"65536", 64 * MIB},
        {"4194304", 4096 * MIB},
        {"0", 0},
        {"-5", 0},
        {"\"65536\"", 0},
        {"null", 0},
        {"4294967295.5", UINT64_C(4398046510592)},
        {"1e300", UINT64_MAX},
        {"{}", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text =
            str_printf("{\"keyslots\": {\"0\": {\"kdf\": {\"type\": \"argon2id\", \"memory\": %s}}}}", cases[i].number);

        if (memory_of(text) != cases[i].bytes)
            fail_msg("%s: %llu", cases[i].number, (unsigned long long)memory_of(text));
    }
    assert_int_equal(memory_of("{\"keyslots\": {\"0\": {\"kdf\": {\"memory\": 32}}, \"1\": {\"kdf\": {\"type\": "
                               "\"pbkdf2\"}}, \"7\": {\"kdf\": {\"memory\": 1024}}, \"8\": 5}}"),
                     MIB);
    assert_int_equal(memory_of(""), 0);
    assert_int_equal(memory_of("[]"), 0);
    assert_int_equal(memory_of("{\"keyslots\": 3}"), 0);
    assert_int_equal(memory_of("{\"keyslots\": {\"0\": {\"kdf\": {\"memory\": 32"), 0);
    /* the area behind the text is zeroes */
    assert_int_equal(luks_memory_of_text("{\"keyslots\": {\"0\": {\"kdf\": {\"memory\": 4}}}}\0\0\0", 44), 4096);
}

static char *image(uint16_t version, uint64_t size, const char *text)
{
    char *path = str_dup("/tmp/azilr-luks-XXXXXX");
    unsigned char fixed[4096] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    version = htobe16(version);
    size = htobe64(size);
    memcpy(fixed + 6, &version, sizeof(version));
    memcpy(fixed + 8, &size, sizeof(size));
    assert_int_equal(pwrite(fd, fixed, sizeof(fixed), 0), (ssize_t)sizeof(fixed));
    assert_int_equal(pwrite(fd, text, strlen(text), sizeof(fixed)), (ssize_t)strlen(text));
    assert_int_equal(ftruncate(fd, 32768), 0);
    close(fd);
    return path;
}

static void a_header_is_read_within_bounds(void **state)
{
    static const char text[] = "{\"keyslots\": {\"0\": {\"kdf\": {\"memory\": 1024}}}}";
    static const struct {
        uint16_t version;
        uint64_t size, bytes;
    } cases[] = {
        {2, 16384, MIB}, {2, 32768, MIB},    {1, 16384, 0}, {2, 0, 0},
        {2, 4096, 0},    {2, UINT64_MAX, 0}, {2, 32769, 0}, {2, 8 * MIB, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *path = image(cases[i].version, cases[i].size, text);

        if (luks_memory(path) != cases[i].bytes)
            fail_msg("case %zu: %llu", i, (unsigned long long)luks_memory(path));
        unlink(path);
    }
    assert_int_equal(luks_memory("/dev/null"), 0);
    assert_int_equal(luks_memory("/nonexistent/device"), 0);
}

static void more_than_there_is_is_refused(void **state)
{
    struct crypt_room room;
    struct error *err = NULL;

    (void)state;
    crypt_room_open(&room, 64 * MIB);
    assert_int_equal(crypt_room_take(&room, 4096 * MIB, NULL, &err), -1);
    assert_non_null(strstr(err->message, "4096 MiB"));
    assert_error(err, EXIT_HOST, "this host has 64 to spare");
    assert_int_equal(crypt_room_take(&room, 64 * MIB, NULL, NULL), 0);
    crypt_room_give(&room, 64 * MIB);
    crypt_room_close(&room);
    /* what the kernel tells is less than what the machine has, and more than nothing */
    crypt_room_open(&room, 0);
    assert_true(room.total > MIB && room.total < (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
    crypt_room_close(&room);
}

static void *give_back(void *argument)
{
    crypt_room_give(argument, 40 * MIB);
    return NULL;
}

static void together_they_take_no_more_than_there_is(void **state)
{
    struct crypt_room room;
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;
    pthread_t other;

    (void)state;
    crypt_room_open(&room, 64 * MIB);
    assert_int_equal(crypt_room_take(&room, 40 * MIB, NULL, NULL), 0);
    wait.deadline_ms = clock_monotonic_ms() + 60;
    assert_int_equal(crypt_room_take(&room, 40 * MIB, &wait, &err), -1);
    assert_error(err, EXIT_NETWORK, "time limit");
    assert_int_equal(room.taken, 40 * MIB);
    assert_int_equal(pthread_create(&other, NULL, give_back, &room), 0);
    assert_int_equal(crypt_room_take(&room, 40 * MIB, NULL, NULL), 0);
    assert_int_equal(room.taken, 40 * MIB);
    pthread_join(other, NULL);
    crypt_room_give(&room, 40 * MIB);
    /* those that take none are only so many at once */
    for (unsigned i = 0; i < CRYPT_ROOM_MAX; i++)
        assert_int_equal(crypt_room_take(&room, 0, NULL, NULL), 0);
    wait.deadline_ms = clock_monotonic_ms() + 60;
    assert_int_equal(crypt_room_take(&room, 0, &wait, NULL), -1);
    crypt_room_close(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_demanding_keyslot_counts),
        cmocka_unit_test(a_header_is_read_within_bounds),
        cmocka_unit_test(more_than_there_is_is_refused),
        cmocka_unit_test(together_they_take_no_more_than_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
