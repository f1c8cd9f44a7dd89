/* SPDX-License-Identifier: MIT */
#include "volume/xfs_log.h"

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/str.h"

/*
 * What is where in the superblock (struct xfs_dsb) and in the header of a record of the log (struct xlog_rec_header),
 * in bytes; all is big-endian (Linux, fs/xfs/libxfs/xfs_format.h and xfs_log_format.h).
 */
enum {
    SUPER_SIZE = 512,
    AT_BLOCK_SIZE = 4,
    AT_LOG_START = 48,
    AT_GROUP_BLOCKS = 84,
    AT_LOG_BLOCKS = 96,
    AT_GROUP_BITS = 124,
    AT_LOG_UNIT = 196,

    AT_CYCLE = 4,
    AT_VERSION = 8,
    AT_LENGTH = 12,
    AT_OPERATIONS = 40,
    AT_BUFFER_SIZE = 320,
    AT_OPERATION_FLAGS = 9, /* of struct xlog_op_header */
};
static const uint32_t RECORD_MAGIC = 0xfeedbabe;
static const unsigned char UNMOUNT = 0x20; /* XLOG_UNMOUNT_TRANS */

static const uint64_t SECTOR = 512;             /* in which a log is counted (BBSIZE) */
static const uint64_t HEADER_CYCLES = 32 << 10; /* of so much of a record its header keeps the cycles in one sector */
static const uint64_t MAX_HEADER = 8;           /* sectors: of a record of 256 KiB, the longest */
static const uint64_t MAX_UNIT = 256 << 10;     /* XLOG_MAX_RECORD_BSIZE */
static const uint64_t MAX_LOG = UINT64_C(1) << 32;

struct log {
    int fd;
    uint64_t start;   /* on the device, in bytes */
    uint64_t sectors; /* that it has */
    uint64_t unit;    /* bytes: records are as long as so many times this */
};

static uint32_t get32(const unsigned char *data, size_t at)
{
    uint32_t value;

    memcpy(&value, data + at, sizeof(value));
    return be32toh(value);
}

static bool read_sectors(const struct log *log, uint64_t first, uint64_t count, unsigned char *into)
{
    return pread(log->fd, into, count * SECTOR, (off_t)(log->start + first * SECTOR)) == (ssize_t)(count * SECTOR);
}

static bool find_log(int fd, struct log *log)
{
    unsigned char super[SUPER_SIZE];
    uint64_t start, block_size, group_blocks;

    if (pread(fd, super, sizeof(super), 0) != SUPER_SIZE || memcmp(super, "XFSB", 4) != 0)
        return false;
    memcpy(&start, super + AT_LOG_START, sizeof(start));
    start = be64toh(start);
    block_size = get32(super, AT_BLOCK_SIZE);
    group_blocks = get32(super, AT_GROUP_BLOCKS);
    *log = (struct log){.fd = fd, .unit = get32(super, AT_LOG_UNIT)};
    /* a block's number has that of its group in front; one that makes no sense would overflow below */
    if (start == 0 || start >> 48 || block_size < SECTOR || block_size > 65536 || block_size % SECTOR ||
        group_blocks == 0 || super[AT_GROUP_BITS] > 31 || log->unit > MAX_UNIT)
        return false;
    start = (start >> super[AT_GROUP_BITS]) * group_blocks + (start & ((UINT64_C(1) << super[AT_GROUP_BITS]) - 1));
    if (start >= (uint64_t)INT64_MAX / 2 / block_size)
        return false;
    log->start = start * block_size;
    log->sectors = get32(super, AT_LOG_BLOCKS) * (block_size / SECTOR);
    return log->sectors > 2 && log->sectors * SECTOR <= MAX_LOG;
}

/* How often the log had begun anew when this sector was written: in front of it, where the header of a record lets it.
 */
static bool cycle_of(const struct log *log, uint64_t sector, uint32_t *cycle)
{
    unsigned char data[512];

    if (!read_sectors(log, sector, 1, data))
        return false;
    *cycle = get32(data, get32(data, 0) == RECORD_MAGIC ? AT_CYCLE : 0);
    return true;
}

/* The sector behind the one that was written last: the first that is of the cycle before, or was never written. */
static bool find_head(const struct log *log, uint64_t *head)
{
    uint64_t low = 0, high = log->sectors - 1;
    uint32_t first, last, cycle;

    if (!cycle_of(log, low, &first) || !cycle_of(log, high, &last) || first == 0 || first == last)
        return false;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        if (!cycle_of(log, middle, &cycle))
            return false;
        if (cycle == last)
            high = middle;
        else
            low = middle;
    }
    *head = high;
    return true;
}

/* Whether the record at `at` of `count` sectors is that of an unmount, and ends where they do
 * (xlog_check_unmount_rec()). */
static bool is_unmount(const unsigned char *data, uint64_t at, uint64_t count)
{
    const unsigned char *record = data + at * SECTOR;
    const uint64_t buffer = get32(record, AT_BUFFER_SIZE), length = get32(record, AT_LENGTH);
    uint64_t header = 1;

    if (get32(record, AT_VERSION) & 2 && buffer > HEADER_CYCLES)
        header = (buffer + HEADER_CYCLES - 1) / HEADER_CYCLES;
    return header <= MAX_HEADER && at + header < count && at + header + (length + SECTOR - 1) / SECTOR == count &&
           get32(record, AT_OPERATIONS) == 1 && data[(at + header) * SECTOR + AT_OPERATION_FLAGS] & UNMOUNT;
}

bool xfs_log_is_dirty(const char *device)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    _cleanup_free_ unsigned char *data = NULL;
    uint64_t head, count;
    struct log log;

    if (fd < 0)
        return false;
    /* what lies between is not wanted */
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
    if (!find_log(fd, &log) || !find_head(&log, &head))
        return false;
    /* as much as the record of an unmount can take, with its header and filled up to the unit; it does not wrap here */
    count = log.unit / SECTOR + 2 * MAX_HEADER;
    if (count > head)
        count = head;
    data = xcalloc(count, SECTOR);
    if (!read_sectors(&log, head - count, count, data))
        return false;
    for (uint64_t at = count; at-- > 0;)
        if (get32(data, at * SECTOR) == RECORD_MAGIC)
            return !is_unmount(data, at, count);
    return head > count;
}
