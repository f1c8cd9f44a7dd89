/* SPDX-License-Identifier: MIT */
/* Bytes from the portal to the client that never come into this process: the kernel decrypts them, and hands them on.
 */
#ifndef AZILR_TUNNEL_KERNEL_FLOW_H
#define AZILR_TUNNEL_KERNEL_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

/* A pipe between two sockets. */
struct kernel_flow {
    int pipe[2];      /* -1 each: the kernel does not decrypt, and OpenSSL does */
    size_t held;      /* bytes in the pipe */
    bool drain_first; /* no more is taken before the pipe is empty */
};
#define KERNEL_FLOW_INIT ((struct kernel_flow){.pipe = {-1, -1}})

void kernel_flow_close(struct kernel_flow *flow);
#define _cleanup_kernel_flow_ _cleanup_(kernel_flow_close)

/*
 * Whether this kernel has TLS of its own to offer (Documentation/networking/tls.rst of Linux): it is built in, or its
 * module is loaded, which a process without privileges cannot have done.
 */
bool kernel_flow_is_possible(void);

/* Uses the kernel's TLS where OpenSSL has handed this connection's keys to it, and changes nothing elsewhere. */
void kernel_flow_open(struct kernel_flow *flow, SSL *ssl);

enum kernel_flow_step {
    KERNEL_FLOW_MOVED,
    KERNEL_FLOW_FULL,  /* what is held must be put first */
    KERNEL_FLOW_EMPTY, /* there is nothing on the portal's socket */
    KERNEL_FLOW_OTHER, /* the next is no data, or the end: OpenSSL is to look, and the pipe is empty */
};

/* Takes from the portal what is there, a TLS record or more. */
enum kernel_flow_step kernel_flow_take(struct kernel_flow *flow, int portal);

/* Puts what is held to the client. Returns how many bytes went, or -1 with errno. */
ssize_t kernel_flow_put(struct kernel_flow *flow, int client);

#endif
