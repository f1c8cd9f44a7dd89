/* SPDX-License-Identifier: MIT */
/* Encrypted volumes of a backup: unlocked with the keys that were given, or that a person types. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_overlay.h"
#include "cmd/mount_stack.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/secret.h"
#include "util/str.h"
#include "volume/crypt.h"

static const int MAX_TRIES = 3;
static const size_t MAX_PASSPHRASE = 512; /* cryptsetup(8), LIMITS, of what is typed */

/* One that is still to be opened. */
struct locked {
    size_t volume;    /* its place in run->volumes */
    size_t tried;     /* so many of run->keys are not its own */
    bool is_settled;  /* opened, or known not to be openable */
    bool is_left_out; /* the person wants it to stay locked */
};

/* The key belongs to the run from now on, and is wiped with it. */
static struct buffer *add_key(struct mount_run *run)
{
    struct buffer *key;

    run->keys = xreallocarray(run->keys, run->key_count + 1, sizeof(*run->keys));
    key = &run->keys[run->key_count++];
    *key = (struct buffer)BUFFER_INIT(CRYPT_MAX_KEY);
    key->secret = true;
    return key;
}

/* A passphrase that an editor or echo has put into the file ends in a line end that is not its own. */
static void add_without_line_end(struct mount_run *run, size_t from)
{
    size_t length = run->keys[from].length;
    struct buffer *key;

    if (run->keys[from].data[length - 1] != '\n')
        return;
    length--;
    if (length && run->keys[from].data[length - 1] == '\r')
        length--;
    if (length == 0)
        return;
    key = add_key(run);
    /* cannot fail: it has room for as much as the other has */
    if (buffer_append(key, run->keys[from].data, length) < 0)
        abort();
}

int stack_read_keys(struct mount_run *run, struct error **err)
{
    const struct option_values *files = &run->options->key_files;

    for (size_t i = 0; i < files->count; i++) {
        if (crypt_read_key(files->list[i], add_key(run), err) < 0)
            return error_wrap(err, "--key-file %s", files->list[i]);
        add_without_line_end(run, run->key_count - 1);
    }
    return 0;
}

static const char *kind_of(const struct volume *volume)
{
    return str_equal(volume->type, "BitLocker") ? "BitLocker" : "LUKS";
}

/*
 * Enters what opening the volume makes. One that has integrity (LUKS 2) lies on a further device, which cryptsetup
 * names after the other and removes with it only if it is asked to close it (lib/luks2/luks2_json_metadata.c,
 * "%s_dif").
 */
static void enter(struct mount_run *run, const char *name)
{
    _cleanup_free_ char *below = str_printf("%s_dif", name);
    cJSON *change = json_new_object(), *change_below = json_new_object();

    json_set_string(change_below, "name", below);
    session_enter(run->session, CHANGE_DM_DEVICE, change_below, false);
    json_set_string(change, "name", name);
    session_enter(run->session, CHANGE_DM_DEVICE, change, false);
}

/* What came of trying keys on one of them. */
struct attempt {
    struct locked *locked;
    char *name; /* of the device that it would be */
    char *path; /* NULL where it is not open */
    int result; /* as crypt_open()'s */
    struct error *problem;
};

struct attempts {
    struct mount_run *run;
    struct attempt *items;
    size_t count;
    struct crypt_room room;
};

static void attempts_clear(struct attempts *attempts)
{
    for (size_t i = 0; i < attempts->count; i++) {
        free(attempts->items[i].name);
        free(attempts->items[i].path);
        error_free(attempts->items[i].problem);
    }
    free(attempts->items);
    crypt_room_close(&attempts->room);
}

/* In a thread of its own, which touches nothing of the run but by reading it. */
static void try_keys(void *argument, size_t i, struct wait *wait)
{
    struct attempts *attempts = argument;
    struct attempt *attempt = &attempts->items[i];
    struct mount_run *run = attempts->run;
    const struct volume *volume = &run->volumes.items[attempt->locked->volume];
    struct crypt_wish wish = {.device = volume->device,
                              .type = volume->type,
                              .name = attempt->name,
                              .lock_fd = run->session->lock_fd,
                              .room = &attempts->room};

    while (attempt->locked->tried < run->key_count && attempt->result == 0) {
        wish.key = &run->keys[attempt->locked->tried++];
        attempt->result = crypt_open(&wish, wait, &attempt->path, &attempt->problem);
    }
}

/* Those that have not been tried with all keys yet, under names that the undo list has. */
static int enter_attempts(struct attempts *attempts, struct locked *list, size_t count, struct error **err)
{
    struct mount_run *run = attempts->run;

    for (size_t i = 0; i < count; i++) {
        if (list[i].is_settled || list[i].is_left_out || list[i].tried == run->key_count)
            continue;
        attempts->items[attempts->count] = (struct attempt){.locked = &list[i], .name = mount_stacked_name(run)};
        enter(run, attempts->items[attempts->count++].name);
    }
    return attempts->count ? session_save(run->session, err) : 0;
}

/* The volume's device is one more volume from now on. */
static int add_opened(struct mount_run *run, size_t i, const char *path, struct error **err)
{
    _cleanup_free_ char *shown = str_printf("%s-unlocked", run->volumes.items[i].name);
    struct volume *opened = stack_add(run, shown, path, run->volumes.items[i].disk, err);

    if (!opened)
        return -1;
    /* what a VM's own crypttab calls it is only known once its root is open, and leads to this name */
    if (run->volumes.items[i].uuid)
        opened->alias = str_printf("mapper/luks-%s", run->volumes.items[i].uuid);
    volume_set_reason(&run->volumes.items[i], VOLUME_MEMBER, "%s, unlocked: see %s", kind_of(&run->volumes.items[i]),
                      opened->name);
    return 0;
}

