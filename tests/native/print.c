/* SPDX-License-Identifier: MIT */
#include "print.h"

#include <stdio.h>

#include "util/clock.h"
#include "util/json.h"

int print_document(const cJSON *document)
{
    _cleanup_free_ char *text = json_text(document, false);

    puts(text);
    fflush(stdout);
    return 0;
}

int print_point(const struct recovery_point *point)
{
    _cleanup_json_ cJSON *document = json_new_object();
    char time[CLOCK_TEXT_SIZE];

    json_set_string(document, "id", point->id.text);
    json_set_string(document, "point", point->id.point);
    json_set_string(document, "vault", point->id.vault);
    json_set_string(document, "vm", point->id.vm_name);
    json_set_string(document, "vm_id", point->vm_id);
    json_set_string(document, "time", clock_format(point->time, time));
    json_set_string(document, "type", point->type);
    json_set_string(document, "os_type", point->os_type);
    json_set_string(document, "tiers", point->tiers);
    json_set_bool(document, "archived", point->archived);
    json_set_bool(document, "encrypted", point->encrypted);
    json_set_bool(document, "session_active", point->session_active);
    return print_document(document);
}
