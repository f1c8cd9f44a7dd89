/* SPDX-License-Identifier: MIT */
/* JSON documents that hold a token or a password. */
#ifndef AZILR_AZURE_SECRET_JSON_H
#define AZILR_AZURE_SECRET_JSON_H

#include "util/json.h"

/* cJSON_Delete() that wipes every string of the document first. NULL is fine. */
void secret_json_free(cJSON *document);

DEFINE_CLEANUP(cleanup_secret_json_ptr, cJSON *, secret_json_free);
#define _cleanup_secret_json_ _cleanup_(cleanup_secret_json_ptr)

#endif
