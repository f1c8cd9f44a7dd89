/* SPDX-License-Identifier: MIT */
#include "session/host_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/clock.h"

static const int64_t PATIENCE_MS = 60 * 1000;
static const int POLL_MS = 20;

/* The directory may have gone with the last session, and been made anew, while this waited. */
static bool is_still_there(const char *path, int fd)
{
    struct stat now, locked;

    return fstat(fd, &locked) == 0 && stat(path, &now) == 0 && now.st_ino == locked.st_ino &&
           now.st_dev == locked.st_dev;
}

int host_lock(const struct session_places *places, struct wait *wait, struct error **err)
{
    int64_t end = clock_monotonic_ms() + PATIENCE_MS;

    for (;;) {
        _cleanup_close_ int fd = open(places->run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", places->run);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            if (is_still_there(places->run, fd))
                return steal_fd(&fd);
            continue;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot lock %s", places->run);
        if (clock_monotonic_ms() >= end)
            return error_set(err, EXIT_BUSY, "another azilr is at work on what all of them share here");
        if (wait_sleep(wait, POLL_MS, err) < 0)
            return -1;
    }
}
