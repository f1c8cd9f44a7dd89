/* SPDX-License-Identifier: MIT */
#include "session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "session/session-internal.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

const struct session_places session_host_places = {.run = "/run/azilr", .var = "/var/lib/azilr"};

static const int CREATE_LOCK_WAIT_MS = 2000;
/* What is saved must be readable again: by an older or newer azilr too, so the limit for reading is the larger one. */
static const size_t MAX_SAVED = 16 * 1024 * 1024;
static const size_t MAX_STATE = 64 * 1024 * 1024;
static const char ID_CHARACTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool session_id_is_valid(const char *text)
{
    return str_only(text, ID_CHARACTERS) && strlen(text) <= SESSION_ID_MAX && text[0] != '.' && text[0] != '-';
}

char *session_make_id(const char *vm, const char *mark)
{
    size_t mark_length = strlen(mark);
    size_t room = mark_length < SESSION_ID_MAX - 2 ? SESSION_ID_MAX - 1 - mark_length : 1;
    char *id = str_printf("%.*s-%s", (int)room, *vm ? vm : "vm", mark);

    for (char *at = id; *at; at++)
        if (!strchr(ID_CHARACTERS, *at))
            *at = '-';
    if (id[0] == '.' || id[0] == '-')
        id[0] = '_';
    if (strlen(id) > SESSION_ID_MAX)
        id[SESSION_ID_MAX] = '\0';
    return id;
}

static struct session *session_new(const struct session_places *places, const char *id)
{
    struct session *session = xcalloc(1, sizeof(*session));

    session->id = str_dup(id);
    session->directory = str_printf("%s/sessions/%s", places->run, id);
    session->var = str_dup(places->var);
    session->var_file = str_printf("%s/sessions/%s.json", places->var, id);
    session->lock_fd = -1;
    return session;
}

void session_close(struct session *session)
{
    if (!session)
        return;
    cleanup_close_fd(&session->lock_fd);
    cJSON_Delete(session->state);
    free(session->var_saved);
    free(session->directory);
    free(session->var);
    free(session->var_file);
    free(session->id);
    free(session);
}

/* What is synced in a directory is of no use where the power failed before the directory itself was on the disk. */
static int make_lasting_dir(const char *path, struct error **err)
{
    bool made = false;

    if (file_make_private_dir(path, &made, err) < 0)
        return -1;
    if (made)
        file_sync_parent(path);
    return 0;
}

static int make_lasting_places(const char *var, struct error **err)
{
    _cleanup_free_ char *sessions = str_printf("%s/sessions", var);

    if (make_lasting_dir(var, err) < 0)
        return -1;
    return make_lasting_dir(sessions, err);
}

static int make_places(const struct session_places *places, struct error **err)
{
    _cleanup_free_ char *run_sessions = str_printf("%s/sessions", places->run);
    _cleanup_error_ struct error *var_err = NULL;

    if (file_make_private_dir(places->run, NULL, err) < 0 || file_make_private_dir(run_sessions, NULL, err) < 0)
        return error_hint(err, "see who made it, and remove it");
    /* a full or read-only disk is no reason not to help somebody on that very host */
    if (make_lasting_places(places->var, &var_err) < 0)
        log_warning("%s; after a reboot `azilr unmount` will not know of this session", var_err->message);
    return 0;
}

/*
 * Takes the lock, waiting up to wait_ms. The lock file may be removed, with its session, while this waits for
 * it: then what was locked is a file without a name, and there is no such session any more (EXIT_NOT_FOUND).
 */
