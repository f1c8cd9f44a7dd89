/* SPDX-License-Identifier: MIT */
/* Files and directories of our own, and small files of the system. */
#ifndef AZILR_UTIL_FILE_H
#define AZILR_UTIL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/buffer.h"
#include "util/error.h"

/*
 * Reads a whole file of at most max bytes; larger is an error. Works for /proc and /sys too, and for pipes.
 * EXIT_NOT_FOUND if there is none. The caller frees *data, which ends in a NUL; length may be NULL.
 */
int file_read(const char *path, size_t max, char **data, size_t *length, struct error **err);

/* The same, where the file holds a secret: every copy but *data is wiped. The caller frees with secret_free(). */
int file_read_secret(const char *path, size_t max, char **data, size_t *length, struct error **err);

/* open(2) for reading, which does not wait for a pipe's writer: file_await_data() does. A descriptor, or -1 with errno.
 */
int file_open_now(const char *path);

/*
 * Waits until a pipe has data or has come to its end; returns at once for what is no pipe. A person may name one for
 * a file, and nobody ever write to it: EXIT_INTERRUPTED after a signal that is blocked in this thread and pending.
 */
int file_await_data(int fd, const char *path, struct error **err);

/* The first line of a small system file without its line end and trailing blanks, or NULL. The caller frees
 * it. */
char *file_read_line(const char *path);

/* Writes the whole of data to fd. Returns 0, or -1 with errno set. */
int file_write_all(int fd, const void *data, size_t length);

/*
 * Puts data in place of the file at once: written under another name beside it, synced to disk if `durable`,
 * then renamed. A reader sees the old file or the new one.
 */
int file_replace(const char *path, const void *data, size_t length, mode_t mode, bool durable, struct error **err);

/* Removes what a file_replace() of that path, killed half-way, may have left beside it. */
void file_remove_leftover(const char *path);

/*
 * Returns 0 for a directory of one's own that nobody else can change, 1 if there is nothing, and -1 with EXIT_HOST for
 * anything else, a link among it.
 */
int file_check_private_dir(const char *path, struct error **err);

/*
 * Makes a directory that only root can enter, or accepts one that is there already if it is a directory (no
 * link), root's own, and writable by nobody else: a path that somebody else prepared is refused (EXIT_HOST); what
 * to do then, the caller knows.
 * The parent must exist. *made, if not NULL, says whether it was made now.
 */
int file_make_private_dir(const char *path, bool *made, struct error **err);

/*
 * Refuses (EXIT_USAGE) an absolute path below a directory that somebody but root could put another one in place of, or
 * below a symbolic link. A sticky directory, such as /tmp, is fine: what is in it belongs to whom it belongs.
 */
int file_check_ancestors(const char *path, struct error **err);

/* fsyncs the directory that holds path, so that a file made or removed there survives a power cut. Best
 * effort. */
void file_sync_parent(const char *path);

#endif
