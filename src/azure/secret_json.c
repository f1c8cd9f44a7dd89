/* SPDX-License-Identifier: MIT */
#include "azure/secret_json.h"

#include <string.h>

/* Recursion is as deep as json_parse() lets a document be. */
static void wipe(cJSON *node) // NOLINT(misc-no-recursion)
{
    for (; node; node = node->next) {
        if (node->valuestring)
            explicit_bzero(node->valuestring, strlen(node->valuestring));
        wipe(node->child);
    }
}

void secret_json_free(cJSON *document)
{
    wipe(document);
    cJSON_Delete(document);
}
