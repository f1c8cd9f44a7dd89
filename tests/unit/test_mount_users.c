/* SPDX-License-Identifier: MIT */
/* Files in memory stand for a backup's: all of them lie on one file system, which has a number as any other. */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "mount/users.h"
#include "util/json.h"
#include "util/str.h"

enum pose { IN_DIRECTORY, HAS_OPEN, HAS_MAPPED, HAS_NOTHING };

struct helper {
    pid_t pid;
    int to_end; /* closed to end it */
};

static int memory_file(void)
{
    int fd = memfd_create("odd\n\x1b[2Jname", 0);

    assert_true(fd >= 0 && ftruncate(fd, 4096) == 0);
    return fd;
}

static dev_t number_of_memory(void)
{
    struct stat st;
    int fd = memory_file();

    assert_int_equal(fstat(fd, &st), 0);
    close(fd);
    return st.st_dev;
}

static void take_pose(enum pose pose)
{
    int fd = pose == HAS_OPEN || pose == HAS_MAPPED ? memory_file() : -1;

    if (pose == IN_DIRECTORY && chdir("/proc/self/ns") < 0)
        _exit(1);
    if (pose == HAS_MAPPED) {
        if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
            _exit(1);
        close(fd);
    }
}

static struct helper start(enum pose pose)
{
    int ready[2], end[2];
    struct helper helper;
    char byte;

    assert_true(pipe(ready) == 0 && pipe(end) == 0);
    helper.pid = fork();
    if (helper.pid == 0) {
        close(end[1]);
        take_pose(pose);
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        /* the end of the file is when the test lets go of it */
        _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(end[0]);
    helper.to_end = end[1];
    return helper;
}

static void end(const struct helper *helper)
{
    /* those started later hold the other end too, so closing it would not do */
    kill(helper->pid, SIGKILL);
    close(helper->to_end);
    waitpid(helper->pid, NULL, 0);
}

static const cJSON *user_of(const cJSON *users, pid_t pid)
{
    const cJSON *user, *found = NULL;

    cJSON_ArrayForEach(user, users)
    {
        if (json_whole(user, "pid", 1, INT_MAX, 0) != pid)
            continue;
        assert_null(found);
        found = user;
    }
    return found;
}

static cJSON *find(const dev_t *device, const char *directory)
{
    const struct users_search search = {.devices = device,
                                        .device_count = 1,
                                        .directories = &directory,
                                        .directory_count = directory ? 1 : 0,
                                        .self = getpid(),
                                        .proc = "/proc",
                                        .sys = "/sys"};
    cJSON *users = json_new_array();

    assert_int_equal(users_find(&search, users, NULL), 0);
    assert_int_equal(users_find_mappings(&search, users, NULL), 0);
    return users;
}

static void an_open_file_is_found_and_its_name_is_safe(void **state)
{
    const dev_t device = number_of_memory();
    const struct helper helper = start(HAS_OPEN), other = start(HAS_NOTHING);
    _cleanup_json_ cJSON *users = find(&device, NULL);
    const cJSON *user = user_of(users, helper.pid);
    _cleanup_free_ char *line = users_describe(user);

    (void)state;
    assert_non_null(user);
    assert_string_equal(json_string(user, "kind"), "process");
    assert_string_equal(json_string(user, "use"), "file");
    assert_true(str_starts_with(json_string(user, "command"), "test_mount_user"));
    assert_non_null(json_string(user, "user"));
    assert_non_null(strstr(json_string(user, "path"), "\\x1b[2J"));
    assert_true(str_is_printable(line));
    assert_non_null(strstr(line, " open"));
    assert_null(user_of(users, other.pid));
    assert_null(user_of(users, getpid()));
    end(&helper);
    end(&other);
}

static void a_mapped_file_is_found_after_it_was_closed(void **state)
{
    const dev_t device = number_of_memory();
    const struct helper helper = start(HAS_MAPPED);
    _cleanup_json_ cJSON *users = find(&device, NULL);
    const cJSON *user = user_of(users, helper.pid);

    (void)state;
    assert_non_null(user);
    assert_string_equal(json_string(user, "use"), "mapping");
    end(&helper);
}

static void a_working_directory_is_found(void **state)
{
    const struct helper helper = start(IN_DIRECTORY);
    _cleanup_free_ char *line = NULL;
    struct stat st;
    const cJSON *user;

    (void)state;
    assert_int_equal(stat("/proc", &st), 0);
    _cleanup_json_ cJSON *users = find(&st.st_dev, "/proc");
    user = user_of(users, helper.pid);
    assert_non_null(user);
    assert_string_equal(json_string(user, "use"), "directory");
    line = users_describe(user);
    assert_non_null(strstr(line, "is in /proc/"));
    end(&helper);
}

static bool has_mount(const cJSON *users, const char *path)
{
    const cJSON *user;

    cJSON_ArrayForEach(user, users)
    {
        if (str_equal(json_string(user, "kind"), "mount") && str_equal(json_string(user, "path"), path))
            return true;
    }
    return false;
}

static void a_mount_is_a_user_unless_it_is_known(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat("/proc", &st), 0);
    _cleanup_json_ cJSON *known = find(&st.st_dev, "/proc"), *unknown = find(&st.st_dev, "/elsewhere");
    assert_false(has_mount(known, "/proc"));
    assert_true(has_mount(unknown, "/proc"));
}

static void nobody_uses_what_is_not_there(void **state)
{
    const dev_t device = 0xfff0;
    _cleanup_json_ cJSON *users = find(&device, "/nowhere");

    (void)state;
    assert_null(users->child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_file_is_found_and_its_name_is_safe),
        cmocka_unit_test(a_mapped_file_is_found_after_it_was_closed),
        cmocka_unit_test(a_working_directory_is_found),
        cmocka_unit_test(a_mount_is_a_user_unless_it_is_known),
        cmocka_unit_test(nobody_uses_what_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
