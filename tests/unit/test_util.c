/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "util/buffer.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/kernel_module.h"
#include "util/process.h"
#include "util/run.h"
#include "util/secret.h"
#include "util/str.h"
#include "util/wait.h"

static void errors_are_wrapped_and_keep_the_deepest_hint(void **state)
{
    struct error *err = NULL;

    (void)state;
    assert_int_equal(error_set_errno(&err, EXIT_NETWORK, ECONNREFUSED, "cannot reach %s", "x"), -1);
    error_hint(&err, "first");
    error_hint(&err, "second");
    error_wrap(&err, "mounting %d", 7);
    assert_string_equal(err->message, "mounting 7: cannot reach x: Connection refused");
    assert_string_equal(err->hint, "first");
    assert_error(err, EXIT_NETWORK, "mounting 7");
    assert_int_equal(error_set(NULL, EXIT_FAILED, "nobody listens"), -1);
}

static void untrusted_text_becomes_printable(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain", "plain"},
        {"näme…", "näme…"},
        {"a\nb\tc", "a\\x0ab\\x09c"},
        {"\033[31mred\033]0;title\007", "\\x1b[31mred\\x1b]0;title\\x07"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc0\x80", "\\xc0\\x80"},          /* overlong NUL */
        {"\xe2\x82", "\\xe2\\x82"},          /* cut off */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
        {"\xe2\x80\xae"
         "abc",
         "\\xe2\\x80\\xae"
         "abc"},                    /* right-to-left override */
        {"\xc2\x85", "\\xc2\\x85"}, /* C1 control */
        {"\x7f", "\\x7f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *out = str_printable(cases[i].in, strlen(cases[i].in), 100);

        assert_string_equal(out, cases[i].out);
    }
    _cleanup_free_ char *cut = str_printable("0123456789", 10, 4);
    assert_string_equal(cut, "0123…");
    _cleanup_free_ char *with_nul = str_printable("a\0b", 3, 10);
    assert_string_equal(with_nul, "a\\x00b");
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "0x1", "1e3", "99999999999999999999", "-", "11", "-1"};
    long number = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(str_to_long(bad[i], 0, 10, &number), -1);
    assert_int_equal(number, 5);
    assert_int_equal(str_to_long("10", 0, 10, &number), 0);
    assert_int_equal(number, 10);
    assert_int_equal(str_to_long("-3", -3, 10, &number), 0);
    assert_int_equal(number, -3);
    assert_int_equal(str_to_long(NULL, 0, 1, &number), -1);
}

static void a_buffer_keeps_to_its_cap(void **state)
{
    struct buffer buffer = BUFFER_INIT(5);

    (void)state;
    assert_string_equal(buffer_text(&buffer), "");
    assert_int_equal(buffer_append(&buffer, "abc", 3), 0);
    assert_int_equal(buffer_append(&buffer, "def", 3), -1);
    assert_int_equal(buffer_append(&buffer, "de", 2), 0);
    assert_string_equal(buffer_text(&buffer), "abcde");
    assert_int_equal(buffer_append(&buffer, "", 0), 0);
    assert_int_equal(buffer_append(&buffer, "x", 1), -1);
    buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
}

