/* SPDX-License-Identifier: MIT */
/* `azilr keeper`: the process beside a session that looks after its end. Started by `mount`, not by a person. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <syslog.h>

#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/in_use.h"
#include "cmd/keeper_overlays.h"
#include "cmd/keeper_schedule.h"
#include "session/session.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/run.h"
#include "util/str.h"
#include "util/terminals.h"

/* In a shutdown: how long files may stay in use, and how long each attempt may take. */
static const int64_t SHUTDOWN_MS = 20 * 1000, PAUSE_MS = 1000;
static const time_t END_PAUSE_S = 15;

/* So long before the disks die what is still in use is cut off from them: its users get errors at once, not a hang. */
static const time_t FORCE_BEFORE_S = 30;

enum { MAX_OPTIONS = 16, MAX_OWN_OPTIONS = 2 };

struct keeper {
    const char *id;
    char **options; /* for the commands that sign in */
    int option_count;
    struct wait wait;
    struct keeper_schedule schedule;
    struct keeper_overlays overlays;
    unsigned failures;
    int timer_fd, watch_fd;
};

/* To the journal, or whatever the host has for a log. Gives what was written, which is safe for a terminal. */
static char *log_text(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *log_text(const char *format, va_list args)
{
    _cleanup_free_ char *text = str_vprintf(format, args);
    char *safe = str_printable(text, strlen(text), 2048);

    syslog(LOG_WARNING, "%s", safe);
    return safe;
}

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(log_text(format, args));
    va_end(args);
}

/* There, and to everybody who is logged in. */
static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;

    va_start(args, format);
    text = log_text(format, args);
    va_end(args);
    terminals_tell(text);
}

/* One of the commands, as a person would give it. */
static int command(const struct keeper *keeper, int (*run_command)(int, char **, struct error **), const char *name,
                   const char *const options[], struct error **err)
{
    char *argv[MAX_OPTIONS + MAX_OWN_OPTIONS + 4];
    int argc = 0, code;

    argv[argc++] = (char *)(uintptr_t)name;
    argv[argc++] = (char *)(uintptr_t)keeper->id;
    argv[argc++] = (char *)(uintptr_t) "--quiet";
    for (int i = 0; options && options[i] && i < MAX_OWN_OPTIONS; i++)
        argv[argc++] = (char *)(uintptr_t)options[i];
    for (int i = 0; i < keeper->option_count; i++)
        argv[argc++] = keeper->options[i];
    argv[argc] = NULL;
    code = run_command(argc, argv, err);
    return code < 0 ? -1 : 0;
}

static void warn(struct keeper *keeper, time_t now, time_t due)
{
    _cleanup_free_ char *left = keeper_duration(keeper->schedule.expires - now + 30);

    tell("access to the backup %s ends in %s; everything is unmounted %d min before that; `azilr renew %s` extends it",
         keeper->id, left, (int)(KEEPER_END_MARGIN_S / 60), keeper->id);
    keeper->schedule.warned_at = due;
}

/* To the log, before they are cut off: nothing will tell afterwards who they were. */
static void name_users(struct keeper *keeper)
{
    _cleanup_json_ cJSON *state = NULL;
    _cleanup_json_ cJSON *users = json_new_array();
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_free_ char *text = NULL;
    bool locked;

    if (session_peek(&session_host_places, keeper->id, &state, &locked, &problem) < 0 ||
        in_use_find(state, &keeper->wait, users, &problem) < 0) {
        note("who uses the backup %s cannot be told: %s", keeper->id, problem->message);
        return;
    }
    if (!users->child)
        return;
    text = in_use_describe(users);
    note("the backup %s is taken from who uses it: %s", keeper->id, text);
}

/* A signal that came during the command ends the keeper too. */
static int end_session(struct keeper *keeper, time_t now, struct error **err)
{
    bool by_force = now >= keeper->schedule.expires - FORCE_BEFORE_S;
    /* nothing is gained by revoking what ends in two minutes, and nobody may be there to sign in */
    const char *const options[] = {"--keep-access", by_force ? "--force" : NULL, NULL};
    _cleanup_error_ struct error *problem = NULL;

    if (by_force)
        name_users(keeper);
    if (command(keeper, cmd_unmount, "unmount", options, &problem) == 0) {
        tell("the access to the backup %s ends: everything is unmounted%s", keeper->id,
             by_force ? ", what was in use by force" : "");
        return 0;
    }
    if (problem->code == EXIT_INTERRUPTED)
        return error_move(err, &problem);
    if (problem->code == EXIT_NOT_FOUND)
        return 0;
    tell("the access to the backup %s ends, and it cannot be unmounted: %s", keeper->id, problem->message);
    keeper->schedule.end_again = now + END_PAUSE_S;
    return 0;
}

