/* SPDX-License-Identifier: MIT */
/* The tunnel's own log: a line an event, with the time, from several threads. Never payload, never a secret. */
#ifndef AZILR_TUNNEL_JOURNAL_H
#define AZILR_TUNNEL_JOURNAL_H

/* Writes one line to fd, at once and whole. connection is its number, 0 for the tunnel itself. */
void journal(int fd, unsigned connection, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Limits what this process can write to any file to 1 MiB; past that a write fails. */
void journal_limit(void);

#endif
