/* See asr_read.h. */
#include "voice/asr_read.h"

#include "base/json.h"
#include "base/utf8.h"

#include <math.h>

enum { PHANTOM_BYTES_MAX = 120 };

static double rounded(double value, double places)
{
    return round(value * places) / places;
}

/* ---- what is made up ---- */

/* Without punctuation and case, as phantoms are told in every spelling. */
static size_t letters_of(struct str text, char to[PHANTOM_BYTES_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        /* The punctuation of Chinese and Japanese: U+3000..U+303F and the wide forms. */
        if (str_starts(str_from(text, i), STR("\xe3\x80")) ||
            str_starts(str_from(text, i), STR("\xef\xbc"))) {
            i += 2;
            continue;
        }
        bool letter = (c >= 'a' && c <= 'z') || (c & 0x80);
        if (c >= 'A' && c <= 'Z')
            letter = true, c = (char)(c - 'A' + 'a');
        if (!letter)
            continue;
        if (n == PHANTOM_BYTES_MAX)
            return 0;
        to[n++] = c;
    }
    return n;
}

bool asr_is_phantom(struct str text, uint32_t speech_ms)
{
    /* Reported again and again by users of Whisper: the ends of subtitle files. People say the first of them,
     * too, so they count only where there is too little speech for them; the others are credits. */
    static const struct {
        const char *letters;
        bool credit;
    } phantoms[] = {
        {"you", false},
        {"bye", false},
        {"byebye", false},
        {"so", false},
        {"thankyou", false},
        {"thankyouforwatching", false},
        {"thanksforwatching", false},
        {"thankyousomuchforwatching", false},
        {"thanksforlistening", false},
        {"pleasesubscribe", false},
        {"seeyounexttime", false},
        {"seeyouinthenextvideo", false},
        {"vielendank", false},
        {"vielendankfürszuschauen", false},
        {"obrigado", false},
        {"graciasporver", false},
        {"ご視聴ありがとうございました", false},
        {"谢谢观看", false},
        {"продолжениеследует", false},
        {"dontforgettosubscribe", true},
        {"pleasesubscribetomychannel", true},
        {"likeandsubscribe", true},
        {"subtitlesby", true},
        {"subtitlesbytheamaraorgcommunity", true},
        {"transcriptionbycastingwords", true},
        {"music", true},
        {"silence", true},
        {"blankaudio", true},
        {"applause", true},
        {"inaudible", true},
        {"untertitelderamaraorgcommunity", true},
        {"untertiteldeszdffrfunk", true},
        {"untertitelimauftragdeszdffrfunk", true},
        {"soustitresréalisésparalacommunautédamaraorg", true},
        {"soustitresréalisésparlacommunautédamaraorg", true},
        {"subtítulosrealizadosporlacomunidaddeamaraorg", true},
        {"sottotitolicreatidallacomunitàamaraorg", true},
        {"legendaspelacomunidadeamaraorg", true},
        {"请不吝点赞订阅转发打赏支持明镜与点点栏目", true},
    };
    char letters[PHANTOM_BYTES_MAX];
    size_t n = letters_of(text, letters);
    for (size_t i = 0; n && i < sizeof phantoms / sizeof *phantoms; i++) {
        if (str_eq(str_of(letters, n), str_c(phantoms[i].letters)))
            return speech_ms < (phantoms[i].credit ? ASR_CREDIT_SPEECH_MS : n * ASR_LETTER_MS);
    }
    return false;
}

static bool invented(const struct json *segment, struct str text, uint32_t speech_ms)
{
    double nobody = json_get_double(segment, "no_speech_prob", 0);
    double likely = json_get_double(segment, "avg_logprob", 0);
    double again = json_get_double(segment, "compression_ratio", 0);
    return (nobody > ASR_NO_SPEECH && likely < ASR_LOGPROB) || again > ASR_COMPRESSION ||
           asr_is_phantom(text, speech_ms);
}

/* ---- shapes ---- */
static double confidence_of(const struct json *segment)
{
    const struct json *likely = json_get(segment, "avg_logprob");
    double value;
    return likely && json_double(likely, &value) ? fmin(1, exp(value)) : NAN;
}

static void write_sure(struct jw *w, double sure)
{
    jw_kv_double(w, "confidence", isnan(sure) ? sure : rounded(sure, 1000));
}

/* A time that a recogniser told, within the sound: some tell times before its beginning or long after its
 * end. */
static double on_clock(double seconds, double length)
{
    return seconds > 0 ? rounded(fmin(seconds, length), 1000) : 0;
}

static struct str word_text(const struct json *word)
{
    return str_trim(json_get_str(word, "word", json_get_str(word, "text", STR_NONE)));
}

static size_t write_words(struct jw *w, const struct json *list, double from, double to, double length)
{
    size_t n = 0;
    if (!list || list->type != JSON_ARRAY)
        return 0;
    json_each (word, list) {
        double start = json_get_double(word, "start", NAN), end = json_get_double(word, "end", NAN);
        struct str text = word_text(word);
        double sure = json_get_double(word, "probability", NAN);
        /* Words that stand apart from their segments belong to the one they begin in. */
        if (!text.n || !(start >= from - 1e-6) || !(start < to) || !(end >= start))
            continue;
        jw_object(w);
        jw_kv_string(w, "word", text);
        jw_kv_double(w, "start", on_clock(start, length));
        jw_kv_double(w, "end", on_clock(end, length));
        if (!isnan(sure))
            jw_kv_double(w, "confidence", rounded(sure, 1000));
        jw_end_object(w);
        n++;
    }
    return n;
}