static int renew(struct keeper *keeper, time_t now, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;

    if (command(keeper, cmd_renew, "renew", NULL, &problem) == 0) {
        keeper->failures = 0;
        keeper->schedule.renew_again = 0;
        syslog(LOG_INFO, "renewed the access to the backup %s", keeper->id);
        return 0;
    }
    if (problem->code == EXIT_INTERRUPTED)
        return error_move(err, &problem);
    keeper->failures++;
    keeper->schedule.renew_again = now + keeper_pause(keeper->failures);
    /* once to everybody, for somebody may have to sign in again: that is not done here, where nobody could be asked */
    (keeper->failures == 1 ? tell : note)(
        "the access to the backup %s cannot be renewed, which is tried again in %lld min: %s", keeper->id,
        (long long)keeper_pause(keeper->failures) / 60, problem->message);
    return 0;
}

static void look_at_overlays(struct keeper *keeper, const cJSON *state)
{
    _cleanup_free_ char *full = keeper_overlays_look(&keeper->overlays, state, time(NULL), overlay_usage);

    if (full)
        tell("overlays of the backup %s have run full, and what is on them may not be readable any more: %s; unmount, "
             "and "
             "mount again with a larger --overlay-size or another --overlay-dir",
             keeper->id, full);
}

/* Reads when it ends, and looks at its overlays. Returns 0 once the session is gone, 1 while it is there. */
static int look(struct keeper *keeper)
{
    _cleanup_json_ cJSON *state = NULL;
    _cleanup_error_ struct error *problem = NULL;
    bool locked;
    time_t expires = 0;
    const char *text;

    if (session_peek(&session_host_places, keeper->id, &state, &locked, &problem) < 0) {
        if (problem->code == EXIT_NOT_FOUND)
            return 0;
        /* what is known already holds until it can be read again */
        syslog(LOG_WARNING, "%s", problem->message);
        return 1;
    }
    text = json_string(state, "expires");
    if (text && clock_parse(text, &expires) < 0)
        expires = 0;
    if (expires != keeper->schedule.expires)
        keeper->schedule.warned_at = keeper->schedule.renew_again = keeper->schedule.end_again = 0;
    keeper->schedule.expires = expires;
    look_at_overlays(keeper, state);
    return 1;
}

/*
 * For ever where `when` is 0. By the clock of the day, which goes on while the host is suspended and by which Azure
 * counts; somebody who sets it wakes the keeper (timerfd_create(2)).
 */
