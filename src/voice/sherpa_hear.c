/*
 * The child's ear; see sherpa_hear.h.
 *
 * A result of sherpa-onnx's is JSON: {"lang","text","timestamps":[s],"durations":[s],"tokens":[...],
 * "ys_log_probs":[...]}. Its writer escapes quotes but no control characters, so those are made spaces first.
 * Tokens are pieces of words: one that begins a word has a space (or U+2581) before it in English models, and
 * stands for itself in Chinese ones. They are laid along the text; where they do not fit, words have no
 * times.
 */
#include "voice/sherpa_hear.h"

#include "base/json.h"
#include "base/utf8.h"
#include "voice/asr_read.h"
#include "voice/vad.h"

#include <math.h>
#include <stdlib.h>

enum { RATE = 16000 };
static const double WORD_LONGEST_S = .6; /* of one whose end nobody tells */

struct token {
    struct str text;
    double at_s, for_s, sure; /* for_s < 0, sure < 0: not told */
};

static double rounded(double value, double places)
{
    return round(value * places) / places;
}

/* ---- tokens to words ---- */
static const struct json *children(const struct json *result, const char *key)
{
    const struct json *list = json_get(result, key);
    return list && list->type == JSON_ARRAY ? list->child : NULL;
}

static double next_number(const struct json **at, double fallback)
{
    double value = fallback;
    if (*at) {
        json_double(*at, &value);
        *at = (*at)->next;
    }
    return value;
}

/* A token without the marks of where a word begins or goes on. */
static struct str bare(struct str s)
{
    static const struct str under = STR("\xe2\x96\x81"), more = STR("@@");
    s = str_trim(s);
    while (str_starts(s, under))
        s = str_from(s, under.n);
    return str_ends(s, more) ? str_sub(s, 0, s.n - more.n) : str_trim(s);
}

static size_t read_tokens(struct arena *a, const struct json *result, struct token **out)
{
    const struct json *list = json_get(result, "tokens"), *times = children(result, "timestamps"),
                      *lengths = children(result, "durations"), *sure = children(result, "ys_log_probs");
    size_t n = 0;
    *out = arena_array(a, struct token, (list && list->type == JSON_ARRAY ? list->count : 0) + 1);
    if (!times)
        return 0;
    for (const struct json *item = children(result, "tokens"); item && times; item = item->next) {
        double log_sure = next_number(&sure, 1);
        struct token *t = &(*out)[n++];
        *t = (struct token){bare(item->string), next_number(&times, 0), next_number(&lengths, -1),
                            log_sure <= 0 ? exp(log_sure) : -1};
    }
    return n;
}

/* The next word of the text: what stands between spaces; a token's own text where there are none (Chinese).
 */
static struct str next_word(struct str *text, const struct token *t, bool spaced)
{
    *text = str_trim(*text);
    size_t end = 0;
    if (!spaced && str_starts(*text, t->text))
        end = t->text.n;
    else
        while (end < text->n && text->p[end] != ' ')
            end++;
    struct str word = str_sub(*text, 0, end);
    *text = str_from(*text, end);
    return word;
}

/* How many tokens from `at` on make this word; 0: they do not. */
static size_t tokens_of(const struct token *tokens, size_t count, size_t at, struct str word)
{
    size_t from = at, n = 0;
    while (at < count && n < word.n) {
        struct str t = tokens[at].text;
        if (!str_ieq(str_sub(word, n, t.n), t))
            return 0;
        n += t.n;
        at++;
    }
    return n == word.n ? at - from : 0;
}

static double end_of(const struct token *tokens, size_t count, size_t last, double longest_s)
{
    double at = tokens[last].at_s, end = at + WORD_LONGEST_S;
    if (tokens[last].for_s > 0)
        end = at + tokens[last].for_s;
    else if (last + 1 < count && tokens[last + 1].at_s < end)
        end = tokens[last + 1].at_s;
    return fmin(end, longest_s);
}

/* Whether all words found their tokens; `words` is a JSON array then. */
static bool write_words(struct buf *words, struct str text, const struct token *tokens, size_t count,
                        double from_s, double to_s)
{
    struct jw w = JW(words);
    bool spaced = str_find_char(str_trim(text), ' ') != SIZE_MAX || count < 2;
    size_t at = 0;
    jw_array(&w);
    for (text = str_trim(text); text.n; text = str_trim(text)) {
        while (at < count && !tokens[at].text.n)
            at++; /* a mark of its own */
        if (at == count)
            return false;
        struct str word = next_word(&text, &tokens[at], spaced);
        size_t n = tokens_of(tokens, count, at, word);
        double sure = 0;
        if (!n)
            return false;
        for (size_t i = at; i < at + n; i++)
            sure += tokens[i].sure;
        jw_object(&w);
        jw_kv_string(&w, "word", word);
        jw_kv_double(&w, "start", rounded(fmin(from_s + tokens[at].at_s, to_s), 100));
        jw_kv_double(&w, "end", rounded(from_s + end_of(tokens, count, at + n - 1, to_s - from_s), 100));
        if (sure > 0)
            jw_kv_double(&w, "confidence", rounded(sure / (double)n, 1000));
        jw_end_object(&w);
        at += n;
    }
    jw_end_array(&w);
    return true;
}

