/* SPDX-License-Identifier: MIT */
/*
 * The subcommands, one file each. argv[0] is the subcommand's name. Each returns an exit code (enum
 * exit_code) when it has said all that there is to say, or -1 with err set, which main prints and turns into
 * the exit code.
 */
#ifndef AZILR_CMD_CMD_H
#define AZILR_CMD_CMD_H

#include "util/error.h"

int cmd_mount(int argc, char **argv, struct error **err);
int cmd_unmount(int argc, char **argv, struct error **err);
int cmd_renew(int argc, char **argv, struct error **err);
int cmd_list(int argc, char **argv, struct error **err);
int cmd_doctor(int argc, char **argv, struct error **err);
int cmd_status(int argc, char **argv, struct error **err);
int cmd_inspect(int argc, char **argv, struct error **err);
int cmd_tunnel(int argc, char **argv, struct error **err);
int cmd_keeper(int argc, char **argv, struct error **err);

#endif
