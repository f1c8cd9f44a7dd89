/* SPDX-License-Identifier: MIT */
/*
 * Both ends of what a relay is measured between, shaped as an iSCSI session reads: requests of 48 bytes (a PDU's
 * header), and for each an answer of as many bytes as it asks for, which begins with the request itself.
 *
 *   load serve CERTIFICATE KEY CIPHERS    TLS 1.2; prints its port, and serves until its input ends
 *   load read PORT CONNECTIONS DEPTH SIZE SECONDS [CA]    always DEPTH requests under way on each connection
 *   load ping PORT COUNT SIZE [CA]        one request after the other
 *
 * With CA the client speaks TLS to the server itself, without a relay. A client prints its figures as JSON, checks
 * every answer's header and length, and leaves its connections open until its input ends, so that the relay can be
 * looked at meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { HEADER = 48, BUFFER = 1024 * 1024, CONNECTIONS_MAX = 64 };

struct end {
    int fd;
    SSL *ssl; /* NULL: plain TCP */
};

/* The wire form of a request; both ends are this machine, so its byte order is theirs. */
struct request {
    uint32_t size;
    uint32_t number;
    unsigned char rest[HEADER - 8];
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* At least one byte, or false at the end. */
static bool receive(const struct end *end, void *bytes, size_t size, size_t *got)
{
    ssize_t count;

    if (end->ssl)
        return SSL_read_ex(end->ssl, bytes, size, got) == 1;
    count = recv(end->fd, bytes, size, 0);
    if (count < 0)
        die("recv");
    *got = (size_t)count;
    return count > 0;
}

static void send_all(const struct end *end, const void *bytes, size_t size)
{
    size_t put = 0;

    if (end->ssl) {
        if (SSL_write_ex(end->ssl, bytes, size, &put) != 1)
            die("SSL_write");
        return;
    }
    while (put < size) {
        ssize_t count = send(end->fd, (const char *)bytes + put, size - put, MSG_NOSIGNAL);

        if (count < 0)
            die("send");
        put += (size_t)count;
    }
}

static void set_nodelay(int fd)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static bool receive_all(const struct end *end, char *bytes, size_t size)
{
    size_t got;

    for (size_t have = 0; have < size; have += got)
        if (!receive(end, bytes + have, size - have, &got))
            return false;
    return true;
}

static void *serve_one(void *argument)
{
    struct end end = {.ssl = argument};
    char *answer = malloc(BUFFER);
    struct request request;

    if (!answer)
        die("malloc");
    for (size_t i = 0; i < BUFFER; i++)
        answer[i] = (char)(i * 31 >> 3);
    if (SSL_accept(end.ssl) == 1)
        while (receive_all(&end, (char *)&request, HEADER) && request.size >= HEADER && request.size <= BUFFER) {
            size_t put;

            memcpy(answer, &request, HEADER);
            if (SSL_write_ex(end.ssl, answer, request.size, &put) != 1)
                break;
        }
    close(SSL_get_fd(end.ssl));
    SSL_free(end.ssl);
    free(answer);
    return NULL;
}

static void *accept_all(void *argument)
{
    SSL_CTX *context = ((void **)argument)[0];
    int listener = *(int *)((void **)argument)[1];
    int fd;

    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(context);
        pthread_t thread;

        if (!ssl)
            die("SSL_new");
        set_nodelay(fd);
        SSL_set_fd(ssl, fd);
        if (pthread_create(&thread, NULL, serve_one, ssl) != 0)
            die("pthread_create");
        pthread_detach(thread);
    }
    die("accept");
}

static void wait_for_end_of_input(void)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static int serve(const char *certificate, const char *key, const char *ciphers)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    void *arguments[] = {context, &listener};
    pthread_t thread;

    /* as a portal of Azure is (tests/sim/portal.py) */
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_read_ahead(context, 1);
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1)
        die(ciphers);
    if (SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, CONNECTIONS_MAX) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        die("cannot listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    if (pthread_create(&thread, NULL, accept_all, arguments) != 0)
        die("pthread_create");
    wait_for_end_of_input();
    return 0;
}

static struct end open_end(int port, const char *ca)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    struct end end = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    SSL_CTX *context;

    if (connect(end.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die("connect");
    set_nodelay(end.fd);
    if (!ca)
        return end;
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_read_ahead(context, 1);
    if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1 || !(end.ssl = SSL_new(context)) ||
        SSL_set_fd(end.ssl, end.fd) != 1 || SSL_connect(end.ssl) != 1)
        die("TLS");
    return end;
}

