/* SPDX-License-Identifier: MIT */
/* A guest's tree, full of traps: whatever its links say, what is opened is inside of it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "mount/guest_path.h"
#include "mount/guest_root.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/str.h"

struct guest {
    char *top;
    int fd;
};

static void make_directory(const struct guest *guest, const char *path)
{
    assert_int_equal(mkdirat(guest->fd, path, 0755), 0);
}

static void make_link(const struct guest *guest, const char *path, const char *to)
{
    assert_int_equal(symlinkat(to, guest->fd, path), 0);
}

static void make_file(const struct guest *guest, const char *path, const char *text)
{
    int fd = openat(guest->fd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);

    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

static int make_guest(void **state)
{
    struct guest *guest = xcalloc(1, sizeof(*guest));

    guest->top = str_dup("/tmp/azilr-guest-XXXXXX");
    assert_non_null(mkdtemp(guest->top));
    guest->fd = open(guest->top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(guest->fd >= 0);
    make_directory(guest, "etc");
    make_directory(guest, "usr");
    make_directory(guest, "usr/lib");
    make_directory(guest, "home");
    make_directory(guest, "a\nb");
    make_file(guest, "etc/inside", "of the guest");
    make_file(guest, "etc/hostname", "web01\n");
    make_file(guest, "usr/lib/os-release", "ID=x\nPRETTY_NAME=\"X 1\"\n");
    make_link(guest, "etc/os-release", "../usr/lib/os-release");
    make_file(guest, "plain", "");
    make_link(guest, "absolute", "/etc");
    make_link(guest, "upwards", "../../../../../../../../etc");
    make_link(guest, "first", "second/../second");
    make_link(guest, "second", "/third");
    make_link(guest, "third", "../etc/../etc");
    make_link(guest, "loop1", "loop2");
    make_link(guest, "loop2", "loop1");
    make_link(guest, "magic", "/proc/self/root");
    make_link(guest, "self", "/proc/self/cwd/etc");
    make_link(guest, "dangling", "/nowhere");
    assert_int_equal(mkfifoat(guest->fd, "etc/fifo", 0644), 0);
    *state = guest;
    return 0;
}

static int remove_guest(void **state)
{
    struct guest *guest = *state;
    _cleanup_free_ char *command = str_printf("rm -rf %s", guest->top);

    close(guest->fd);
    assert_int_equal(system(command), 0); /* NOLINT: a path of our own */
    free(guest->top);
    free(guest);
    return 0;
}

static void links_stay_inside(void **state)
{
    static const char *const to_etc[] = {"/etc",
                                         "etc",
                                         "/etc/",
                                         "//etc//.",
                                         "/../../etc",
                                         "absolute",
                                         "upwards",
                                         "/upwards",
                                         "/first",
                                         "/second",
                                         "/third",
                                         "home/../etc",
                                         "/home/../../../../etc",
                                         "/absolute/../upwards"};
    const struct guest *guest = *state;
    struct stat inside, st;

    assert_int_equal(fstatat(guest->fd, "etc", &inside, 0), 0);
    for (size_t i = 0; i < sizeof(to_etc) / sizeof(to_etc[0]); i++) {
        _cleanup_close_ int fd = guest_path_open(guest->fd, to_etc[i], NULL);

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != inside.st_ino || st.st_dev != inside.st_dev)
            fail_msg("%s did not lead to the guest's etc", to_etc[i]);
    }
}

static void what_leads_nowhere_is_refused(void **state)
{
    static const struct {
        const char *path;
        enum exit_code code;
        const char *why;
    } cases[] = {
        {"/nowhere", EXIT_NOT_FOUND, "the backup has no /nowhere"},
        {"/dangling", EXIT_NOT_FOUND, "the backup has no"},
        {"/plain", EXIT_FAILED, "is not a directory"},
        {"/plain/x", EXIT_FAILED, "is not a directory"},
        {"/loop1", EXIT_FAILED, "symbolic links"},
        {"/loop2/etc", EXIT_FAILED, "symbolic links"},
        {"/magic/etc", EXIT_NOT_FOUND, "the backup has no"},
        {"/self", EXIT_NOT_FOUND, "the backup has no"},
        {"/proc/self/root/etc", EXIT_NOT_FOUND, "the backup has no"},
        {"/\033[31m", EXIT_NOT_FOUND, "\\x1b[31m"},
        {"", EXIT_NOT_FOUND, "the backup has no"},
    };
    const struct guest *guest = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error *err = NULL;

        assert_int_equal(guest_path_open(guest->fd, cases[i].path, &err), -1);
        assert_error(err, cases[i].code, cases[i].why);
    }
}

static void magic_links_are_not_followed(void **state)
{
    _cleanup_close_ int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct error *err = NULL;

    (void)state;
    assert_true(proc >= 0);
    assert_int_equal(guest_path_open(proc, "root/etc", &err), -1);
    assert_error(err, EXIT_FAILED, "symbolic links");
    assert_int_equal(guest_path_open(proc, "cwd", &err), -1);
    assert_error(err, EXIT_FAILED, "symbolic links");
}

