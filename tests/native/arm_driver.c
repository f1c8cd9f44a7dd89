/* SPDX-License-Identifier: MIT */
/*
 * Drives src/azure by itself, for arm_*_test.py: one call a run, its result as one JSON document on standard
 * output, its error as azilr prints it, the exit code as azilr's. Sizes of scripts are printed, never their
 * content.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "azure/backup.h"
#include "azure/ilr.h"
#include "azure/secret_json.h"
#include "frame.h"
#include "print.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

struct driver {
    struct arm *arm;
    struct credential *credential;
    struct wait wait;
    const char *renew;          /* "auto", "yes" or "no" */
    struct ilr_request request; /* what of it the options say */
    struct ilr_tag tags[4];
    struct ilr_opening opening; /* of what is to be revoked */
    int64_t doubt_ms;           /* arm_operation's */
    unsigned char *masked;      /* of "leftovers": the token, unrecognisable */
    size_t masked_length;
};

static const unsigned char MASK = 0x5a;

static int do_token(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_json_ cJSON *document = json_new_object();
    const char *token = NULL;

    (void)arguments;
    if (credential_get_token(driver->credential, false, &driver->wait, &token, err) < 0)
        return -1;
    json_set_number(document, "length", (double)strlen(token));
    json_set_string(document, "description", credential_description(driver->credential));
    return print_document(document);
}

static int do_leftovers(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    const char *token = NULL;

    if (backup_get_point(driver->arm, arguments[0], &point, err) < 0 ||
        credential_get_token(driver->credential, false, &driver->wait, &token, err) < 0)
        return -1;
    driver->masked_length = strlen(token);
    driver->masked = xcalloc(driver->masked_length, 1);
    for (size_t i = 0; i < driver->masked_length; i++)
        driver->masked[i] = (unsigned char)token[i] ^ MASK;
    return 0;
}

/* Reads what the address sanitizer has marked as nobody's, too. */
__attribute__((noinline, no_sanitize("address"))) static size_t
count_in(const struct driver *driver, const unsigned char *from, const unsigned char *to)
{
    size_t count = 0;

    for (; from + driver->masked_length <= to; from++) {
        size_t same = 0;

        while (same < driver->masked_length && (from[same] ^ MASK) == driver->masked[same])
            same++;
        count += same == driver->masked_length;
    }
    return count;
}

/* How often the token is still in this process's memory, once all that knew it is gone. */
static int print_leftovers(const struct driver *driver)
{
    _cleanup_json_ cJSON *document = json_new_object();
    _cleanup_fclose_ FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long from, to;
    size_t count = 0;
    char line[512];
    char mode[5];

    while (maps && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) == 3 && str_starts_with(mode, "rw") &&
            to - from < (1UL << 28))
            count += count_in(driver, (const unsigned char *)from, (const unsigned char *)to);
    }
    json_set_number(document, "copies", (double)count);
    return print_document(document);
}

static int do_environ(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_free_ char *block = NULL;
    size_t length = 0;

    (void)driver;
    (void)arguments;
    if (file_read("/proc/self/environ", (size_t)1 << 20, &block, &length, err) < 0)
        return -1;
    fwrite(block, 1, length, stdout);
    return 0;
}

static int do_point(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};

    if (backup_get_point(driver->arm, arguments[0], &point, err) < 0)
        return -1;
    return print_point(&point);
}

static void describe_script(const struct client_script *script, cJSON *list)
{
    /* what follows is a secret */
    _cleanup_free_ char *place = script->url ? str_ndup(script->url, strcspn(script->url, "?")) : NULL;
    cJSON *entry = json_new_object();

    json_set_number(entry, "length", (double)script->length);
    json_set_bool(entry, "has_assignments", script->content && strstr(script->content, "TargetNodeAddress") != NULL);
    json_set_string(entry, "extension", script->extension);
    json_set_string(entry, "os_type", script->os_type);
    json_set_number(entry, "suffix_length", script->name_suffix ? (double)strlen(script->name_suffix) : 0);
    json_set_string(entry, "url", place);
    json_append(list, entry);
}

