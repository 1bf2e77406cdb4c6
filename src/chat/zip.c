/*
 * Files inside of a zip (APPNOTE.TXT 6.3), read from the front as they come, without the directory at the
 * end: so a zip of any size needs one window of memory. Deflated files may hide their size; stored ones may
 * not.
 *
 * Taken are conversations*.json, *.jsonl and *.txt; each has a reader of its own, which finds out what it is.
 * Everything else (pictures, sound) is passed over. What unfolds to more than the options' total_max is
 * refused.
 */
#include "chat/inner.h"

#include <stdlib.h>
#include <zlib.h>

enum {
    HEAD_BYTES = 30, /* of a local file header, 4.3.7 */
    NAME_BYTES_MAX = 4096,
    FLAG_ENCRYPTED = 1 << 0,
    FLAG_SIZE_AFTER = 1 << 3,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    ZIP64_EXTRA = 1,
    PIECE = 64 * 1024,
};
#define SIGN_FILE 0x04034b50u
#define SIGN_DESCRIPTOR 0x08074b50u
#define ZIP64_SIZE 0xffffffffu

struct zip {
    struct chat_reader *r, *inside; /* inside: of the file under way; NULL: it is passed over */
    struct buf head;
    enum { ZIP_HEAD, ZIP_STORED, ZIP_DEFLATED, ZIP_AFTER, ZIP_END } state;
    size_t head_need;
    uint64_t left; /* bytes of a stored file */
    bool size_after, zip64, sized;
    z_stream inflater;
    bool inflating;
    uint64_t unfolded;
    char name[200];
};

static void *open_zip(struct chat_reader *r)
{
    struct zip *z = heap_alloc(sizeof *z);
    z->r = r;
    z->head_need = HEAD_BYTES;
    return z;
}

static void close_zip(void *state)
{
    struct zip *z = state;
    chat_reader_free(z->inside);
    if (z->inflating)
        inflateEnd(&z->inflater);
    buf_release(&z->head);
    free(z);
}

static uint32_t u16_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)(b[0] | b[1] << 8);
}

static uint32_t u32_at(const char *p)
{
    return u16_at(p) | u16_at(p + 2) << 16;
}

static uint64_t u64_at(const char *p)
{
    return u32_at(p) | (uint64_t)u32_at(p + 4) << 32;
}

static enum err broken(const char *what, struct error *e)
{
    return error_set(e, ERR_INVALID, "The zip cannot be read: %s.", what);
}

static struct str base_name(struct str path)
{
    size_t slash;
    while ((slash = str_find_char(path, '/')) != SIZE_MAX)
        path = str_from(path, slash + 1);
    return path;
}

static bool wanted(struct str path)
{
    struct str name = base_name(path);
    if (str_starts(path, STR("__MACOSX/")) || str_starts(name, STR(".")))
        return false;
    return str_ends(name, STR(".jsonl")) || str_ends(name, STR(".txt")) ||
           (str_ends(name, STR(".json")) && str_starts(name, STR("conversations")));
}

static struct str stem(struct str name)
{
    size_t n = name.n;
    while (n && name.p[n - 1] != '.')
        n--;
    return n > 1 ? str_sub(name, 0, n - 1) : name;
}

static void begin_file(struct zip *z, struct str path)
{
    struct chat_options options = z->r->options;
    str_copy(z->name, sizeof z->name, base_name(path));
    if (!wanted(path))
        return;
    options.title = stem(str_c(z->name));
    z->inside = chat_reader_new(&options, z->r->sink, z->r->arg);
    z->inside->of = z->r;
}

static enum err end_file(struct zip *z, struct error *e)
{
    enum err err = ERR_OK;
    if (z->inside) {
        err = chat_finish(z->inside, e);
        if (z->r->messages)
            z->r->format = z->inside->format;
        chat_reader_free(z->inside);
        z->inside = NULL;
    }
    buf_clear(&z->head);
    z->state = z->size_after ? ZIP_AFTER : ZIP_HEAD;
    z->head_need = z->size_after ? 4 : HEAD_BYTES;
    return err;
}

/* The sizes of a header whose own fields say "see the extra field" (4.5.3). */
static bool zip64_size(struct str extra, uint64_t *packed)
{
    while (extra.n >= 4) {
        size_t n = u16_at(extra.p + 2);
        if (u16_at(extra.p) == ZIP64_EXTRA && n >= 16 && extra.n >= 4 + n) {
            *packed = u64_at(extra.p + 12);
            return true;
        }
        extra = str_from(extra, 4 + n);
    }
    return false;
}

