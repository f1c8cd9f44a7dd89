/* SPDX-License-Identifier: MIT */
/*
 * Looks at a portal of any name as `azilr doctor` does at those of Azure, for doctor_test.py:
 *
 *   doctor_driver HOST PORT CA-FILE     prints a finding a line: STATE CHECK CODE MESSAGE
 */
#include <stdio.h>

#include "cmd/doctor.h"
#include "util/str.h"

int main(int argc, char **argv)
{
    static const char *const states[] = {"ok", "warning", "failure", "skipped"};
    _cleanup_doctor_findings_ struct doctor_findings findings = {0};
    struct options options = {0};
    const struct doctor doctor = {.options = &options};
    struct wait wait = WAIT_INIT;
    long port;

    if (argc != 4 || str_to_long(argv[2], 1, 65535, &port) < 0)
        return EXIT_USAGE;
    options.ca_file = argv[3];
    doctor_portal(&doctor, argv[1], (int)port, "a test", &findings, &wait);
    for (size_t i = 0; i < findings.count; i++)
        printf("%s %s %d %s\n", states[findings.list[i].state], findings.list[i].check, (int)findings.list[i].code,
               findings.list[i].message);
    return EXIT_DONE;
}
