/* SPDX-License-Identifier: MIT */
#include "mount/fstab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmount/libmount.h>

#include "util/buffer.h"
#include "util/str.h"

DEFINE_CLEANUP(cleanup_table_ptr, struct libmnt_table *, mnt_unref_table);
DEFINE_CLEANUP(cleanup_iterator_ptr, struct libmnt_iter *, mnt_free_iter);
#define _cleanup_table_ _cleanup_(cleanup_table_ptr)
#define _cleanup_iterator_ _cleanup_(cleanup_iterator_ptr)

/* libmount tells by the first line whether a stream is an fstab, a mountinfo or a list of swaps; this is an fstab's. */
static const char FIRST_LINE[] = "none /azilr none defaults 0 0\n";

/* What libmount is given: lines of a fair length without a NUL, an end to each. */
static void copy_lines(const char *text, size_t length, struct buffer *copy, size_t *left_out)
{
    const char *end = text + length;

    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end ? line_end : end) - text);

        if (line > FSTAB_MAX_LINE || memchr(text, '\0', line)) {
            (*left_out)++;
        } else {
            buffer_append(copy, text, line);
            buffer_append(copy, "\n", 1);
        }
        text += line + (line_end ? 1 : 0);
    }
}

/* A line that cannot be understood is passed over, as mount(8) does. */
static int pass_over(struct libmnt_table *table, const char *file, int line)
{
    size_t *left_out = mnt_table_get_userdata(table);

    (void)file;
    (void)line;
    (*left_out)++;
    return 1;
}

static void add(struct fstab *fstab, struct libmnt_fs *fs)
{
    const char *source = mnt_fs_get_source(fs), *target = mnt_fs_get_target(fs), *type = mnt_fs_get_fstype(fs);
    const char *options = mnt_fs_get_options(fs), *tag = NULL, *value = NULL;
    struct fstab_entry *entry;

    if (!target || (!source && !type) || fstab->count == FSTAB_MAX_ENTRIES) {
        fstab->left_out++;
        return;
    }
    fstab->items = xgrow(fstab->items, fstab->count, sizeof(*fstab->items));
    entry = &fstab->items[fstab->count++];
    *entry = (struct fstab_entry){.source = mnt_fs_get_tag(fs, &tag, &value) == 0 ? str_printf("%s=%s", tag, value)
                                                                                  : str_dup(source ? source : "none"),
                                  .target = str_dup(target),
                                  .type = str_dup(type ? type : "auto"),
                                  .options = str_dup(options ? options : "")};
}

int fstab_parse(const char *text, size_t length, struct fstab *fstab, struct error **err)
{
    _cleanup_buffer_ struct buffer copy = BUFFER_INIT(2 * FSTAB_MAX_BYTES);
    _cleanup_table_ struct libmnt_table *table = mnt_new_table();
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    _cleanup_fclose_ FILE *stream = NULL;
    struct libmnt_fs *fs = NULL;

    *fstab = (struct fstab){0};
    if (length > FSTAB_MAX_BYTES)
        return error_set(err, EXIT_FAILED, "etc/fstab is larger than %zu bytes", FSTAB_MAX_BYTES);
    if (buffer_append(&copy, FIRST_LINE, strlen(FIRST_LINE)) < 0 || !table || !iterator)
        return error_set(err, EXIT_FAILED, "libmount cannot be set up to read etc/fstab");
    copy_lines(text, length, &copy, &fstab->left_out);
    stream = fmemopen(copy.data, copy.length, "r");
    mnt_table_set_userdata(table, &fstab->left_out);
    mnt_table_set_parser_errcb(table, pass_over);
    if (!stream || mnt_table_parse_stream(table, stream, "etc/fstab") != 0)
        return error_set(err, EXIT_FAILED, "libmount cannot read etc/fstab");
    /* the line of our own */
    if (mnt_table_next_fs(table, iterator, &fs) != 0)
        return 0;
    while (mnt_table_next_fs(table, iterator, &fs) == 0)
        add(fstab, fs);
    return 0;
}

char *fstab_option(const struct fstab_entry *entry, const char *name)
{
    const char *at = entry->options;
    char *value = NULL, *found = NULL, *option_name = NULL;
    size_t name_size = 0, value_size = 0;

    while (mnt_optstr_next_option((char **)&at, &option_name, &name_size, &value, &value_size) == 0) {
        if (name_size != strlen(name) || memcmp(option_name, name, name_size) != 0)
            continue;
        free(found);
        found = value ? str_ndup(value, value_size) : str_dup("");
    }
    return found;
}

void fstab_clear(struct fstab *fstab)
{
    for (size_t i = 0; i < fstab->count; i++) {
        free(fstab->items[i].source);
        free(fstab->items[i].target);
        free(fstab->items[i].type);
        free(fstab->items[i].options);
    }
    free(fstab->items);
    *fstab = (struct fstab){0};
}
