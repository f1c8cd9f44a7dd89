/* SPDX-License-Identifier: MIT */
/* Encrypted volumes of a backup: unlocked with the keys that were given, or that a person types. */
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_overlay.h"
#include "cmd/mount_stack.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/str.h"
#include "volume/crypt.h"

static const int MAX_TRIES = 3;
static const size_t MAX_PASSPHRASE = 512; /* cryptsetup(8), LIMITS, of what is typed */

int stack_read_keys(struct mount_run *run, struct error **err)
{
    const struct option_values *files = &run->options->key_files;

    for (size_t i = 0; i < files->count; i++) {
        run->keys = xreallocarray(run->keys, run->key_count + 1, sizeof(*run->keys));
        run->keys[run->key_count] = (struct buffer)BUFFER_INIT(CRYPT_MAX_KEY);
        if (crypt_read_key(files->list[i], &run->keys[run->key_count++], err) < 0)
            return error_wrap(err, "--key-file %s", files->list[i]);
    }
    return 0;
}

static const char *kind_of(const struct volume *volume)
{
    return str_equal(volume->type, "BitLocker") ? "BitLocker" : "LUKS";
}

/* Returns as crypt_open() does. The volume's device is then one more volume. */
static int try_key(struct mount_run *run, size_t i, const struct buffer *key, struct error **err)
{
    _cleanup_free_ char *name = mount_stacked_name(run);
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *shown = NULL;
    cJSON *change = json_new_object();
    struct volume *opened;
    int result;

    json_set_string(change, "name", name);
    if (session_will(run->session, CHANGE_DM_DEVICE, change, false, err) < 0)
        return -1;
    result = crypt_open(run->volumes.items[i].device, run->volumes.items[i].type, key, name, run->session->lock_fd,
                        &run->wait, &path, err);
    if (result <= 0)
        return result;
    shown = str_printf("%s-unlocked", run->volumes.items[i].name);
    opened = stack_add(run, shown, path, run->volumes.items[i].lun, err);
    if (!opened)
        return -1;
    /* what a VM's own crypttab calls it is only known once its root is open, and leads to this name */
    if (run->volumes.items[i].uuid)
        opened->alias = str_printf("mapper/luks-%s", run->volumes.items[i].uuid);
    volume_set_reason(&run->volumes.items[i], VOLUME_MEMBER, "%s, unlocked: see %s", kind_of(&run->volumes.items[i]),
                      run->volumes.items[run->volumes.count - 1].name);
    return 1;
}

static int try_keys(struct mount_run *run, size_t i, struct error **err)
{
    int result = 0;

    for (size_t k = 0; k < run->key_count && result == 0; k++)
        result = try_key(run, i, &run->keys[k], err);
    return result;
}

/* What is typed for one volume is tried on the others too, before anything is asked again. */
static int ask(struct mount_run *run, size_t i, struct error **err)
{
    const struct volume *volume = &run->volumes.items[i];
    _cleanup_free_ char *prompt =
        str_printf("Passphrase of %s (%s%s%s; empty: leave it locked): ", volume->name, kind_of(volume),
                   volume->label ? ", " : "", volume->label ? volume->label : "");
    int result = 0;

    for (int tries = 0; tries < MAX_TRIES && result == 0; tries++) {
        _cleanup_secret_ char *typed = NULL;
        struct buffer *key;

        if (secret_from_terminal(prompt, MAX_PASSPHRASE, &typed, err) < 0)
            return -1;
        if (*typed == '\0')
            return 0;
        run->keys = xreallocarray(run->keys, run->key_count + 1, sizeof(*run->keys));
        key = &run->keys[run->key_count++];
        *key = (struct buffer)BUFFER_INIT(CRYPT_MAX_KEY);
        key->secret = true;
        if (buffer_append(key, typed, strlen(typed)) < 0)
            return error_set(err, EXIT_FAILED, "the passphrase is too long");
        result = try_key(run, i, key, err);
    }
    return result;
}

static int unlock(struct mount_run *run, size_t i, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    struct volume *volume = &run->volumes.items[i];
    int result;

    if (run->key_count == 0 && !run->options->unlock) {
        volume_set_reason(volume, VOLUME_FAILED,
                          "encrypted with %s: --unlock asks for its passphrase, --key-file FILE gives it",
                          kind_of(volume));
        return 0;
    }
    result = try_keys(run, i, &problem);
    if (result == 0 && run->options->unlock)
        result = ask(run, i, &problem);
    if (result < 0 && problem->code == EXIT_INTERRUPTED)
        return error_move(err, &problem);
    error_fold_hint(problem);
    if (result <= 0)
        volume_set_reason(&run->volumes.items[i], VOLUME_FAILED, "encrypted with %s: %s",
                          kind_of(&run->volumes.items[i]),
                          result < 0 ? problem->message : "no key of those given fits");
    return 0;
}

int stack_unlock(struct mount_run *run, struct error **err)
{
    const size_t count = run->volumes.count;

    for (size_t i = 0; i < count; i++) {
        struct volume *volume = &run->volumes.items[i];

        if (volume->is_tried || !crypt_is_known(volume->type))
            continue;
        volume->is_tried = true;
        if (wait_check(&run->wait, err) < 0 || unlock(run, i, err) < 0)
            return -1;
    }
    return 0;
}