static void ask(const struct end *end, uint32_t size, uint32_t number)
{
    struct request request = {.size = size, .number = number};

    for (size_t i = 0; i < sizeof(request.rest); i++)
        request.rest[i] = (unsigned char)(number + i);
    send_all(end, &request, sizeof(request));
}

static void check_header(const char *bytes, uint32_t size, uint32_t number)
{
    struct request request;

    memcpy(&request, bytes, sizeof(request));
    if (request.size != size || request.number != number || request.rest[7] != (unsigned char)(number + 7)) {
        fprintf(stderr, "load: answer %u is not what was asked for\n", number);
        exit(1);
    }
}

struct reader {
    pthread_t thread;
    struct end end;
    uint32_t depth, size;
    double seconds;
    uint64_t bytes;
};

/* Takes in what comes, and as each answer is complete asks for another one. */
static void *read_one(void *argument)
{
    struct reader *reader = argument;
    char *bytes = malloc(reader->size);
    uint32_t asked = 0, answered = 0;
    double end = now() + reader->seconds;

    if (!bytes)
        die("malloc");
    while (asked < reader->depth)
        ask(&reader->end, reader->size, asked++);
    while (now() < end) {
        if (!receive_all(&reader->end, bytes, reader->size))
            die("the connection ended");
        check_header(bytes, reader->size, answered++);
        reader->bytes += reader->size;
        ask(&reader->end, reader->size, asked++);
    }
    free(bytes);
    return NULL;
}

static int read_all(int port, unsigned count, uint32_t depth, uint32_t size, double seconds, const char *ca)
{
    static struct reader readers[CONNECTIONS_MAX];
    uint64_t bytes = 0;
    double start, took;

    for (unsigned i = 0; i < count; i++)
        readers[i] = (struct reader){.end = open_end(port, ca), .depth = depth, .size = size, .seconds = seconds};
    start = now();
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&readers[i].thread, NULL, read_one, &readers[i]) != 0)
            die("pthread_create");
    for (unsigned i = 0; i < count; i++) {
        pthread_join(readers[i].thread, NULL);
        bytes += readers[i].bytes;
    }
    took = now() - start;
    printf("{\"bytes\": %llu, \"seconds\": %.6f}\n", (unsigned long long)bytes, took);
    return 0;
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;

    return (one > other) - (one < other);
}

static int ping(int port, uint32_t count, uint32_t size, const char *ca)
{
    struct end end = open_end(port, ca);
    double *times = calloc(count, sizeof(*times));
    char *bytes = malloc(size);

    if (!times || !bytes)
        die("malloc");
    for (uint32_t i = 0; i < count; i++) {
        double start = now();

        ask(&end, size, i);
        if (!receive_all(&end, bytes, size))
            die("the connection ended");
        check_header(bytes, size, i);
        times[i] = now() - start;
    }
    qsort(times, count, sizeof(*times), compare);
    printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", times[count / 2] * 1e6, times[count / 100 * 99] * 1e6);
    return 0;
}

static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value < min || value > max) {
        fprintf(stderr, "load: %s is not from %u to %u\n", text, min, max);
        exit(2);
    }
    return (uint32_t)value;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int code = 2;

    /* a client that has enough goes with answers on their way */
    signal(SIGPIPE, SIG_IGN);
    if (strcmp(what, "serve") == 0 && argc == 5)
        return serve(argv[2], argv[3], argv[4]);
    if (strcmp(what, "read") == 0 && (argc == 7 || argc == 8))
        code = read_all((int)number(argv[2], 1, 65535), number(argv[3], 1, CONNECTIONS_MAX), number(argv[4], 1, 1024),
                        number(argv[5], HEADER, BUFFER), atof(argv[6]), argc == 8 ? argv[7] : NULL);
    else if (strcmp(what, "ping") == 0 && (argc == 5 || argc == 6))
        code = ping((int)number(argv[2], 1, 65535), number(argv[3], 100, 10000000), number(argv[4], HEADER, BUFFER),
                    argc == 6 ? argv[5] : NULL);
    else
        fprintf(stderr, "load: see the head of load.c for its arguments\n");
    fflush(stdout);
    if (code == 0)
        wait_for_end_of_input();
    return code;
}