struct whole {
    double length; /* of the sound, in seconds */
    struct buf text, segments;
    struct jw w;
    unsigned count;
    double sure, weight;
    bool known;
};

static void add_segment(struct whole *whole, const struct json *segment, const struct json *words,
                        double next_start, uint32_t speech_ms)
{
    struct str text = str_trim(json_get_str(segment, "text", STR_NONE));
    double start = json_get_double(segment, "start", 0), end = json_get_double(segment, "end", start);
    double sure = confidence_of(segment), from = on_clock(start, whole->length),
           to = on_clock(end > start ? end : start, whole->length), length = to > from ? to - from : .01;
    const struct json *own = json_get(segment, "words");
    if (!text.n || invented(segment, text, speech_ms))
        return;
    jw_object(&whole->w);
    jw_kv_u64(&whole->w, "id", whole->count++);
    jw_kv_double(&whole->w, "start", from);
    jw_kv_double(&whole->w, "end", to);
    jw_kv_string(&whole->w, "text", text);
    write_sure(&whole->w, sure);
    jw_key(&whole->w, STR("words"));
    jw_array(&whole->w);
    if (own)
        write_words(&whole->w, own, -INFINITY, INFINITY, whole->length);
    else
        write_words(&whole->w, words, start, next_start, whole->length);
    jw_end_array(&whole->w);
    jw_end_object(&whole->w);
    if (whole->text.n)
        buf_add_char(&whole->text, ' ');
    buf_add(&whole->text, text);
    if (!isnan(sure)) {
        whole->sure += sure * length;
        whole->weight += length;
    }
}

static void write_whole(struct buf *to, struct str text, struct str language, uint32_t duration_ms,
                        double sure, struct str segments)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "text", text);
    jw_kv_string(&w, "language", language);
    write_sure(&w, sure);
    jw_kv_u64(&w, "duration_ms", duration_ms);
    jw_kv_raw(&w, "segments", segments);
    jw_end_object(&w);
}

void asr_write_plain(struct buf *to, struct str text, struct str language, uint32_t duration_ms,
                     double confidence)
{
    CLEANUP_BUF struct buf segments = BUF_INIT;
    struct jw w = JW(&segments);
    text = str_trim(text);
    jw_array(&w);
    if (text.n) {
        jw_object(&w);
        jw_kv_u64(&w, "id", 0);
        jw_kv_double(&w, "start", 0);
        jw_kv_double(&w, "end", rounded(duration_ms / 1000.0, 1000));
        jw_kv_string(&w, "text", text);
        write_sure(&w, confidence);
        jw_kv_raw(&w, "words", STR("[]"));
        jw_end_object(&w);
    }
    jw_end_array(&w);
    write_whole(to, text, language, duration_ms, confidence, buf_str(&segments));
}

/* The mean of the tokens' probabilities that the gpt-4o models tell on request. */
static double sure_of_tokens(const struct json *tokens)
{
    double sum = 0, value;
    size_t n = 0;
    if (!tokens || tokens->type != JSON_ARRAY)
        return NAN;
    json_each (token, tokens) {
        const struct json *p = json_get(token, "logprob");
        if (p && json_double(p, &value))
            sum += exp(value), n++;
    }
    return n ? sum / (double)n : NAN;
}

enum err asr_read_answer(struct arena *a, struct str body, struct str language, uint32_t duration_ms,
                         uint32_t speech_ms, struct buf *to, struct error *e)
{
    struct json *json = NULL;
    struct error why = {0};
    if (json_parse(a, body, &json, &why) != ERR_OK || json->type != JSON_OBJECT)
        return error_set(e, ERR_UPSTREAM, "The recogniser's answer is no JSON object.");
    const struct json *text = json_get(json, "text"), *segments = json_get(json, "segments");
    if (!text || text->type != JSON_STRING)
        return error_set(e, ERR_UPSTREAM, "The recogniser's answer has no text.");
    struct str told = json_get_str(json, "language", language);
    struct str code = asr_language_code(a, told.n ? told : language);
    if (!segments || segments->type != JSON_ARRAY || !segments->count) {
        struct str said = str_trim(text->string);
        bool phantom = asr_is_phantom(said, speech_ms);
        asr_write_plain(to, phantom ? STR_NONE : said, code, duration_ms,
                        sure_of_tokens(json_get(json, "logprobs")));
        return ERR_OK;
    }
    struct whole whole = {.length = duration_ms / 1000.0};
    whole.w = JW(&whole.segments);
    jw_array(&whole.w);
    json_each (segment, segments) {
        double next = segment->next ? json_get_double(segment->next, "start", INFINITY) : INFINITY;
        add_segment(&whole, segment, json_get(json, "words"), next, speech_ms);
    }
    jw_end_array(&whole.w);
    write_whole(to, buf_str(&whole.text), code, duration_ms,
                whole.weight > 0 ? whole.sure / whole.weight : NAN, buf_str(&whole.segments));
    buf_release(&whole.text);
    buf_release(&whole.segments);
    return ERR_OK;
}
