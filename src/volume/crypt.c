/* SPDX-License-Identifier: MIT */
#include "volume/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/clock.h"
#include "util/run.h"
#include "util/secret.h"
#include "util/str.h"
#include "volume/luks.h"

/*
 * Argon2 is made to cost memory and seconds, as many as the machine that made the volume could afford; this host may be
 * slower, and tries several keyslots.
 */
static const int64_t OPEN_TIMEOUT_MS = 180 * 1000;

/* What it needs beside what a key's derivation does: libraries, threads, and the C library's arenas for these. */
static const uint64_t OWN_MEMORY = UINT64_C(1) << 30;

/* Of cryptsetup(8), RETURN CODES. */
enum { CRYPTSETUP_USAGE = 1, CRYPTSETUP_WRONG_KEY = 2, CRYPTSETUP_NO_MEMORY = 3 };

/* 128 and SIGKILL: what be_modest() of util/run.c asks for when the host runs out of memory. */
enum { KILLED = 128 + 9 };

static const char NO_TOKENS[] = "--disable-external-tokens";

static const struct {
    const char *type;   /* libblkid's */
    const char *option; /* cryptsetup's */
    const char *shown;
} types[] = {
    {"crypto_LUKS", "luks", "LUKS"},
    {"BitLocker", "bitlk", "BitLocker"},
};

static int index_of(const char *type)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal(types[i].type, type))
            return (int)i;
    return -1;
}

bool crypt_is_known(const char *type)
{
    return index_of(type) >= 0;
}

int crypt_read_key(const char *path, struct buffer *key, struct error **err)
{
    *key = BUFFER_INIT(CRYPT_MAX_KEY);
    if (secret_read(path, SECRET_OWNER_ONLY, key, err) < 0)
        return -1;
    if (key->length == 0)
        return error_set(err, EXIT_USAGE, "%s is empty", path);
    return 0;
}

static char *mapper_path(const char *name)
{
    return str_printf("/dev/mapper/%s", name);
}

/* cryptsetup's words for a header that is fine and yet of no use by itself. */
static int explain(const char *device, const char *shown, const struct run_result *result, struct error **err)
{
    _cleanup_free_ char *words = run_last_words(result);

    if (result->exit_code == CRYPTSETUP_NO_MEMORY || result->exit_code == KILLED) {
        error_set(err, EXIT_HOST, "%s could not be opened (%s): %s", device, shown, words);
        return error_hint(err,
                          "the key's derivation wants as much memory as the machine had that made the volume (LUKS 2: "
                          "up to 1 GiB; see `cryptsetup luksDump %s`): free some, or mount on a larger host",
                          device);
    }
    error_set(err, EXIT_FAILED, "%s could not be opened (%s): %s", device, shown, words);
    if (strstr(words, "is not a valid LUKS device"))
        error_hint(err,
                   "its header is damaged, or kept on another disk (a detached header), which azilr does not open");
    else if (strstr(words, "detached LUKS header"))
        error_hint(err, "it is the detached header of a volume that is elsewhere, which azilr does not open");
    return -1;
}

/*
 * --key-file - reads the passphrase to the end of standard input, line ends and all, and asks nobody. No token of the
 * volume's own choosing is used, no keyring, and no lock of a metadata area that nobody writes. Only cryptsetup 2.4 and
 * newer has tokens of others, and the option against them.
 */
static int try_open(const struct crypt_wish *wish, const char *option, uint64_t memory, bool has_tokens,
                    struct wait *wait, struct run_result *result, struct error **err)
{
    const char *const argv[] = {"cryptsetup",
                                "open",
                                "--readonly",
                                "--type",
                                option,
                                "--key-file",
                                "-",
                                "--batch-mode",
                                "--disable-keyring",
                                "--disable-locks",
                                wish->device,
                                wish->name,
                                has_tokens ? NO_TOKENS : NULL,
                                NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    int64_t started = clock_monotonic_ms();

    options.timeout_ms = OPEN_TIMEOUT_MS;
    options.input = wish->key;
    options.inherit_fd = wish->lock_fd;
    options.interruptible = 1;
    options.memory_limit = memory + OWN_MEMORY;
    if (run(argv, &options, wait, result, err) == 0)
        return 0;
    if (clock_monotonic_ms() - started >= OPEN_TIMEOUT_MS)
        error_hint(err,
                   "the key's derivation is made to cost time and memory, and this host is too slow or too small for "
                   "what the volume asks; mount on a larger one");
    else if (err && *err && (*err)->code == EXIT_HOST)
        error_hint(err, "install cryptsetup (Debian's package is cryptsetup-bin)");
    return -1;
}

static bool is_unknown_option(const struct run_result *result)
{
    return result->exit_code == CRYPTSETUP_USAGE && strstr(buffer_text(&result->errors), NO_TOKENS);
}

static int try_both_ways(const struct crypt_wish *wish, const char *option, uint64_t memory, struct wait *wait,
                         struct run_result *result, struct error **err)
{
    for (int has_tokens = 1; has_tokens >= 0; has_tokens--) {
        run_result_clear(result);
        if (try_open(wish, option, memory, has_tokens, wait, result, err) < 0)
            return -1;
        if (!is_unknown_option(result))
            break;
    }
    return 0;
}

int crypt_open(const struct crypt_wish *wish, struct wait *wait, char **path, struct error **err)
{
    const int known = index_of(wish->type);
    const uint64_t memory = luks_memory(wish->device);
    _cleanup_run_result_ struct run_result result = {0};
    int tried;

    if (known < 0)
        return error_set(err, EXIT_FAILED, "%s: %s is not encrypted in a way that can be opened", wish->device,
                         wish->type);
    tried = crypt_room_take(wish->room, memory, wait, err);
    if (tried == 0) {
        tried = try_both_ways(wish, types[known].option, memory, wait, &result, err);
        crypt_room_give(wish->room, memory);
    }
    if (tried < 0)
        return error_wrap(err, "%s could not be opened (%s)", wish->device, types[known].shown);
    if (result.exit_code == CRYPTSETUP_WRONG_KEY)
        return 0;
    if (result.exit_code != 0)
        return explain(wish->device, types[known].shown, &result, err);
    *path = mapper_path(wish->name);
    return 1;
}
