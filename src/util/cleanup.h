/* SPDX-License-Identifier: MIT */
/* Release by attribute, so that an early return is always right. */
#ifndef AZILR_UTIL_CLEANUP_H
#define AZILR_UTIL_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Defines the function that the cleanup attribute wants, which is given the variable's address. */
#define DEFINE_CLEANUP(name, type, release)                                                                            \
    static inline void name(type *value)                                                                               \
    {                                                                                                                  \
        if (*value)                                                                                                    \
            release(*value);                                                                                           \
    }                                                                                                                  \
    struct cleanup_needs_a_semicolon

#define _cleanup_(f) __attribute__((cleanup(f)))

static inline void cleanup_free_ptr(void *address)
{
    free(*(void **)address);
}

static inline void cleanup_close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

DEFINE_CLEANUP(cleanup_fclose_file, FILE *, fclose);
DEFINE_CLEANUP(cleanup_closedir_dir, DIR *, closedir);

#define _cleanup_free_ _cleanup_(cleanup_free_ptr)
#define _cleanup_close_ _cleanup_(cleanup_close_fd)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose_file)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir_dir)

/* Hands a pointer on: gives its value and leaves NULL behind, so that the cleanup does nothing. */
#define steal(pointer)                                                                                                 \
    __extension__({                                                                                                    \
        __typeof__(pointer) stolen_ = (pointer);                                                                       \
        (pointer) = NULL;                                                                                              \
        stolen_;                                                                                                       \
    })

/* The same for a file descriptor. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

#endif
