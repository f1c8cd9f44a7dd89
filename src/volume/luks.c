/* SPDX-License-Identifier: MIT */
#include "volume/luks.h"

#include <endian.h>
#include <fcntl.h>
#include <string.h>

#include "util/json.h"
#include "util/str.h"

/* LUKS2 On-Disk Format Specification 1.1.3, 2.1: the fixed part, and the whole header with its JSON behind that. */
static const unsigned char MAGIC[] = {'L', 'U', 'K', 'S', 0xba, 0xbe};
enum { VERSION_AT = 6, SIZE_AT = 8, FIXED_SIZE = 4096 };
static const uint64_t MAX_SIZE = UINT64_C(4) << 20;

static const double KIB = 1024, MOST = 1e15;

/* 2.3.1, "kdf": "memory" is in KiB, and only Argon2 has it. */
static uint64_t memory_of(const cJSON *keyslot)
{
    const double bytes = json_number(json_object(keyslot, "kdf"), "memory", 0) * KIB;

    if (!(bytes > 0))
        return 0;
    return bytes > MOST ? UINT64_MAX : (uint64_t)bytes;
}

uint64_t luks_memory_of_text(const char *text, size_t length)
{
    _cleanup_json_ cJSON *header = json_parse(text, strnlen(text, length), "a LUKS header", NULL);
    const cJSON *keyslot;
    uint64_t most = 0;

    cJSON_ArrayForEach(keyslot, json_object(header, "keyslots"))
    {
        uint64_t memory = memory_of(keyslot);

        most = memory > most ? memory : most;
    }
    return most;
}

uint64_t luks_memory(const char *device)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    unsigned char fixed[FIXED_SIZE];
    _cleanup_free_ char *text = NULL;
    uint16_t version;
    uint64_t size;

    if (fd < 0 || pread(fd, fixed, sizeof(fixed), 0) != (ssize_t)sizeof(fixed) ||
        memcmp(fixed, MAGIC, sizeof(MAGIC)) != 0)
        return 0;
    memcpy(&version, fixed + VERSION_AT, sizeof(version));
    memcpy(&size, fixed + SIZE_AT, sizeof(size));
    size = be64toh(size);
    if (be16toh(version) != 2 || size <= FIXED_SIZE || size > MAX_SIZE)
        return 0;
    size -= FIXED_SIZE;
    text = xcalloc(size, 1);
    if (pread(fd, text, size, FIXED_SIZE) != (ssize_t)size)
        return 0;
    return luks_memory_of_text(text, size);
}