static void files_are_read_with_a_cap(void **state)
{
    const struct guest *guest = *state;
    _cleanup_free_ char *text = NULL;
    struct error *err = NULL;
    size_t length = 0;

    assert_int_equal(guest_path_read(guest->fd, "/upwards/inside", 12, &text, &length, NULL), 0);
    assert_string_equal(text, "of the guest");
    assert_int_equal(length, 12);
    free(steal(text));
    assert_int_equal(guest_path_read(guest->fd, "etc/inside", 11, &text, &length, &err), -1);
    assert_error(err, EXIT_FAILED, "larger than 11 bytes");
    assert_int_equal(guest_path_read(guest->fd, "etc/fifo", 100, &text, &length, &err), -1);
    assert_error(err, EXIT_FAILED, "not a regular file");
    assert_int_equal(guest_path_read(guest->fd, "etc", 100, &text, &length, &err), -1);
    assert_error(err, EXIT_FAILED, "not a regular file");
    /* this host has one, the guest does not */
    assert_int_equal(guest_path_read(guest->fd, "/absolute/passwd", 100, &text, &length, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, "the backup has no");
}

static void a_place_on_the_host_is_checked(void **state)
{
    const struct guest *guest = *state;
    _cleanup_close_ int etc = guest_path_open(guest->fd, "/upwards", NULL);
    _cleanup_close_ int odd = guest_path_open(guest->fd, "/a\nb", NULL);
    _cleanup_close_ int outside = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *expected = str_printf("%s/etc", guest->top);
    _cleanup_free_ char *beside = str_ndup(guest->top, strlen(guest->top) - 1);
    _cleanup_free_ char *place = guest_path_on_host(etc, guest->top, NULL);
    struct error *err = NULL;

    assert_string_equal(place, expected);
    assert_null(guest_path_on_host(outside, guest->top, &err));
    assert_error(err, EXIT_FAILED, "is not below");
    /* a name that only begins like the directory's */
    assert_null(guest_path_on_host(etc, beside, &err));
    assert_error(err, EXIT_FAILED, "is not below");
    assert_null(guest_path_on_host(odd, guest->top, &err));
    assert_error(err, EXIT_FAILED, "cannot be shown");
    assert_false(guest_path_is_mount(etc));
}

static void a_root_is_known_by_what_it_holds(void **state)
{
    const struct guest *guest = *state;
    _cleanup_close_ int home = guest_path_open(guest->fd, "/home", NULL);
    _cleanup_guest_root_ struct guest_root root = {0};
    _cleanup_guest_root_ struct guest_root none = {0};
    _cleanup_fstab_ struct fstab fstab = {0};

    assert_true(guest_root_find(guest->fd, false, &root));
    assert_string_equal(root.path, "/");
    guest_root_describe(guest->fd, &root);
    assert_string_equal(root.os, "X 1");
    assert_string_equal(root.hostname, "web01");
    assert_int_equal(guest_root_read_fstab(guest->fd, &fstab, NULL), 0);
    assert_int_equal(fstab.count, 0);
    assert_false(guest_root_find(home, true, &none));
}

static void a_system_s_name_is_made_printable(void **state)
{
    static const struct {
        const char *text;
        const char *name;
    } cases[] = {
        {"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", "Debian GNU/Linux 12 (bookworm)"},
        {"ID=x\nPRETTY_NAME='Y'\n", "Y"},
        {"PRETTY_NAME=Plain", "Plain"},
        {"PRETTY_NAME=\"CR\"\r\n", "CR"},
        {"PRETTY_NAME=\"\033]0;x\a\"", "\\x1b]0;x\\x07"},
        {"PRETTY_NAME=\n", NULL},
        {"PRETTY_NAME=\"\"\n", NULL},
        {"NOT_PRETTY_NAME=x\n", NULL},
        {"", NULL},
        {"\n\n", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *name = guest_root_pretty_name(cases[i].text);

        if (!str_equal(name, cases[i].name))
            fail_msg("\"%s\" gave \"%s\"", cases[i].text, name ? name : "NULL");
    }
}

static void the_mount_of_a_directory_is_known(void **state)
{
    _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    dev_t device = 0;

    (void)state;
    assert_int_equal(fstat(proc, &st), 0);
    assert_int_equal(mount_device_number(proc, &device, NULL), 0);
    assert_int_equal(device, st.st_dev);
    /* a directory that nothing is mounted on, whatever its device */
    assert_int_equal(unmount_device("/proc/self", (const dev_t[]){st.st_dev}, 1, NULL), 0);
    assert_true(is_mount_point("/proc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_stay_inside),
        cmocka_unit_test(what_leads_nowhere_is_refused),
        cmocka_unit_test(magic_links_are_not_followed),
        cmocka_unit_test(files_are_read_with_a_cap),
        cmocka_unit_test(a_place_on_the_host_is_checked),
        cmocka_unit_test(a_root_is_known_by_what_it_holds),
        cmocka_unit_test(a_system_s_name_is_made_printable),
        cmocka_unit_test(the_mount_of_a_directory_is_known),
    };

    return cmocka_run_group_tests(tests, make_guest, remove_guest);
}
