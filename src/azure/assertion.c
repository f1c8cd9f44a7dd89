/* SPDX-License-Identifier: MIT */
#include "azure/assertion.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/str.h"

static const size_t MAX_FILE = 65536;
static const int MAX_CERTIFICATES = 16;
static const int MIN_KEY_BITS = 2048;
static const int LIFETIME_S = 600;

struct assertion_key {
    EVP_PKEY *key;
    X509 *certificate;
};

DEFINE_CLEANUP(cleanup_bio, BIO *, BIO_free_all);
DEFINE_CLEANUP(cleanup_x509, X509 *, X509_free);
DEFINE_CLEANUP(cleanup_md_ctx, EVP_MD_CTX *, EVP_MD_CTX_free);

void assertion_key_free(struct assertion_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->key);
    X509_free(key->certificate);
    free(key);
}

/* --- reading the file --- */

struct password {
    const char *text; /* NULL for none */
    bool asked;
};

/* Without it OpenSSL would ask on the terminal. */
static int on_password(char *into, int size, int writing, void *argument)
{
    struct password *password = argument;
    size_t length = password->text ? strlen(password->text) : 0;

    (void)writing;
    password->asked = true;
    if (!password->text || length > (size_t)size)
        return -1;
    memcpy(into, password->text, length);
    return (int)length;
}

static int read_key(const struct buffer *text, const char *path, const char *password, EVP_PKEY **key,
                    struct error **err)
{
    _cleanup_(cleanup_bio) BIO *bio = BIO_new_mem_buf(text->data, (int)text->length);
    struct password given = {.text = password};

    *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, on_password, &given) : NULL;
    ERR_clear_error();
    if (!*key && given.asked && !password)
        return error_set(err, EXIT_USAGE,
                         "the private key in %s is encrypted, and AZURE_CLIENT_CERTIFICATE_PASSWORD "
                         "is not set",
                         path);
    if (!*key && given.asked)
        return error_set(err, EXIT_USAGE,
                         "the private key in %s cannot be decrypted: "
                         "AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password",
                         path);
    if (!*key) {
        error_set(err, EXIT_USAGE, "%s holds no private key in PEM form", path);
        return error_hint(err, "it must hold the key and the certificate; openssl pkcs12 -nodes -in FILE.pfx -out "
                               "FILE.pem makes that of a .pfx file");
    }
    if (EVP_PKEY_base_id(*key) != EVP_PKEY_RSA)
        return error_set(err, EXIT_USAGE, "the private key in %s is no RSA key, and Azure takes no other", path);
    if (EVP_PKEY_bits(*key) < MIN_KEY_BITS)
        return error_set(err, EXIT_USAGE, "the private key in %s has %d bits, and Azure takes none below %d", path,
                         EVP_PKEY_bits(*key), MIN_KEY_BITS);
    return 0;
}

/* The certificate of the key: a file may hold its authorities' too, in any order. */
static int read_certificate(const struct buffer *text, const char *path, EVP_PKEY *key, X509 **certificate,
                            struct error **err)
{
    _cleanup_(cleanup_bio) BIO *bio = BIO_new_mem_buf(text->data, (int)text->length);
    int count = 0;

    for (; bio && count < MAX_CERTIFICATES; count++) {
        _cleanup_(cleanup_x509) X509 *one = PEM_read_bio_X509(bio, NULL, NULL, NULL);

        if (!one)
            break;
        if (X509_check_private_key(one, key) == 1) {
            *certificate = steal(one);
            break;
        }
    }
    ERR_clear_error();
    if (*certificate)
        return 0;
    if (count == 0)
        return error_set(err, EXIT_USAGE, "%s holds no certificate in PEM form", path);
    return error_set(err, EXIT_USAGE, "%s holds a private key and %d certificate%s, but not the key's own", path, count,
                     count == 1 ? "" : "s");
}

static int check_validity(const X509 *certificate, const char *path, struct error **err)
{
    const ASN1_TIME *end = X509_get0_notAfter(certificate);
    char text[CLOCK_TEXT_SIZE] = "";
    struct tm when;

    if (X509_cmp_current_time(end) > 0)
        return 0;
    if (ASN1_TIME_to_tm(end, &when) == 1)
        clock_format(timegm(&when), text);
    return error_set(err, EXIT_USAGE, "the certificate in %s has expired: %s", path, text);
}

