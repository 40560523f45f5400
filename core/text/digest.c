// Hashes of texts. The cryptographic ones come from libcrypto, through its functions of one hash
// each: they are several times faster for short texts than its general ones, allocate nothing and
// read no configuration.
#define OPENSSL_API_COMPAT 0x10100000L // declares them without a warning

#include <openssl/md5.h>
#include <openssl/sha.h>

#include "core/base/hash.h"
#include "core/text/text_private.h"

enum { DIGEST_BYTES_MAX = SHA512_DIGEST_LENGTH, BLOCK_BYTES_MAX = SHA512_CBLOCK };

union context {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
    SHA512_CTX sha512;
};

static const struct {
    uint8_t digest_bytes, block_bytes;
} forms[] = {
    [TM_DIGEST_MD5] = {MD5_DIGEST_LENGTH, MD5_CBLOCK},
    [TM_DIGEST_SHA1] = {SHA_DIGEST_LENGTH, SHA_CBLOCK},
    [TM_DIGEST_SHA256] = {SHA256_DIGEST_LENGTH, SHA256_CBLOCK},
    [TM_DIGEST_SHA512] = {SHA512_DIGEST_LENGTH, SHA512_CBLOCK},
    [TM_DIGEST_SHA224] = {SHA224_DIGEST_LENGTH, SHA256_CBLOCK},
    [TM_DIGEST_SHA384] = {SHA384_DIGEST_LENGTH, SHA512_CBLOCK},
};

static void start(int32_t kind, union context *c)
{
    switch (kind) {
    case TM_DIGEST_MD5:
        MD5_Init(&c->md5);
        break;
    case TM_DIGEST_SHA1:
        SHA1_Init(&c->sha1);
        break;
    case TM_DIGEST_SHA256:
        SHA256_Init(&c->sha256);
        break;
    case TM_DIGEST_SHA224:
        SHA224_Init(&c->sha256);
        break;
    case TM_DIGEST_SHA384:
        SHA384_Init(&c->sha512);
        break;
    default:
        SHA512_Init(&c->sha512);
        break;
    }
}

static void add(int32_t kind, union context *c, const void *p, size_t len)
{
    switch (kind) {
    case TM_DIGEST_MD5:
        MD5_Update(&c->md5, p, len);
        break;
    case TM_DIGEST_SHA1:
        SHA1_Update(&c->sha1, p, len);
        break;
    case TM_DIGEST_SHA256:
        SHA256_Update(&c->sha256, p, len);
        break;
    case TM_DIGEST_SHA224:
        SHA224_Update(&c->sha256, p, len);
        break;
    case TM_DIGEST_SHA384:
        SHA384_Update(&c->sha512, p, len);
        break;
    default:
        SHA512_Update(&c->sha512, p, len);
        break;
    }
}

static void finish(int32_t kind, union context *c, uint8_t *digest)
{
    switch (kind) {
    case TM_DIGEST_MD5:
        MD5_Final(digest, &c->md5);
        break;
    case TM_DIGEST_SHA1:
        SHA1_Final(digest, &c->sha1);
        break;
    case TM_DIGEST_SHA256:
        SHA256_Final(digest, &c->sha256);
        break;
    case TM_DIGEST_SHA224:
        SHA224_Final(digest, &c->sha256);
        break;
    case TM_DIGEST_SHA384:
        SHA384_Final(digest, &c->sha512);
        break;
    default:
        SHA512_Final(digest, &c->sha512);
        break;
    }
}

static int32_t give_digits(struct tm_text *t, const uint8_t *bytes, size_t len)
{
    uint8_t *out = tm__text_room(t, 2 * len);

    if (out == NULL)
        return TM_E_MEMORY;
    for (size_t i = 0; i < len; i++) {
        *out++ = (uint8_t) "0123456789abcdef"[bytes[i] >> 4];
        *out++ = (uint8_t) "0123456789abcdef"[bytes[i] & 15];
    }
    return tm__text_done(t, out);
}

