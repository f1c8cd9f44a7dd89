/* SPDX-License-Identifier: MIT */
/* The signed assertion, checked with OpenSSL from the outside, and what is said of unsuitable files. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>

#include "azure/assertion.h"
#include "check.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/str.h"

static const time_t NOW = 1764000000;

struct files {
    char folder[64];
    EVP_PKEY *rsa, *other, *small, *ec;
    X509 *certificate, *expired, *others;
};

static X509 *make_certificate(EVP_PKEY *key, long days)
{
    X509 *made = X509_new();
    X509_NAME *name = X509_get_subject_name(made);

    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(made, name);
    X509_gmtime_adj(X509_getm_notBefore(made), -2L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(made), days * 86400);
    X509_set_pubkey(made, key);
    assert_true(X509_sign(made, key, EVP_sha256()) > 0);
    return made;
}

static int setup(void **state)
{
    struct files *files = xcalloc(1, sizeof(*files));

    strcpy(files->folder, "/tmp/azilr-assertion-XXXXXX");
    assert_non_null(mkdtemp(files->folder));
    files->rsa = EVP_RSA_gen(2048);
    files->other = EVP_RSA_gen(2048);
    files->small = EVP_RSA_gen(1024);
    files->ec = EVP_EC_gen("P-256");
    files->certificate = make_certificate(files->rsa, 10);
    files->expired = make_certificate(files->rsa, -1);
    files->others = make_certificate(files->other, 10);
    *state = files;
    return 0;
}

static int teardown(void **state)
{
    struct files *files = *state;

    rmdir(files->folder);
    EVP_PKEY_free(files->rsa);
    EVP_PKEY_free(files->other);
    EVP_PKEY_free(files->small);
    EVP_PKEY_free(files->ec);
    X509_free(files->certificate);
    X509_free(files->expired);
    X509_free(files->others);
    free(files);
    return 0;
}

/* Loads a file of these parts, NULL for none, with a password if it is encrypted. */
static int load(const struct files *files, EVP_PKEY *key, const char *encrypted_with, X509 *first, X509 *second,
                const char *password, struct assertion_key **made, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/client.pem", files->folder);
    FILE *out = fopen(path, "w");
    int result;

    assert_non_null(out);
    fchmod(fileno(out), 0600);
    fputs("Bag Attributes: some text in front\n", out);
    if (first)
        PEM_write_X509(out, first);
    if (key)
        PEM_write_PKCS8PrivateKey(out, key, encrypted_with ? EVP_aes_256_cbc() : NULL, encrypted_with,
                                  encrypted_with ? (int)strlen(encrypted_with) : 0, NULL, NULL);
    if (second)
        PEM_write_X509(out, second);
    fclose(out);
    result = assertion_key_load(path, password, made, err);
    unlink(path);
    return result;
}

/* The bytes of one part of a JWT; the length is that without padding. */
static size_t decode(const char *part, size_t length, unsigned char *into)
{
    _cleanup_free_ char *text = xcalloc(length + 4, 1);
    int got;

    for (size_t i = 0; i < length; i++) {
        assert_non_null(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", part[i]));
        text[i] = (char)(part[i] == '-' ? '+' : part[i] == '_' ? '/' : part[i]);
    }
    for (size_t i = length; i % 4; i++)
        text[i] = '=';
    got = EVP_DecodeBlock(into, (const unsigned char *)text, (int)strlen(text));
    assert_true(got >= 0);
    return length * 3 / 4;
}

static cJSON *decode_json(const char *part, size_t length)
{
    _cleanup_free_ unsigned char *text = xcalloc(length + 8, 1);
    size_t got = decode(part, length, text);
    cJSON *document = json_parse((const char *)text, got, "a part", NULL);

    assert_non_null(document);
    return document;
}

static void check_signature(EVP_PKEY *key, const char *text, size_t length, const char *signature)
{
    unsigned char bytes[1024];
    size_t count = decode(signature, strlen(signature), bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;

    assert_int_equal(EVP_DigestVerifyInit(context, &parameters, EVP_sha256(), NULL, key), 1);
    assert_true(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0);
    assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 32) > 0);
    assert_int_equal(EVP_DigestVerify(context, bytes, count, (const unsigned char *)text, length), 1);
    EVP_MD_CTX_free(context);
}

static void check_header(const cJSON *header, const X509 *certificate)
{
    unsigned char digest[EVP_MAX_MD_SIZE], thumbprint[64];
    unsigned int length = 0;
    const char *text = json_string(header, "x5t#S256");

    assert_string_equal(json_string(header, "alg"), "PS256");
    assert_string_equal(json_string(header, "typ"), "JWT");
    X509_digest(certificate, EVP_sha256(), digest, &length);
    assert_int_equal(strlen(text), 43);
    decode(text, strlen(text), thumbprint);
    assert_memory_equal(thumbprint, digest, 32);
}

