/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <string.h>

#include "cmd/doctor.h"
#include "util/str.h"

static char *copy(const char *text)
{
    return text ? str_printable(text, strlen(text), 4096) : NULL;
}

/* What is left to say where nothing better is known: no line is without something to do. */
static const char *general_remedy(enum exit_code code)
{
    switch (code) {
    case EXIT_NETWORK:
        return "try again in some minutes; if it stays so, Azure's support finds the cause by the ids";
    case EXIT_AUTH:
        return "have the identity given what it lacks: azilr(8), SIGN-IN";
    default:
        return "with --verbose azilr mount says more of it";
    }
}

void doctor_add(struct doctor_findings *findings, const char *check, const char *subject, enum doctor_state state,
                enum exit_code code, char *remedy, const char *format, ...)
{
    _cleanup_free_ char *owned_remedy = remedy;
    _cleanup_free_ char *message = NULL;
    va_list args;

    va_start(args, format);
    message = str_vprintf(format, args);
    va_end(args);
    findings->list = xgrow(findings->list, findings->count, sizeof(*findings->list));
    findings->list[findings->count++] = (struct doctor_finding){.check = copy(check),
                                                                .subject = copy(subject),
                                                                .state = state,
                                                                .code = code,
                                                                .message = copy(message),
                                                                .remedy = copy(owned_remedy)};
    if (!owned_remedy && (state == DOCTOR_WARNING || state == DOCTOR_FAILURE))
        findings->list[findings->count - 1].remedy = str_dup(general_remedy(code));
}

/* An error's text is safe as it is, and may have several lines, which doctor_add() would spell out. */
void doctor_fail_by(struct doctor_findings *findings, const char *check, const char *subject, const struct error *err)
{
    struct doctor_finding *made;

    doctor_fail(findings, check, subject, err->code, err->hint ? str_dup(err->hint) : NULL, "%s", "");
    made = &findings->list[findings->count - 1];
    free(made->message);
    made->message = str_dup(err->message);
}

void doctor_append(struct doctor_findings *findings, struct doctor_findings *from)
{
    for (size_t i = 0; i < from->count; i++) {
        findings->list = xgrow(findings->list, findings->count, sizeof(*findings->list));
        findings->list[findings->count++] = from->list[i];
    }
    free(from->list);
    *from = (struct doctor_findings){0};
}

void doctor_findings_clear(struct doctor_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        free(findings->list[i].check);
        free(findings->list[i].subject);
        free(findings->list[i].message);
        free(findings->list[i].remedy);
    }
    free(findings->list);
    *findings = (struct doctor_findings){0};
}
