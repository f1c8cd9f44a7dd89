/* SPDX-License-Identifier: MIT */
/* The file of defaults. */
#include <stdint.h>
#include <string.h>

#include "cmd/config.h"
#include "util/str.h"

/* Whatever is passed on is clean: no blanks around it, nothing that a terminal would act upon. */
static int take(const char *name, const char *value, void *argument, struct error **err)
{
    const char *const texts[] = {name, value};

    (void)argument;
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(texts[i]);
        _cleanup_free_ char *safe = str_printable(texts[i], length, length);

        if (!length || !str_equal(safe, texts[i]) || texts[i][0] == ' ' || texts[i][length - 1] == ' ')
            abort();
    }
    return strchr(name, '!') ? error_set(err, EXIT_USAGE, "no") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xcalloc(size + 1, 1);
    _cleanup_error_ struct error *err = NULL;

    memcpy(text, data, size);
    if (config_parse(text, size, take, NULL, &err) < 0 && (err->code != EXIT_USAGE || !*err->message))
        abort();
    return 0;
}
