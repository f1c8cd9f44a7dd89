/* SPDX-License-Identifier: MIT */
#include "volume/btrfs_checksum.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/btrfs_tree.h>
#include <linux/if_alg.h>

#include <openssl/evp.h>

#include "util/cleanup.h"

/* Castagnoli's polynomial, reflected, as RFC 3720 (appendix B.4) has it for iSCSI. */
static uint32_t crc32c(const unsigned char *data, size_t length)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    return ~crc;
}

/* A hash of the kernel's own, through the socket interface (Documentation/crypto/userspace-if.rst). */
static int kernel_hash(const char *name, const void *data, size_t length, unsigned char *sum, struct error **err)
{
    _cleanup_close_ int algorithm = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    _cleanup_close_ int operation = -1;
    struct sockaddr_alg address = {.salg_family = AF_ALG, .salg_type = "hash"};

    strncpy((char *)address.salg_name, name, sizeof(address.salg_name) - 1);
    if (algorithm < 0 || bind(algorithm, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set_errno(err, EXIT_HOST, errno, "this kernel does not offer the hash %s (algif_hash)", name);
    operation = accept4(algorithm, NULL, NULL, SOCK_CLOEXEC);
    errno = EIO;
    if (operation < 0 || send(operation, data, length, 0) != (ssize_t)length ||
        recv(operation, sum, BTRFS_CHECKSUM_SIZE, 0) <= 0)
        return error_set_errno(err, EXIT_FAILED, errno, "the kernel's hash %s", name);
    return 0;
}

int btrfs_checksum(unsigned type, const void *data, size_t length, unsigned char sum[BTRFS_CHECKSUM_SIZE],
                   struct error **err)
{
    uint32_t crc;

    memset(sum, 0, BTRFS_CHECKSUM_SIZE);
    switch (type) {
    case BTRFS_CSUM_TYPE_CRC32:
        crc = htole32(crc32c(data, length));
        memcpy(sum, &crc, sizeof(crc));
        return 0;
    case BTRFS_CSUM_TYPE_XXHASH:
        return kernel_hash("xxhash64", data, length, sum, err);
    case BTRFS_CSUM_TYPE_SHA256:
        if (EVP_Digest(data, length, sum, NULL, EVP_sha256(), NULL) != 1)
            return error_set(err, EXIT_FAILED, "OpenSSL cannot compute SHA-256");
        return 0;
    case BTRFS_CSUM_TYPE_BLAKE2:
        return kernel_hash("blake2b-256", data, length, sum, err);
    default:
        return error_set(err, EXIT_FAILED, "unknown type of checksum, %u", type);
    }
}
