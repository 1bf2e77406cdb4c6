/*
 * zlib behind small doors; see deflate.h.
 *
 * The per-thread coders are freed by a thread-specific destructor, so that loops and workers may come and go.
 */
#include "net/deflate.h"

#include "base/arena.h"

#include <pthread.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    WINDOW_BITS = 15,
    GZIP_BITS = 15 + 16,
    MEM_LEVEL = 8,
    MESSAGE_LEVEL = 3, /* messages are encoded on a loop: quick rather than tight */
    GZIP_LEVEL = 4,
    STEP = 16384
};

struct coders {
    z_stream deflate, inflate, gzip;
    bool has_deflate, has_inflate, has_gzip;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_coders(void *p)
{
    struct coders *c = p;
    if (c->has_deflate)
        deflateEnd(&c->deflate);
    if (c->has_inflate)
        inflateEnd(&c->inflate);
    if (c->has_gzip)
        deflateEnd(&c->gzip);
    free(c);
}

static void free_own_coders(void)
{
    struct coders *c = pthread_getspecific(key);
    if (c)
        free_coders(c);
    pthread_setspecific(key, NULL);
}

static void make_key(void)
{
    pthread_key_create(&key, free_coders);
    atexit(free_own_coders); /* the main thread runs no destructors */
}

static struct coders *coders(void)
{
    pthread_once(&once, make_key);
    struct coders *c = pthread_getspecific(key);
    if (!c) {
        c = heap_alloc(sizeof *c);
        pthread_setspecific(key, c);
    }
    return c;
}

static void expect_ok(int rc)
{
    if (rc != Z_OK)
        abort(); /* out of memory */
}

static bool run_deflate(z_stream *z, struct str in, int flush, struct buf *out)
{
    z->next_in = (Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
    for (;;) {
        char *to = buf_reserve(out, STEP);
        if (!to)
            return false;
        z->next_out = (Bytef *)to;
        z->avail_out = STEP;
        int rc = deflate(z, flush);
        out->n += STEP - z->avail_out;
        if (rc == Z_STREAM_END || (flush != Z_FINISH && z->avail_out))
            return true;
    }
}

bool deflate_message(struct str in, struct buf *out)
{
    struct coders *c = coders();
    if (c->has_deflate)
        deflateReset(&c->deflate);
    else
        expect_ok(deflateInit2(&c->deflate, MESSAGE_LEVEL, Z_DEFLATED, -WINDOW_BITS, MEM_LEVEL,
                               Z_DEFAULT_STRATEGY));
    c->has_deflate = true;
    if (!run_deflate(&c->deflate, in, Z_SYNC_FLUSH, out) || out->n < 4)
        return false;
    out->n -= 4;
    return true;
}

bool gzip_body(struct str in, struct buf *out)
{
    struct coders *c = coders();
    if (c->has_gzip)
        deflateReset(&c->gzip);
    else
        expect_ok(deflateInit2(&c->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY));
    c->has_gzip = true;
    return run_deflate(&c->gzip, in, Z_FINISH, out);
}

/*
 * Inflates one run of input. A sender may end its stream with a final block and go on with another
 * (RFC 7692 7.2.3.4): then the coder starts anew on what is left. *ended: the input stopped at such an end.
 */
static enum inflate_result run_inflate(z_stream *z, struct str in, struct buf *out, bool *ended)
{
    z->next_in = (Bytef *)(uintptr_t)in.p;
    z->avail_in = (uInt)in.n;
    size_t max = out->max ? out->max : BUF_DEFAULT_MAX;
    for (;;) {
        /* At the ceiling one byte more shows that the message is too big. */
        size_t room = max - out->n < STEP ? max - out->n : STEP;
        char spill[1];
        z->next_out = (Bytef *)(room ? buf_reserve(out, room) : spill);
        z->avail_out = room ? (uInt)room : 1;
        uInt before = z->avail_out;
        int rc = inflate(z, Z_SYNC_FLUSH);
        size_t made = before - z->avail_out;
        if (!room && made)
            return INFLATE_TOO_BIG;
        out->n += made;
        if (rc != Z_OK && rc != Z_BUF_ERROR && rc != Z_STREAM_END)
            return INFLATE_BAD;
        *ended = rc == Z_STREAM_END;
        if (*ended && z->avail_in)
            inflateReset(z);
        else if (*ended || (z->avail_out && !z->avail_in) || rc == Z_BUF_ERROR)
            return INFLATE_OK;
    }
}

enum inflate_result inflate_message(struct str in, struct buf *out)
{
    struct coders *c = coders();
    if (c->has_inflate)
        inflateReset(&c->inflate);
    else
        expect_ok(inflateInit2(&c->inflate, -WINDOW_BITS));
    c->has_inflate = true;
    bool ended = false;
    enum inflate_result result = run_inflate(&c->inflate, in, out, &ended);
    if (result == INFLATE_OK && !ended)
        result = run_inflate(&c->inflate, str_of("\x00\x00\xff\xff", 4), out, &ended);
    return result;
}

bool compressible_type(struct str type)
{
    size_t semicolon = str_find_char(type, ';');
    type = str_trim(str_sub(type, 0, semicolon == SIZE_MAX ? type.n : semicolon));
    static const char *const kinds[] = {
        "application/json",          "application/javascript", "application/xml", "application/wasm",
        "application/manifest+json", "application/x-ndjson",   "image/svg+xml"};
    if (str_starts(type, STR("text/")))
        return !str_eq(type, STR("text/event-stream"));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (str_eq(type, str_c(kinds[i])))
            return true;
    }
    return str_ends(type, STR("+json")) || str_ends(type, STR("+xml"));
}
