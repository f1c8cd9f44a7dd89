/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/provision.h"

static void assert_tags(const char *const *tags, size_t count, const char *complaint)
{
    struct options options = {.tags.count = count};
    struct error *err = NULL;
    int result;

    memcpy(options.tags.list, tags, count * sizeof(*tags));
    result = provision_check_options(&options, &err);
    if (complaint) {
        assert_int_equal(result, -1);
        assert_error(err, EXIT_USAGE, complaint);
    } else {
        assert_int_equal(result, 0);
        assert_null(err);
    }
}

static void tags_are_checked(void **state)
{
    static char long_name[600], long_value[300];
    const char *const good[] = {"a=b", "c=", "d=e=f", "with blank=x y"};
    static const struct {
        const char *tag, *complaint;
    } bad[] = {{"a", "\"a\" is not NAME=VALUE"}, {"=b", "a name has 1 to 512"}, {"a/b=c", "none of them"},
               {"a%b=c", "none of them"},        {"a?=", "none of them"},       {long_name, "a name has"},
               {long_value, "more than 256"}};
    const char *const twice[] = {"a=1", "b=2", "A=3"};
    /* limits are of characters: 512 and 256 of two bytes each */
    static char wide[2 * 512 + 1 + 2 * 256 + 1], wider[2 * 513 + 2];
    const char *const wide_tags[] = {wide, "部署=東京"};
    const char *wider_tag = wider, *broken = "a=\xc3", *reversed = "a=\u202eb", *long_and_twice[] = {wide, wide};

    (void)state;
    memset(long_name, 'n', sizeof(long_name) - 3);
    strcpy(long_name + sizeof(long_name) - 3, "=v");
    strcpy(long_value, "v=");
    memset(long_value + 2, 'v', sizeof(long_value) - 3);
    assert_tags(good, 4, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_tags(&bad[i].tag, 1, bad[i].complaint);
    assert_tags(twice, 3, "A is given twice");
    for (size_t i = 0; i < 513; i++)
        memcpy(wider + 2 * i, "ö", 2);
    strcpy(wider + 2 * 513, "=");
    for (size_t i = 0; i < 512; i++)
        memcpy(wide + 2 * i, "ö", 2);
    wide[2 * 512] = '=';
    for (size_t i = 0; i < 256; i++)
        memcpy(wide + 2 * 512 + 1 + 2 * i, "é", 2);
    assert_tags(wide_tags, 2, NULL);
    assert_tags(&wider_tag, 1, "a name has 1 to 512");
    assert_tags(&broken, 1, "not UTF-8");
    assert_tags(&reversed, 1, "not UTF-8");
    assert_tags(long_and_twice, 2, "ö… is given twice");
}

static void location_and_etag_are_checked(void **state)
{
    const struct options good = {.location = "West Europe", .etag = "W/\"1\""};
    const struct options bad_location = {.location = "west/europe"};
    static char long_etag[300];
    struct options bad_etag = {.etag = long_etag};
    struct error *err = NULL;

    (void)state;
    assert_int_equal(provision_check_options(&good, &err), 0);
    assert_int_equal(provision_check_options(&bad_location, &err), -1);
    assert_error(err, EXIT_USAGE, "--location");
    memset(long_etag, 'e', sizeof(long_etag) - 1);
    assert_int_equal(provision_check_options(&bad_etag, &err), -1);
    assert_error(err, EXIT_USAGE, "--etag");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_checked),
        cmocka_unit_test(location_and_etag_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