static enum err take_head(struct zip *z, struct error *e)
{
    const char *p = z->head.p;
    uint32_t flags = u16_at(p + 6), method = u16_at(p + 8), name = u16_at(p + 26), extra = u16_at(p + 28);
    if (z->head.n == HEAD_BYTES && name + extra) {
        if (name > NAME_BYTES_MAX)
            return broken("a name in it is too long", e);
        z->head_need = HEAD_BYTES + name + extra;
        return ERR_OK;
    }
    z->left = u32_at(p + 18);
    z->size_after = flags & FLAG_SIZE_AFTER;
    z->zip64 = z->left == ZIP64_SIZE && zip64_size(str_of(p + HEAD_BYTES + name, extra), &z->left);
    z->sized = !z->size_after || z->left;
    if (flags & FLAG_ENCRYPTED)
        return broken("it has a password; unpack it and import conversations.json", e);
    if (method != METHOD_STORED && method != METHOD_DEFLATED)
        return broken("it is packed in a way that is not understood; unpack it and import conversations.json",
                      e);
    if (method == METHOD_STORED && !z->sized && z->size_after)
        return broken("a file in it does not say how long it is; unpack it and import conversations.json", e);
    begin_file(z, str_of(p + HEAD_BYTES, name));
    buf_clear(&z->head);
    z->head_need = HEAD_BYTES;
    z->state = method == METHOD_STORED ? ZIP_STORED : ZIP_DEFLATED;
    if (method == METHOD_DEFLATED) {
        z->inflater = (z_stream){0};
        z->inflating = inflateInit2(&z->inflater, -MAX_WBITS) == Z_OK;
        if (!z->inflating)
            return broken("there is no memory to unpack it", e);
    }
    return method == METHOD_STORED && !z->left ? end_file(z, e) : ERR_OK;
}

static enum err give(struct zip *z, struct str bytes, struct error *e)
{
    z->unfolded += bytes.n;
    if (z->unfolded > z->r->options.total_max)
        return error_set(e, ERR_TOO_BIG, "The zip unpacks to more than %llu bytes.",
                         (unsigned long long)z->r->options.total_max);
    return z->inside ? chat_feed(z->inside, bytes, e) : ERR_OK;
}

static enum err inflate_some(struct zip *z, struct str *bytes, struct error *e)
{
    static _Thread_local char piece[PIECE];
    int result = Z_OK;
    z->inflater.next_in = (Bytef *)(uintptr_t)bytes->p;
    z->inflater.avail_in = (uInt)bytes->n;
    do {
        z->inflater.next_out = (Bytef *)piece;
        z->inflater.avail_out = PIECE;
        result = inflate(&z->inflater, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return broken("a file in it is damaged", e);
        enum err err = give(z, str_of(piece, PIECE - z->inflater.avail_out), e);
        if (err)
            return err;
    } while (result == Z_OK && (z->inflater.avail_in || !z->inflater.avail_out));
    *bytes = str_from(*bytes, bytes->n - z->inflater.avail_in);
    if (result != Z_STREAM_END)
        return ERR_OK;
    inflateEnd(&z->inflater);
    z->inflating = false;
    return end_file(z, e);
}

/* Collects z->head_need bytes; true when they are there. */
static bool collect(struct zip *z, struct str *bytes)
{
    struct str part = str_sub(*bytes, 0, z->head_need - z->head.n);
    buf_add(&z->head, part);
    *bytes = str_from(*bytes, part.n);
    return z->head.n == z->head_need;
}

/* The sizes that follow a file (4.3.9): with a signature or without, of 4 or 8 bytes each. */
static void after_file(struct zip *z)
{
    if (z->head.n == 4)
        z->head_need = (u32_at(z->head.p) == SIGN_DESCRIPTOR ? 16 : 12) + (z->zip64 ? 8u : 0u);
    if (z->head.n < z->head_need)
        return;
    buf_clear(&z->head);
    z->head_need = HEAD_BYTES;
    z->state = ZIP_HEAD;
}

static enum err feed_zip(void *state, struct str bytes, struct error *e)
{
    struct zip *z = state;
    enum err err = ERR_OK;
    while (bytes.n && !err && z->state != ZIP_END) {
        switch (z->state) {
        case ZIP_HEAD:
            if (z->head.n < 4 && z->head_need == HEAD_BYTES)
                z->head_need = 4;
            if (!collect(z, &bytes))
                break;
            if (z->head_need == 4) {
                if (u32_at(z->head.p) != SIGN_FILE)
                    z->state = ZIP_END; /* the directory begins: no more files */
                z->head_need = HEAD_BYTES;
            } else {
                err = take_head(z, e);
            }
            break;
        case ZIP_STORED: {
            struct str part = str_sub(bytes, 0, z->left < SIZE_MAX ? (size_t)z->left : SIZE_MAX);
            err = give(z, part, e);
            z->left -= part.n;
            bytes = str_from(bytes, part.n);
            if (!err && !z->left)
                err = end_file(z, e);
            break;
        }
        case ZIP_DEFLATED:
            err = inflate_some(z, &bytes, e);
            break;
        case ZIP_AFTER:
            if (collect(z, &bytes))
                after_file(z);
            break;
        case ZIP_END:
            break;
        }
    }
    return err;
}

static enum err finish_zip(void *state, struct error *e)
{
    struct zip *z = state;
    if (z->state != ZIP_END && (z->state != ZIP_HEAD || z->head.n))
        return broken("it ends in its middle; it may be cut off", e);
    return ERR_OK;
}

const struct chat_parser chat_reads_zip = {open_zip, feed_zip, finish_zip, close_zip};
