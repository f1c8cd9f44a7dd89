/* SPDX-License-Identifier: MIT */
#include "mount/guest_root.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mount/btrfs_tree.h"
#include "mount/guest_path.h"
#include "util/str.h"

static const size_t MAX_SMALL_FILE = 16384;
enum { MAX_OS = 128, MAX_HOSTNAME = 64 }; /* bytes; hostname(7) allows 64 */

static bool looks_like_root(int tree, const char *path)
{
    _cleanup_close_ int top = guest_path_open(tree, path, NULL);

    return top >= 0 && guest_path_is_directory(top, "etc") &&
           (guest_path_is_file(top, "etc/os-release") || guest_path_is_file(top, "usr/lib/os-release") ||
            guest_path_is_file(top, "etc/fstab")) &&
           (guest_path_is_directory(top, "usr") || guest_path_is_directory(top, "bin"));
}

/* The path of the default subvolume; NULL if it cannot be told or is the top. The caller frees it. */
static char *default_path(int tree)
{
    _cleanup_close_ int directory = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *shown_path = NULL;
    uint64_t id, shown;
    size_t length;

    /* paths are told from the top of the file system, so that must be what is mounted */
    if (directory < 0 || btrfs_subvolume_of(directory, &shown, NULL) < 0 || shown != BTRFS_TOP ||
        btrfs_default_subvolume(directory, &id, NULL) < 0 || id == BTRFS_TOP)
        return NULL;
    path = btrfs_subvolume_path(directory, id, NULL);
    length = path ? strlen(path) : 0;
    shown_path = path ? str_printable(path, length, length) : NULL;
    /* it is shown to people, and kept */
    return length <= GUEST_PATH_MAX && str_equal(path, shown_path) ? steal(path) : NULL;
}

bool guest_root_find(int tree, bool is_btrfs, struct guest_root *root)
{
    /* Debian's and Ubuntu's, Debian's newer, Fedora's installer */
    static const char *const subvolumes[] = {"/@", "/@rootfs", "/root"};

    *root = (struct guest_root){0};
    if (is_btrfs) {
        _cleanup_free_ char *path = default_path(tree);

        if (path && looks_like_root(tree, path)) {
            root->path = steal(path);
            return true;
        }
    }
    if (looks_like_root(tree, "/")) {
        root->path = str_dup("/");
        return true;
    }
    for (size_t i = 0; is_btrfs && i < sizeof(subvolumes) / sizeof(subvolumes[0]); i++)
        if (looks_like_root(tree, subvolumes[i])) {
            root->path = str_dup(subvolumes[i]);
            return true;
        }
    return false;
}

/* Text between its quotes, if it has any, printable and of at most max bytes; NULL if nothing is left. */
static char *tidy(const char *text, size_t length, size_t max)
{
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\r'))
        length--;
    if (length >= 2 && (text[0] == '"' || text[0] == '\'') && text[length - 1] == text[0]) {
        text++;
        length -= 2;
    }
    return length ? str_printable(text, length, max) : NULL;
}

char *guest_root_pretty_name(const char *text)
{
    static const char NAME[] = "PRETTY_NAME=";

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (str_starts_with(line, NAME))
            return tidy(line + strlen(NAME), strcspn(line + strlen(NAME), "\n"), MAX_OS);
    }
    return NULL;
}

static char *read_small(int tree, const char *path)
{
    char *text = NULL;
    size_t length;

    return guest_path_read(tree, path, MAX_SMALL_FILE, &text, &length, NULL) < 0 ? NULL : text;
}

void guest_root_describe(int tree, struct guest_root *root)
{
    _cleanup_free_ char *release = read_small(tree, "etc/os-release");
    _cleanup_free_ char *hostname = read_small(tree, "etc/hostname");

    if (!release)
        release = read_small(tree, "usr/lib/os-release");
    if (release && !root->os)
        root->os = guest_root_pretty_name(release);
    if (hostname && *hostname != '#' && !root->hostname)
        root->hostname = tidy(hostname, strcspn(hostname, "\n"), MAX_HOSTNAME);
}

int guest_root_read_fstab(int tree, struct fstab *fstab, struct error **err)
{
    _cleanup_error_ struct error *reason = NULL;
    _cleanup_free_ char *text = NULL;
    size_t length = 0;

    *fstab = (struct fstab){0};
    if (guest_path_read(tree, "etc/fstab", FSTAB_MAX_BYTES, &text, &length, &reason) < 0)
        return reason->code == EXIT_NOT_FOUND ? 0 : error_move(err, &reason);
    return fstab_parse(text, length, fstab, err);
}

void guest_root_read_crypttab(int tree, struct crypttab *crypttab)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;

    *crypttab = (struct crypttab){0};
    if (guest_path_read(tree, "etc/crypttab", CRYPTTAB_MAX_BYTES, &text, &length, NULL) == 0)
        crypttab_parse(text, length, crypttab);
}

void guest_root_clear(struct guest_root *root)
{
    free(root->path);
    free(root->os);
    free(root->hostname);
    *root = (struct guest_root){0};
}