/* The newest point of a machine: subscription, resource group, vault, machine. */
static int do_newest(struct driver *driver, char *const *arguments, struct error **err)
{
    const struct backup_scope scope = {
        .subscription = arguments[0], .resource_group = arguments[1], .vault = arguments[2]};
    _cleanup_backup_items_ struct backup_items items = {0};
    _cleanup_backup_gaps_ struct backup_gaps gaps = {0};
    _cleanup_recovery_points_ struct recovery_points points = {0};

    if (backup_list_items(driver->arm, &scope, &items, &gaps, err) < 0)
        return -1;
    for (size_t i = 0; i < items.count; i++) {
        if (!str_equal_ignoring_case(items.list[i].name, arguments[3]))
            continue;
        if (backup_list_points(driver->arm, &items.list[i], 0, 0, &points, err) < 0)
            return -1;
        return points.count ? print_point(&points.list[0]) : error_set(err, EXIT_NOT_FOUND, "no recovery point");
    }
    return error_set(err, EXIT_NOT_FOUND, "no such machine");
}

static int do_provision(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_arm_operation_ struct arm_operation operation = {0};
    _cleanup_client_scripts_ struct client_scripts scripts = {0};
    _cleanup_json_ cJSON *document = json_new_object();
    struct ilr_request request = driver->request;
    bool may_have_begun = false;
    int64_t start;
    cJSON *list;

    if (backup_get_point(driver->arm, arguments[0], &point, err) < 0)
        return -1;
    request.id = &point.id;
    request.vm_id = point.vm_id;
    request.renew = str_equal(driver->renew, "auto") ? point.session_active : str_equal(driver->renew, "yes");
    start = clock_monotonic_ms();
    if (ilr_provision_start(driver->arm, &request, &operation, &may_have_begun, err) < 0) {
        if (request.renew)
            fprintf(stderr, "arm_driver: nothing to revoke, %s\n", may_have_begun ? "may last longer" : "as before");
        else
            fprintf(stderr, "arm_driver: %s to revoke\n", may_have_begun ? "something" : "nothing");
        return -1;
    }
    operation.doubt_ms = driver->doubt_ms;
    if (ilr_provision_wait(driver->arm, &point.id, &operation, &scripts, err) < 0)
        return -1;
    json_set_number(document, "ms", (double)(clock_monotonic_ms() - start));
    json_set_bool(document, "renewed", request.renew);
    json_set_string(document, "operation", operation.id);
    list = json_set_array(document, "scripts");
    for (size_t i = 0; i < scripts.count; i++)
        describe_script(&scripts.list[i], list);
    return print_document(document);
}

static int do_provision_share(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_arm_id_ struct arm_id id = {0};
    _cleanup_arm_operation_ struct arm_operation operation = {0};
    _cleanup_json_ cJSON *document = json_new_object();
    _cleanup_secret_json_ cJSON *status = NULL;
    struct ilr_request request = driver->request;
    bool may_have_begun;

    if (arm_id_parse_share_point(arguments[0], &id, err) < 0)
        return -1;
    request.kind = ILR_FILE_SHARE;
    request.id = &id;
    request.source_resource_id = arguments[1];
    if (ilr_provision_start(driver->arm, &request, &operation, &may_have_begun, err) < 0 ||
        arm_operation_wait(driver->arm, &operation, &status, err) < 0)
        return -1;
    json_set_string(document, "status", json_string(status, "status"));
    return print_document(document);
}

static int do_revoke(struct driver *driver, char *const *arguments, struct error **err)
{
    _cleanup_json_ cJSON *document = json_new_object();
    bool done_before = false;

    driver->opening.doubt_ms = driver->doubt_ms;
    if (ilr_revoke(driver->arm, arguments[0], &driver->opening, &done_before, err) < 0)
        return -1;
    json_set_bool(document, "done_before", done_before);
    return print_document(document);
}

static const struct command {
    const char *name;
    int arguments;
    int (*run)(struct driver *driver, char *const *arguments, struct error **err);
} commands[] = {
    {"token", 0, do_token},         {"environ", 0, do_environ},
    {"leftovers", 1, do_leftovers}, {"point", 1, do_point},
    {"newest", 4, do_newest},       {"provision", 1, do_provision},
    {"revoke", 1, do_revoke},       {"provision-share", 2, do_provision_share},
};

