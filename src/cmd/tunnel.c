/* SPDX-License-Identifier: MIT */
/* `azilr tunnel`: the relay, in the foreground for a person, or as the process that `mount` starts. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "tunnel/daemon.h"
#include "util/str.h"

enum { HELP = 256, LISTEN, CONNECT, SERVER_NAME, CA_FILE, SERVICE, PID_FILE, LOCK_FD };

static const struct option longs[] = {
    {"help", no_argument, NULL, HELP},
    {"listen", required_argument, NULL, LISTEN},
    {"connect", required_argument, NULL, CONNECT},
    {"server-name", required_argument, NULL, SERVER_NAME},
    {"ca-file", required_argument, NULL, CA_FILE},
    /* from here on between mount and its tunnel only */
    {"service", no_argument, NULL, SERVICE},
    {"pid-file", required_argument, NULL, PID_FILE},
    {"lock-fd", required_argument, NULL, LOCK_FD},
    {0},
};

static void print_help(void)
{
    puts("Usage: azilr tunnel --listen ADDR:PORT --connect HOST:PORT [OPTIONS]\n\n"
         "Relays each connection to ADDR:PORT, a loopback address, to HOST:PORT over verified TLS, until SIGTERM or "
         "Ctrl-C.\n"
         "With port 0 a free one is taken; the first line of output names it. Connections of other users than root and "
         "the\none who runs it are refused.\n\n"
         "      --server-name NAME       the name that the certificate must have (default: HOST)\n"
         "      --ca-file FILE           trust the certificates in FILE as well, in PEM form\n"
         "      --help                   this text");
}

/* "HOST:PORT", "[v6]:PORT" or, where last is not NULL, "ADDR:FIRST-LAST". The caller frees *host. */
static int split(const char *option, const char *text, char **host, int *first, int *last, struct error **err)
{
    const char *colon = strrchr(text, ':');
    _cleanup_free_ char *ports = colon ? str_dup(colon + 1) : NULL;
    char *dash = ports && last ? strchr(ports, '-') : NULL;
    size_t length = colon ? (size_t)(colon - text) : 0;
    const char *from = text;
    long low, high;

    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (dash)
        *dash = '\0';
    /* any port to listen on will do, but there is none to connect to */
    if (length == 0 || str_to_long(ports, last ? 0 : 1, USHRT_MAX, &low) < 0 ||
        str_to_long(dash ? dash + 1 : ports, low, USHRT_MAX, &high) < 0) {
        _cleanup_free_ char *shown = str_printable(text, strlen(text), 100);

        return error_set(err, EXIT_USAGE, "%s: \"%s\" is not HOST:PORT", option, shown);
    }
    *host = str_ndup(from, length);
    *first = (int)low;
    if (last)
        *last = (int)high;
    return 0;
}

static int parse_fd(const char *text, int *fd, struct error **err)
{
    long number;

    if (str_to_long(text, 3, INT_MAX, &number) < 0)
        return error_set(err, EXIT_USAGE, "\"%s\" is not a descriptor's number", text);
    *fd = (int)number;
    return 0;
}

static int take_option(int value, struct tunnel_service *service, const char **listen, const char **connect,
                       struct error **err)
{
    switch (value) {
    case LISTEN:
        *listen = optarg;
        return 0;
    case CONNECT:
        *connect = optarg;
        return 0;
    case SERVER_NAME:
        service->options.server_name = optarg;
        return 0;
    case CA_FILE:
        service->options.ca_file = optarg;
        return 0;
    case SERVICE:
        service->is_service = true;
        return 0;
    case PID_FILE:
        service->pid_path = optarg;
        return 0;
    case LOCK_FD:
        return parse_fd(optarg, &service->lock_fd, err);
    default:
        error_set(err, EXIT_USAGE, "tunnel: unknown option, or one without its value");
        return error_hint(err, "`azilr tunnel --help` lists the options");
    }
}

int cmd_tunnel(int argc, char **argv, struct error **err)
{
    struct tunnel_service service = {.lock_fd = -1};
    const char *listen = NULL, *connect = NULL;
    _cleanup_free_ char *listen_address = NULL;
    _cleanup_free_ char *host = NULL;
    int value;

    opterr = 0;
    optind = 1;
    while ((value = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        if (value == HELP || value == 'h') {
            print_help();
            return EXIT_DONE;
        }
        if (take_option(value, &service, &listen, &connect, err) < 0)
            return -1;
    }
    if (optind != argc || !listen || !connect) {
        error_set(err, EXIT_USAGE, "tunnel takes --listen ADDR:PORT and --connect HOST:PORT");
        return error_hint(err, "`azilr tunnel --help` shows how");
    }
    if (split("--listen", listen, &listen_address, &service.options.first_port, &service.options.last_port, err) < 0 ||
        split("--connect", connect, &host, &service.options.portal_port, NULL, err) < 0)
        return -1;
    service.listen_address = listen_address;
    service.options.portal_host = host;
    return tunnel_serve(&service, err);
}