static int take_lock(struct session *session, int wait_ms, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/lock", session->directory);
    int64_t end = clock_monotonic_ms() + wait_ms;
    struct stat st;

    session->lock_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (session->lock_fd < 0 && errno == ENOENT)
        return error_set(err, EXIT_NOT_FOUND, "there is no session %s", session->id);
    if (session->lock_fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    while (flock(session->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot lock %s", path);
        if (clock_monotonic_ms() >= end) {
            error_set(err, EXIT_BUSY, "another azilr is working on session %s", session->id);
            return error_hint(err, "wait for it, or stop it: fuser -v %s", path);
        }
        if (wait_sleep(wait, 50, err) < 0)
            return -1;
    }
    if (fstat(session->lock_fd, &st) < 0 || st.st_nlink == 0)
        return error_set(err, EXIT_NOT_FOUND, "there is no session %s any more", session->id);
    return 0;
}

static int read_state(const char *path, cJSON **state, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ cJSON *parsed = NULL;
    size_t length;

    if (file_read(path, MAX_STATE, &text, &length, err) < 0)
        return -1;
    parsed = json_parse(text, length, path, err);
    if (!parsed)
        return -1;
    if (!cJSON_IsObject(parsed) || !json_array(parsed, "undo"))
        return error_set(err, EXIT_FAILED, "%s is not a session's state", path);
    *state = steal(parsed);
    return 0;
}

/*
 * The state from /run or, after a boot, from /var. A session that was killed before its first save has none,
 * and nothing to undo.
 */
static int load(const struct session *session, cJSON **state, struct error **err)
{
    _cleanup_free_ char *run_file = str_printf("%s/state.json", session->directory);

    if (access(run_file, F_OK) == 0) {
        if (read_state(run_file, state, err) < 0)
            return error_hint(err, "the file is damaged; %s may hold what is left to undo, in the same form",
                              session->var_file);
        session_forget_other_boot(*state);
        return 0;
    }
    if (access(session->var_file, F_OK) == 0)
        return read_state(session->var_file, state, err);
    if (access(session->directory, F_OK) < 0)
        return error_set(err, EXIT_NOT_FOUND, "there is no session %s", session->id);
    *state = json_new_object();
    json_set_number(*state, "version", 1);
    json_set_string(*state, "id", session->id);
    json_set_array(*state, "undo");
    return 0;
}

/* The first one's place is what a person wants who asks for the same again. */
static int session_exists(const struct session *session, struct error **err)
{
    _cleanup_json_ cJSON *state = NULL;
    const char *directory = load(session, &state, NULL) < 0 ? NULL : json_string(state, "directory");

    error_set(err, EXIT_BUSY, "there is already a session %s%s%s", session->id, directory ? ", at " : "",
              directory ? directory : "");
    return error_hint(err, "see it with `azilr status`, end it with `azilr unmount %s`", session->id);
}

void session_remove_places(const char *directory, const char *var_file)
{
    const char *const paths[] = {directory, var_file};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        _cleanup_free_ char *path = str_dup(paths[i]);

        /* .../sessions/ID: the last two directories are ours */
        for (int up = 0; up < 2; up++) {
            *strrchr(path, '/') = '\0';
            if (rmdir(path) < 0 && errno != ENOENT)
                break;
        }
    }
}

/* The places go away with the last session, which may be at this very moment: then they are made once more. */
static int make_directory(const struct session_places *places, const struct session *session, struct error **err)
{
    for (int tries = 0;; tries++) {
        if (make_places(places, err) < 0)
            return -1;
        if (mkdir(session->directory, 0700) == 0)
            return 0;
        if (errno == EEXIST)
            return session_exists(session, err);
        if (errno != ENOENT || tries == 10)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s", session->directory);
    }
}

int session_create(const struct session_places *places, const char *id, struct session **session, struct error **err)
{
    _cleanup_session_ struct session *made = NULL;

    if (!session_id_is_valid(id))
        return error_set(err, EXIT_USAGE, "\"%s\" cannot be a session's name", id);
    made = session_new(places, id);
    if (access(made->var_file, F_OK) == 0)
        return session_exists(made, err);
    if (make_directory(places, made, err) < 0) {
        session_remove_places(made->directory, made->var_file);
        return -1;
    }
    made->state = json_new_object();
    json_set_number(made->state, "version", 1);
    json_set_string(made->state, "id", id);
    json_set_array(made->state, "undo");
    session_note_machine(made->state);
    /* a `status` that looks just now holds the lock for a moment */
    if (take_lock(made, CREATE_LOCK_WAIT_MS, NULL, err) < 0 || session_save(made, err) < 0) {
        session_remove(made, NULL);
        return -1;
    }
    *session = steal(made);
    return 0;
}

int session_open(const struct session_places *places, const char *id, int wait_ms, struct wait *wait,
                 struct session **session, struct error **err)
{
    _cleanup_session_ struct session *opened = NULL;

    if (!session_id_is_valid(id))
        return error_set(err, EXIT_NOT_FOUND, "there is no session %s", id);
    opened = session_new(places, id);
    if (access(opened->directory, F_OK) < 0) {
        if (access(opened->var_file, F_OK) < 0)
            return error_set(err, EXIT_NOT_FOUND, "there is no session %s", id);
        if (make_places(places, err) < 0)
            return -1;
        if (mkdir(opened->directory, 0700) < 0 && errno != EEXIST)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s", opened->directory);
    }
    if (take_lock(opened, wait_ms, wait, err) < 0 || load(opened, &opened->state, err) < 0)
        return -1;
    if (file_read(opened->var_file, MAX_STATE, &opened->var_saved, NULL, NULL) < 0)
        opened->var_saved = NULL;
    *session = steal(opened);
    return 0;
}

int session_peek(const struct session_places *places, const char *id, cJSON **state, bool *locked, struct error **err)
{
    _cleanup_session_ struct session *seen = session_new(places, id);
    _cleanup_free_ char *lock_path = str_printf("%s/lock", seen->directory);
    _cleanup_close_ int fd = -1;

    if (!session_id_is_valid(id))
        return error_set(err, EXIT_NOT_FOUND, "there is no session %s", id);
    fd = open(lock_path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    /* a shared lock, given back at once: asking must not look like working to somebody else who asks */
    *locked = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
    return load(seen, state, err);
}

/* The state with only those changes that a reboot does not undo; NULL if there are none. */
static char *lasting_text(const struct session *session)
{
    _cleanup_json_ cJSON *copy = cJSON_Duplicate(session->state, 1);
    const cJSON *undo;

    session_keep_lasting(copy);
    undo = json_array(copy, "undo");
    return undo && undo->child ? json_text(copy, true) : NULL;
}

/*
 * Another azilr that ends takes the places away as long as nothing is in them, be it between these two steps: then they
 * are made once more.
 */
static int replace_lasting(const struct session *session, const char *text, struct error **err)
{
    for (int tries = 0;; tries++) {
        struct error *why = NULL;

        if (make_lasting_places(session->var, &why) == 0 &&
            file_replace(session->var_file, text, strlen(text), 0600, true, &why) == 0)
            return 0;
        if (tries == 5) {
            *err = why;
            return -1;
        }
        error_free(why);
    }
}

/* Keeps what outlives a boot. A disk that cannot be written to must not stop a clean-up, so it only warns. */
static void save_lasting(struct session *session)
{
    _cleanup_free_ char *text = lasting_text(session);
    _cleanup_error_ struct error *err = NULL;

    if (str_equal(text, session->var_saved))
        return;
    if (!text) {
        file_remove_leftover(session->var_file);
        if (unlink(session->var_file) == 0)
            file_sync_parent(session->var_file);
    } else if (replace_lasting(session, text, &err) < 0) {
        log_warning("%s; after a reboot `azilr unmount` will not know of this session", err->message);
        return;
    }
    free(session->var_saved);
    session->var_saved = steal(text);
}

static int save(struct session *session, size_t most, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/state.json", session->directory);
    _cleanup_free_ char *text = json_text(session->state, true);
    const size_t length = strlen(text);

    if (length > most)
        return error_set(
            err, EXIT_FAILED,
            "cannot save the session's state: it would have %zu MiB, and more than %zu are not saved, lest "
            "it could not be read again",
            length >> 20, most >> 20);
    if (file_replace(path, text, length, 0600, false, err) < 0)
        return error_wrap(err, "cannot save the session's state");
    save_lasting(session);
    return 0;
}

int session_save(struct session *session, struct error **err)
{
    return save(session, MAX_SAVED, err);
}

static cJSON *undo_list(const struct session *session)
{
    return cJSON_GetObjectItemCaseSensitive(session->state, "undo");
}

const cJSON *session_enter(struct session *session, const char *kind, cJSON *arguments, bool survives_boot)
{
    cJSON *change = json_new_object();

    json_set_string(change, "kind", kind);
    if (survives_boot)
        json_set_bool(change, "survives_boot", true);
    cJSON_AddItemToObject(change, "arguments", arguments ? arguments : json_new_object());
    json_append(undo_list(session), change);
    return change;
}

int session_will(struct session *session, const char *kind, cJSON *arguments, bool survives_boot, struct error **err)
{
    const cJSON *change = session_enter(session, kind, arguments, survives_boot);

    if (session_save(session, err) < 0) {
        cJSON_Delete(cJSON_DetachItemViaPointer(undo_list(session), (cJSON *)(uintptr_t)change));
        return -1;
    }
    return 0;
}

const cJSON *session_last_change(const struct session *session)
{
    const cJSON *first = undo_list(session)->child;

    /* cJSON keeps the last sibling in the first one's prev */
    return first ? first->prev : NULL;
}

const cJSON *session_change_before(const struct session *session, const cJSON *change)
{
    return change == undo_list(session)->child ? NULL : change->prev;
}

int session_undone(struct session *session, const cJSON *change, struct error **err)
{
    /* the list owns it, so it may be changed through the list */
    cJSON_Delete(cJSON_DetachItemViaPointer(undo_list(session), (cJSON *)(uintptr_t)change));
    /* it only gets smaller */
    return save(session, MAX_STATE, err);
}

/*
 * What a killed azilr, or a tool that it ran, may have left of the files that it puts here for a moment: mdadm's
 * configuration, copies of a volume group's metadata, and LVM's own beside those.
 */
static void remove_work_files(const char *directory)
{
    static const char *const prefixes[] = {"md_azilr_", "azilr-", ".lvm_"};
    _cleanup_closedir_ DIR *dir = opendir(directory);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
            if (str_starts_with(entry->d_name, prefixes[i]))
                unlinkat(dirfd(dir), entry->d_name, 0);
}

int session_remove(struct session *session, struct error **err)
{
    static const char *const files[] = {"state.json", "state.json.new", "tunnel.log", "lock"};

    if (undo_list(session)->child)
        return error_set(err, EXIT_FAILED, "session %s still has changes to undo", session->id);
    file_remove_leftover(session->var_file);
    if (unlink(session->var_file) == 0)
        file_sync_parent(session->var_file);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", session->directory, files[i]);

        if (unlink(path) < 0 && errno != ENOENT)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    }
    remove_work_files(session->directory);
    if (rmdir(session->directory) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", session->directory);
    session_remove_places(session->directory, session->var_file);
    return 0;
}
