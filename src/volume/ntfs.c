/* SPDX-License-Identifier: MIT */
/*
 * The layout is that of Linux, fs/ntfs3/ntfs.h and fslog.c, and of ntfs-3g, layout.h and logfile.h; all is
 * little-endian.
 *
 * The journal is told of and not replayed. ntfs-3g has no replay; that of ntfs3 needs a mount for writing, and many
 * kernels (Debian 12, RHEL) are without ntfs3.
 */
#include "volume/ntfs.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"

enum {
    BOOT_SIZE = 512,
    RECORD_LEAST = 512,
    RECORD_MOST = 4096,
    STRIDE = 512, /* at the end of each so many bytes stand two of the update sequence */
    PAGE_LEAST = 4096,
    PAGE_MOST = 65536,
    SECOND_PAGE = 4096, /* of the journal, where its pages are not larger */
    RECORD_LOG_FILE = 2,
    RECORD_VOLUME = 3,
    ATTRIBUTE_VOLUME_INFORMATION = 0x70,
    ATTRIBUTE_DATA = 0x80,
    ATTRIBUTE_LEAST = 0x18,
    NON_RESIDENT_LEAST = 0x40,
    RESTART_AREA_LEAST = 0x10,
    VOLUME_IS_DIRTY = 0x0001,
    RESTART_VOLUME_IS_CLEAN = 0x0002,
    NO_CLIENT = 0xffff,
};
static const uint64_t MOST_BYTES = UINT64_C(1) << 62;

