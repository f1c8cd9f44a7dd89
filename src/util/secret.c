/* SPDX-License-Identifier: MIT */
#include "util/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/file.h"
#include "util/str.h"
#include "util/wait.h"

void secret_free(char *secret)
{
    if (!secret)
        return;
    explicit_bzero(secret, strlen(secret));
    free(secret);
}

static int check_private(int fd, const char *path, enum secret_mode mode, struct error **err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return error_set(err, EXIT_USAGE, "%s is neither a file nor a pipe", path);
    /* a pipe without a name is 0600 */
    if (mode == SECRET_OWNER_ONLY && (st.st_mode & (S_IRWXG | S_IRWXO))) {
        error_set(err, EXIT_USAGE, "%s holds a secret but others than its owner have access to it (mode %04o)", path,
                  (unsigned)(st.st_mode & 07777));
        return error_hint(err, "chmod 600 %s", path);
    }
    return 0;
}

int secret_read(const char *path, enum secret_mode mode, struct buffer *text, struct error **err)
{
    _cleanup_close_ int fd = file_open_now(path);
    ssize_t got;

    text->secret = true;
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED, errno, "cannot open %s", path);
    if (check_private(fd, path, mode, err) < 0)
        return -1;
    do {
        if (file_await_data(fd, path, err) < 0)
            return -1;
        got = buffer_read(text, fd);
    } while (got > 0);
    if (got < 0 && errno == EFBIG)
        return error_set(err, EXIT_USAGE, "%s holds more than the %zu bytes that this secret may have", path,
                         text->max);
    if (got < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read %s", path);
    return 0;
}

int secret_from_file(const char *path, size_t max, char **secret, struct error **err)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(max + 2);

    if (secret_read(path, SECRET_OWNER_ONLY, &text, err) < 0)
        return -1;
    if (text.length && text.data[text.length - 1] == '\n')
        text.data[--text.length] = '\0';
    if (text.length && text.data[text.length - 1] == '\r')
        text.data[--text.length] = '\0';
    if (text.length > max)
        return error_set(err, EXIT_USAGE, "%s holds more than the %zu bytes that this secret may have", path, max);
    if (text.length == 0 || strlen(text.data) != text.length || strpbrk(text.data, "\r\n"))
        return error_set(err, EXIT_USAGE, "%s must hold the secret alone, on one line", path);
    *secret = steal(text.data);
    return 0;
}

/* Reads one line, byte by byte: stdio would keep a copy of its own. */
static int read_line(int tty, struct buffer *line, struct error **err)
{
    struct pollfd wait = {.fd = tty, .events = POLLIN};
    char byte;

    for (;;) {
        if (wait_stop_is_pending())
            return error_set(err, EXIT_INTERRUPTED, "interrupted while asking for a password");
        if (poll(&wait, 1, 100) <= 0)
            continue;
        if (read(tty, &byte, 1) != 1)
            return error_set(err, EXIT_INTERRUPTED, "no password was given");
        if (byte == '\n' || byte == '\r')
            return 0;
        if (byte && buffer_append(line, &byte, 1) < 0)
            return error_set(err, EXIT_FAILED, "that is longer than the %zu bytes that the password may have",
                             line->max);
    }
}

int secret_from_terminal(const char *prompt, size_t max, char **secret, struct error **err)
{
    _cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(max);
    struct termios before, silent;
    sigset_t stoppers, mask;
    int result;

    line.secret = true;
    if (tty < 0 || tcgetattr(tty, &before) < 0)
        return error_set(err, EXIT_USAGE, "a password is needed, and there is no terminal to ask for it");
    /* the person would be left with a terminal that does not show what is typed */
    sigemptyset(&stoppers);
    sigaddset(&stoppers, SIGQUIT);
    sigaddset(&stoppers, SIGTSTP);
    sigprocmask(SIG_BLOCK, &stoppers, &mask);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    if (tcsetattr(tty, TCSAFLUSH, &silent) < 0) {
        result = error_set_errno(err, EXIT_FAILED, errno, "cannot switch off the terminal's echo");
    } else {
        dprintf(tty, "%s", prompt);
        result = read_line(tty, &line, err);
        tcsetattr(tty, TCSAFLUSH, &before);
        dprintf(tty, "\n");
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (result < 0)
        return -1;
    *secret = line.length ? steal(line.data) : str_dup("");
    return 0;
}

/* The next entry of the environment, from `entry` on, that is of this variable; one may be there twice. NULL if none
 * is. */
static char **find_entry(char **entry, const char *name)
{
    size_t length = strlen(name);

    for (; entry && *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return entry;
    return NULL;
}

void secret_hide_variable(const char *name)
{
    for (char **entry = find_entry(environ, name); entry; entry = find_entry(entry + 1, name)) {
        size_t size = strlen(*entry) + 1;
        char *old = *entry;
        /* memory of its own: who takes a variable later can't tell whether it is to be freed */
        char *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (copy == MAP_FAILED)
            return;
        memcpy(copy, old, size);
        *entry = copy;
        explicit_bzero(old + strlen(name) + 1, strlen(old + strlen(name) + 1));
    }
}

void secret_forget_variable(const char *name)
{
    for (char **entry = find_entry(environ, name); entry; entry = find_entry(entry + 1, name))
        explicit_bzero(*entry + strlen(name) + 1, strlen(*entry + strlen(name) + 1));
    unsetenv(name);
}

void secret_protect_process(void)
{
    /*
     * Children, some of which are handed a secret, have the limit only: execve(2) makes them dumpable again. A limit of
     * 0 does not hold where core_pattern is a pipe; 1 does there too (Linux, fs/coredump.c), and no file is that small.
     */
    const struct rlimit none = {1, 1};

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* a hard limit of 0 that was there before stays */
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* Without it a limit would make later allocations fail, not this call (mlockall(2), MCL_FUTURE). */
static bool may_lock_all_memory(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    return syscall(SYS_capget, &header, data) == 0 && data[0].effective & CAP_TO_MASK(CAP_IPC_LOCK);
}

void secret_lock_memory(void)
{
    /* only what is used */
    if (may_lock_all_memory())
        mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}