/* ---- a result ---- */
/* "<|en|>" of SenseVoice, "en" of Whisper. */
static struct str language_of(struct arena *a, struct str told)
{
    while (told.n && !((told.p[0] | 0x20) >= 'a' && (told.p[0] | 0x20) <= 'z'))
        told = str_from(told, 1);
    size_t n = 0;
    while (n < told.n && (told.p[n] | 0x20) >= 'a' && (told.p[n] | 0x20) <= 'z')
        n++;
    return n ? asr_language_code(a, str_sub(told, 0, n)) : STR_NONE;
}

enum err sherpa_hear_result(struct arena *a, struct str result, double from_s, double to_s,
                            struct sherpa_heard *heard, struct jw *w, struct error *e)
{
    CLEANUP_BUF struct buf words = BUF_INIT;
    struct json *json = NULL;
    struct token *tokens;
    char *clean = arena_cstr(a, result);
    for (size_t i = 0; i < result.n; i++)
        clean[i] = (unsigned char)clean[i] < ' ' ? ' ' : clean[i];
    if (!utf8_valid(str_of(clean, result.n)) || json_parse(a, str_of(clean, result.n), &json, NULL) != ERR_OK)
        return error_set(e, ERR_UNAVAILABLE, "gave a transcript that cannot be read.");
    struct str text = str_trim(json_get_str(json, "text", STR_NONE));
    if (!heard->language.n)
        heard->language = language_of(a, json_get_str(json, "lang", STR_NONE));
    if (!text.n)
        return ERR_OK;
    size_t count = read_tokens(a, json, &tokens);
    double sure = 0;
    size_t sure_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].sure >= 0)
            sure += tokens[i].sure, sure_count++;
    }
    jw_object(w);
    jw_kv_u64(w, "id", heard->segments++);
    jw_kv_double(w, "start", rounded(from_s, 100));
    jw_kv_double(w, "end", rounded(to_s, 100));
    jw_kv_string(w, "text", text);
    if (sure_count)
        jw_kv_double(w, "confidence", rounded(sure / (double)sure_count, 1000));
    else
        jw_kv_null(w, "confidence");
    if (count && write_words(&words, text, tokens, count, from_s, to_s))
        jw_kv_raw(w, "words", buf_str(&words));
    jw_end_object(w);
    if (heard->text.n)
        buf_add_char(&heard->text, ' ');
    buf_add(&heard->text, text);
    heard->sure += sure;
    heard->sure_count += sure_count;
    return ERR_OK;
}

/* ---- sound ---- */
static enum err hear_piece(struct arena *a, const struct sherpa_lib *lib, const void *ear,
                           const int16_t *samples, size_t from, size_t to, struct sherpa_heard *heard,
                           struct jw *w, struct error *e)
{
    const void *stream = lib->new_stream(ear);
    float *sound = heap_alloc((to - from) * sizeof *sound + 1);
    enum err err = ERR_OK;
    for (size_t i = from; i < to; i++)
        sound[i - from] = (float)samples[i] / 32768;
    const char *json = NULL;
    if (stream) {
        lib->feed(stream, RATE, sound, (int32_t)(to - from));
        lib->decode(ear, stream);
        json = lib->result(stream);
    }
    if (json)
        err = sherpa_hear_result(a, str_c(json), (double)from / RATE, (double)to / RATE, heard, w, e);
    else
        err = error_set(e, ERR_UNAVAILABLE, "could not hear this.");
    if (json)
        lib->free_result(json);
    if (stream)
        lib->free_stream(stream);
    free(sound);
    return err;
}

enum err sherpa_hear(const struct sherpa_lib *lib, const void *ear, const int16_t *samples, size_t count,
                     struct str language, struct buf *json, struct error *e)
{
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf segments = BUF_INIT;
    struct sherpa_heard heard = {.text = BUF_INIT};
    struct jw w = JW(&segments), all = JW(json);
    size_t n, most = (size_t)SHERPA_PIECE_MS * RATE / 1000;
    enum err err = ERR_OK;
    struct vad_span *spans = vad_spans(&a, samples, count, &n);
    jw_array(&w);
    for (size_t i = 0; !err && i < n;) {
        size_t from = spans[i].from, to = spans[i].to;
        for (i++; i < n && spans[i].to - from <= most; i++)
            to = spans[i].to;
        for (; !err && from < to; from += most) /* one who never pauses is cut all the same */
            err = hear_piece(&a, lib, ear, samples, from, to - from > most ? from + most : to, &heard, &w, e);
    }
    jw_end_array(&w);
    jw_object(&all);
    jw_kv_string(&all, "text", buf_str(&heard.text));
    jw_kv_string(&all, "language", heard.language.n ? heard.language : asr_language_code(&a, language));
    if (heard.sure_count)
        jw_kv_double(&all, "confidence", rounded(heard.sure / (double)heard.sure_count, 1000));
    else
        jw_kv_null(&all, "confidence");
    jw_kv_u64(&all, "duration_ms", count * 1000 / RATE);
    jw_kv_raw(&all, "segments", buf_str(&segments));
    jw_end_object(&all);
    buf_release(&heard.text);
    arena_release(&a);
    return err;
}
