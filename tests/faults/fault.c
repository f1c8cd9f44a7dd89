/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_NAME = 400, MAX_NAMES = 4000 };

/* Above all that azilr itself opens, so that its descriptors have the numbers that they have without this. */
static const int RECORD_FD = 900;

static const struct {
    const char *name;
    int before; /* signal sent before the call */
    enum fault fault;
} outcomes[] = {
    {"fail", 0, FAULT_FAIL},
    {"do-and-fail", 0, FAULT_DO_AND_FAIL},
    {"hang", 0, FAULT_HANG},
    {"do-and-hang", 0, FAULT_DO_AND_HANG},
    {"kill-before", SIGKILL, FAULT_NONE},
    {"kill-during", 0, FAULT_KILL_DURING},
    {"kill-after", 0, FAULT_KILL_AFTER},
    {"int-before", SIGINT, FAULT_NONE},
    {"int-after", 0, FAULT_INT_AFTER},
};

static const char *const variable_names[] = {"AZILR_FAULT_RECORD", "AZILR_FAULT_POINT", "AZILR_FAULT_OUTCOME"};
enum { RECORD, POINT, OUTCOME, VARIABLES };

/* The points that have been met, and how often each. */
struct met {
    char names[MAX_NAMES][MAX_NAME];
    int seen[MAX_NAMES];
    int count;
};

static struct met met_here;

static struct {
    char *values[VARIABLES];
    char *handed_on[VARIABLES + 1];
    char role[16]; /* the subcommand */
    int record_fd;
    int outcome;
    pid_t victim; /* who is killed here; 0 for this process */
    struct met *met;
} faults = {.record_fd = -1, .outcome = -1, .met = &met_here};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local int ignoring;

static void give_up(const char *why)
{
    fprintf(stderr, "faults: %s\n", why);
    abort();
}

static void open_record(void)
{
    int fd;

    /* not a point, though this call is wrapped too */
    ignoring++;
    fd = open(faults.values[RECORD], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    faults.record_fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, RECORD_FD);
    if (faults.record_fd < 0)
        give_up("AZILR_FAULT_RECORD cannot be opened");
    close(fd);
    ignoring--;
}

/* Before main(), which clears its environment. */
static void __attribute__((constructor)) start(int argc, char **argv)
{
    size_t handed_on = 0;

    snprintf(faults.role, sizeof(faults.role), "%s", argc > 1 ? argv[1] : "");
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variable_names[i]);

        if (!value)
            continue;
        faults.values[i] = strdup(value);
        if (asprintf(&faults.handed_on[handed_on++], "%s=%s", variable_names[i], value) < 0)
            give_up("no memory");
    }
    if (faults.values[RECORD])
        open_record();
    if (!faults.values[POINT] != !faults.values[OUTCOME])
        give_up("AZILR_FAULT_POINT and AZILR_FAULT_OUTCOME go together");
    for (size_t i = 0; faults.values[OUTCOME] && i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        if (strcmp(faults.values[OUTCOME], outcomes[i].name) == 0)
            faults.outcome = (int)i;
    if (faults.values[OUTCOME] && faults.outcome < 0)
        give_up("AZILR_FAULT_OUTCOME is none that there is");
}

/* A name that the same call has in every run: ids and numbers, which differ, are stars. */
static void level(char *name)
{
    char *to = name;

    for (const char *at = name; *at;) {
        size_t hex = strspn(at, "0123456789abcdef"), digits = strspn(at, "0123456789");

        if (hex >= 4 || digits) {
            *to++ = '*';
            at += hex >= 4 ? hex : digits;
        } else {
            *to++ = *at < ' ' || *at > '~' ? '?' : *at;
            at++;
        }
    }
    *to = '\0';
}

/* How often a point of that name has been met, this time included. */
static int count_up(const char *name)
{
    struct met *met = faults.met;
    int i = 0;

    while (i < met->count && strcmp(met->names[i], name) != 0)
        i++;
    if (i == MAX_NAMES)
        give_up("too many points");
    if (i == met->count) {
        snprintf(met->names[i], sizeof(met->names[i]), "%s", name);
        met->count++;
    }
    return ++met->seen[i];
}

static void note(const char *line)
{
    if (faults.record_fd >= 0 && syscall(SYS_write, faults.record_fd, line, strlen(line)) < 0)
        give_up("AZILR_FAULT_RECORD cannot be written");
}

/* The call itself, not kill(3), which is wrapped. */
static void send_to_victim(int number)
{
    syscall(SYS_kill, faults.victim ? faults.victim : getpid(), number);
}

enum fault fault_meet(const char *format, ...)
{
    char name[MAX_NAME], line[MAX_NAME + 64];
    int saved = errno;
    bool is_it;
    va_list args;

    if (ignoring || (faults.record_fd < 0 && faults.outcome < 0))
        return FAULT_NONE;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    level(name);
    pthread_mutex_lock(&mutex);
    snprintf(line, sizeof(line), "%s: %s #%d\n", faults.role, name, count_up(name));
    is_it = faults.outcome >= 0 && strncmp(line, faults.values[POINT], strlen(line) - 1) == 0 &&
            strlen(faults.values[POINT]) == strlen(line) - 1;
    note(line);
    pthread_mutex_unlock(&mutex);
    if (is_it) {
        note("HIT\n");
        if (outcomes[faults.outcome].before)
            send_to_victim(outcomes[faults.outcome].before);
    }
    errno = saved;
    return is_it ? outcomes[faults.outcome].fault : FAULT_NONE;
}

void fault_leave(enum fault fault)
{
    int saved = errno;

    if (fault == FAULT_KILL_AFTER)
        send_to_victim(SIGKILL);
    if (fault == FAULT_INT_AFTER)
        send_to_victim(SIGINT);
    errno = saved;
}

void fault_ignore(bool ignore)
{
    ignoring += ignore ? 1 : -1;
}

char *const *fault_variables(void)
{
    return faults.handed_on;
}

const char *fault_record(void)
{
    return faults.values[RECORD];
}

bool fault_hurries(void)
{
    return faults.outcome >= 0 && outcomes[faults.outcome].fault == FAULT_HANG &&
           strncmp(faults.values[POINT], "tunnel: ", 8) == 0;
}

bool fault_hangs_in_child(void)
{
    return faults.outcome >= 0 && outcomes[faults.outcome].fault == FAULT_HANG &&
           strstr(faults.values[POINT], ": umount2 ");
}

void fault_share(void)
{
    struct met *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        give_up("no memory to share");
    *shared = met_here;
    faults.met = shared;
}

void fault_unshare(void)
{
    met_here = *faults.met;
    munmap(faults.met, sizeof(*faults.met));
    faults.met = &met_here;
}

void fault_enter_child(pid_t azilr)
{
    faults.victim = azilr;
    /* the descriptor that it had is closed by now */
    if (faults.values[RECORD])
        open_record();
}
