/* SPDX-License-Identifier: MIT */
#include "util/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/str.h"

struct pool {
    void (*work)(void *argument, size_t i, struct wait *wait);
    void *argument;
    size_t count;
    atomic_size_t next;
    atomic_bool stopped;
    int stop_fd, ended_fd; /* eventfds: time to stop; one more thread has ended */
};

static void add_one(int fd)
{
    const uint64_t one = 1;

    /* cannot fail: the counter is far from full */
    if (write(fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort();
}

static void *worker(void *argument)
{
    struct pool *pool = argument;
    struct wait wait = WAIT_INIT;

    wait.stop_fd = pool->stop_fd;
    while (!atomic_load(&pool->stopped)) {
        size_t i = atomic_fetch_add(&pool->next, 1);

        if (i >= pool->count)
            break;
        pool->work(pool->argument, i, &wait);
    }
    add_one(pool->ended_fd);
    return NULL;
}

/* Until that many threads have ended. Once the wait has, they are told to stop, and are waited for without it. */
static int wait_for_threads(struct pool *pool, size_t started, struct wait *wait, struct error **err)
{
    struct wait patient = WAIT_INIT;
    size_t ended = 0;
    int result = 0;

    if (wait) {
        patient.tick = wait->tick;
        patient.tick_argument = wait->tick_argument;
    }
    while (ended < started) {
        struct pollfd event = {.fd = pool->ended_fd, .events = POLLIN};
        int ready = wait_poll(result < 0 ? &patient : wait, &event, 1, -1, result < 0 ? NULL : err);
        uint64_t more = 0;

        if (ready < 0 && result == 0) {
            result = -1;
            atomic_store(&pool->stopped, true);
            add_one(pool->stop_fd);
        }
        if (ready > 0 && read(pool->ended_fd, &more, sizeof(more)) == (ssize_t)sizeof(more))
            ended += more;
    }
    return result;
}

int pool_run(size_t count, void (*work)(void *argument, size_t i, struct wait *wait), void *argument, struct wait *wait,
             struct error **err)
{
    _cleanup_close_ int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    _cleanup_close_ int ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct pool pool = {.work = work, .argument = argument, .count = count, .stop_fd = stop_fd, .ended_fd = ended_fd};
    pthread_t threads[POOL_MAX_THREADS];
    size_t started = 0;
    int problem = 0, result;

    if (stop_fd < 0 || ended_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open an event descriptor");
    while (started < count && started < POOL_MAX_THREADS && problem == 0) {
        problem = pthread_create(&threads[started], NULL, worker, &pool);
        started += problem == 0;
    }
    if (count && started == 0)
        return error_set_errno(err, EXIT_FAILED, problem, "cannot start a thread");
    result = wait_for_threads(&pool, started, wait, err);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return result;
}