/* What is not open says why. */
static void settle(struct mount_run *run, struct attempt *attempt)
{
    struct locked *locked = attempt->locked;

    if (attempt->result > 0 && add_opened(run, locked->volume, attempt->path, &attempt->problem) < 0)
        attempt->result = -1;
    locked->is_settled = attempt->result != 0;
    error_fold_hint(attempt->problem);
    if (attempt->result <= 0)
        volume_set_reason(&run->volumes.items[locked->volume], VOLUME_FAILED, "encrypted with %s: %s",
                          kind_of(&run->volumes.items[locked->volume]),
                          attempt->problem ? attempt->problem->message : "no key of those given fits");
}

/* All of them, at once, with the keys that they have not been tried with. Only what must end the mount is an error. */
static int unlock(struct mount_run *run, struct locked *list, size_t count, struct error **err)
{
    _cleanup_(attempts_clear) struct attempts attempts = {.run = run,
                                                          .items = xcalloc(count + 1, sizeof(*attempts.items))};

    crypt_room_open(&attempts.room, 0);
    if (enter_attempts(&attempts, list, count, err) < 0 ||
        pool_run(attempts.count, try_keys, &attempts, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < attempts.count; i++)
        settle(run, &attempts.items[i]);
    return wait_check(&run->wait, err);
}

static bool is_known(const struct mount_run *run, const char *typed)
{
    for (size_t i = 0; i < run->key_count; i++)
        if (run->keys[i].length == strlen(typed) && memcmp(run->keys[i].data, typed, strlen(typed)) == 0)
            return true;
    return false;
}

/* Asks once; an answer that is of no use is not the key. */
static int ask_once(struct mount_run *run, struct locked *locked, const char *prompt, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_secret_ char *typed = NULL;

    progress_clear_line(&run->progress);
    if (secret_from_terminal(prompt, MAX_PASSPHRASE, &typed, &problem) < 0) {
        if (problem->code != EXIT_FAILED)
            return error_move(err, &problem);
        log_warning("%s; --key-file takes a longer one", problem->message);
        return 0;
    }
    locked->is_left_out = !*typed;
    if (locked->is_left_out)
        return 0;
    if (!is_known(run, typed)) {
        if (buffer_append(add_key(run), typed, strlen(typed)) < 0)
            abort();
        if (unlock(run, locked, 1, err) < 0)
            return -1;
    }
    if (!locked->is_settled)
        log_warning("that is not the passphrase of %s", run->volumes.items[locked->volume].name);
    return 0;
}

/* What the person leaves locked, or has no terminal to be asked on for, says so. Errors as unlock(). */
static int ask(struct mount_run *run, struct locked *locked, struct error **err)
{
    const struct volume *volume = &run->volumes.items[locked->volume];
    _cleanup_free_ char *prompt =
        str_printf("Passphrase of %s (%s%s%s; empty: leave it locked): ", volume->name, kind_of(volume),
                   volume->label ? ", " : "", volume->label ? volume->label : "");
    _cleanup_error_ struct error *problem = NULL;
    const char *why = NULL;
    int result = 0;

    for (int tries = 0; tries < MAX_TRIES && result == 0 && !locked->is_settled && !locked->is_left_out; tries++)
        result = ask_once(run, locked, prompt, &problem);
    if (result < 0 && (problem->code == EXIT_INTERRUPTED || wait_check(&run->wait, NULL) < 0))
        return error_move(err, &problem);
    if (locked->is_settled)
        return 0;
    error_fold_hint(problem);
    why = problem ? problem->message : locked->is_left_out ? "left locked, as was asked for" : NULL;
    locked->is_settled = problem != NULL;
    if (why)
        volume_set_reason(&run->volumes.items[locked->volume], VOLUME_FAILED, "encrypted with %s: %s",
                          kind_of(&run->volumes.items[locked->volume]), why);
    return wait_check(&run->wait, err);
}

static size_t find_locked(struct mount_run *run, struct locked *list)
{
    size_t count = 0;

    for (size_t i = 0; i < run->volumes.count; i++) {
        struct volume *volume = &run->volumes.items[i];

        if (volume->is_tried || !crypt_is_known(volume->type))
            continue;
        volume->is_tried = true;
        list[count++] = (struct locked){.volume = i};
        volume_set_reason(volume, VOLUME_FAILED,
                          "encrypted with %s: --unlock asks for its passphrase, --key-file FILE gives it",
                          kind_of(volume));
    }
    return count;
}

int stack_unlock(struct mount_run *run, struct error **err)
{
    _cleanup_free_ struct locked *list = xcalloc(run->volumes.count + 1, sizeof(*list));
    const size_t count = find_locked(run, list);

    if (run->key_count == 0 && !run->options->unlock)
        return 0;
    if (unlock(run, list, count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && run->options->unlock; i++) {
        if (list[i].is_settled)
            continue;
        /* what is typed for one may be that of others too, before it as well */
        if (ask(run, &list[i], err) < 0 || unlock(run, list, count, err) < 0)
            return -1;
    }
    return 0;
}
