/* What remote voices are read with: sound, streams of documents, alignments, failures; at every split point.
 */
#include "../unit.h"

#include "voice/align.h"
#include "voice/chain.h"
#include "voice/json_stream.h"
#include "voice/remote.h"
#include "voice/resample.h"
#include "voice/sound_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sound ---- */
static void put(struct buf *b, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        buf_add_char(b, (char)(value >> (8 * i)));
}

struct shape {
    unsigned format, channels, bits, rate;
    bool extensible, chunk_before;
    uint32_t length; /* of the data chunk; UINT32_MAX - 1: the true one */
};

enum { FRAMES = 9, TRUE_LENGTH = -2 };

static int16_t wanted(unsigned i)
{
    return (int16_t)(i * 3000 - 12000);
}

static void make_wav(struct buf *b, const struct shape *s)
{
    unsigned frame = s->channels * s->bits / 8, fmt = s->extensible ? 40 : 16;
    uint32_t data = s->length == (uint32_t)TRUE_LENGTH ? FRAMES * frame : s->length;
    buf_add(b, STR("RIFF"));
    put(b, 0, 4);
    buf_add(b, STR("WAVE"));
    if (s->chunk_before) {
        buf_add(b, STR("LIST"));
        put(b, 3, 4);
        buf_add(b, str_of("abc\0", 4)); /* an odd chunk is padded */
    }
    buf_add(b, STR("fmt "));
    put(b, fmt, 4);
    put(b, s->extensible ? 0xfffe : s->format, 2);
    put(b, s->channels, 2);
    put(b, s->rate, 4);
    put(b, s->rate * frame, 4);
    put(b, frame, 2);
    put(b, s->bits, 2);
    if (s->extensible) {
        put(b, 22, 2);
        put(b, s->bits, 2);
        put(b, 0, 4);
        put(b, s->format, 2);
        for (int i = 0; i < 14; i++)
            put(b, 0, 1);
    }
    buf_add(b, STR("data"));
    put(b, data, 4);
    for (unsigned i = 0; i < FRAMES; i++) {
        for (unsigned c = 0; c < s->channels; c++) {
            float value = (float)wanted(i) / 32768;
            uint32_t word;
            memcpy(&word, &value, sizeof word);
            if (s->format == 1)
                word = (uint32_t)((int32_t)wanted(i) * (1 << (s->bits - 16)));
            put(b, word, s->bits / 8);
        }
    }
}

/* Fed in two pieces cut at `at`, or byte by byte where at is SIZE_MAX. */
static enum err read_sound(struct str file, unsigned raw_rate, size_t at, struct buf *to, unsigned *rate,
                           struct error *e)
{
    struct sound_in in;
    enum err err = ERR_OK;
    sound_in_init(&in, raw_rate);
    if (at == SIZE_MAX) {
        for (size_t i = 0; i < file.n && !err; i++)
            err = sound_in_feed(&in, str_sub(file, i, 1), to, e);
    } else {
        err = sound_in_feed(&in, str_sub(file, 0, at), to, e);
        err = err ? err : sound_in_feed(&in, str_from(file, at), to, e);
    }
    err = err ? err : sound_in_end(&in, to, e);
    *rate = in.rate;
    sound_in_release(&in);
    return err;
}

static void wav_at_every_split(void **state)
{
    static const struct shape shapes[] = {
        {1, 1, 16, 24000, false, false, (uint32_t)TRUE_LENGTH},
        {1, 2, 16, 44100, false, true, (uint32_t)TRUE_LENGTH},
        {1, 1, 24, 48000, true, false, (uint32_t)TRUE_LENGTH},
        {1, 1, 32, 16000, false, true, UINT32_MAX},
        {3, 2, 32, 22050, true, true, 0},
    };
    (void)state;
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        CLEANUP_BUF struct buf file = BUF_INIT;
        make_wav(&file, &shapes[k]);
        if (shapes[k].length == (uint32_t)TRUE_LENGTH)
            buf_add(&file, STR("LIST\x02\0\0\0xx")); /* after the sound: not part of it */
        for (size_t at = 0; at <= file.n + 1; at++) {
            CLEANUP_BUF struct buf out = BUF_INIT;
            struct error e = {0};
            unsigned rate;
            enum err err = read_sound(buf_str(&file), 0, at == file.n + 1 ? SIZE_MAX : at, &out, &rate, &e);
            if (err)
                fail_msg("shape %zu at %zu: %s", k, at, e.message);
            assert_int_equal(rate, shapes[k].rate);
            assert_int_equal(out.n, FRAMES * 2);
            for (unsigned i = 0; i < FRAMES; i++) {
                int16_t got;
                memcpy(&got, out.p + 2 * i, 2);
                assert_true(abs(got - wanted(i)) <= 1);
            }
        }
    }
}