static uint16_t get16(const unsigned char *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

static uint32_t get32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t get64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

static bool is_power_of_two(uint64_t value)
{
    return value && (value & (value - 1)) == 0;
}

/* A volume that is open. */
struct ntfs {
    int fd;
    uint64_t cluster;   /* bytes */
    uint64_t tables[2]; /* where the MFT and its mirror begin, in bytes; both have the records that are read here */
    uint32_t record;    /* bytes of a record of the MFT */
};

static bool read_at(const struct ntfs *ntfs, unsigned char *to, size_t length, uint64_t at)
{
    return at < MOST_BYTES && pread(ntfs->fd, to, length, (off_t)at) == (ssize_t)length;
}

/* "Sectors per cluster" above 128 stands for a power of two (Windows 10 1709: clusters above 64 KiB). */
static uint64_t cluster_size(const unsigned char *boot)
{
    uint64_t sector = get16(boot + 11), count = boot[13];

    if (count > 0x80)
        count = 256 - count < 32 ? UINT64_C(1) << (256 - count) : 0;
    return is_power_of_two(sector) && sector >= 256 && sector <= 4096 && is_power_of_two(count) ? sector * count : 0;
}

/* "Clusters per record" below 0 stands for a power of two, too. */
static uint64_t record_size(const unsigned char *boot, uint64_t cluster)
{
    int count = boot[64] < 0x80 ? boot[64] : boot[64] - 0x100;

    return count > 0 ? (uint64_t)count * cluster : count > -32 ? UINT64_C(1) << -count : 0;
}

static int read_boot(struct ntfs *ntfs, const char *device, struct error **err)
{
    unsigned char boot[BOOT_SIZE];
    uint64_t record;

    if (!read_at(ntfs, boot, sizeof(boot), 0))
        return error_set_errno(err, EXIT_FAILED, errno ? errno : EIO, "cannot read the boot sector of %s", device);
    ntfs->cluster = memcmp(boot + 3, "NTFS    ", 8) == 0 ? cluster_size(boot) : 0;
    record = ntfs->cluster ? record_size(boot, ntfs->cluster) : 0;
    if (!is_power_of_two(record) || record < RECORD_LEAST || record > RECORD_MOST)
        return error_set(err, EXIT_FAILED, "the boot sector of %s is not that of an NTFS", device);
    ntfs->record = (uint32_t)record;
    for (size_t i = 0; i < 2; i++) {
        uint64_t lcn = get64(boot + 48 + 8 * i);

        ntfs->tables[i] = lcn < MOST_BYTES / ntfs->cluster ? lcn * ntfs->cluster : MOST_BYTES;
    }
    return 0;
}

/* Puts back what the update sequence stands in for. False if a part of it was not written with the rest. */
static bool restore(unsigned char *data, size_t size)
{
    size_t from = get16(data + 4), count = get16(data + 6);

    if (count != size / STRIDE + 1 || from % 2 || from + 2 * count > STRIDE - 2)
        return false;
    for (size_t i = 1; i < count; i++) {
        unsigned char *end = data + i * STRIDE - 2;

        if (memcmp(end, data + from, 2) != 0)
            return false;
        memcpy(end, data + from + 2 * i, 2);
    }
    return true;
}

/* A record of the MFT, out of its mirror where the first is damaged. */
static bool read_record(const struct ntfs *ntfs, unsigned number, unsigned char *record)
{
    for (size_t i = 0; i < 2; i++)
        if (ntfs->tables[i] < MOST_BYTES &&
            read_at(ntfs, record, ntfs->record, ntfs->tables[i] + (uint64_t)number * ntfs->record) &&
            memcmp(record, "FILE", 4) == 0 && restore(record, ntfs->record))
            return true;
    return false;
}

/* The first attribute of a type that has no name, and how many bytes it has, all of which are in the record. */
static const unsigned char *find_attribute(const struct ntfs *ntfs, const unsigned char *record, uint32_t type,
                                           size_t *length)
{
    size_t at = get16(record + 0x14);

    *length = 0;
    while (at + ATTRIBUTE_LEAST <= ntfs->record && get32(record + at) != UINT32_MAX) {
        *length = get32(record + at + 4);
        if (*length < ATTRIBUTE_LEAST || *length > ntfs->record - at)
            return NULL;
        if (get32(record + at) == type && record[at + 9] == 0)
            return record + at;
        at += *length;
    }
    return NULL;
}

static bool wants_check(const struct ntfs *ntfs)
{
    unsigned char record[RECORD_MOST];
    const unsigned char *attribute;
    size_t length, from;

    if (!read_record(ntfs, RECORD_VOLUME, record))
        return false;
    attribute = find_attribute(ntfs, record, ATTRIBUTE_VOLUME_INFORMATION, &length);
    if (!attribute || attribute[8] != 0)
        return false;
    from = get16(attribute + 0x14);
    return from + 12 <= length && (get16(attribute + from + 10) & VOLUME_IS_DIRTY);
}

/* A number of so many bytes, least first. */
static int64_t number_of(const unsigned char *at, size_t bytes, bool is_signed)
{
    uint64_t value = is_signed && bytes && at[bytes - 1] & 0x80 ? UINT64_MAX : 0;

    for (size_t i = bytes; i > 0; i--)
        value = value << 8 | at[i - 1];
    return (int64_t)value;
}

struct runs {
    const unsigned char *at, *end;
    uint64_t lcn;    /* where the latest run lies */
    uint64_t length; /* of it, in clusters */
};

/* The next run of the list; false at its end, for a hole, and for what lies nowhere. */
static bool next_run(const struct ntfs *ntfs, struct runs *runs)
{
    const uint64_t most = MOST_BYTES / ntfs->cluster;
    size_t length_size, lcn_size;

    if (runs->at >= runs->end || *runs->at == 0)
        return false;
    length_size = *runs->at & 0xf;
    lcn_size = *runs->at++ >> 4;
    if (length_size == 0 || length_size > 8 || lcn_size == 0 || lcn_size > 8 ||
        length_size + lcn_size > (size_t)(runs->end - runs->at))
        return false;
    runs->length = (uint64_t)number_of(runs->at, length_size, false);
    runs->lcn += (uint64_t)number_of(runs->at + length_size, lcn_size, true);
    runs->at += length_size + lcn_size;
    return runs->length > 0 && runs->length < most && runs->lcn < most;
}

/* Reads some of the file whose data that attribute is. */
static bool read_data(const struct ntfs *ntfs, const unsigned char *attribute, size_t attribute_length,
                      unsigned char *to, size_t length, uint64_t at)
{
    struct runs runs = {.at = attribute + get16(attribute + 0x20), .end = attribute + attribute_length};
    uint64_t begin = 0;

    if (get16(attribute + 0x20) > attribute_length)
        return false;
    while (length > 0 && next_run(ntfs, &runs)) {
        uint64_t size = runs.length * ntfs->cluster;

        if (at < begin + size) {
            uint64_t there = begin + size - at;
            size_t part = there < length ? (size_t)there : length;

            if (!read_at(ntfs, to, part, runs.lcn * ntfs->cluster + (at - begin)))
                return false;
            to += part;
            at += part;
            length -= part;
        }
        begin += size;
        if (begin >= MOST_BYTES)
            return false;
    }
    return length == 0;
}

/* What one restart page says. */
struct restart {
    enum ntfs_journal journal;
    uint64_t lsn;  /* the later one counts */
    size_t size;   /* of the page, 0 if it has no sign of one */
    bool is_blank; /* as a journal is that was emptied */
};

static void judge_page(unsigned char *page, size_t size, struct restart *restart)
{
    size_t area = get16(page + 0x18);

    if (!restore(page, size) || area + RESTART_AREA_LEAST > size)
        return;
    restart->lsn = get64(page + area);
    restart->journal = get16(page + area + 0xc) == NO_CLIENT || get16(page + area + 0xe) & RESTART_VOLUME_IS_CLEAN
                           ? NTFS_JOURNAL_CLEAN
                           : NTFS_JOURNAL_LIVE;
}

static struct restart read_page(const struct ntfs *ntfs, const unsigned char *data, size_t data_length, uint64_t at)
{
    struct restart restart = {.journal = NTFS_JOURNAL_UNREADABLE};
    _cleanup_free_ unsigned char *page = xcalloc(PAGE_MOST, 1);
    size_t blank = 0, size;

    if (!read_data(ntfs, data, data_length, page, PAGE_LEAST, at))
        return restart;
    while (blank < PAGE_LEAST && page[blank] == 0xff)
        blank++;
    restart.is_blank = blank == PAGE_LEAST;
    /* "CHKD" of one that chkdsk has been over, which leaves nothing to replay (ntfs3, log_replay()) */
    if (memcmp(page, "CHKD", 4) == 0)
        restart.journal = NTFS_JOURNAL_CLEAN;
    if (memcmp(page, "RSTR", 4) != 0)
        return restart;
    size = get32(page + 0x10);
    if (!is_power_of_two(size) || size < PAGE_LEAST || size > PAGE_MOST ||
        !read_data(ntfs, data, data_length, page, size, at))
        return restart;
    restart.size = size;
    judge_page(page, size, &restart);
    return restart;
}

static enum ntfs_journal read_journal(const struct ntfs *ntfs)
{
    unsigned char record[RECORD_MOST];
    const unsigned char *data;
    struct restart first, second;
    size_t length;

    if (!read_record(ntfs, RECORD_LOG_FILE, record))
        return NTFS_JOURNAL_UNREADABLE;
    data = find_attribute(ntfs, record, ATTRIBUTE_DATA, &length);
    if (!data || data[8] == 0 || length < NON_RESIDENT_LEAST || get64(data + 0x10) != 0)
        return NTFS_JOURNAL_UNREADABLE;
    first = read_page(ntfs, data, length, 0);
    second = read_page(ntfs, data, length, first.size ? first.size : SECOND_PAGE);
    if (first.is_blank && second.is_blank)
        return NTFS_JOURNAL_CLEAN;
    if (first.journal == NTFS_JOURNAL_UNREADABLE ||
        (second.journal != NTFS_JOURNAL_UNREADABLE && second.lsn > first.lsn))
        return second.journal;
    return first.journal;
}

int ntfs_read_state(const char *device, struct ntfs_state *state, struct error **err)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct ntfs ntfs = {.fd = fd};

    *state = (struct ntfs_state){.journal = NTFS_JOURNAL_UNREADABLE};
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", device);
    errno = 0;
    if (read_boot(&ntfs, device, err) < 0)
        return -1;
    state->journal = read_journal(&ntfs);
    state->wants_check = wants_check(&ntfs);
    return 0;
}

char *ntfs_note(const struct ntfs_state *state)
{
    static const char *const journal[] = {
        [NTFS_JOURNAL_LIVE] = "its journal was not replayed (the VM was running when it was backed up): what was "
                              "written in the last moments before may be missing or torn",
        [NTFS_JOURNAL_UNREADABLE] = "its journal cannot be read, and was not replayed: what was written in the last "
                                    "moments before the backup may be missing or torn",
    };
    const char *first = journal[state->journal], *second = NULL;

    if (state->wants_check)
        second = "it was marked for a check (chkdsk) that was not made, and may be damaged";
    if (!first && !second)
        return NULL;
    return str_printf("%s%s%s", first ? first : "", first && second ? "; " : "", second ? second : "");
}
