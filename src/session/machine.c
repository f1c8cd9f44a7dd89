/* SPDX-License-Identifier: MIT */
#include "session/machine.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/str.h"

/* A word; "-" for anything else. Takes the text. */
static char *word(char *text)
{
    if (text && *text && !strchr(text, ' ') && str_is_printable(text))
        return text;
    free(text);
    return str_dup("-");
}

char *machine_identity_from(const char *root)
{
    _cleanup_free_ char *id_path = str_printf("%s/etc/machine-id", root);
    _cleanup_free_ char *uuid_path = str_printf("%s/sys/class/dmi/id/product_uuid", root);
    _cleanup_free_ char *id = word(file_read_line(id_path)), *uuid = word(file_read_line(uuid_path));

    return str_printf("%s %s", id, uuid);
}

char *machine_identity(void)
{
    return machine_identity_from("");
}

static bool parts_differ(const char *one, size_t length, const char *other, size_t other_length)
{
    if ((length == 1 && *one == '-') || (other_length == 1 && *other == '-') || length == 0 || other_length == 0)
        return false;
    return length != other_length || strncmp(one, other, length) != 0;
}

bool machine_differs(const char *one, const char *other)
{
    size_t first, other_first;

    if (!one || !other)
        return false;
    first = strcspn(one, " ");
    other_first = strcspn(other, " ");
    if (parts_differ(one, first, other, other_first))
        return true;
    one += first + (one[first] == ' ');
    other += other_first + (other[other_first] == ' ');
    return parts_differ(one, strlen(one), other, strlen(other));
}

char *machine_boot(void)
{
    return file_read_line("/proc/sys/kernel/random/boot_id");
}
