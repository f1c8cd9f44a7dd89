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
    bool must_end;    /* the mount must: what is about to be made cannot be entered in the undo list */
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
static int enter(struct mount_run *run, const char *name, struct error **err)
{
    _cleanup_free_ char *below = str_printf("%s_dif", name);
    cJSON *change = json_new_object(), *change_below = json_new_object();

    json_set_string(change_below, "name", below);
    session_enter(run->session, CHANGE_DM_DEVICE, change_below, false);
    json_set_string(change, "name", name);
    return session_will(run->session, CHANGE_DM_DEVICE, change, false, err);
}

/* Returns as crypt_open() does. The volume's device is then one more volume. */
static int try_key(struct mount_run *run, struct locked *locked, const struct buffer *key, struct error **err)
{
    const size_t i = locked->volume;
    _cleanup_free_ char *name = mount_stacked_name(run);
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *shown = NULL;
    struct volume *opened;
    int result;

    locked->must_end = wait_check(&run->wait, err) < 0 || enter(run, name, err) < 0;
    if (locked->must_end)
        return -1;
    result = crypt_open(run->volumes.items[i].device, run->volumes.items[i].type, key, name, run->session->lock_fd,
                        &run->wait, &path, err);
    if (result <= 0)
        return result;
    shown = str_printf("%s-unlocked", run->volumes.items[i].name);
    opened = stack_add(run, shown, path, run->volumes.items[i].disk, err);
    if (!opened)
        return -1;
    /* what a VM's own crypttab calls it is only known once its root is open, and leads to this name */
    if (run->volumes.items[i].uuid)
        opened->alias = str_printf("mapper/luks-%s", run->volumes.items[i].uuid);
    volume_set_reason(&run->volumes.items[i], VOLUME_MEMBER, "%s, unlocked: see %s", kind_of(&run->volumes.items[i]),
                      opened->name);
    return 1;
}

static int try_new_keys(struct mount_run *run, struct locked *locked, struct error **err)
{
    int result = 0;

    while (locked->tried < run->key_count && result == 0)
        result = try_key(run, locked, &run->keys[locked->tried++], err);
    return result;
}

static bool is_known(const struct mount_run *run, const char *typed)
{
    for (size_t i = 0; i < run->key_count; i++)
        if (run->keys[i].length == strlen(typed) && memcmp(run->keys[i].data, typed, strlen(typed)) == 0)
            return true;
    return false;
}

/* Asks once. Returns as crypt_open() does; an answer that is of no use is not the key. */
static int ask_once(struct mount_run *run, struct locked *locked, const char *prompt, struct error **err)
{
    const char *name = run->volumes.items[locked->volume].name;
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_secret_ char *typed = NULL;
    int result = 0;

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
        result = try_new_keys(run, locked, err);
    }
    if (result == 0)
        log_warning("that is not the passphrase of %s", name);
    return result;
}

/* What is typed for one volume is tried on the others too, before anything is asked again. */
static int ask(struct mount_run *run, struct locked *locked, struct error **err)
{
    const struct volume *volume = &run->volumes.items[locked->volume];
    _cleanup_free_ char *prompt =
        str_printf("Passphrase of %s (%s%s%s; empty: leave it locked): ", volume->name, kind_of(volume),
                   volume->label ? ", " : "", volume->label ? volume->label : "");
    int result = 0;

    for (int tries = 0; tries < MAX_TRIES && result == 0 && !locked->is_left_out; tries++)
        result = ask_once(run, locked, prompt, err);
    return result;
}

/* Only what must end the whole mount is an error. */
static int settle(struct mount_run *run, struct locked *locked, int result, struct error *problem, struct error **err)
{
    struct volume *volume = &run->volumes.items[locked->volume];

    if (result < 0 && (locked->must_end || problem->code == EXIT_INTERRUPTED || wait_check(&run->wait, NULL) < 0))
        return error_set_copy(err, problem);
    locked->is_settled = result != 0;
    error_fold_hint(problem);
    if (result <= 0)
        volume_set_reason(volume, VOLUME_FAILED, "encrypted with %s: %s", kind_of(volume),
                          result < 0            ? problem->message
                          : locked->is_left_out ? "left locked, as was asked for"
                                                : "no key of those given fits");
    return 0;
}

/* Every volume with the keys that it has not been tried with; then the person, once, where there is one to ask. */
static int unlock(struct mount_run *run, struct locked *locked, bool may_ask, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    int result;

    if (locked->is_settled || locked->is_left_out)
        return wait_check(&run->wait, err);
    result = try_new_keys(run, locked, &problem);
    if (result == 0 && may_ask)
        result = ask(run, locked, &problem);
    return settle(run, locked, result, problem, err);
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
    const bool may_ask = run->options->unlock;

    if (run->key_count == 0 && !may_ask)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (unlock(run, &list[i], false, err) < 0)
            return -1;
    for (size_t i = 0; i < count && may_ask; i++)
        if (unlock(run, &list[i], true, err) < 0)
            return -1;
    /* what was typed for a later one may be that of an earlier one too */
    for (size_t i = 0; i < count && may_ask; i++)
        if (unlock(run, &list[i], false, err) < 0)
            return -1;
    return 0;
}