static int sleep_until(struct keeper *keeper, time_t when, struct error **err)
{
    const struct itimerspec at = {.it_value.tv_sec = when};
    struct pollfd fds[] = {{.fd = keeper->timer_fd, .events = POLLIN}, {.fd = keeper->watch_fd, .events = POLLIN}};
    uint64_t ticks;
    char events[4096];

    if (timerfd_settime(keeper->timer_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot set a timer");
    if (wait_poll(&keeper->wait, fds, 2, -1, err) < 0)
        return -1;
    /* they don't block: what has come is taken, and looked for in the state */
    (void)!read(keeper->timer_fd, &ticks, sizeof(ticks));
    (void)!read(keeper->watch_fd, events, sizeof(events));
    return 0;
}

/* Of two moments, of which 0 is none. */
static time_t sooner(time_t one, time_t other)
{
    return one && (!other || one < other) ? one : other;
}

static int keep(struct keeper *keeper, struct error **err)
{
    while (look(keeper)) {
        time_t now = time(NULL), when = 0;
        enum keeper_event event = keeper_next(&keeper->schedule, now, &when);
        int result = 0;

        if (event == KEEPER_NOTHING || when > now)
            result = sleep_until(keeper, sooner(event == KEEPER_NOTHING ? 0 : when, keeper->overlays.again), err);
        else if (event == KEEPER_END)
            result = end_session(keeper, now, err);
        else if (event == KEEPER_RENEW)
            result = renew(keeper, now, err);
        else
            warn(keeper, now, when);
        if (result < 0)
            return -1;
    }
    return 0;
}

/* systemctl(1), is-system-running */
static bool host_is_stopping(void)
{
    static const char *const argv[] = {"systemctl", "is-system-running", NULL};
    const struct run_options options = {.inherit_fd = -1, .timeout_ms = 5000};
    _cleanup_run_result_ struct run_result result = {0};

    return access("/run/systemd/system", F_OK) == 0 && run(argv, &options, NULL, &result, NULL) == 0 &&
           str_starts_with(buffer_text(&result.output), "stopping");
}

/*
 * What is in use may be so by a service that is being stopped as well; what still is after that goes by force, and so
 * does, once, what could not be taken down for any other reason.
 */
static void take_down_for_shutdown(const struct keeper *keeper)
{
    int64_t end = clock_monotonic_ms() + SHUTDOWN_MS;
    bool by_force = false;

    for (;;) {
        const char *const options[] = {"--timeout=15", by_force ? "--force" : NULL, NULL};
        _cleanup_error_ struct error *problem = NULL;

        if (command(keeper, cmd_unmount, "unmount", options, &problem) == 0) {
            syslog(LOG_NOTICE, "the host shuts down: everything of the backup %s is taken down", keeper->id);
            return;
        }
        if (problem->code == EXIT_NOT_FOUND)
            return;
        if (by_force || problem->code != EXIT_BUSY)
            syslog(LOG_WARNING, "the host shuts down, and of the backup %s something is left: %s", keeper->id,
                   problem->message);
        if (by_force || wait_sleep(NULL, PAUSE_MS, NULL) < 0)
            return;
        by_force = problem->code != EXIT_BUSY || clock_monotonic_ms() >= end;
    }
}

static int open_keeper(struct keeper *keeper, struct error **err)
{
    _cleanup_free_ char *directory = str_printf("%s/sessions/%s", session_host_places.run, keeper->id);
    _cleanup_close_ int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    /* whatever asks a person looks for a terminal there first, and then does not ask */
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot open /dev/null");
    if (wait_catch_signals(&keeper->wait, err) < 0)
        return -1;
    keeper->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    keeper->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (keeper->timer_fd < 0 || keeper->watch_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make a timer");
    /* the state is replaced as a whole; the directory goes with the session */
    if (inotify_add_watch(keeper->watch_fd, directory, IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR) < 0 &&
        errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot watch %s", directory);
    return 0;
}

static void close_keeper(struct keeper *keeper)
{
    if (keeper->timer_fd >= 0)
        close(keeper->timer_fd);
    if (keeper->watch_fd >= 0)
        close(keeper->watch_fd);
    wait_close(&keeper->wait);
    keeper_overlays_clear(&keeper->overlays);
}

int cmd_keeper(int argc, char **argv, struct error **err)
{
    _cleanup_(close_keeper) struct keeper keeper = {.wait = WAIT_INIT, .timer_fd = -1, .watch_fd = -1};
    _cleanup_error_ struct error *problem = NULL;
    int first = 1;

    if (argc > first && str_equal(argv[first], "--auto-renew")) {
        keeper.schedule.renews = true;
        first++;
    }
    if (argc <= first || argc > first + 1 + MAX_OPTIONS || !session_id_is_valid(argv[first]))
        return error_set(err, EXIT_USAGE, "keeper is started by `azilr mount`, and takes a session");
    keeper.id = argv[first];
    keeper.options = argv + first + 1;
    keeper.option_count = argc - first - 1;
    if (host_require_root("keeper", err) < 0)
        return -1;
    openlog("azilr-keeper", LOG_PID, LOG_DAEMON);
    if (open_keeper(&keeper, err) < 0)
        return -1;
    if (keep(&keeper, &problem) == 0)
        return EXIT_DONE;
    if (problem->code != EXIT_INTERRUPTED)
        return error_move(err, &problem);
    if (host_is_stopping())
        take_down_for_shutdown(&keeper);
    return EXIT_DONE;
}