int assertion_key_load(const char *path, const char *password, struct assertion_key **key, struct error **err)
{
    _cleanup_assertion_key_ struct assertion_key *made = xcalloc(1, sizeof(*made));
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(MAX_FILE);

    if (secret_read(path, SECRET_OWNER_ONLY, &text, err) < 0)
        return -1;
    if (read_key(&text, path, password, &made->key, err) < 0 ||
        read_certificate(&text, path, made->key, &made->certificate, err) < 0 ||
        check_validity(made->certificate, path, err) < 0)
        return -1;
    *key = steal(made);
    return 0;
}

/* --- the token --- */

/* Base64 with the URL's alphabet and no padding (RFC 4648, 5; RFC 7515, 2). The caller frees it. */
static char *encode(const void *data, size_t length)
{
    char *text = xcalloc((length + 2) / 3 * 4 + 1, 1);

    EVP_EncodeBlock((unsigned char *)text, data, (int)length);
    for (char *at = text; *at; at++) {
        if (*at == '+')
            *at = '-';
        else if (*at == '/')
            *at = '_';
        else if (*at == '=')
            *at = '\0';
    }
    return text;
}

static char *encode_json(const cJSON *document)
{
    _cleanup_free_ char *text = json_text(document, false);

    return encode(text, strlen(text));
}

/* A random UUID (RFC 9562, version 4): an assertion's name, by which a second use of it could be told. */
static char *make_id(void)
{
    unsigned char b[16];

    if (RAND_bytes(b, sizeof(b)) != 1)
        return NULL;
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    return str_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
                      b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static char *make_header(const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    _cleanup_json_ cJSON *header = json_new_object();
    _cleanup_free_ char *thumbprint = NULL;

    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1)
        return NULL;
    thumbprint = encode(digest, length);
    json_set_string(header, "alg", "PS256");
    json_set_string(header, "typ", "JWT");
    json_set_string(header, "x5t#S256", thumbprint);
    return encode_json(header);
}

static char *make_claims(const char *client, const char *audience, time_t now)
{
    _cleanup_free_ char *id = make_id();
    _cleanup_json_ cJSON *claims = json_new_object();

    if (!id)
        return NULL;
    json_set_string(claims, "aud", audience);
    json_set_string(claims, "iss", client);
    json_set_string(claims, "sub", client);
    json_set_string(claims, "jti", id);
    json_set_number(claims, "iat", (double)now);
    json_set_number(claims, "nbf", (double)now);
    json_set_number(claims, "exp", (double)(now + LIFETIME_S));
    return encode_json(claims);
}

/* RSASSA-PSS with SHA-256 and a salt as long as the digest (RFC 7518, 3.5). NULL if OpenSSL cannot. */
static char *sign(EVP_PKEY *key, const char *text)
{
    _cleanup_(cleanup_md_ctx) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_free_ unsigned char *signature = xcalloc((size_t)EVP_PKEY_size(key), 1);
    size_t length = (size_t)EVP_PKEY_size(key);
    EVP_PKEY_CTX *parameters = NULL;

    if (!context || EVP_DigestSignInit(context, &parameters, EVP_sha256(), NULL, key) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1 ||
        EVP_DigestSign(context, signature, &length, (const unsigned char *)text, strlen(text)) != 1)
        return NULL;
    return encode(signature, length);
}

int assertion_make(const struct assertion_key *key, const char *client, const char *audience, time_t now,
                   char **assertion, struct error **err)
{
    _cleanup_free_ char *header = make_header(key->certificate);
    _cleanup_free_ char *claims = make_claims(client, audience, now);
    _cleanup_free_ char *text = header && claims ? str_printf("%s.%s", header, claims) : NULL;
    _cleanup_free_ char *signature = text ? sign(key->key, text) : NULL;

    ERR_clear_error();
    if (!signature)
        return error_set(err, EXIT_FAILED, "this host's OpenSSL cannot sign with the certificate's key");
    *assertion = str_printf("%s.%s", text, signature);
    return 0;
}
