/* SPDX-License-Identifier: MIT */
/*
 * stretch_driver INITIAL SALT: BitLocker's stretching of a password's hash, as libyal/libbde documents it, for the
 * images that the lab makes: a million rounds, for which Python takes too long there. In and out in hexadecimal digits.
 */
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 0x100000, SALT = 16 };

/* last, initial, salt, count */
struct state {
    unsigned char last[SHA256_DIGEST_LENGTH];
    unsigned char initial[SHA256_DIGEST_LENGTH];
    unsigned char salt[SALT];
    unsigned char count[8];
};

static int read_hex(const char *text, unsigned char *bytes, size_t length)
{
    if (strlen(text) != 2 * length)
        return -1;
    for (size_t i = 0; i < length; i++)
        if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
            return -1;
    return 0;
}

int main(int argc, char *argv[])
{
    struct state state = {0};

    if (argc != 3 || read_hex(argv[1], state.initial, sizeof(state.initial)) < 0 ||
        read_hex(argv[2], state.salt, sizeof(state.salt)) < 0) {
        fprintf(stderr, "usage: %s INITIAL SALT\n", argv[0]);
        return 2;
    }
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < sizeof(round); i++)
            state.count[i] = (unsigned char)(round >> 8 * i);
        SHA256((const unsigned char *)&state, sizeof(state), state.last);
    }
    for (size_t i = 0; i < sizeof(state.last); i++)
        printf("%02x", state.last[i]);
    putchar('\n');
    return 0;
}
