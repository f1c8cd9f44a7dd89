/* SPDX-License-Identifier: MIT */
#include "mount/users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mount/users-internal.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

static const size_t MAX_MAPS = 16 * 1024 * 1024;
static const size_t MAX_TEXT = 300;

/* misc 229, Documentation/admin-guide/devices.txt of the kernel */
static const unsigned FUSE_MAJOR = 10, FUSE_MINOR = 229;

bool numbers_have(const struct numbers *numbers, dev_t number)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->items[i] == number)
            return true;
    return false;
}

void numbers_add(struct numbers *numbers, dev_t number)
{
    if (numbers_have(numbers, number))
        return;
    numbers->items = xgrow(numbers->items, numbers->count, sizeof(*numbers->items));
    numbers->items[numbers->count++] = number;
}

void numbers_clear(struct numbers *numbers)
{
    free(numbers->items);
    *numbers = (struct numbers){0};
}

void grounds_clear(struct grounds *grounds)
{
    numbers_clear(&grounds->supers);
    numbers_clear(&grounds->mounts);
}

bool users_path_is_within(const struct users_search *search, const char *path)
{
    for (size_t i = 0; i < search->directory_count; i++) {
        size_t length = strlen(search->directories[i]);

        if (length && strncmp(path, search->directories[i], length) == 0 &&
            (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

pid_t users_pid_of(const char *name)
{
    long pid;

    return str_to_long(name, 1, INT_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

static void set_printable(cJSON *object, const char *name, const char *text, size_t max)
{
    _cleanup_free_ char *shown = text ? str_printable(text, strlen(text), max) : NULL;

    json_set_string(object, name, shown);
}

/* Who the process belongs to: the name, or else the number. The caller frees it. */
static char *owner_of(const char *proc, pid_t pid)
{
    _cleanup_free_ char *path = str_printf("%s/%d", proc, pid);
    struct passwd entry, *found = NULL;
    char room[4096];
    struct stat st;

    if (stat(path, &st) < 0)
        return NULL;
    if (getpwuid_r(st.st_uid, &entry, room, sizeof(room), &found) == 0 && found)
        return str_dup(found->pw_name);
    return str_printf("%u", (unsigned)st.st_uid);
}

void users_add(cJSON *users, const struct users_search *search, const char *kind, pid_t pid, const char *use,
               const char *path)
{
    cJSON *user;

    if (cJSON_GetArraySize(users) >= USERS_MAX)
        return;
    user = json_new_object();
    json_set_string(user, "kind", kind);
    if (pid) {
        _cleanup_free_ char *comm = str_printf("%s/%d/comm", search->proc, pid);
        _cleanup_free_ char *command = file_read_line(comm), *owner = owner_of(search->proc, pid);

        json_set_number(user, "pid", pid);
        set_printable(user, "command", command, 64);
        set_printable(user, "user", owner, 64);
    }
    if (use)
        json_set_string(user, "use", use);
    set_printable(user, "path", path, MAX_TEXT);
    json_append(users, user);
}

/* What a process has open that is looked at before it can be told whether it counts. */
struct process {
    pid_t pid;
    int fd;           /* of /proc/PID */
    char *raw_device; /* the path of a device of ours that it has open itself */
    bool is_fuse;     /* it serves a FUSE file system: our own ntfs-3g has its device open */
};

static void process_clear(struct process *process)
{
    cleanup_close_fd(&process->fd);
    free(process->raw_device);
}

static char *link_text(const struct process *process, const char *name)
{
    char text[PATH_MAX];
    ssize_t length = readlinkat(process->fd, name, text, sizeof(text) - 1);

    return length < 0 ? NULL : str_ndup(text, (size_t)length);
}

/*
 * Whether what a link of /proc/PID leads to lies on one of the file systems. statx(2) is told not to ask anybody, since
 * the link may lead to another file system that does not answer either. A file system that has shut down, xfs when its
 * disk is gone, refuses even that; there the path has to do.
 */
static bool uses(const struct users_search *search, const struct grounds *grounds, struct process *process,
                 const char *name)
{
    struct statx st;
    dev_t number;

    if (statx(process->fd, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &st) < 0) {
        _cleanup_free_ char *path = errno == EIO ? link_text(process, name) : NULL;

        return path && users_path_is_within(search, path);
    }
    number = makedev(st.stx_rdev_major, st.stx_rdev_minor);
    if (S_ISBLK(st.stx_mode) && !process->raw_device && numbers_have(&grounds->supers, number))
        process->raw_device = link_text(process, name);
    if (S_ISCHR(st.stx_mode) && number == makedev(FUSE_MAJOR, FUSE_MINOR))
        process->is_fuse = true;
    return numbers_have(&grounds->supers, makedev(st.stx_dev_major, st.stx_dev_minor)) ||
           ((st.stx_mask & STATX_MNT_ID) && numbers_have(&grounds->mounts, (dev_t)st.stx_mnt_id));
}

static bool add_if_used(const struct users_search *search, const struct grounds *grounds, struct process *process,
                        const char *name, const char *use, cJSON *users)
{
    _cleanup_free_ char *path = NULL;

    if (!uses(search, grounds, process, name))
        return false;
    path = link_text(process, name);
    users_add(users, search, "process", process->pid, use, path);
    return true;
}

static void look_at_process(const struct users_search *search, const struct grounds *grounds, struct process *process,
                            cJSON *users)
{
    static const struct {
        const char *name, *use;
    } links[] = {{"cwd", "directory"}, {"root", "root"}, {"exe", "program"}};
    _cleanup_closedir_ DIR *files = NULL;
    struct dirent *entry;
    int fd;

    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (add_if_used(search, grounds, process, links[i].name, links[i].use, users))
            return;
    fd = openat(process->fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    files = fd < 0 ? NULL : fdopendir(fd);
    if (!files && fd >= 0)
        close(fd);
    while (files && (entry = readdir(files))) {
        _cleanup_free_ char *name = str_printf("fd/%s", entry->d_name);

        if (entry->d_name[0] != '.' && add_if_used(search, grounds, process, name, "file", users))
            return;
    }
    if (process->raw_device && !process->is_fuse)
        users_add(users, search, "process", process->pid, "device", process->raw_device);
}

typedef void process_function(const struct users_search *search, const struct grounds *grounds, struct process *process,
                              cJSON *users);

static int each_process(const struct users_search *search, const struct grounds *grounds, process_function *look,
                        cJSON *users, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(search->proc);
    struct dirent *entry;

    if (!dir)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot list %s", search->proc);
    while ((entry = readdir(dir))) {
        _cleanup_(process_clear) struct process process = {.pid = users_pid_of(entry->d_name), .fd = -1};

        if (process.pid == 0 || process.pid == search->self || process.pid == getpid())
            continue;
        process.fd = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (process.fd >= 0)
            look(search, grounds, &process, users);
    }
    return 0;
}

static void asked_for(const struct users_search *search, struct numbers *supers)
{
    for (size_t i = 0; i < search->device_count; i++)
        numbers_add(supers, search->devices[i]);
}

int users_find(const struct users_search *search, cJSON *users, struct error **err)
{
    _cleanup_json_ cJSON *mounts = json_new_array();
    _cleanup_grounds_ struct grounds grounds = {0};

    asked_for(search, &grounds.supers);
    /* processes come first in the list, but what they use is only known from the mounts */
    if (users_of_mounts(search, &grounds, mounts, err) < 0 ||
        each_process(search, &grounds, look_at_process, users, err) < 0)
        return -1;
    while (mounts->child)
        json_append(users, cJSON_DetachItemViaPointer(mounts, mounts->child));
    users_of_kernel(search, users);
    return 0;
}

static bool is_known(const cJSON *users, pid_t pid)
{
    const cJSON *user;

    cJSON_ArrayForEach(user, users)
    {
        if (str_equal(json_string(user, "kind"), "process") && json_whole(user, "pid", 1, INT_MAX, 0) == pid)
            return true;
    }
    return false;
}

/* A line of proc(5)'s maps: "start-end perms offset major:minor inode path", the numbers of the device in hex. */
static const char *mapped_path(const char *line, dev_t *device)
{
    unsigned dev_major, dev_minor;
    int at = 0;

    // NOLINTNEXTLINE(cert-err34-c): the kernel wrote it
    if (sscanf(line, "%*s %*s %*s %x:%x %*u %n", &dev_major, &dev_minor, &at) != 2 || at == 0)
        return NULL;
    *device = makedev(dev_major, dev_minor);
    return line + at;
}

static void look_at_maps(const struct users_search *search, const struct grounds *grounds, struct process *process,
                         cJSON *users)
{
    _cleanup_free_ char *path = str_printf("%s/%d/maps", search->proc, process->pid);
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    if (is_known(users, process->pid) || file_read(path, MAX_MAPS, &text, NULL, NULL) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        dev_t device;
        const char *file = mapped_path(line, &device);

        if (!file || !numbers_have(&grounds->supers, device))
            continue;
        users_add(users, search, "process", process->pid, "mapping", file);
        return;
    }
}

int users_find_mappings(const struct users_search *search, cJSON *users, struct error **err)
{
    _cleanup_json_ cJSON *ignored = json_new_array();
    _cleanup_grounds_ struct grounds grounds = {0};

    asked_for(search, &grounds.supers);
    if (users_of_mounts(search, &grounds, ignored, err) < 0)
        return -1;
    return each_process(search, &grounds, look_at_maps, users, err);
}

static char *describe_process(const cJSON *user, const char *who)
{
    static const struct {
        const char *use, *format[2];
    } forms[] = {
        {"directory", {"is in", ""}}, {"root", {"has its root in", ""}},  {"program", {"runs", ""}},
        {"file", {"has", " open"}},   {"mapping", {"has", " in memory"}}, {"device", {"has the device", " open"}},
    };
    const char *use = json_string(user, "use"), *path = json_string(user, "path");

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (str_equal(forms[i].use, use))
            return str_printf("%s %s %s%s", who, forms[i].format[0], path ? path : "a file", forms[i].format[1]);
    return str_printf("%s uses %s", who, path ? path : "a file");
}

char *users_describe(const cJSON *user)
{
    const char *kind = json_string(user, "kind"), *path = json_string(user, "path");
    const char *command = json_string(user, "command"), *owner = json_string(user, "user");
    int pid = json_whole(user, "pid", 1, INT_MAX, 0);
    _cleanup_free_ char *who = str_printf("process %d (%s, of %s)", pid, command ? command : "?", owner ? owner : "?");

    if (!path)
        path = "?";
    if (str_equal(kind, "process"))
        return describe_process(user, who);
    if (str_equal(kind, "mount"))
        return pid ? str_printf("it is mounted on %s too, in the mount namespace of %s", path, who)
                   : str_printf("something that azilr has not mounted is on %s", path);
    if (str_equal(kind, "swap"))
        return str_printf("the kernel swaps to %s", path);
    if (str_equal(kind, "export"))
        return str_printf("%s is exported by NFS", path);
    return str_printf("%s lies on it", path);
}
