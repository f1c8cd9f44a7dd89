/* SPDX-License-Identifier: MIT */
/*
 * For scenarios of the lab: the stages behind the disks, one call a run, on devices that a scenario has made.
 *
 *   filesystem_driver mount [-u] DEVICE DIRECTORY [COMPANION...]  as the device's type wants it; -u: without replay
 *   filesystem_driver unmount DIRECTORY DEVICE...
 *   filesystem_driver btrfs-groups DEVICE...      for each, the first device of its file system
 *   filesystem_driver btrfs-change-id DEVICE...
 *   filesystem_driver btrfs-forget DEVICE...
 *   filesystem_driver crypt-open DEVICE NAME KEY_FILE
 *
 * Exit codes: azilr's own; 10 where the mount failed with EROFS, 11 for a wrong key, 12 for "nothing to do".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/mount_filesystem.h"
#include "mount/mounts.h"
#include "util/secret.h"
#include "util/str.h"
#include "volume/btrfs.h"
#include "volume/crypt.h"
#include "volume/ntfs.h"
#include "volume/probe.h"

enum { MAX_DEVICES = 16, EXIT_DIRTY = 10, EXIT_WRONG_KEY = 11, EXIT_NOTHING = 12 };

static int tell(struct error *err)
{
    printf("%s\n", err->message);
    if (err->hint)
        printf("hint: %s\n", err->hint);
    return (int)err->code;
}

static int mount_command(char **arguments)
{
    struct mount_wish wish = {.lock_fd = -1};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_probe_ struct probe probe = {0};
    struct btrfs_member member = {0};
    size_t companions = 0;
    int errnum = 0;

    if (str_equal(arguments[0], "-u")) {
        wish.unreplayed = true;
        arguments++;
    }
    wish.device = arguments[0];
    wish.directory = arguments[1];
    if (probe_device(wish.device, &probe, &err) < 0)
        return tell(err);
    printf("type %s label %s\n", probe.type ? probe.type : "-", probe.label ? probe.label : "-");
    wish.filesystem = probe.type ? filesystem_by_type(probe.type) : NULL;
    if (!wish.filesystem || wish.filesystem->reason) {
        printf("%s\n", wish.filesystem ? wish.filesystem->reason : "unknown");
        return EXIT_NOTHING;
    }
    if (arguments[2])
        wish.companions = (const char *const *)&arguments[2];
    while (arguments[2 + companions])
        companions++;
    if (str_equal(probe.type, "btrfs")) {
        if (btrfs_read_member(wish.device, &member, &err) < 0)
            return tell(err);
        wish.options = btrfs_options(&member, companions + 1);
    }
    if (str_equal(probe.type, "ntfs")) {
        _cleanup_free_ char *note = NULL;
        struct ntfs_state state;

        if (ntfs_read_state(wish.device, &state, &err) < 0)
            return tell(err);
        note = ntfs_note(&state);
        printf("note %s\n", note ? note : "");
    }
    if (mount_filesystem(&wish, NULL, &errnum, &err) == 0)
        return 0;
    tell(err);
    return errnum == EROFS ? EXIT_DIRTY : (int)err->code;
}

static int unmount_command(char **arguments)
{
    _cleanup_error_ struct error *err = NULL;
    dev_t devices[MAX_DEVICES];
    size_t count = 0;
    struct stat st;
    int result;

    for (char **device = arguments + 1; *device && count < MAX_DEVICES; device++)
        if (stat(*device, &st) == 0)
            devices[count++] = st.st_rdev;
    result = unmount_device(arguments[0], devices, count, &err);
    return result < 0 ? tell(err) : result ? 0 : EXIT_NOTHING;
}

static int groups_command(char **arguments)
{
    _cleanup_error_ struct error *err = NULL;
    struct btrfs_member members[MAX_DEVICES] = {0};
    enum btrfs_fit fits[MAX_DEVICES] = {0};
    size_t groups[MAX_DEVICES] = {0}, count = 0;

    for (; arguments[count] && count < MAX_DEVICES; count++)
        if (btrfs_read_member(arguments[count], &members[count], &err) < 0)
            return tell(err);
    btrfs_group(members, count, groups, fits);
    for (size_t i = 0; i < count; i++)
        printf("%s %s %llu/%llu%s\n", arguments[i], arguments[groups[i]], (unsigned long long)members[i].device_id,
               (unsigned long long)members[i].device_count, members[i].has_log ? " log" : "");
    return 0;
}

static int change_id_command(char **arguments)
{
    _cleanup_error_ struct error *err = NULL;
    size_t count = 0;

    while (arguments[count])
        count++;
    return btrfs_change_id((const char *const *)arguments, count, &err) < 0 ? tell(err) : 0;
}

static int forget_command(char **arguments)
{
    _cleanup_error_ struct error *err = NULL;
    int known = 0;

    for (; *arguments; arguments++) {
        int result = btrfs_forget(*arguments, &err);

        if (result < 0)
            return tell(err);
        known += result;
    }
    return known ? 0 : EXIT_NOTHING;
}

static int crypt_open_command(char **arguments)
{
    _cleanup_buffer_ struct buffer key = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_probe_ struct probe probe = {0};
    _cleanup_free_ char *path = NULL;
    struct crypt_room room;
    struct crypt_wish wish = {.device = arguments[0], .key = &key, .name = arguments[1], .lock_fd = -1, .room = &room};
    int result;

    if (probe_device(arguments[0], &probe, &err) < 0 || crypt_read_key(arguments[2], &key, &err) < 0)
        return tell(err);
    wish.type = probe.type ? probe.type : "-";
    crypt_room_open(&room, 0);
    result = crypt_open(&wish, NULL, &path, &err);
    crypt_room_close(&room);
    if (result < 0)
        return tell(err);
    printf("%s\n", result ? path : "wrong key");
    return result ? 0 : EXIT_WRONG_KEY;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*command)(char **arguments);
        int least;
    } commands[] = {
        {"mount", mount_command, 2},         {"unmount", unmount_command, 2},
        {"btrfs-groups", groups_command, 1}, {"btrfs-change-id", change_id_command, 1},
        {"btrfs-forget", forget_command, 1}, {"crypt-open", crypt_open_command, 3},
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (argc > 1 && str_equal(argv[1], commands[i].name) && argc - 2 >= commands[i].least)
            return commands[i].command(argv + 2);
    fprintf(stderr, "see the top of filesystem_driver.c\n");
    return EXIT_USAGE;
}