static void dates_are_read_and_written(void **state)
{
    static const struct {
        const char *text;
        long long seconds;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-20T03:00:00Z", 1795143600},
        {"2026-11-20T03:00:00.1234567Z", 1795143600},
        {"2026-11-20T04:30:00+01:30", 1795143600},
        {"2026-11-19 22:00:00-05:00", 1795143600},
        {"2026-11-20T03:00:00", 1795143600},
        {"2024-02-29T00:00:00Z", 1709164800},
    };
    static const char *const bad[] = {"",
                                      "2026-11-20",
                                      "2026-13-20T03:00:00Z",
                                      "2026-02-30T03:00:00Z",
                                      "2026-11-20T24:00:00Z",
                                      "2026-11-20T03:00:00.Z",
                                      "2026-11-20T03:00:00Zjunk",
                                      "2026-11-20T03:00:00+25:00",
                                      "2026-11-20T03:00:00+01:0",
                                      "20261120T030000Z",
                                      "-026-11-20T03:00:00Z"};
    char text[CLOCK_TEXT_SIZE];
    time_t when;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(clock_parse(good[i].text, &when), 0);
        assert_int_equal(when, good[i].seconds);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (clock_parse(bad[i], &when) == 0)
            fail_msg("\"%s\" was taken for a date", bad[i]);
    assert_string_equal(clock_format(1795143600, text), "2026-11-20T03:00:00Z");
    assert_string_equal(clock_format_compact(1795143600, text), "20261120T030000Z");
}

static void json_is_one_document_of_bounded_depth(void **state)
{
    char deep[200];
    struct error *err = NULL;
    _cleanup_json_ cJSON *fine = json_parse("{\"a\":[1,{\"b\":\"x]}\"}]} \n", 23, "the answer", &err);

    (void)state;
    assert_non_null(fine);
    assert_string_equal(json_string(json_array(fine, "a")->child->next, "b"), "x]}");
    assert_null(json_string(fine, "a"));
    assert_null(json_object(fine, "A"));
    assert_true(json_bool(fine, "none", true));
    assert_null(json_parse("{} {}", 5, "the answer", &err));
    assert_error(err, EXIT_FAILED, "the answer is not valid JSON");
    assert_null(json_parse("{\"a\":", 5, "the answer", &err));
    assert_error(err, EXIT_FAILED, "not valid JSON");
    assert_null(json_parse("", 0, "the answer", &err));
    assert_error(err, EXIT_FAILED, "not valid JSON");
    memset(deep, '[', sizeof(deep));
    assert_null(json_parse(deep, sizeof(deep), "the answer", &err));
    assert_error(err, EXIT_FAILED, "nested more than");
}

/* A byte or two each, and they would take gigabytes. */
static void json_has_bounded_values(void **state)
{
    static const char *const values[] = {"[],", "1,", "{},", "\"\","};
    const size_t size = (size_t)32 << 20;
    _cleanup_free_ char *text = xcalloc(size + 1, 1);
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        size_t length = strlen(values[i]);

        for (size_t at = 1; at + length < size; at += length)
            memcpy(text + at, values[i], length);
        text[0] = '[';
        assert_null(json_parse(text, size, "the answer", &err));
        assert_error(err, EXIT_FAILED, "the answer has more than 1000000 values");
    }
    /* what stands in a text is no value, and a page of many points is taken */
    memset(text, ',', size);
    memcpy(text, "[\"", 2);
    memcpy(text + size - 2, "\"]", 2);
    cJSON_Delete(json_parse(text, size, "the answer", &err));
    assert_null(err);
    memset(text, '1', size);
    for (size_t at = 1; at < 2 * (size_t)600000; at += 2)
        text[at] = ',';
    text[0] = '[';
    text[2 * (size_t)600000 - 1] = ']';
    text[1] = '1';
    cJSON_Delete(json_parse(text, 2 * (size_t)600000, "the answer", &err));
    assert_null(err);
}

static void json_results_are_utf_8(void **state)
{
    static const char bytes[] = "{\"a\xff\":[\"b\xfe\",{\"\xc3\xbc\":1}]}";
    _cleanup_json_ cJSON *document = json_parse(bytes, strlen(bytes), "x", NULL);
    _cleanup_free_ char *text = NULL;

    (void)state;
    assert_non_null(document);
    text = json_result(document);
    assert_true(str_is_utf8(text));
    assert_non_null(strstr(text, "\"a\\\\xff\""));
    assert_non_null(strstr(text, "\"b\\\\xfe\""));
    assert_non_null(strstr(text, "\"\xc3\xbc\""));
}