static const struct option long_options[] = {
    {"endpoint", required_argument, NULL, 'e'},  {"authority", required_argument, NULL, 'a'},
    {"ca-file", required_argument, NULL, 'c'},   {"token-file", required_argument, NULL, 't'},
    {"auth", required_argument, NULL, 'A'},      {"identity", required_argument, NULL, 'I'},
    {"az", required_argument, NULL, 'z'},        {"arc-folder", required_argument, NULL, 'F'},
    {"timeout", required_argument, NULL, 'T'},   {"renew", required_argument, NULL, 'r'},
    {"initiator", required_argument, NULL, 'i'}, {"verbose", no_argument, NULL, 'v'},
    {"location", required_argument, NULL, 'l'},  {"etag", required_argument, NULL, 'E'},
    {"tag", required_argument, NULL, 'g'},       {"json", no_argument, NULL, 'j'},
    {"opening", required_argument, NULL, 'o'}, /* "unknown", or where its operation can be asked about */
    {"recent", required_argument, NULL, 'R'},  /* the same of one that has just begun */
    {"doubt-ms", required_argument, NULL, 'd'},  {NULL, 0, NULL, 0},
};

static int run_command(struct driver *driver, const char *name, char *const *arguments, int count, struct error **err)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (str_equal(commands[i].name, name) && commands[i].arguments == count)
            return commands[i].run(driver, arguments, err);
    }
    return error_set(err, EXIT_USAGE, "arm_driver: unknown command");
}

/* The options that say how to sign in; false for any other. */
static bool take_sign_in(int option, const char *value, struct credential_options *sign_in)
{
    switch (option) {
    case 'A':
        sign_in->auth = value;
        return true;
    case 'I':
        sign_in->identity = value;
        return true;
    case 'z':
        sign_in->cli_program = value;
        return true;
    case 'F':
        sign_in->arc_folder = value;
        return true;
    case 'a':
        sign_in->authority = value;
        return true;
    case 't':
        sign_in->token_file = value;
        return true;
    default:
        return false;
    }
}

static int drive(int argc, char **argv, struct driver *driver, struct error **err)
{
    struct credential_options sign_in = {0};
    struct arm_options options = {.wait = &driver->wait};
    int option;

    if (wait_catch_signals(&driver->wait, err) < 0)
        return -1;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take_sign_in(option, optarg, &sign_in))
            continue;
        switch (option) {
        case 'e':
            options.endpoint = sign_in.endpoint = optarg;
            break;
        case 'c':
            options.ca_file = sign_in.ca_file = optarg;
            break;
        case 'T':
            driver->wait.deadline_ms = clock_monotonic_ms() + (int64_t)(strtod(optarg, NULL) * 1000);
            break;
        case 'r':
            driver->renew = optarg;
            break;
        case 'i':
            driver->request.initiator_name = optarg;
            break;
        case 'v':
            log_set_level(LOG_LEVEL_VERBOSE);
            break;
        case 'l':
            driver->request.location = optarg;
            break;
        case 'E':
            driver->request.etag = optarg;
            break;
        case 'g':
            driver->request.tags = driver->tags;
            driver->tags[driver->request.tag_count % 4].name = strsep(&optarg, "=");
            driver->tags[driver->request.tag_count++ % 4].value = optarg;
            break;
        case 'j':
            log_set_json(true);
            break;
        case 'o':
        case 'R':
            driver->opening = (struct ilr_opening){.operation_url = str_equal(optarg, "unknown") ? NULL : optarg,
                                                   .is_recent = option == 'R'};
            break;
        case 'd':
            driver->doubt_ms = strtol(optarg, NULL, 10);
            break;
        default:
            return error_set(err, EXIT_USAGE, "arm_driver: unknown option");
        }
    }
    if (optind >= argc)
        return error_set(err, EXIT_USAGE, "arm_driver: no command");
    if (credential_open(&sign_in, &driver->credential, err) < 0)
        return -1;
    options.credential = driver->credential;
    if (arm_open(&options, &driver->arm, err) < 0)
        return -1;
    return run_command(driver, argv[optind], argv + optind + 1, argc - optind - 1, err);
}

int main(int argc, char **argv)
{
    struct driver driver = {.wait = WAIT_INIT,
                            .renew = "auto",
                            .opening.ended = true,
                            .request.initiator_name = "iqn.2026-11.io.azilr:arm-driver"};
    _cleanup_error_ struct error *err = NULL;
    int result = drive(argc, argv, &driver, &err);

    arm_free(driver.arm);
    credential_free(driver.credential);
    wait_close(&driver.wait);
    if (result >= 0 && driver.masked)
        print_leftovers(&driver);
    free(driver.masked);
    return frame_end(result, err);
}
