/* SPDX-License-Identifier: MIT */
/* What this process keeps in memory. */
#ifndef AZILR_TUNNEL_FOOTPRINT_H
#define AZILR_TUNNEL_FOOTPRINT_H

/*
 * Lets go of the code and constants of the program and its libraries that have been used so far: what is used again
 * comes back, from the page cache, and what was for a start or a handshake alone does not. A tunnel stays for days on
 * hosts with little memory, and two thirds of what it would keep are pages of libraries that other subcommands need.
 * Also gives free heap back. Nothing that can be written to is touched; other threads may run meanwhile.
 */
void footprint_shrink(void);

#endif