static char *temporary_directory(void)
{
    char *path = str_dup("/tmp/azilr-test-XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static void a_file_is_replaced_whole_and_never_through_a_link(void **state)
{
    _cleanup_free_ char *dir = temporary_directory();
    _cleanup_free_ char *path = str_printf("%s/file", dir);
    _cleanup_free_ char *beside = str_printf("%s/file.new", dir);
    _cleanup_free_ char *victim = str_printf("%s/victim", dir);
    _cleanup_free_ char *text = NULL;
    struct error *err = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(file_replace(victim, "keep", 4, 0644, false, &err), 0);
    assert_int_equal(symlink(victim, beside), 0);
    assert_int_equal(file_replace(path, "secret", 6, 0600, true, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_read(victim, 100, &text, NULL, &err), 0);
    assert_string_equal(text, "keep");
    free(steal(text));
    assert_int_equal(file_read(path, 5, &text, NULL, &err), -1);
    assert_error(err, EXIT_FAILED, "larger than 5 bytes");
    assert_int_equal(file_read(beside, 5, &text, NULL, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, "No such file");
    unlink(path);
    unlink(victim);
    rmdir(dir);
}

static void a_directory_that_others_prepared_is_refused(void **state)
{
    _cleanup_free_ char *dir = temporary_directory();
    _cleanup_free_ char *path = str_printf("%s/d", dir);
    _cleanup_free_ char *link = str_printf("%s/l", dir);
    struct error *err = NULL;
    bool made = false;

    (void)state;
    assert_int_equal(file_make_private_dir(path, &made, &err), 0);
    assert_true(made);
    assert_int_equal(file_make_private_dir(path, &made, &err), 0);
    assert_false(made);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(file_make_private_dir(link, NULL, &err), -1);
    assert_error(err, EXIT_HOST, "not a directory that only root can change");
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(file_make_private_dir(path, NULL, &err), -1);
    assert_error(err, EXIT_HOST, "not a directory");
    unlink(link);
    rmdir(path);
    rmdir(dir);
}

static void a_place_that_others_can_change_is_refused(void **state)
{
    char top[] = "/tmp/azilr-above-XXXXXX";
    _cleanup_free_ char *middle = NULL, *link = NULL, *below = NULL, *below_link = NULL;
    struct error *err = NULL;

    (void)state;
    assert_non_null(mkdtemp(top));
    middle = str_printf("%s/middle", top);
    link = str_printf("%s/link", top);
    below = str_printf("%s/place", middle);
    below_link = str_printf("%s/place", link);
    assert_int_equal(mkdir(middle, 0700), 0);
    assert_int_equal(symlink("middle", link), 0);
    /* /tmp, above it, is sticky; the place itself need not be there */
    assert_int_equal(file_check_ancestors(below, NULL), 0);
    assert_int_equal(file_check_ancestors("/", NULL), 0);
    assert_int_equal(file_check_ancestors(below_link, &err), -1);
    assert_error(err, EXIT_USAGE, link);
    assert_int_equal(chmod(middle, 0770), 0);
    assert_int_equal(file_check_ancestors(below, &err), -1);
    assert_error(err, EXIT_USAGE, "can be changed by others");
    assert_int_equal(chmod(middle, 01777), 0);
    assert_int_equal(file_check_ancestors(below, NULL), 0);
    unlink(link);
    rmdir(middle);
    rmdir(top);
}

static void a_feature_that_the_kernel_lacks_is_named(void **state)
{
    static const struct kernel_feature present = {"no_such_module", "/proc/self", "processes"};
    static const struct kernel_feature missing = {"azilr_no_such_module", "/nonexistent/feature", "wings"};
    struct error *err = NULL;

    (void)state;
    assert_int_equal(kernel_module_load(&present, NULL, NULL), 0);
    assert_int_equal(kernel_module_load(&missing, NULL, &err), -1);
    assert_error(err, EXIT_HOST, "has no wings: the module azilr_no_such_module could not be loaded");
}

static void secrets_leave_the_block_of_the_environment(void **state)
{
    char first[] = "AZILR_TEST=one", other[] = "AZILR_TEST2=two", again[] = "AZILR_TEST=three", empty[] = "AZILR_TES=";
    char *made[] = {first, other, again, empty, NULL};
    char **before = environ;

    (void)state;
    environ = made;
    secret_hide_variable("AZILR_TEST");
    secret_hide_variable("AZILR_TES");
    secret_hide_variable("AZILR_MISSING");
    assert_string_equal(first, "AZILR_TEST=");
    assert_string_equal(again, "AZILR_TEST=");
    assert_memory_equal(again + sizeof(again) - 6, "\0\0\0\0\0", 6);
    assert_string_equal(other, "AZILR_TEST2=two");
    assert_string_equal(getenv("AZILR_TEST"), "one");
    secret_forget_variable("AZILR_TEST2");
    assert_null(getenv("AZILR_TEST2"));
    assert_string_equal(other, "AZILR_TEST2=");
    secret_forget_variable("AZILR_TEST");
    assert_null(getenv("AZILR_TEST"));
    environ = before;
}

static void a_secret_file_must_be_private_and_one_line(void **state)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *secret, *problem;
    } cases[] = {
        {"s3cret\n", 0600, "s3cret", NULL},
        {"s3cret\r\n", 0400, "s3cret", NULL},
        {"s3cret", 0600, "s3cret", NULL},
        {"s3cret\n", 0640, NULL, "others than its owner"},
        {"a\nb\n", 0600, NULL, "on one line"},
        {"\n", 0600, NULL, "the secret alone"},
        {"123456789012345678901", 0600, NULL, "more than the 20 bytes"},
    };
    _cleanup_free_ char *dir = temporary_directory();
    _cleanup_free_ char *path = str_printf("%s/secret", dir);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_secret_ char *secret = NULL;
        struct error *err = NULL;

        assert_int_equal(file_replace(path, cases[i].text, strlen(cases[i].text), cases[i].mode, false, NULL), 0);
        assert_int_equal(secret_from_file(path, 20, &secret, &err), cases[i].secret ? 0 : -1);
        if (cases[i].secret)
            assert_string_equal(secret, cases[i].secret);
        else
            assert_error(err, EXIT_USAGE, cases[i].problem);
        unlink(path);
    }
    rmdir(dir);
}

static void a_child_gets_a_clean_environment_and_its_output_comes_back(void **state)
{
    const char *const argv[] = {"sh", "-c", "env; echo oops >&2; ls /proc/self/fd | wc -l >&2; exit 3", NULL};
    struct run_result result;
    struct error *err = NULL;

    (void)state;
    setenv("AZURE_CLIENT_SECRET", "do-not-pass", 1);
    assert_int_equal(run(argv, NULL, NULL, &result, &err), 0);
    unsetenv("AZURE_CLIENT_SECRET");
    assert_int_equal(result.exit_code, 3);
    assert_null(strstr(buffer_text(&result.output), "do-not-pass"));
    assert_non_null(strstr(buffer_text(&result.output), "LC_ALL=C"));
    /* 0, 1, 2 and the directory that ls itself reads */
    assert_string_equal(buffer_text(&result.errors), "oops\n4\n");
    run_result_clear(&result);
    assert_int_equal(run_checked(argv, NULL, NULL, &err), -1);
    assert_error(err, EXIT_FAILED, "exit code 3: oops");
}

static void a_child_reads_its_input_to_the_byte(void **state)
{
    const char *const count[] = {"wc", "-c", NULL}, *const dump[] = {"od", "-An", "-c", NULL};
    _cleanup_buffer_ struct buffer large = BUFFER_INIT(2 * 1024 * 1024), small = BUFFER_INIT(16);
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result;
    struct error *err = NULL;

    (void)state;
    options.input = &small;
    assert_int_equal(buffer_append(&small, "a\0b\n", 4), 0);
    assert_int_equal(run(dump, &options, NULL, &result, &err), 0);
    assert_string_equal(buffer_text(&result.output), "   a  \\0   b  \\n\n");
    run_result_clear(&result);

    /* more than a pipe holds by default, for a child that does not even read it */
    options.input = &large;
    for (int i = 0; i < 256; i++)
        assert_int_equal(buffer_append(&large, (char[1024]){0}, 1024), 0);
    assert_int_equal(run(count, &options, NULL, &result, &err), 0);
    assert_string_equal(buffer_text(&result.output), "262144\n");
    run_result_clear(&result);
    assert_int_equal(run((const char *const[]){"true", NULL}, &options, NULL, &result, &err), 0);
    run_result_clear(&result);

    while (large.length <= RUN_MAX_INPUT)
        assert_int_equal(buffer_append(&large, (char[1024]){0}, 1024), 0);
    assert_int_equal(run(count, &options, NULL, &result, &err), -1);
    assert_error(err, EXIT_FAILED, "of input");
    run_result_clear(&result);
}

/* One that does what a backup's header says must not take the host's memory. */
static void a_child_of_unknown_cost_is_kept_small(void **state)
{
    static const char *const argv[] = {"sh", "-c", "ulimit -v; cat /proc/self/oom_score_adj; nice", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result;
    struct error *err = NULL;

    (void)state;
    options.memory_limit = (uint64_t)256 << 20;
    assert_int_equal(run(argv, &options, NULL, &result, &err), 0);
    assert_string_equal(buffer_text(&result.output), "262144\n1000\n10\n");
    run_result_clear(&result);
    options.memory_limit = 0;
    assert_int_equal(run(argv, &options, NULL, &result, &err), 0);
    assert_null(strstr(buffer_text(&result.output), "262144"));
    run_result_clear(&result);
}

static void a_child_that_is_missing_slow_or_loud_is_an_error(void **state)
{
    const char *const missing[] = {"no-such-program-here", NULL};
    const char *const slow[] = {"sleep", "30", NULL};
    const char *const loud[] = {"sh", "-c", "yes | head -c 3000000", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result;
    struct error *err = NULL;
    int64_t started = clock_monotonic_ms();

    (void)state;
    assert_int_equal(run(missing, NULL, NULL, &result, &err), -1);
    assert_error(err, EXIT_HOST, "not installed");
    options.timeout_ms = 200;
    assert_int_equal(run(slow, &options, NULL, &result, &err), -1);
    assert_error(err, EXIT_FAILED, "did not finish");
    run_result_clear(&result);
    assert_true(clock_monotonic_ms() - started < 10000);
    assert_int_equal(run(loud, NULL, NULL, &result, &err), -1);
    assert_error(err, EXIT_FAILED, "printed more than");
    run_result_clear(&result);
}

static void a_daemon_that_a_child_leaves_behind_is_not_waited_for(void **state)
{
    const char *const argv[] = {"sh", "-c", "sleep 5 & echo started", NULL};
    struct run_result result;
    int64_t started = clock_monotonic_ms();

    (void)state;
    assert_int_equal(run(argv, NULL, NULL, &result, NULL), 0);
    assert_string_equal(buffer_text(&result.output), "started\n");
    assert_true(clock_monotonic_ms() - started < 4000);
    run_result_clear(&result);
}

static void a_wait_ends_by_signal_or_deadline(void **state)
{
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(wait_sleep(&wait, 10, &err), 0);
    wait.deadline_ms = clock_monotonic_ms() + 30;
    assert_int_equal(wait_sleep(&wait, 10000, &err), -1);
    assert_error(err, EXIT_NETWORK, "time limit");
    wait.deadline_ms = 0;
    assert_int_equal(wait_catch_signals(&wait, &err), 0);
    raise(SIGTERM);
    assert_int_equal(wait_sleep(&wait, 10000, &err), -1);
    assert_error(err, EXIT_INTERRUPTED, "SIGTERM");
    /* once asked to stop, it stays so */
    assert_int_equal(wait_check(&wait, &err), -1);
    assert_error(err, EXIT_INTERRUPTED, "SIGTERM");
    wait_close(&wait);
}

static void a_process_is_known_by_its_start_time(void **state)
{
    pid_t pid = fork();
    unsigned long long start;

    (void)state;
    if (pid == 0) {
        pause();
        _exit(0);
    }
    start = process_start_time(pid);
    assert_true(start > 0);
    assert_true(process_is_running(pid, start));
    assert_false(process_is_running(pid, start + 1));
    assert_int_equal(process_end(pid, start + 1, 1000), 0);
    assert_true(process_is_running(pid, start));
    assert_int_equal(process_end(pid, start, 1000), 1);
    waitpid(pid, NULL, 0);
    assert_int_equal(process_end(pid, start, 1000), 0);
    assert_int_equal(process_start_time(-1), 0);
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint64_t size;
    } cases[] = {{"0", 0, 0},
                 {"512", 0, 512},
                 {"4K", 0, 4096},
                 {"1G", 0, 1 << 30},
                 {"16777215T", 0, UINT64_C(16777215) << 40},
                 {"16777216T", -1, 0},
                 {"9223372036854775807", 0, INT64_MAX},
                 {"9223372036854775808", -1, 0},
                 {"", -1, 0},
                 {"G", -1, 0},
                 {"1g", -1, 0},
                 {"-1", -1, 0},
                 {"1 G", -1, 0},
                 {"1GG", -1, 0},
                 {"000000000000000000000000000000000001", -1, 0},
                 {NULL, -1, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t size = 0;

        assert_int_equal(str_to_size(cases[i].text, &size), cases[i].result);
        assert_true(size == cases[i].size);
    }
}

static void a_hint_can_go_with_its_message(void **state)
{
    struct error *err = NULL;

    (void)state;
    error_fold_hint(NULL);
    error_set(&err, EXIT_HOST, "no lvm2");
    error_fold_hint(err);
    assert_string_equal(err->message, "no lvm2");
    error_hint(&err, "install it");
    error_fold_hint(err);
    assert_string_equal(err->message, "no lvm2; install it");
    assert_null(err->hint);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_wrapped_and_keep_the_deepest_hint),
        cmocka_unit_test(a_hint_can_go_with_its_message),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(untrusted_text_becomes_printable),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_buffer_keeps_to_its_cap),
        cmocka_unit_test(dates_are_read_and_written),
        cmocka_unit_test(json_is_one_document_of_bounded_depth),
        cmocka_unit_test(json_has_bounded_values),
        cmocka_unit_test(json_results_are_utf_8),
        cmocka_unit_test(a_file_is_replaced_whole_and_never_through_a_link),
        cmocka_unit_test(a_directory_that_others_prepared_is_refused),
        cmocka_unit_test(a_place_that_others_can_change_is_refused),
        cmocka_unit_test(a_feature_that_the_kernel_lacks_is_named),
        cmocka_unit_test(secrets_leave_the_block_of_the_environment),
        cmocka_unit_test(a_secret_file_must_be_private_and_one_line),
        cmocka_unit_test(a_child_gets_a_clean_environment_and_its_output_comes_back),
        cmocka_unit_test(a_child_reads_its_input_to_the_byte),
        cmocka_unit_test(a_child_of_unknown_cost_is_kept_small),
        cmocka_unit_test(a_child_that_is_missing_slow_or_loud_is_an_error),
        cmocka_unit_test(a_daemon_that_a_child_leaves_behind_is_not_waited_for),
        cmocka_unit_test(a_wait_ends_by_signal_or_deadline),
        cmocka_unit_test(a_process_is_known_by_its_start_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
