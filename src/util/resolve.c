/* SPDX-License-Identifier: MIT */
#include "util/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>

#include "util/str.h"

/* Shared by the thread and whoever waits for it; the last of the two frees it. */
struct lookup {
    char *host;
    int done_fd; /* eventfd: the rest is filled in */
    int result;  /* of getaddrinfo(), with errnum beside EAI_SYSTEM */
    int errnum;
    char *address;
    atomic_int holders;
};

static void let_go(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->holders, 1) > 1)
        return;
    cleanup_close_fd(&lookup->done_fd);
    free(lookup->host);
    free(lookup->address);
    free(lookup);
}

DEFINE_CLEANUP(cleanup_lookup, struct lookup *, let_go);

static void *look_up(void *argument)
{
    static const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct lookup *lookup = argument;
    struct addrinfo *found = NULL;
    char text[NI_MAXHOST] = "";
    const uint64_t one = 1;

    lookup->result = getaddrinfo(lookup->host, NULL, &hints, &found);
    lookup->errnum = errno;
    if (lookup->result == 0) {
        getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
        lookup->address = str_dup(text);
        freeaddrinfo(found);
    }
    /* cannot fail: the counter is far from full */
    if (write(lookup->done_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort();
    let_go(lookup);
    return NULL;
}

static int start(struct lookup *lookup)
{
    pthread_attr_t detached;
    pthread_t thread;
    int problem;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    atomic_fetch_add(&lookup->holders, 1);
    problem = pthread_create(&thread, &detached, look_up, lookup);
    if (problem)
        atomic_fetch_sub(&lookup->holders, 1);
    pthread_attr_destroy(&detached);
    return problem;
}

int resolve_host(const char *host, int64_t timeout_ms, struct wait *wait, char **address, struct error **err)
{
    _cleanup_(cleanup_lookup) struct lookup *lookup = xcalloc(1, sizeof(*lookup));
    struct pollfd done;
    int problem, ready;

    lookup->host = str_dup(host);
    atomic_init(&lookup->holders, 1);
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lookup->done_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open an event descriptor");
    problem = start(lookup);
    if (problem)
        return error_set_errno(err, EXIT_FAILED, problem, "cannot start a thread");
    done = (struct pollfd){.fd = lookup->done_fd, .events = POLLIN};
    ready = wait_poll(wait, &done, 1, timeout_ms, err);
    if (ready < 0)
        return -1;
    if (ready == 0)
        return error_set(err, EXIT_NETWORK, "cannot look up the address of %s: no answer within %d s", host,
                         (int)(timeout_ms / 1000));
    if (lookup->result != 0)
        return error_set(err, EXIT_NETWORK, "cannot look up the address of %s: %s", host,
                         lookup->result == EAI_SYSTEM ? strerror(lookup->errnum) : gai_strerror(lookup->result));
    *address = steal(lookup->address);
    return 0;
}