int32_t tm_digest(struct tm_text *t, int32_t kind, const char *s, uint32_t len)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    union context c;

    start(kind, &c);
    add(kind, &c, s, len);
    finish(kind, &c, digest);
    return give_digits(t, digest, forms[kind].digest_bytes);
}

// RFC 2104.
int32_t tm_hmac(struct tm_text *t, int32_t kind, const char *s, uint32_t len, const char *key,
                uint32_t key_len)
{
    uint8_t pad[BLOCK_BYTES_MAX] = {0}, digest[DIGEST_BYTES_MAX];
    const size_t block = forms[kind].block_bytes, size = forms[kind].digest_bytes;
    union context c;

    if (key_len > block) {
        start(kind, &c);
        add(kind, &c, key, key_len);
        finish(kind, &c, pad);
    } else {
        memcpy(pad, key, key_len);
    }
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    start(kind, &c);
    add(kind, &c, pad, block);
    add(kind, &c, s, len);
    finish(kind, &c, digest);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5C;
    start(kind, &c);
    add(kind, &c, pad, block);
    add(kind, &c, digest, size);
    finish(kind, &c, digest);
    return give_digits(t, digest, size);
}

int32_t tm_digest_xxh3(struct tm_text *t, const char *s, uint32_t len)
{
    uint64_t hash = __builtin_bswap64(tm_hash_bytes(s, len)); // the first digit is the highest
    return give_digits(t, (const uint8_t *)&hash, sizeof hash);
}

int64_t tm_digest_xxh3_int64(const char *s, uint32_t len)
{
    return (int64_t)tm_hash_bytes(s, len);
}

int32_t tm_digest_bucket(const char *s, uint32_t len, uint32_t n)
{
    return (int32_t)(((unsigned __int128)tm_hash_bytes(s, len) * n) >> 64);
}

// The polynomial of zlib and PNG, four bits at a time.
uint32_t tm_digest_crc32(const char *s, uint32_t len)
{
    static const uint32_t steps[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    uint32_t crc = UINT32_MAX;

    for (uint32_t i = 0; i < len; i++) {
        crc ^= (uint8_t)s[i];
        crc = crc >> 4 ^ steps[crc & 15];
        crc = crc >> 4 ^ steps[crc & 15];
    }
    return ~crc;
}

// --- names as UUIDs (RFC 9562, version 5)

static bool parse_uuid(const char *s, uint32_t len, uint8_t *bytes)
{
    uint32_t count = 0;

    if (len != 36)
        return false;
    for (uint32_t i = 0; i < len; i++) {
        char c = s[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-')
                return false;
            continue;
        }
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        bytes[count / 2] = (uint8_t)(count % 2 == 0 ? digit << 4 : bytes[count / 2] | digit);
        count++;
    }
    return true;
}

int32_t tm_digest_uuid5(struct tm_text *t, const char *s, uint32_t len, const char *space,
                        uint32_t space_len)
{
    uint8_t bytes[16], digest[SHA_DIGEST_LENGTH];
    uint8_t *out = tm__text_room(t, 36);
    union context c;

    if (!parse_uuid(space, space_len, bytes))
        return TM_TEXT_NONE;
    if (out == NULL)
        return TM_E_MEMORY;
    start(TM_DIGEST_SHA1, &c);
    add(TM_DIGEST_SHA1, &c, bytes, sizeof bytes);
    add(TM_DIGEST_SHA1, &c, s, len);
    finish(TM_DIGEST_SHA1, &c, digest);
    digest[6] = (uint8_t)((digest[6] & 0x0F) | 0x50);
    digest[8] = (uint8_t)((digest[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = (uint8_t) "0123456789abcdef"[digest[i] >> 4];
        *out++ = (uint8_t) "0123456789abcdef"[digest[i] & 15];
    }
    return tm__text_done(t, out);
}