static void raw_at_every_split(void **state)
{
    char bytes[41];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + 1);
    for (size_t at = 0; at <= sizeof bytes; at++) {
        CLEANUP_BUF struct buf out = BUF_INIT;
        struct error e = {0};
        unsigned rate;
        assert_int_equal(read_sound(str_of(bytes, sizeof bytes), 24000, at, &out, &rate, &e), ERR_OK);
        assert_int_equal(rate, 24000);
        assert_int_equal(out.n, 40);
        assert_memory_equal(out.p, bytes, 40); /* this machine is little-endian, as the format is */
    }
    /* A few samples are sound, too. */
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct error e = {0};
    unsigned rate;
    assert_int_equal(read_sound(str_of(bytes, 4), 24000, 1, &out, &rate, &e), ERR_OK);
    assert_int_equal(out.n, 4);
}

static void no_sound_is_refused(void **state)
{
    static const struct {
        const char *text, *sentence;
        unsigned raw;
    } cases[] = {
        {"<!doctype html><p>Sign in", "page", 24000},
        {"  <html>", "page", 24000},
        {"{\"error\":{\"message\":\"x\"}}", "JSON", 24000},
        {"ID3\x04\x01\x01\x01\x01\x01\x01\x01\x01\x01", "MP3", 24000},
        {"OggS\x01\x01\x01\x01\x01\x01\x01\x01\x01", "Ogg", 24000},
        {"fLaC\x01\x01\x01\x01\x01\x01\x01\x01\x01", "FLAC", 0},
        {"nothing that is sound", "no WAV", 0},
        {"", "no sound", 24000},
        {"RIFF\x01\x01\x01\x01WAVE", "before its sound", 0},
        {"RIFF\x01\x01\x01\x01WAVEdata\x04\x01\x01\x01"
         "abcd",
         "does not say", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP_BUF struct buf out = BUF_INIT;
        struct error e = {0};
        unsigned rate;
        assert_int_equal(read_sound(str_c(cases[i].text), cases[i].raw, SIZE_MAX, &out, &rate, &e),
                         ERR_UPSTREAM);
        if (!strstr(e.message, cases[i].sentence))
            fail_msg("case %zu: '%s', expected '%s' in it", i, e.message, cases[i].sentence);
        assert_int_equal(out.n, 0);
    }
    /* A file that ends before its head says so; impossible heads. */
    struct shape shape = {1, 1, 16, 24000, false, false, 1000};
    for (int i = 0; i < 4; i++) {
        CLEANUP_BUF struct buf file = BUF_INIT, out = BUF_INIT;
        struct error e = {0};
        unsigned rate;
        make_wav(&file, &shape);
        assert_int_equal(read_sound(buf_str(&file), 0, 30, &out, &rate, &e), ERR_UPSTREAM);
        shape = i == 0   ? (struct shape){1, 0, 16, 24000, false, false, (uint32_t)TRUE_LENGTH}
                : i == 1 ? (struct shape){1, 1, 16, 5, false, false, (uint32_t)TRUE_LENGTH}
                         : (struct shape){2, 1, 16, 24000, false, false, (uint32_t)TRUE_LENGTH};
    }
    assert_int_equal(sound_in_type_rate(STR("audio/L16;rate=16000;channels=1")), 16000);
    assert_int_equal(sound_in_type_rate(STR("audio/pcm; Rate=22050")), 22050);
    assert_int_equal(sound_in_type_rate(STR("audio/pcm; rate=7")), 0);
    assert_int_equal(sound_in_type_rate(STR("audio/pcm")), 0);
}

static void resampling_keeps_length(void **state)
{
    static int16_t second[22050];
    CLEANUP_BUF struct buf out = BUF_INIT;
    (void)state;
    for (int i = 0; i < 22050; i++)
        second[i] = (int16_t)(8000 * sin(i * .06));
    assert_null(resampler_new(16000, 16000));
    struct resampler *r = resampler_new(22050, 24000);
    for (size_t at = 0; at < 22050; at += 441)
        resampler_feed(r, second + at, 441, &out);
    resampler_feed(r, NULL, 0, &out);
    resampler_free(r);
    assert_true(labs((long)(out.n / 2) - 24000) <= 2);
}

/* ---- documents ---- */
struct documents {
    struct buf all;
    unsigned count, stop_after;
};

static bool on_document(void *arg, struct str text)
{
    struct documents *d = arg;
    buf_add(&d->all, text);
    buf_add_char(&d->all, '|');
    return ++d->count != d->stop_after;
}

static void documents_at_every_split(void **state)
{
    static const char text[] = ": {comment\ndata: {\"a\":\"}{\\\"\\\\\",\"b\":{\"c\":[1,{}]}}\n\nevent: x\r\n"
                               "data: {}\r\n{\"d\":\"\\\\\"}{\"e\":1},\n: }\n{\"last\":\"\xc3\xa9\"} tail";
    static const char found[] = "{\"a\":\"}{\\\"\\\\\",\"b\":{\"c\":[1,{}]}}|{}|{\"d\":\"\\\\\"}|{\"e\":1}|"
                                "{\"last\":\"\xc3\xa9\"}|";
    (void)state;
    for (size_t at = 0; at <= sizeof text; at++) {
        struct documents d = {0};
        struct json_stream s;
        json_stream_init(&s, on_document, &d);
        struct str all = str_of(text, sizeof text - 1);
        if (at == sizeof text) {
            for (size_t i = 0; i < all.n; i++)
                assert_int_equal(json_stream_feed(&s, str_sub(all, i, 1)), ERR_OK);
        } else {
            assert_int_equal(json_stream_feed(&s, str_sub(all, 0, at)), ERR_OK);
            assert_int_equal(json_stream_feed(&s, str_from(all, at)), ERR_OK);
        }
        assert_false(json_stream_open(&s));
        if (!str_eq(buf_str(&d.all), str_c(found)))
            fail_msg("at %zu: %.*s", at, STR_ARG(buf_str(&d.all)));
        json_stream_release(&s);
        buf_release(&d.all);
    }
    struct documents d = {.stop_after = 1};
    struct json_stream s;
    json_stream_init(&s, on_document, &d);
    assert_int_equal(json_stream_feed(&s, STR("{}{}")), ERR_CANCELLED);
    assert_int_equal(d.count, 1);
    json_stream_release(&s);
    json_stream_init(&s, on_document, &d);
    assert_int_equal(json_stream_feed(&s, STR("{\"never closed\":\"}")), ERR_OK);
    assert_true(json_stream_open(&s));
    json_stream_release(&s);
    buf_release(&d.all);
}

static void documents_have_a_ceiling(void **state)
{
    static char much[1 << 20];
    struct documents d = {0};
    struct json_stream s;
    enum err err = ERR_OK;
    (void)state;
    memset(much, 'x', sizeof much);
    json_stream_init(&s, on_document, &d);
    json_stream_feed(&s, STR("{\""));
    for (int i = 0; i < 20 && !err; i++)
        err = json_stream_feed(&s, str_of(much, sizeof much));
    assert_int_equal(err, ERR_TOO_BIG);
    json_stream_release(&s);
}

/* ---- alignments ---- */
static struct json *parsed(struct arena *a, const char *text)
{
    struct json *json = NULL;
    struct error e = {0};
    if (json_parse(a, str_c(text), &json, &e) != ERR_OK)
        fail_msg("%s: %s", text, e.message);
    return json;
}

static void is_word(const struct tts_word *w, const char *text, uint32_t from, uint32_t to)
{
    if (!str_eq(w->text, str_c(text)) || w->from_ms != from || w->to_ms != to)
        fail_msg("'%.*s' %u..%u, expected '%s' %u..%u", STR_ARG(w->text), w->from_ms, w->to_ms, text, from,
                 to);
}

static void characters_make_words(void **state)
{
    struct arena a = ARENA_INIT;
    struct aligner al = {0};
    struct tts_word *words;
    size_t n;
    (void)state;
    assert_true(align_characters(&al,
                                 parsed(&a, "{\"characters\":[\"H\",\"i\",\" \",\"d\"],"
                                            "\"character_start_times_seconds\":[0,0.1,0.2,0.25],"
                                            "\"character_end_times_seconds\":[0.1,0.2,0.25,0.3]}"),
                                 0, &a, &words, &n));
    assert_int_equal(n, 1);
    is_word(&words[0], "Hi", 0, 200);
    /* The word goes on in a piece whose times are its own. */
    assert_true(align_characters(&al,
                                 parsed(&a, "{\"characters\":[\"u\",\"\xc3\xa9\",\" \",\" \",\".\"],"
                                            "\"character_start_times_seconds\":[0,0.1,0.2,0.3,0.4],"
                                            "\"character_end_times_seconds\":[0.1,0.2,0.3,0.4,0.5]}"),
                                 300, &a, &words, &n));
    assert_int_equal(n, 1);
    is_word(&words[0], "du\xc3\xa9", 250, 500);
    align_end(&al, &a, &words, &n);
    assert_int_equal(n, 1);
    is_word(&words[0], ".", 700, 800);
    align_end(&al, &a, &words, &n);
    assert_int_equal(n, 0);
    aligner_release(&al);
    arena_release(&a);
}

static void nonsense_ends_an_alignment(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"characters\":[\"a\"],\"character_start_times_seconds\":[0],\"character_end_times_seconds\":[]}",
        "{\"characters\":[\"a\"],\"character_start_times_seconds\":[-1],\"character_end_times_seconds\":[1]}",
        "{\"characters\":[\"a\"],\"character_start_times_seconds\":[2],\"character_end_times_seconds\":[1]}",
        "{\"characters\":[7],\"character_start_times_seconds\":[0],\"character_end_times_seconds\":[1]}",
        "{\"characters\":[\"a\"],\"character_start_times_seconds\":[\"0\"],\"character_end_times_seconds\":["
        "1]}",
        "{\"characters\":[\"a\"],\"character_start_times_seconds\":[0],\"character_end_times_seconds\":[1e9]"
        "}",
        "{\"characters\":[\"a\",\"b\"],\"character_start_times_seconds\":[5,1],"
        "\"character_end_times_seconds\":[6,2]}",
        "{\"characters\":{\"a\":1},\"character_start_times_seconds\":[0],\"character_end_times_seconds\":[1]"
        "}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena a = ARENA_INIT;
        struct aligner al = {0};
        struct tts_word *words;
        size_t n;
        assert_false(align_characters(&al, parsed(&a, bad[i]), 0, &a, &words, &n));
        assert_int_equal(n, 0);
        assert_false(align_characters(&al,
                                      parsed(&a, "{\"characters\":[],\"character_start_times_seconds\":[],"
                                                 "\"character_end_times_seconds\":[]}"),
                                      0, &a, &words, &n)); /* once broken, always broken */
        align_end(&al, &a, &words, &n);
        assert_int_equal(n, 0);
        aligner_release(&al);
        arena_release(&a);
    }
}

