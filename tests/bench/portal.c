/* SPDX-License-Identifier: MIT */
/*
 * The TLS end of a portal, without the simulator's look at each PDU, which would cost more than all else in the lab:
 *
 *   portal ADDRESS PORT TARGET-PORT CERTIFICATE KEY CIPHERS
 *
 * relays each TLS 1.2 connection on ADDRESS:PORT to 127.0.0.1:TARGET-PORT, until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { ROOM = 256 * 1024 };

struct flow {
    size_t start, end;
    char bytes[ROOM];
};

struct link {
    SSL *ssl;
    int tls, plain;
    bool is_over;
    struct flow up, down;
};

static int target_port;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "portal: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in address_of(const char *text, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        die(text);
    return address;
}

static void took(struct flow *flow, size_t count)
{
    flow->start += count;
    if (flow->start == flow->end)
        flow->start = flow->end = 0;
}

/* What each step moved; an end or an error ends the link. */

static size_t from_tls(struct link *link)
{
    struct flow *flow = &link->up;
    size_t got = 0;

    if (flow->end == ROOM)
        return 0;
    ERR_clear_error();
    if (SSL_read_ex(link->ssl, flow->bytes + flow->end, ROOM - flow->end, &got) != 1) {
        link->is_over |= SSL_get_error(link->ssl, 0) != SSL_ERROR_WANT_READ;
        return 0;
    }
    flow->end += got;
    return got;
}

static size_t to_tls(struct link *link)
{
    struct flow *flow = &link->down;
    size_t put = 0;

    if (flow->start == flow->end)
        return 0;
    ERR_clear_error();
    if (SSL_write_ex(link->ssl, flow->bytes + flow->start, flow->end - flow->start, &put) != 1) {
        link->is_over |= SSL_get_error(link->ssl, 0) != SSL_ERROR_WANT_WRITE;
        return 0;
    }
    took(flow, put);
    return put;
}

static size_t from_plain(struct link *link)
{
    struct flow *flow = &link->down;
    ssize_t got;

    if (flow->end == ROOM)
        return 0;
    got = recv(link->plain, flow->bytes + flow->end, ROOM - flow->end, 0);
    if (got <= 0) {
        link->is_over |= got == 0 || errno != EAGAIN;
        return 0;
    }
    flow->end += (size_t)got;
    return (size_t)got;
}

static size_t to_plain(struct link *link)
{
    struct flow *flow = &link->up;
    ssize_t put;

    if (flow->start == flow->end)
        return 0;
    put = send(link->plain, flow->bytes + flow->start, flow->end - flow->start, MSG_NOSIGNAL);
    if (put <= 0) {
        link->is_over |= errno != EAGAIN;
        return 0;
    }
    took(flow, (size_t)put);
    return (size_t)put;
}

static void wait_for_more(const struct link *link)
{
    struct pollfd fds[] = {{.fd = link->tls}, {.fd = link->plain}};

    fds[0].events = (short)((link->up.end < ROOM ? POLLIN : 0) | (link->down.end ? POLLOUT : 0));
    fds[1].events = (short)((link->down.end < ROOM ? POLLIN : 0) | (link->up.end ? POLLOUT : 0));
    poll(fds, 2, -1);
}

static void *relay(void *argument)
{
    const struct sockaddr_in target = address_of("127.0.0.1", target_port);
    struct link *link = argument;
    const int on = 1;

    link->plain = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(link->plain, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(link->tls, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (SSL_accept(link->ssl) == 1 && connect(link->plain, (const struct sockaddr *)&target, sizeof(target)) == 0) {
        fcntl(link->tls, F_SETFL, O_NONBLOCK);
        fcntl(link->plain, F_SETFL, O_NONBLOCK);
        while (!link->is_over)
            if (from_tls(link) + to_plain(link) + from_plain(link) + to_tls(link) == 0 && !link->is_over)
                wait_for_more(link);
        SSL_shutdown(link->ssl);
    }
    close(link->plain);
    close(link->tls);
    SSL_free(link->ssl);
    free(link);
    return NULL;
}

static SSL_CTX *make_context(const char *certificate, const char *key, const char *ciphers)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        die(ciphers);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    return context;
}

int main(int argc, char **argv)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
    const int on = 1;
    SSL_CTX *context;

    if (argc != 7) {
        fprintf(stderr, "portal: see the head of portal.c for its arguments\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    context = make_context(argv[4], argv[5], argv[6]);
    target_port = atoi(argv[3]);
    const struct sockaddr_in own = address_of(argv[1], atoi(argv[2]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (const struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 128) < 0)
        die("cannot listen");
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        struct link *link = calloc(1, sizeof(*link));
        pthread_t thread;

        if (!link || !(link->ssl = SSL_new(context)))
            die("no memory");
        link->tls = fd;
        SSL_set_fd(link->ssl, fd);
        if (pthread_create(&thread, NULL, relay, link) != 0)
            die("pthread_create");
        pthread_detach(thread);
    }
    die("accept");
}
