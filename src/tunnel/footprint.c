/* SPDX-License-Identifier: MIT */
#include "tunnel/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A segment that was never writable is the file's own pages, so dropping them loses nothing (madvise(2),
 * MADV_DONTNEED of a file mapping). What is read-only after relocation (PT_GNU_RELRO) was written to, and belongs to a
 * segment with PF_W.
 */
static bool is_files_own(const ElfW(Phdr) * segment)
{
    return segment->p_type == PT_LOAD && !(segment->p_flags & PF_W);
}

static int let_go(struct dl_phdr_info *object, size_t size, void *argument)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)argument;
    for (unsigned i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);

        /* the kernel's own object, which has no file, refuses */
        if (is_files_own(segment) && end > start)
            (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void footprint_shrink(void)
{
    dl_iterate_phdr(let_go, NULL);
    malloc_trim(0);
}