static void segments_are_told_once(void **state)
{
    struct arena a = ARENA_INIT;
    struct aligner al = {0};
    struct tts_word *words;
    size_t n;
    (void)state;
    assert_true(align_segments(&al,
                               parsed(&a, "{\"segments\":[{\"text\":\"[joy]\",\"start\":0,\"end\":0},"
                                          "{\"text\":\"I\",\"start\":0,\"end\":0.16}]}"),
                               0, 0, &a, &words, &n));
    assert_int_equal(n, 1);
    is_word(&words[0], "I", 0, 160);
    assert_true(align_segments(&al,
                               parsed(&a, "{\"segments\":[{\"text\":\"[joy]\",\"start\":0,\"end\":0},"
                                          "{\"text\":\"I\",\"start\":0,\"end\":0.16},"
                                          "{\"text\":\" can't \",\"start\":0.16,\"end\":0.48}]}"),
                               0, 0, &a, &words, &n));
    assert_int_equal(n, 1);
    is_word(&words[0], "can't", 160, 480);
    assert_true(align_segments(&al, parsed(&a, "{\"segments\":[{\"text\":\"be\",\"start\":0,\"end\":0.2}]}"),
                               1, .5, &a, &words, &n));
    assert_int_equal(n, 1);
    is_word(&words[0], "be", 500, 700);
    assert_false(align_segments(&al, parsed(&a, "{\"segments\":[{\"text\":\"x\",\"start\":0,\"end\":0.1}]}"),
                                2, 0, &a, &words, &n));
    assert_false(align_segments(&al, NULL, 3, 1, &a, &words, &n));
    aligner_release(&al);
    arena_release(&a);
}

