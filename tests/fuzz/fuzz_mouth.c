/*
 * Fuzzes what a speech service sends: the first byte gives the size of the pieces in which the rest is fed,
 * once as a stream of documents with alignments, once as sound. Neither may depend on the pieces; words never
 * run backwards past what align.h allows; every refusal has a sentence.
 */
#include "voice/align.h"
#include "voice/json_stream.h"
#include "voice/sound_in.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct reader {
    struct buf told;
    struct aligner letters, segments;
    uint32_t last_ms;
};

static void tell(struct reader *r, const struct tts_word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].to_ms < words[i].from_ms || !words[i].text.n)
            abort();
        buf_printf(&r->told, "%.*s %u %u\n", STR_ARG(words[i].text), words[i].from_ms, words[i].to_ms);
    }
}

static bool on_document(void *arg, struct str text)
{
    struct reader *r = arg;
    struct arena a = ARENA_INIT;
    struct json *doc = NULL;
    struct tts_word *words;
    size_t count;
    buf_add(&r->told, text);
    bool good = json_parse(&a, text, &doc, NULL) == ERR_OK;
    if (good) {
        align_characters(&r->letters, json_get(doc, "alignment"), 250, &a, &words, &count);
        tell(r, words, count);
        int64_t chunk = json_get_i64(doc, "chunk_seq", 0);
        align_segments(&r->segments, json_get(doc, "alignment"), (uint64_t)(chunk < 0 ? 0 : chunk),
                       json_get_double(doc, "chunk_audio_offset_sec", 0), &a, &words, &count);
        tell(r, words, count);
    }
    arena_release(&a);
    return good;
}

static enum err read_documents(struct str bytes, size_t step, struct buf *told)
{
    struct reader r = {.told = BUF_INIT};
    struct json_stream s;
    enum err err = ERR_OK;
    struct arena a = ARENA_INIT;
    struct tts_word *words;
    size_t count;
    json_stream_init(&s, on_document, &r);
    for (size_t at = 0; at < bytes.n && !err; at += step)
        err = json_stream_feed(&s, str_sub(bytes, at, step));
    align_end(&r.letters, &a, &words, &count);
    tell(&r, words, count);
    json_stream_release(&s);
    aligner_release(&r.letters);
    aligner_release(&r.segments);
    arena_release(&a);
    *told = r.told;
    return err;
}

static enum err read_sound(struct str bytes, size_t step, unsigned raw_rate, struct buf *out)
{
    struct sound_in in;
    struct error e = {0};
    enum err err = ERR_OK;
    sound_in_init(&in, raw_rate);
    for (size_t at = 0; at < bytes.n && !err; at += step)
        err = sound_in_feed(&in, str_sub(bytes, at, step), out, &e);
    err = err ? err : sound_in_end(&in, out, &e);
    if ((err && !e.message[0]) || out->n % 2 || in.samples * 2 != out->n)
        abort();
    sound_in_release(&in);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole = BUF_INIT, cut = BUF_INIT;
    if (n < 2)
        return 0;
    struct str bytes = str_of((const char *)data + 1, n - 1);
    size_t step = 1 + data[0] % 16u;
    enum err err = read_documents(bytes, bytes.n, &whole);
    if (read_documents(bytes, step, &cut) != err || !str_eq(buf_str(&whole), buf_str(&cut)))
        abort();
    buf_release(&whole);
    buf_release(&cut);
    for (unsigned raw = 0; raw <= 24000; raw += 24000) {
        err = read_sound(bytes, bytes.n, raw, &whole);
        if (read_sound(bytes, step, raw, &cut) != err || !str_eq(buf_str(&whole), buf_str(&cut)))
            abort();
        buf_release(&whole);
        buf_release(&cut);
    }
    return 0;
}
