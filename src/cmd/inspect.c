/* SPDX-License-Identifier: MIT */
/* `azilr inspect`: what a connection script would connect to. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cmd/azure_access.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "script/script.h"
#include "util/buffer.h"
#include "util/json.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

static int read_all(int fd, const char *what, char **text, size_t *length, struct error **err)
{
    _cleanup_buffer_ struct buffer input = BUFFER_INIT(SCRIPT_MAX_SIZE);
    ssize_t got;

    input.secret = true;
    do {
        got = buffer_read(&input, fd);
    } while (got > 0);
    if (got < 0 && errno == EFBIG)
        return error_set(err, EXIT_USAGE, "%s has more than the %d bytes that a script may have", what,
                         SCRIPT_MAX_SIZE);
    if (got < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read %s", what);
    *length = input.length;
    *text = input.length ? steal(input.data) : str_dup("");
    return 0;
}

static int read_script(const char *path, char **text, size_t *length, struct error **err)
{
    _cleanup_close_ int fd = -1;

    if (str_equal(path, "-"))
        return read_all(STDIN_FILENO, "standard input", text, length, err);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED, errno,
                               "cannot open %s", path);
    return read_all(fd, path, text, length, err);
}

static const char *yes_no(bool value)
{
    return value ? "yes" : "no";
}

static void print_table(const struct connection *connection, const cJSON *document)
{
    static const struct {
        const char *member, *title;
    } lines[] = {
        {"vm", "VM"},          {"machine", "Machine"},     {"portal", "Portal"}, {"target", "Target"},
        {"user", "CHAP user"}, {"script_id", "Script id"}, {"format", "Format"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const char *value = json_string(document, lines[i].member);

        if (str_equal(lines[i].member, "portal"))
            printf("%-17s %s, port %d\n", lines[i].title, value, connection->portal_port);
        else
            printf("%-17s %s\n", lines[i].title, value ? value : "-");
    }
    printf("%-17s %s\n", "Several targets", yes_no(connection->multi_target));
    printf("%-17s %s\n", "Private endpoint", yes_no(connection->private_endpoint));
    printf("%-17s %s\n", "Large disks", yes_no(connection->large_disk));
    printf("%-17s %s\n", "Password",
           connection->secret_known ? "known, from the script or its name"
                                    : "not here; mount asks for the one that the portal shows");
}

static int inspect(const char *path, const struct options *options, struct error **err)
{
    _cleanup_connection_ struct connection connection = {0};
    _cleanup_json_ cJSON *document = NULL;
    _cleanup_secret_ char *text = NULL;
    const char *slash = strrchr(path, '/');
    bool from_input = str_equal(path, "-");
    const char *domain;
    size_t length = 0;

    if (azure_access_portal_domain(options, &domain, err) < 0 || read_script(path, &text, &length, err) < 0)
        return -1;
    if (script_parse(text, length, from_input ? NULL : slash ? slash + 1 : path, domain, &connection, err) < 0)
        return error_wrap(err, "%s", from_input ? "standard input" : path);
    document = connection_to_json(&connection);
    if (options->json) {
        _cleanup_free_ char *printed = json_result(document);

        puts(printed);
    } else {
        print_table(&connection, document);
    }
    return EXIT_DONE;
}

int cmd_inspect(int argc, char **argv, struct error **err)
{
    _cleanup_options_ struct options options = {0};
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_INSPECT, &options, &rest, &rest_count, err) < 0)
        return -1;
    if (options.help) {
        options_print_help(
            "azilr inspect FILE [OPTIONS]\n\n"
            "Shows what a connection script would connect to. Contacts nothing, needs no root, shows no secret.\n"
            "FILE as it was downloaded, name included; - is standard input.",
            OPTIONS_INSPECT);
        return EXIT_DONE;
    }
    if (rest_count != 1)
        return error_set(err, EXIT_USAGE, "inspect takes one script");
    return inspect(rest[0], &options, err);
}
