/* SPDX-License-Identifier: MIT */
/* What a tunnel, which speaks with the network, says of itself to root; and the kernel's table of sockets. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/input.h"
#include "tunnel/peer.h"
#include "tunnel/state.h"

static void read_report(const struct input *input)
{
    _cleanup_error_ struct error *problem = NULL;
    struct tunnel_report report;
    bool torn;
    int found = state_parse(input->text, &report, &torn, &problem);

    if ((found < 0) != (problem != NULL) || (problem && !str_is_printable(problem->message)))
        abort();
    if (report.pid < 0 || report.port < 0 || report.port > 65535 || strlen(report.last_error) >= STATE_ERROR_SIZE)
        abort();
    for (const char *at = report.last_error; *at; at++)
        if ((unsigned char)*at < ' ')
            abort();
}

static void find_owner(const struct input *input)
{
    struct sockaddr_storage peer = {.ss_family = AF_INET}, local = {.ss_family = AF_INET};
    uid_t owner;

    ((struct sockaddr_in *)&peer)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ((struct sockaddr_in *)&local)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer_find_in_table(input->text, &peer, &local, &owner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_input_ struct input input = {0};

    if (size == 0)
        return 0;
    input_split(data, size, &input);
    if (input.how == 't')
        find_owner(&input);
    else
        read_report(&input);
    return 0;
}
