/* SPDX-License-Identifier: MIT */
#include "volume/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/clock.h"
#include "util/run.h"
#include "util/secret.h"
#include "util/str.h"

/*
 * Argon2 is made to cost memory and seconds, as many as the machine that made the volume could afford; this host may be
 * slower, and tries several keyslots.
 */
static const int64_t OPEN_TIMEOUT_MS = 180 * 1000;

/* Of cryptsetup(8), RETURN CODES. */
enum { CRYPTSETUP_USAGE = 1, CRYPTSETUP_WRONG_KEY = 2, CRYPTSETUP_NO_MEMORY = 3 };

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

    if (result->exit_code == CRYPTSETUP_NO_MEMORY) {
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
static int try_open(const char *device, const char *option, const struct buffer *key, const char *name, int lock_fd,
                    bool has_tokens, struct wait *wait, struct run_result *result, struct error **err)
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
                                device,
                                name,
                                has_tokens ? NO_TOKENS : NULL,
                                NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    int64_t started = clock_monotonic_ms();

    options.timeout_ms = OPEN_TIMEOUT_MS;
    options.input = key;
    options.inherit_fd = lock_fd;
    if (run(argv, &options, wait, result, err) == 0)
        return 0;
    if (clock_monotonic_ms() - started >= OPEN_TIMEOUT_MS)
        error_hint(err,
                   "the key's derivation is made to cost time and memory, and this host is too slow or too small for "
                   "what the volume asks; mount on a larger one");
    else
        error_hint(err, "install cryptsetup (Debian's package is cryptsetup-bin)");
    return -1;
}

static bool is_unknown_option(const struct run_result *result)
{
    return result->exit_code == CRYPTSETUP_USAGE && strstr(buffer_text(&result->errors), NO_TOKENS);
}

int crypt_open(const char *device, const char *type, const struct buffer *key, const char *name, int lock_fd,
               struct wait *wait, char **path, struct error **err)
{
    const int known = index_of(type);
    _cleanup_run_result_ struct run_result result = {0};

    if (known < 0)
        return error_set(err, EXIT_FAILED, "%s: %s is not encrypted in a way that can be opened", device, type);
    for (int has_tokens = 1; has_tokens >= 0; has_tokens--) {
        run_result_clear(&result);
        if (try_open(device, types[known].option, key, name, lock_fd, has_tokens, wait, &result, err) < 0)
            return error_wrap(err, "%s could not be opened (%s)", device, types[known].shown);
        if (!is_unknown_option(&result))
            break;
    }
    if (result.exit_code == CRYPTSETUP_WRONG_KEY)
        return 0;
    if (result.exit_code != 0)
        return explain(device, types[known].shown, &result, err);
    *path = mapper_path(name);
    return 1;
}
