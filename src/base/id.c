/* Ids and randomness; see id.h. */
#include "base/id.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct pool {
    uint8_t bytes[512];
    size_t left;
    uint64_t seed; /* not 0: a test's sequence */
};

static _Thread_local struct pool pool;

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static void refill(void)
{
    size_t have = 0;
    while (have < sizeof pool.bytes) {
        ssize_t n = getrandom(pool.bytes + have, sizeof pool.bytes - have, 0);
        if (n < 0) {
            perror("eidolon: getrandom");
            abort();
        }
        have += (size_t)n;
    }
    pool.left = sizeof pool.bytes;
}

void random_bytes(void *to, size_t n)
{
    uint8_t *out = to;
    while (n) {
        if (pool.seed) {
            uint64_t word = splitmix(&pool.seed);
            size_t take = n < sizeof word ? n : sizeof word;
            memcpy(out, &word, take);
            out += take;
            n -= take;
            continue;
        }
        if (!pool.left)
            refill();
        size_t take = n < pool.left ? n : pool.left;
        memcpy(out, pool.bytes + sizeof pool.bytes - pool.left, take);
        pool.left -= take;
        out += take;
        n -= take;
    }
}

uint64_t random_u64(void)
{
    uint64_t value = 0;
    random_bytes(&value, sizeof value);
    return value;
}

double random_unit(void)
{
    return (double)(random_u64() >> 11) * 0x1p-53;
}

void random_seed(uint64_t seed)
{
    pool.seed = seed;
}

struct id id_new(void)
{
    struct id id;
    uint64_t ms = (uint64_t)clock_wall_ms();
    random_bytes(id.b, sizeof id.b);
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | (id.b[6] & 0x0F));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3F));
    return id;
}

void id_format(char to[ID_TEXT], struct id id)
{
    static const char hex[] = "0123456789abcdef";
    char *at = to;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[id.b[i] >> 4];
        *at++ = hex[id.b[i] & 15];
    }
    *at = '\0';
}

struct id_text id_text(struct id id)
{
    struct id_text text;
    id_format(text.c, id);
    return text;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool id_parse(struct str s, struct id *out)
{
    struct id id = ID_NONE;
    if (s.n != ID_TEXT - 1)
        return false;
    for (size_t i = 0, byte = 0; i < s.n; byte++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s.p[i++] != '-')
                return false;
        }
        int high = hex_value(s.p[i]), low = hex_value(s.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        id.b[byte] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *out = id;
    return true;
}

/* SipHash (Aumasson and Bernstein, 2012) with 1 and 3 rounds, as hash tables use it. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static uint64_t siphash13(struct str data, uint64_t k0, uint64_t k1)
{
    struct sip s = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull, k0 ^ 0x6c7967656e657261ull,
                    k1 ^ 0x7465646279746573ull};
    size_t i = 0;
    uint64_t word = 0;
    for (; data.n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, data.p + i, sizeof word);
        s.v3 ^= word;
        sip_round(&s);
        s.v0 ^= word;
    }
    word = (uint64_t)data.n << 56;
    for (size_t rest = 0; i + rest < data.n; rest++)
        word |= (uint64_t)(unsigned char)data.p[i + rest] << (8 * rest);
    s.v3 ^= word;
    sip_round(&s);
    s.v0 ^= word;
    s.v2 ^= 0xFF;
    for (int round = 0; round < 3; round++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void make_process_key(void)
{
    if (getrandom(process_key, sizeof process_key, 0) != (ssize_t)sizeof process_key)
        abort();
}

uint64_t hash_bytes(struct str s)
{
    pthread_once(&process_key_once, make_process_key);
    return siphash13(s, process_key[0], process_key[1]);
}

struct id id_of_name(struct str space, struct str name)
{
    uint64_t k0 = siphash13(space, 0x6569646f6c6f6e31ull, 1), k1 = siphash13(space, 0x6569646f6c6f6e32ull, 2);
    uint64_t half[2] = {siphash13(name, k0, k1), siphash13(name, k1, ~k0)};
    struct id id;
    memcpy(id.b, half, sizeof id.b);
    id.b[6] = (uint8_t)(0x80 | (id.b[6] & 0x0F));
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3F));
    return id;
}

uint64_t id_hash(struct id id)
{
    uint64_t half[2];
    memcpy(half, id.b, sizeof half);
    uint64_t state = half[0] ^ rotl(half[1], 32);
    return splitmix(&state);
}
