/* SPDX-License-Identifier: MIT */
#include "azure/arm_id.h"

#include <string.h>
#include <strings.h>

#include "azure/url.h"
#include "util/str.h"

static const size_t MAX_ID = 2048;
static const size_t MAX_SEGMENT = 400; /* a container's name holds a group's (90) and a machine's (64), with room */

#define MAX_SEGMENTS 16

struct segments {
    char *copy;
    char *list[MAX_SEGMENTS];
    size_t count;
};

static void segments_clear(struct segments *segments)
{
    free(segments->copy);
}

#define _cleanup_segments_ _cleanup_(segments_clear)

/* Why a segment cannot be one, or NULL. */
static const char *segment_fault(const char *segment)
{
    size_t length = strlen(segment);
    _cleanup_free_ char *printable = NULL;

    if (length == 0)
        return "it has an empty part";
    if (length > MAX_SEGMENT)
        return "one of its parts is too long";
    if (str_equal(segment, ".") || strstr(segment, ".."))
        return "it contains \"..\"";
    if (strpbrk(segment, "?#"))
        return "it contains \"?\" or \"#\": a URL is more than an id";
    if (strchr(segment, '%'))
        return "it contains \"%\": give it as the portal and the az command print it, with \";\" instead of "
               "\"%3B\"";
    if (strpbrk(segment, "<>\\\"'&:*"))
        return "it contains a character that no Azure name has";
    printable = str_printable(segment, length, length);
    return str_equal(printable, segment) && !strchr(segment, ' ') ? NULL : "it contains blanks or control characters";
}

static const char *split(const char *text, struct segments *segments)
{
    char *next;
    size_t length = strnlen(text, MAX_ID + 1);

    if (length > MAX_ID)
        return "it is too long";
    if (text[0] != '/')
        return "it does not begin with \"/subscriptions/\"";
    segments->copy = str_dup(text + 1);
    if (length > 1 && text[length - 1] == '/')
        segments->copy[length - 2] = '\0';
    next = segments->copy;
    while (next) {
        char *segment = strsep(&next, "/");
        const char *fault = segment_fault(segment);

        if (fault)
            return fault;
        if (segments->count == MAX_SEGMENTS)
            return "it has too many parts";
        segments->list[segments->count++] = segment;
    }
    return NULL;
}

static int refuse(const char *text, const char *kind, const char *why, struct error **err)
{
    _cleanup_free_ char *safe = str_printable(text, strlen(text), 300);

    error_set(err, EXIT_USAGE, "\"%s\" is not the id of a %s: %s", safe, kind, why);
    return error_hint(err, "`azilr list points VM --json` gives the ids of recovery points");
}

typedef const char *split_item_function(const char *item, struct arm_id *id);

/* "AzureFileShare;name", in a "StorageContainer;storage;group;account" (Azure Backup REST reference). */
static const char *split_share_item(const char *item, struct arm_id *id)
{
    (void)id;
    return strncasecmp(item, "azurefileshare;", 15) == 0 && item[15]
               ? NULL
               : "its protected item is not a file share's (AzureFileShare;name)";
}

/* "VM;iaasvmcontainerv2;group;name": the group and the name are the last two of the parts that it must have.
 */
static const char *split_vm_item(const char *item, struct arm_id *id)
{
    const char *kind = strchr(item, ';');
    const char *group = kind ? strchr(kind + 1, ';') : NULL;
    const char *name = group ? strchr(group + 1, ';') : NULL;

    if (strncasecmp(item, "vm;", 3) != 0 || !name || strchr(name + 1, ';') || !name[1] || name == group + 1)
        return "its protected item is not an Azure VM's (VM;iaasvmcontainerv2;group;name)";
    id->vm_resource_group = str_ndup(group + 1, (size_t)(name - group - 1));
    id->vm_name = str_dup(name + 1);
    return NULL;
}

/* The keywords at the even places, and at the odd ones where the value is one too. */
static const char *const item_keywords[] = {
    "subscriptions",
    NULL,
    "resourceGroups",
    NULL,
    "providers",
    "Microsoft.RecoveryServices",
    "vaults",
    NULL,
    "backupFabrics",
    "Azure",
    "protectionContainers",
    NULL,
    "protectedItems",
    NULL,
    "recoveryPoints",
    NULL,
};

static const size_t VAULT_SEGMENTS = 8;
static const size_t ITEM_SEGMENTS = 14;
static const size_t POINT_SEGMENTS = 16;

static int parse(const char *text, size_t wanted, split_item_function *split_item, const char *kind, struct arm_id *id,
                 struct error **err)
{
    _cleanup_segments_ struct segments segments = {0};
    const char *fault = split(text, &segments);

    memset(id, 0, sizeof(*id));
    for (size_t i = 0; !fault && i < wanted && i < segments.count; i++) {
        _cleanup_free_ char *why = NULL;

        if (!item_keywords[i] || strcasecmp(item_keywords[i], segments.list[i]) == 0)
            continue;
        why = str_printf("\"%s\" stands where \"%s\" belongs", segments.list[i], item_keywords[i]);
        return refuse(text, kind, why, err);
    }
    if (!fault && segments.count < wanted)
        fault = segments.count == ITEM_SEGMENTS ? "it ends at the protected item, without \"/recoveryPoints/…\""
                                                : "it ends too early";
    if (!fault && segments.count > wanted)
        fault = "something follows it";
    if (!fault && wanted >= ITEM_SEGMENTS)
        fault = split_item(segments.list[13], id);
    if (fault)
        return refuse(text, kind, fault, err);
    id->text = str_ndup(text, strlen(text) - (str_ends_with(text, "/") ? 1 : 0));
    id->subscription = str_dup(segments.list[1]);
    id->resource_group = str_dup(segments.list[3]);
    id->vault = str_dup(segments.list[7]);
    if (wanted >= ITEM_SEGMENTS) {
        id->container = str_dup(segments.list[11]);
        id->item = str_dup(segments.list[13]);
    }
    id->point = wanted == POINT_SEGMENTS ? str_dup(segments.list[15]) : NULL;
    return 0;
}