static void an_assertion_is_what_entra_asks_for(void **state)
{
    const struct files *files = *state;
    _cleanup_assertion_key_ struct assertion_key *key = NULL;
    _cleanup_secret_ char *assertion = NULL;
    _cleanup_secret_ char *again = NULL;
    const char *first, *second;

    assert_int_equal(load(files, files->rsa, NULL, files->others, files->certificate, NULL, &key, NULL), 0);
    assert_int_equal(
        assertion_make(key, "client-1", "https://login.example/t/oauth2/v2.0/token", NOW, &assertion, NULL), 0);
    assert_int_equal(assertion_make(key, "client-1", "https://login.example/t/oauth2/v2.0/token", NOW, &again, NULL),
                     0);
    first = strchr(assertion, '.');
    second = strchr(first + 1, '.');
    assert_null(strchr(second + 1, '.'));
    check_signature(files->rsa, assertion, (size_t)(second - assertion), second + 1);
    {
        _cleanup_json_ cJSON *header = decode_json(assertion, (size_t)(first - assertion));
        _cleanup_json_ cJSON *claims = decode_json(first + 1, (size_t)(second - first - 1));
        _cleanup_json_ cJSON *others = decode_json(strchr(again, '.') + 1, (size_t)(second - first - 1));

        check_header(header, files->certificate);
        assert_string_equal(json_string(claims, "aud"), "https://login.example/t/oauth2/v2.0/token");
        assert_string_equal(json_string(claims, "iss"), "client-1");
        assert_string_equal(json_string(claims, "sub"), "client-1");
        assert_true(json_number(claims, "nbf", 0) == (double)NOW && json_number(claims, "iat", 0) == (double)NOW);
        assert_true(json_number(claims, "exp", 0) == (double)NOW + 600);
        assert_int_equal(strlen(json_string(claims, "jti")), 36);
        assert_string_not_equal(json_string(claims, "jti"), json_string(others, "jti"));
    }
}

static void an_encrypted_key_needs_its_password(void **state)
{
    const struct files *files = *state;
    struct assertion_key *key = NULL;
    struct error *err = NULL;

    assert_int_equal(load(files, files->rsa, "pass word", files->certificate, NULL, "pass word", &key, NULL), 0);
    assertion_key_free(key);
    assert_int_equal(load(files, files->rsa, "pass word", files->certificate, NULL, "other", &key, &err), -1);
    assert_error(err, EXIT_USAGE, "AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password");
    assert_int_equal(load(files, files->rsa, "pass word", files->certificate, NULL, NULL, &key, &err), -1);
    assert_error(err, EXIT_USAGE, "is encrypted, and AZURE_CLIENT_CERTIFICATE_PASSWORD is not set");
}

static void unsuitable_files_are_explained(void **state)
{
    const struct files *files = *state;
    const struct {
        EVP_PKEY *key;
        X509 *first, *second;
        const char *part;
    } cases[] = {
        {NULL, files->certificate, NULL, "holds no private key in PEM form"},
        {files->rsa, NULL, NULL, "holds no certificate in PEM form"},
        {NULL, NULL, NULL, "holds no private key in PEM form"},
        {files->rsa, files->others, NULL, "a private key and 1 certificate, but not the key's own"},
        {files->other, files->certificate, files->expired, "a private key and 2 certificates, but not the key's own"},
        {files->ec, files->certificate, NULL, "is no RSA key"},
        {files->small, files->certificate, NULL, "has 1024 bits"},
        {files->rsa, files->expired, NULL, "has expired: 20"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct assertion_key *key = NULL;
        struct error *err = NULL;

        assert_int_equal(load(files, cases[i].key, NULL, cases[i].first, cases[i].second, NULL, &key, &err), -1);
        assert_null(key);
        assert_error(err, EXIT_USAGE, cases[i].part);
    }
}

static void a_file_that_others_can_read_is_refused(void **state)
{
    const struct files *files = *state;
    _cleanup_free_ char *path = str_printf("%s/open.pem", files->folder);
    FILE *out = fopen(path, "w");
    struct assertion_key *key = NULL;
    struct error *err = NULL;

    assert_non_null(out);
    fchmod(fileno(out), 0640);
    fclose(out);
    assert_int_equal(assertion_key_load(path, NULL, &key, &err), -1);
    assert_error(err, EXIT_USAGE, "others than its owner have access");
    unlink(path);
    assert_int_equal(assertion_key_load(path, NULL, &key, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_assertion_is_what_entra_asks_for),
        cmocka_unit_test(an_encrypted_key_needs_its_password),
        cmocka_unit_test(unsuitable_files_are_explained),
        cmocka_unit_test(a_file_that_others_can_read_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
