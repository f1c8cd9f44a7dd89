/* SPDX-License-Identifier: MIT */
/* The table of subcommands, the options in front of them, and the one place where an error is printed. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/environment.h"
#include "cmd/failure.h"
#include "cmd/options.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv, struct error **err);
    bool signs_in;       /* it may want what the environment holds for that */
    const char *summary; /* NULL for another name of the one above, and what no person types */
} subcommands[] = {
    {"mount", cmd_mount, true, "open a recovery point of an Azure VM, and mount its volumes read-only"},
    {"unmount", cmd_unmount, true, "take everything down again and revoke the access"},
    {"umount", cmd_unmount, true, NULL},
    {"renew", cmd_renew, true, "extend the access of a mounted session by another 12 hours"},
    {"list", cmd_list, true, "the vaults, the VMs that they protect, the recovery points of one"},
    {"status", cmd_status, false, "what is open on this host"},
    {"doctor", cmd_doctor, true, "whether this host can open backups, and if not, why; changes nothing"},
    {"inspect", cmd_inspect, false, "what a connection script would connect to; contacts nothing"},
    {"tunnel", cmd_tunnel, false, "the relay from loopback to a portal's TLS, by itself"},
    {"keeper", cmd_keeper, true, NULL}, /* between mount and itself only */
};

static void print_help(FILE *to)
{
    fputs("azilr gives you the files of an Azure VM backup as a read-only directory.\n\n"
          "Usage: azilr COMMAND [OPTIONS]\n\n",
          to);
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (subcommands[i].summary)
            fprintf(to, "  %-9s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\n`azilr COMMAND --help` tells a command's options; azilr(8) tells the rest.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 sign-in or permission, 4 not found, 5 network or "
          "service,\n"
          "6 mounted but some volumes could not be, 7 busy, 8 this host lacks something, 130 interrupted.\n",
          to);
}

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
        if (str_equal(subcommands[i].name, name))
            return &subcommands[i];
    return NULL;
}

static int dispatch(int argc, char **argv, struct error **err)
{
    const struct subcommand *subcommand;

    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (str_equal(argv[1], "--help") || str_equal(argv[1], "-h") || str_equal(argv[1], "help")) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (str_equal(argv[1], "--version") || str_equal(argv[1], "-V")) {
        printf("azilr %s\n", AZILR_VERSION);
        return EXIT_DONE;
    }
    subcommand = find(argv[1]);
    if (!subcommand) {
        _cleanup_free_ char *shown = str_printable(argv[1], strlen(argv[1]), 60);

        error_set(err, EXIT_USAGE, "there is no command \"%s\"", shown);
        return error_hint(err, "`azilr --help` lists the commands");
    }
    if (subcommand->signs_in)
        secret_lock_memory();
    else
        environment_forget_secrets();
    return subcommand->run(argc - 1, argv + 1, err);
}

/* A file of ours that took the number of a closed standard stream would be written to by every message. */
static bool have_standard_streams(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;
    int code;

    secret_protect_process();
    /* whoever starts azilr may have it ignored, and then nobody could be waited for */
    signal(SIGCHLD, SIG_DFL);
    /* whatever the person's is: files of ours and of the programs that we run must be neither everybody's nor nobody's
     */
    umask(022);
    environment_keep_known();
    environment_hide_secrets();
    if (!have_standard_streams())
        return EXIT_FAILED;
    log_set_json(options_ask_for_json(argc, argv));
    code = dispatch(argc, argv, &err);
    if (code < 0) {
        log_error(err);
        failure_print(err);
        code = (int)err->code;
    }
    /* a full disk or a closed pipe must not look like success to a script that reads the output */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("azilr: cannot write to standard output\n", stderr);
        return code ? code : EXIT_FAILED;
    }
    return code;
}