int arm_id_parse_vault(const char *text, struct arm_id *id, struct error **err)
{
    return parse(text, VAULT_SEGMENTS, NULL, "Recovery Services vault", id, err);
}

int arm_id_parse_point(const char *text, struct arm_id *id, struct error **err)
{
    return parse(text, POINT_SEGMENTS, split_vm_item, "recovery point of an Azure VM", id, err);
}

int arm_id_parse_share_point(const char *text, struct arm_id *id, struct error **err)
{
    return parse(text, POINT_SEGMENTS, split_share_item, "recovery point of a file share", id, err);
}

int arm_id_parse_item(const char *text, struct arm_id *id, struct error **err)
{
    return parse(text, ITEM_SEGMENTS, split_vm_item, "backup item of an Azure VM", id, err);
}

void arm_id_clear(struct arm_id *id)
{
    free(id->text);
    free(id->subscription);
    free(id->resource_group);
    free(id->vault);
    free(id->container);
    free(id->item);
    free(id->point);
    free(id->vm_resource_group);
    free(id->vm_name);
    memset(id, 0, sizeof(*id));
}

/* The first `count` segments of an id. */
static char *head(const char *text, size_t count)
{
    const char *end = text;

    while (count-- > 0 && *end)
        end = strchrnul(end + 1, '/');
    return str_ndup(text, (size_t)(end - text));
}

char *arm_id_vault(const struct arm_id *id)
{
    return head(id->text, VAULT_SEGMENTS);
}

char *arm_id_item(const struct arm_id *id)
{
    return head(id->text, ITEM_SEGMENTS);
}

char *arm_id_guess_vm(const struct arm_id *id)
{
    return str_printf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/virtualMachines/%s",
                      id->subscription, id->vm_resource_group, id->vm_name);
}

static int check_name(const char *value, const char *option, size_t max, struct error **err)
{
    const char *fault = !value || !*value    ? "it is empty"
                        : strchr(value, '/') ? "it contains \"/\""
                                             : segment_fault(value);
    _cleanup_free_ char *safe = value ? str_printable(value, strlen(value), 100) : NULL;

    if (!fault && strlen(value) > max)
        fault = "it is too long";
    if (!fault)
        return 0;
    return error_set(err, EXIT_USAGE, "%s cannot be \"%s\": %s", option, safe ? safe : "", fault);
}

/* The greatest lengths are those of Azure's naming rules. */
int arm_id_check_subscription(const char *text, struct error **err)
{
    if (check_name(text, "--subscription", 80, err) < 0)
        return -1;
    if (strlen(text) == 36 && str_only(text, "0123456789abcdefABCDEF-"))
        return 0;
    error_set(err, EXIT_USAGE, "--subscription takes the subscription's id, not its name: \"%s\"", text);
    return error_hint(err, "az account show --query id --output tsv prints it");
}

int arm_id_check_resource_group(const char *text, struct error **err)
{
    return check_name(text, "--resource-group", 90, err);
}

int arm_id_make_vault(const char *subscription, const char *resource_group, const char *vault, char **vault_id,
                      struct error **err)
{
    if (arm_id_check_subscription(subscription, err) < 0 || arm_id_check_resource_group(resource_group, err) < 0 ||
        check_name(vault, "--vault-name", 50, err) < 0)
        return -1;
    *vault_id = str_printf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.RecoveryServices/vaults/%s",
                           subscription, resource_group, vault);
    return 0;
}

int arm_id_check_vm(const char *text, struct error **err)
{
    static const char *const keywords[] = {"subscriptions", NULL, "resourceGroups",  NULL,
                                           "providers",     NULL, "virtualMachines", NULL};
    _cleanup_segments_ struct segments segments = {0};
    const char *fault = split(text, &segments);

    for (size_t i = 0; !fault && i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (i >= segments.count || (keywords[i] && strcasecmp(keywords[i], segments.list[i]) != 0))
            fault = "it has another shape";
    }
    if (!fault && (segments.count != 8 || (strcasecmp(segments.list[5], "Microsoft.Compute") != 0 &&
                                           strcasecmp(segments.list[5], "Microsoft.ClassicCompute") != 0)))
        fault = "it is one of something else";
    return fault ? refuse(text, "virtual machine", fault, err) : 0;
}

char *arm_id_path(const char *text)
{
    char *path = xcalloc(strlen(text) * 3 + 1, 1);
    char *to = path;

    while (*text) {
        size_t length = strcspn(text, "/");
        _cleanup_free_ char *segment = str_ndup(text, length);
        _cleanup_free_ char *encoded = url_encode(segment);

        to = stpcpy(to, encoded);
        text += length;
        if (*text == '/')
            *to++ = *text++;
    }
    return path;
}
