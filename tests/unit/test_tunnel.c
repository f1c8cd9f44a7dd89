/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"
#include "tunnel/confine.h"
#include "tunnel/daemon.h"
#include "tunnel/peer.h"
#include "tunnel/supervisor.h"
#include "tunnel/tls.h"
#include "util/str.h"

static void a_portals_certificate_has_its_name_but_for_private_endpoints(void **state)
{
    static const struct {
        const char *host, *name;
    } cases[] = {
        {"pod01-rec2.weu.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"0f3c-11aa-pod01-rec2.weu.privatelink.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"0f3c11aa-pod01-rec2.a.b.privatelink.backup.windowsazure.cn", "pod01-rec2.a.b.backup.windowsazure.cn"},
        {"0F3C-POD01-REC2.WEU.PRIVATELINK.BACKUP.WINDOWSAZURE.COM", "POD01-REC2.WEU.BACKUP.WINDOWSAZURE.COM"},
        {"pod01-rec2.weu.privatelink.backup.windowsazure.com", "pod01-rec2.weu.backup.windowsazure.com"},
        {"pod01.weu.privatelink.backup.windowsazure.com", "pod01.weu.backup.windowsazure.com"},
        {"127.0.0.1", "127.0.0.1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *name = tls_certificate_name(cases[i].host);

        assert_string_equal(name, cases[i].name);
        free(name);
    }
}

static void where_selinux_allows_one_port_that_is_taken(void **state)
{
    static const char *const red_hats[] = {"rhel", "centos", "ol", "rocky", "almalinux", "fedora"};
    static const char *const others[] = {"debian", "ubuntu", "sles", "opensuse-leap", "", NULL};
    int first, last;

    (void)state;
    for (size_t i = 0; i < sizeof(red_hats) / sizeof(red_hats[0]); i++) {
        tunnel_listen_ports(red_hats[i], &first, &last);
        assert_int_equal(first, 3260);
        assert_int_equal(last, 3260);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        tunnel_listen_ports(others[i], &first, &last);
        assert_int_equal(first, 5365);
        assert_int_equal(last, 5396);
    }
}

static void make_address(const char *text, int port, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

    memset(address, 0, sizeof(*address));
    address->ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (address->ss_family == AF_INET) {
        v4->sin_port = htons((in_port_t)port);
        assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    } else {
        v6->sin6_port = htons((in_port_t)port);
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    }
}

/* The lines of a little-endian machine, as a kernel printed them. */
static void an_owner_is_found_in_the_kernels_table(void **state)
{
    static const char table[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:14F5 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0 0\n"
        "   1: 0100007F:14F5 0100007F:B3EC 01 00000000:00000000 00:00000000 00000000   993        0 101 1 0 0\n"
        "   2: 0100007F:B3EC 0100007F:14F5 01 00000000:00000000 00:00000000 00000000  1000        0 102 1 0 0\n"
        "   3: 0100007F:B3ED 0100007F:14F5 04 00000000:00000000 01:00000014 00000000     0        0 0 1 0 0\n"
        "   4: 0100007F:B3EE 0100007F:14F5 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 0\n"
        "   5: 00000000000000000000000001000000:B3EC 00000000000000000000000001000000:14F5 01 00000000:00000000 "
        "00:00000000 00000000    33        0 104 1 0 0\n";
    static const struct {
        const char *address;
        int port, result;
        uid_t owner;
    } cases[] = {
        {"127.0.0.1", 0xb3ec, 0, 1000}, {"127.0.0.1", 0xb3ee, 0, 0},  {"127.0.0.1", 0xb3ed, -1, 0},
        {"127.0.0.1", 0xb3ef, -1, 0},   {"127.0.0.2", 0xb3ec, -1, 0}, {"::1", 0xb3ec, 0, 33},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockaddr_storage peer, local;
        uid_t owner = 4711;

        make_address(cases[i].address, cases[i].port, &peer);
        make_address(*cases[i].address == ':' ? "::1" : "127.0.0.1", 5365, &local);
        assert_int_equal(peer_find_in_table(table, &peer, &local, &owner), cases[i].result);
        if (cases[i].result == 0)
            assert_int_equal(owner, cases[i].owner);
    }
}

/* A state file without a name, and what it is read as. */
static int read_report(const char *text, struct tunnel_report *report, struct error **err)
{
    _cleanup_fclose_ FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(pwrite(fileno(file), text, strlen(text), 0), strlen(text));
    return state_read(fileno(file), report, err);
}

static void a_report_is_read_as_it_was_written(void **state)
{
    const struct tunnel_report told = {.pid = 77,
                                       .start_time = 18446744073709551615ULL,
                                       .port = 5365,
                                       .ready = true,
                                       .since = 1795602615,
                                       .restarts = 3,
                                       .open = 2,
                                       .total = 999999999999999,
                                       .refused = 5,
                                       .to_portal = 48,
                                       .from_portal = 1ULL << 49,
                                       .last_error_at = 1795602616,
                                       .last_error = "TLS with \"x\": no answer"};
    _cleanup_free_ char *path = str_printf("/tmp/azilr-state-%d", getpid());
    _cleanup_free_ char *ca = NULL;
    struct tunnel_report heard;
    int fd;

    (void)state;
    assert_int_equal(state_create(path, 1795602617, "PEM", NULL), 0);
    assert_int_equal(state_create(path, 1795602617, NULL, NULL), -1);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(state_read(fd, &heard, NULL), 0);
    state_write(fd, &told);
    assert_int_equal(state_read_file(path, &heard, NULL), 1);
    assert_int_equal(heard.start_time, told.start_time);
    assert_int_equal(heard.total, told.total);
    assert_int_equal(heard.from_portal, told.from_portal);
    assert_string_equal(heard.last_error, told.last_error);
    assert_true(heard.pid == 77 && heard.port == 5365 && heard.ready && !heard.expired && heard.since == told.since &&
                heard.restarts == 3 && heard.open == 2 && heard.refused == 5 && heard.to_portal == 48 &&
                heard.last_error_at == told.last_error_at);
    assert_int_equal(state_read_until(fd), 1795602617);
    assert_int_equal(state_set_until(path, 1795609999, NULL), 0);
    assert_int_equal(state_read_until(fd), 1795609999);
    assert_int_equal(state_read_ca(fd, &ca, NULL), 0);
    assert_string_equal(ca, "PEM");
    close(fd);
    unlink(path);
}

static void a_failure_is_told_with_its_code(void **state)
{
    _cleanup_error_ struct error *problem = NULL, *heard = NULL;
    _cleanup_fclose_ FILE *file = tmpfile();
    struct tunnel_report report;

    (void)state;
    error_set(&problem, EXIT_NETWORK, "portal: its certificate is not good");
    error_hint(&problem, "look");
    state_write_failure(fileno(file), problem);
    assert_int_equal(state_read(fileno(file), &report, &heard), -1);
    assert_int_equal(heard->code, EXIT_NETWORK);
    assert_string_equal(heard->message, problem->message);
    assert_string_equal(heard->hint, "look");
}

static void what_a_tunnel_says_is_not_trusted(void **state)
{
    struct tunnel_report report;

    (void)state;
    assert_int_equal(read_report("{\"pid\":-1,\"port\":70000,\"open\":1e300,\"total\":-5,\"ready\":\"yes\","
                                 "\"to_portal\":1e18,\"last_error\":\"\\u001b[2J\"}",
                                 &report, NULL),
                     1);
    assert_true(report.pid == 0 && report.port == 0 && report.open == 0 && report.total == 0 && !report.ready &&
                report.to_portal == 0);
    assert_string_equal(report.last_error, "\\x1b[2J");
    assert_int_equal(read_report("{\"pid\":1", &report, NULL), -1);
    assert_int_equal(read_report("[]", &report, NULL), 1);
    assert_int_equal(report.pid, 0);
}

/* In a child, as it is for good. Returns what the child found wrong, 0 for nothing. */
static int try_confined(void)
{
    static char *const nothing[] = {NULL};
    const char *path = "/tmp/azilr-must-not-be-made";
    bool has_landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
    char byte;
    int fd;

    if (confine(NULL) < 0)
        return 1;
    if (has_landlock && (open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || mkdir(path, 0700) == 0))
        return 2;
    if (execve("/bin/true", nothing, nothing) == 0 || (errno != EPERM && errno != EACCES))
        return 3;
    if (unshare(CLONE_NEWNS) == 0 || errno != EPERM)
        return 4;
    /* what it relays with still goes */
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 5;
    fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0 || read(fd, &byte, 1) != 1 ? 6 : 0;
}

static void who_is_confined_can_change_and_run_nothing(void **state)
{
    pid_t child = fork();
    int status = -1;

    (void)state;
    if (child == 0)
        _exit(try_confined());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Given a page that outlives it: ends so that it is started again, and then for good. */
static int end_twice(void *argument)
{
    int *runs = argument;

    return ++*runs == 1 ? SUPERVISE_AGAIN : EXIT_NETWORK;
}

static void who_asks_for_it_is_started_again(void **state)
{
    int *runs = mmap(NULL, sizeof(*runs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;
    pid_t child;

    (void)state;
    assert_ptr_not_equal(runs, MAP_FAILED);
    child = fork();
    if (child == 0)
        _exit(supervise(end_twice, runs));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_NETWORK);
    assert_int_equal(*runs, 2);
    munmap(runs, sizeof(*runs));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_portals_certificate_has_its_name_but_for_private_endpoints),
        cmocka_unit_test(where_selinux_allows_one_port_that_is_taken),
        cmocka_unit_test(an_owner_is_found_in_the_kernels_table),
        cmocka_unit_test(a_report_is_read_as_it_was_written),
        cmocka_unit_test(a_failure_is_told_with_its_code),
        cmocka_unit_test(what_a_tunnel_says_is_not_trusted),
        cmocka_unit_test(who_asks_for_it_is_started_again),
        cmocka_unit_test(who_is_confined_can_change_and_run_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
