/* SPDX-License-Identifier: MIT */
#include "cmd/provision.h"

#include <string.h>

#include "azure/cloud_error.h"
#include "azure/ilr.h"
#include "util/log.h"
#include "util/str.h"

/* Limits of tags (Azure Resource Manager documentation, "Use tags to organize your Azure resources"). */
static const size_t MAX_TAG_NAME = 512;
static const size_t MAX_TAG_VALUE = 256;
static const char NOT_IN_TAG_NAMES[] = "<>%&\\?/";

static const size_t MAX_LOCATION = 90;
static const size_t MAX_ETAG = 256;

/* The tags as they are sent, with what they point into. */
struct tags {
    char *copies[OPTION_MAX_VALUES];
    struct ilr_tag list[OPTION_MAX_VALUES];
    size_t count;
};

static void tags_clear(struct tags *tags)
{
    for (size_t i = 0; i < tags->count; i++)
        free(tags->copies[i]);
}

#define _cleanup_tags_ _cleanup_(tags_clear)

static int check_tag(const struct tags *tags, const struct ilr_tag *tag, struct error **err)
{
    _cleanup_free_ char *shown = str_printable(tag->name, strlen(tag->name), 60);

    if (!str_is_printable(tag->name) || !str_is_printable(tag->value))
        return error_set(err, EXIT_USAGE, "--tag: %s or its value is not UTF-8 text", shown);
    if (!*tag->name || str_count_characters(tag->name) > MAX_TAG_NAME || strpbrk(tag->name, NOT_IN_TAG_NAMES))
        return error_set(err, EXIT_USAGE, "--tag: a name has 1 to %zu characters, none of them one of %s", MAX_TAG_NAME,
                         NOT_IN_TAG_NAMES);
    if (str_count_characters(tag->value) > MAX_TAG_VALUE)
        return error_set(err, EXIT_USAGE, "--tag: the value of %s has more than %zu characters", shown, MAX_TAG_VALUE);
    for (size_t i = 0; i + 1 < tags->count; i++)
        if (str_equal_ignoring_case(tags->list[i].name, tag->name))
            return error_set(err, EXIT_USAGE, "--tag: %s is given twice", shown);
    return 0;
}

static int read_tags(const struct option_values *values, struct tags *tags, struct error **err)
{
    for (size_t i = 0; i < values->count; i++) {
        char *copy = str_dup(values->list[i]);
        char *equals = strchr(copy, '=');

        tags->copies[tags->count++] = copy;
        if (!equals) {
            _cleanup_free_ char *shown = str_printable(copy, strlen(copy), 60);

            error_set(err, EXIT_USAGE, "--tag: \"%s\" is not NAME=VALUE", shown);
            return error_hint(err, "e.g. --tag ticket=4711");
        }
        *equals = '\0';
        tags->list[i] = (struct ilr_tag){.name = copy, .value = equals + 1};
        if (check_tag(tags, &tags->list[i], err) < 0)
            return -1;
    }
    return 0;
}

int provision_check_options(const struct options *options, struct error **err)
{
    static const char location[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -";
    _cleanup_tags_ struct tags tags = {0};

    if (options->location && (!str_only(options->location, location) || strlen(options->location) > MAX_LOCATION))
        return error_set(err, EXIT_USAGE, "--location takes the name of an Azure region, e.g. westeurope");
    if (options->etag && (!str_is_printable(options->etag) || str_count_characters(options->etag) > MAX_ETAG))
        return error_set(err, EXIT_USAGE, "--etag takes at most %zu characters of UTF-8 text", MAX_ETAG);
    return read_tags(&options->tags, &tags, err);
}

/* The script's reader blames the person who gave a file, and tells them to download it again. */
static int blame_service(struct error **err)
{
    if (!err || !*err)
        return -1;
    (*err)->code = EXIT_NETWORK;
    free(steal((*err)->hint));
    error_wrap(err, "the connection script from Azure");
    return error_hint(err, "nothing was connected to; where it comes again, the service, or what answers in its place, "
                           "is to blame");
}

/* The first script that can be read: a Windows VM has an .exe behind the .txt, which says nothing to a Linux host. */
static int read_scripts(const struct client_scripts *scripts, const char *portal_domain, struct connection *connection,
                        struct error **err)
{
    for (size_t i = 0; i < scripts->count; i++) {
        const struct client_script *script = &scripts->list[i];

        if (!script->content || str_equal_ignoring_case(script->extension, ".exe"))
            continue;
        if (script_parse(script->content, script->length, script->name_suffix, portal_domain, connection, err) < 0 ||
            script_check_portal_domain(connection, err) < 0)
            return blame_service(err);
        return 0;
    }
    return error_set(err, EXIT_NETWORK, "Azure gave no connection script that can be read here (%zu in all)",
                     scripts->count);
}

bool provision_was_refused(const struct error *err)
{
    int status = cloud_error_status(err);

    return status == 400 || status == 409;
}

int provision_start(struct arm *arm, const struct options *options, const struct recovery_point *point,
                    const char *initiator_name, bool renew, struct arm_operation *operation, bool *may_have_begun,
                    struct error **err)
{
    _cleanup_tags_ struct tags tags = {0};
    struct ilr_request request = {.kind = ILR_VM,
                                  .id = &point->id,
                                  .vm_id = point->vm_id,
                                  .initiator_name = initiator_name,
                                  .renew = renew,
                                  .etag = options->etag,
                                  .location = options->location};

    *may_have_begun = false;
    if (read_tags(&options->tags, &tags, err) < 0)
        return -1;
    request.tags = tags.list;
    request.tag_count = tags.count;
    return ilr_provision_start(arm, &request, operation, may_have_begun, err);
}

int provision_finish(const struct azure_access *access, const struct recovery_point *point,
                     struct arm_operation *operation, struct connection *connection, struct error **err)
{
    _cleanup_client_scripts_ struct client_scripts scripts = {0};

    if (ilr_provision_wait(access->arm, &point->id, operation, &scripts, err) < 0 ||
        read_scripts(&scripts, access->portal_domain, connection, err) < 0)
        return -1;
    if (!connection->secret_known)
        return error_set(err, EXIT_NETWORK, "Azure's answer holds a connection script but not its password");
    return 0;
}
