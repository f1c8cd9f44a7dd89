/* SPDX-License-Identifier: MIT */
#include "iscsi/discovery.h"

#include <errno.h>
#include <unistd.h>

#include "iscsi/iscsiadm-internal.h"
#include "iscsi/record.h"
#include "util/run.h"
#include "util/str.h"

static const char *const databases[] = {"/etc/iscsi", "/var/lib/iscsi", "/var/db/iscsi"};

/* The caller frees it; NULL if there is no such record. */
static char *record_path(const char *address, int port)
{
    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/send_targets/%s,%d/st_config", databases[i], address, port);

        if (access(path, F_OK) == 0)
            return steal(path);
    }
    return NULL;
}

bool iscsi_has_discovery_record(const char *address, int port)
{
    _cleanup_free_ char *path = record_path(address, port);

    return path != NULL;
}

/*
 * What iscsiadm did not take for a part of the record: a file that it has not finished, or that azilr was about to put
 * in the place of its own, and a directory without one.
 */
static int remove_rest(const char *address, int port, struct error **err)
{
    static const char *const files[] = {"st_config", "st_config.new"};

    for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
        _cleanup_free_ char *directory = str_printf("%s/send_targets/%s,%d", databases[i], address, port);

        for (size_t j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
            _cleanup_free_ char *path = str_printf("%s/%s", directory, files[j]);

            if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
                return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
        }
        rmdir(directory);
    }
    return 0;
}

static int make_record(const struct iscsi_target *at, const char *portal, const char *user, const char *password,
                       struct wait *wait, struct error **err)
{
    const char *const make[] = {"iscsiadm", "-m", "discoverydb", "-t", "sendtargets", "-p", portal, "-o", "new", NULL};
    const struct record_setting settings[] = {
        {"discovery.sendtargets.auth.authmethod", "CHAP"},
        {"discovery.sendtargets.auth.username", user},
        {"discovery.sendtargets.auth.password", password},
        /* the Linux script does one-way CHAP; a host's iscsid.conf may have the other way for its own portals */
        {"discovery.sendtargets.auth.username_in", NULL},
        {"discovery.sendtargets.auth.password_in", NULL},
        /* the tunnel has just been through to the portal: more tries would only hide a refusal */
        {"discovery.sendtargets.reopen_max", "1"},
        {"discovery.sendtargets.use_discoveryd", "No"},
    };
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_free_ char *path = NULL;

    options.inherit_fd = at->lock_fd;
    if (run_checked(make, &options, wait, err) < 0)
        return -1;
    path = record_path(at->address, at->port);
    if (!path) {
        error_set(err, EXIT_HOST, "iscsiadm made a discovery record for %s, but not where azilr knows of", portal);
        return error_hint(err, "this open-iscsi keeps its records elsewhere; please report the distribution and "
                               "version");
    }
    return record_edit_file(path, settings, sizeof(settings) / sizeof(settings[0]), err);
}

int iscsi_discover(const struct iscsi_target *at, const char *user, const char *password, struct wait *wait,
                   struct targets *shown, struct error **err)
{
    _cleanup_free_ char *portal = str_printf("%s:%d", at->address, at->port);
    const char *const ask[] = {"iscsiadm", "-m", "discoverydb",   "-t",         "sendtargets", "-p", portal, "-I",
                               at->iface,  "-o", "nonpersistent", "--discover", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_run_result_ struct run_result result = {0};

    *shown = (struct targets){0};
    if (make_record(at, portal, user, password, wait, err) < 0)
        return error_wrap(err, "cannot make the iSCSI discovery record for %s", portal);
    options.inherit_fd = at->lock_fd;
    /* asking changes nothing, so it need not be waited for when a person gives up */
    options.interruptible = 1;
    if (run(ask, &options, wait, &result, err) < 0)
        return error_wrap(err, "asking the portal for its targets");
    if (result.exit_code == 0)
        return targets_parse(buffer_text(&result.output), shown, err);
    /* a portal that shows nothing is no failure here: the caller knows what to make of it */
    if (result.exit_code == ISCSI_ERR_NO_OBJS_FOUND)
        return 0;
    _cleanup_free_ char *words = run_last_words(&result);
    if (result.exit_code == ISCSI_ERR_LOGIN_AUTH_FAILED) {
        error_set(err, EXIT_AUTH,
                  "the portal refused to tell its targets: the CHAP user name or password is wrong, or the access has "
                  "expired or been revoked (%s)",
                  words);
        return error_hint(err, "a script is good for 12 hours; get a new one, and copy its password whole");
    }
    return error_set(err, EXIT_NETWORK, "the portal did not tell its targets, iscsiadm's exit code %d (%s)",
                     result.exit_code, words);
}

int iscsi_remove_discovery(const char *address, int port, int lock_fd, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *portal = str_printf("%s:%d", address, port);
    const char *const remove[] = {"iscsiadm", "-m",   "discoverydb", "-t",     "sendtargets",
                                  "-p",       portal, "-o",          "delete", NULL};
    struct run_options options = RUN_OPTIONS_INIT;

    if (!iscsi_has_discovery_record(address, port))
        return remove_rest(address, port, err);
    options.inherit_fd = lock_fd;
    if (run_checked(remove, &options, wait, err) < 0)
        return error_wrap(err, "cannot remove the iSCSI discovery record for %s", portal);
    return remove_rest(address, port, err) < 0 ? -1 : 1;
}
