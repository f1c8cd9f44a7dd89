/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/cloud_error-internal.h"
#include "util/str.h"

static const char BLANKS[] = " \t\r\n";
static const char MASK[] = "***";

enum { MAY_BE_SECRET = 12, IS_NO_WORD = 24 };

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* "disconnect/reset", "Retry-After:", but no digits, no signs that prose has not, and capitals at the beginning only.
 */
static bool is_word(const char *text, size_t length)
{
    if (length < MAY_BE_SECRET)
        return true;
    if (length >= IS_NO_WORD)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (is_upper(text[i]) && i > 0 && is_lower(text[i - 1]))
            return false;
        if (!is_lower(text[i]) && !is_upper(text[i]) && !strchr(".,:;!?'()/-", text[i]))
            return false;
    }
    return true;
}

bool cloud_error_is_prose(const char *body)
{
    body += strspn(body, BLANKS);
    return is_lower(*body) || is_upper(*body);
}

char *cloud_error_mask(const char *text)
{
    /* a mask is shorter than what it hides */
    char *masked = xcalloc(strlen(text) + 1, 1);
    char *end = masked;

    while (*text) {
        size_t blanks = strspn(text, BLANKS);
        size_t length = strcspn(text + blanks, BLANKS);
        bool shown = is_word(text + blanks, length);

        end = mempcpy(end, text, blanks);
        end = mempcpy(end, shown ? text + blanks : MASK, shown ? length : sizeof(MASK) - 1);
        text += blanks + length;
    }
    return masked;
}