static void what_was_said(void **state)
{
    const struct tts_word words[] = {{STR("Apples"), 0, 1}, {STR("grow"), 1, 2}, {STR("on"), 2, 3}};
    (void)state;
    assert_int_equal(chain_said(STR("Apples grow on trees"), words, 0), 0);
    assert_int_equal(chain_said(STR("Apples grow on trees"), words, 2), 11);
    assert_int_equal(chain_said(STR("Apples grow on trees"), words, 3), 14);
    assert_int_equal(chain_said(STR("Pears grow on trees"), words, 2), SIZE_MAX);
    assert_int_equal(chain_said(STR(""), words, 1), SIZE_MAX);
}

/* ---- failures ---- */
static void failures_are_explained(void **state)
{
    static const struct {
        int status;
        const char *body, *code, *said;
        unsigned flags;
    } cases[] = {
        {401, "{\"detail\":{\"message\":\"Invalid key\"}}", "auth", "Invalid key", 0},
        {401, "{\"detail\":{\"status\":\"quota_exceeded\",\"message\":\"no credits\"}}", "quota",
         "no credits", 0},
        {402, "", "quota", "", 0},
        {403, "<html>no</html>", "auth", "(403).", 0},
        {404, "{\"error\":{\"message\":\"no such voice\"}}", "upstream_refused", "no such voice", 0},
        {422, "{\"detail\":[{\"msg\":\"text too long\"}]}", "upstream_refused", "text too long", 0},
        {429, "slow down", "rate_limit", "slow down", REMOTE_RETRY},
        {500, "{\"error\":\"s3cret-key leaked\"}", "upstream_unavailable", "*** leaked",
         REMOTE_RETRY | REMOTE_SICK},
        {503, "", "overloaded", "(503)", REMOTE_RETRY | REMOTE_SICK},
        {302, "", "malformed", "base_url", REMOTE_SICK},
    };
    struct remote_endpoint at;
    (void)state;
    remote_endpoint_init(&at, STR("mine"), STR("https://user:pw@host.example:8443/v1?key=1"),
                         STR("s3cret-key"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        assert_int_not_equal(remote_refused(&e, &at, cases[i].status, str_c(cases[i].body)), ERR_OK);
        assert_string_equal(e.code, cases[i].code);
        assert_int_equal(remote_flags(&e), cases[i].flags);
        if (!strstr(e.message, cases[i].said) || strstr(e.message, "<html>") ||
            strstr(e.message, "s3cret-key") || strstr(e.message, "pw") || strstr(e.message, "key=1"))
            fail_msg("%d: %s", cases[i].status, e.message);
    }
    struct error ours = {.err = ERR_NOT_FOUND};
    assert_int_equal(remote_flags(&ours), 0);
    CLEANUP_BUF struct buf b = BUF_INIT;
    remote_encode(&b, STR("a b&c/\xc3\xa9~"));
    assert_str(buf_str(&b), "a%20b%26c%2F%C3%A9~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wav_at_every_split),       cmocka_unit_test(raw_at_every_split),
        cmocka_unit_test(no_sound_is_refused),      cmocka_unit_test(resampling_keeps_length),
        cmocka_unit_test(documents_at_every_split), cmocka_unit_test(documents_have_a_ceiling),
        cmocka_unit_test(characters_make_words),    cmocka_unit_test(nonsense_ends_an_alignment),
        cmocka_unit_test(segments_are_told_once),   cmocka_unit_test(what_was_said),
        cmocka_unit_test(failures_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
