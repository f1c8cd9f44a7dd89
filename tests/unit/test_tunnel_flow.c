/* SPDX-License-Identifier: MIT */
/* The pipe between two sockets. That the kernel decrypts on the way is tests/lab/scenarios/kernel-tls.sh. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "tunnel/footprint.h"
#include "tunnel/kernel_flow.h"

struct ends {
    struct kernel_flow flow;
    int from[2], to[2]; /* [0] is the flow's */
};

static int set_up(void **state)
{
    static struct ends ends;

    ends.flow = KERNEL_FLOW_INIT;
    if (pipe2(ends.flow.pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.from) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.to) < 0)
        return -1;
    *state = &ends;
    return 0;
}

static int tear_down(void **state)
{
    struct ends *ends = *state;

    kernel_flow_close(&ends->flow);
    for (int i = 0; i < 2; i++) {
        close(ends->from[i]);
        close(ends->to[i]);
    }
    return 0;
}

static void say(const struct ends *ends, const char *text)
{
    assert_int_equal(send(ends->from[1], text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void assert_heard(const struct ends *ends, const char *text)
{
    char got[100] = "";

    assert_int_equal(recv(ends->to[1], got, sizeof(got) - 1, 0), strlen(text));
    assert_string_equal(got, text);
}

static void bytes_go_through_in_their_order(void **state)
{
    struct ends *ends = *state;

    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_EMPTY);
    say(ends, "one ");
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_MOVED);
    say(ends, "two");
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_MOVED);
    assert_int_equal(ends->flow.held, strlen("one two"));
    /* two buffers may take two calls */
    while (ends->flow.held)
        assert_true(kernel_flow_put(&ends->flow, ends->to[0]) > 0);
    assert_heard(ends, "one two");
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_EMPTY);
}

static void what_is_held_goes_before_the_end_is_looked_at(void **state)
{
    struct ends *ends = *state;

    say(ends, "last");
    assert_int_equal(shutdown(ends->from[1], SHUT_WR), 0);
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_MOVED);
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_FULL);
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_FULL);
    assert_int_equal(kernel_flow_put(&ends->flow, ends->to[0]), strlen("last"));
    assert_heard(ends, "last");
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_OTHER);
}

static void a_client_that_has_gone_is_told(void **state)
{
    struct ends *ends = *state;

    signal(SIGPIPE, SIG_IGN);
    say(ends, "lost");
    assert_int_equal(kernel_flow_take(&ends->flow, ends->from[0]), KERNEL_FLOW_MOVED);
    close(ends->to[1]);
    ends->to[1] = -1;
    assert_int_equal(kernel_flow_put(&ends->flow, ends->to[0]), -1);
    assert_int_equal(errno, EPIPE);
    assert_int_equal(ends->flow.held, strlen("lost"));
}

static void without_the_kernels_keys_there_is_no_pipe(void **state)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(context);
    struct kernel_flow flow;

    (void)state;
    assert_int_equal(SSL_set_fd(ssl, 0), 1);
    kernel_flow_open(&flow, ssl);
    assert_int_equal(flow.pipe[0], -1);
    assert_int_equal(flow.pipe[1], -1);
    kernel_flow_close(&flow);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static long resident_pages_of_files(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long total, resident, shared;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld %ld", &total, &resident, &shared), 3);
    fclose(file);
    return shared;
}

static void what_was_used_once_is_let_go_and_comes_back(void **state)
{
    static const char constant[1 << 20] = "a page or two of the program itself";
    unsigned sum = 0, again = 0;
    long before;

    (void)state;
    for (size_t i = 0; i < sizeof(constant); i += 512)
        sum += (unsigned char)((const volatile char *)constant)[i];
    before = resident_pages_of_files();
    footprint_shrink();
    assert_true(resident_pages_of_files() < before - (long)(sizeof(constant) / 4096 / 2));
    for (size_t i = 0; i < sizeof(constant); i += 512)
        again += (unsigned char)((const volatile char *)constant)[i];
    assert_int_equal(sum, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bytes_go_through_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_held_goes_before_the_end_is_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_has_gone_is_told, set_up, tear_down),
        cmocka_unit_test(without_the_kernels_keys_there_is_no_pipe),
        cmocka_unit_test(what_was_used_once_is_let_go_and_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
