/* Reading SSML with expat; see ssml.h. A stack holds what the open elements ask for. */
#include "voice/ssml.h"

#include "base/buf.h"

#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct level {
    struct tts_prosody prosody;
    struct str voice;
    struct str say_as;
    bool instead; /* its text was said in another way (sub) */
};

struct reading {
    struct arena *arena;
    struct ssml_piece *list;
    size_t count, cap;
    struct level stack[SSML_DEPTH_MAX];
    size_t depth;
    struct buf text; /* of the present piece */
    struct tts_prosody prosody;
    struct str voice;
    XML_Parser xml;
    enum err err;
    struct error error;
};

static void refuse(struct reading *r, const char *what)
{
    if (r->err)
        return;
    r->err =
        error_set(&r->error, ERR_INVALID, "The SSML %s (line %lu).", what, XML_GetCurrentLineNumber(r->xml));
    XML_StopParser(r->xml, XML_FALSE);
}

static struct ssml_piece *piece(struct reading *r)
{
    if (r->count == SSML_PIECES_MAX) {
        refuse(r, "has more parts than are allowed at once; send it in pieces");
        return &r->list[r->count - 1];
    }
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct ssml_piece *more = arena_array(r->arena, struct ssml_piece, cap);
        if (r->count)
            memcpy(more, r->list, r->count * sizeof *more);
        r->list = more;
        r->cap = cap;
    }
    return &r->list[r->count++];
}

/* What was gathered becomes a piece. */
static void flush(struct reading *r)
{
    struct str text = str_trim(buf_str(&r->text));
    if (text.n)
        *piece(r) =
            (struct ssml_piece){.text = arena_str(r->arena, text), .prosody = r->prosody, .voice = r->voice};
    buf_clear(&r->text);
}

static void add_pause(struct reading *r, double ms)
{
    flush(r);
    if (ms >= 1)
        *piece(r) =
            (struct ssml_piece){.pause_ms = (uint32_t)(ms < SSML_BREAK_MAX_MS ? ms : SSML_BREAK_MAX_MS)};
}

static struct str attribute(const XML_Char **attributes, const char *name)
{
    for (; attributes && attributes[0]; attributes += 2) {
        if (!strcmp(attributes[0], name))
            return str_c(attributes[1]);
    }
    return STR_NONE;
}

struct named {
    const char *name;
    double value;
};

static bool by_name(struct str text, const struct named *table, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(text, str_c(table[i].name))) {
            *out = table[i].value;
            return true;
        }
    }
    return false;
}
#define BY_NAME(text, table, out) by_name((text), (table), sizeof(table) / sizeof *(table), (out))

/* "+10%", "120%", "1.2", "+2st", "-6dB" as a factor; false where it is none of them. */
static bool factor(struct str text, double *out)
{
    char copy[32], *end;
    str_copy(copy, sizeof copy, text);
    double value = strtod(copy, &end);
    bool sign = copy[0] == '+' || copy[0] == '-';
    if (end == copy || !isfinite(value))
        return false;
    if (!strcmp(end, "%"))
        *out = sign ? 1 + value / 100 : value / 100;
    else if (!strcmp(end, "st"))
        *out = pow(2, value / 12);
    else if (!strcmp(end, "dB"))
        *out = pow(10, value / 20);
    else if (!*end && !sign)
        *out = value;
    else
        return false;
    return *out > 0;
}

static void ask_prosody(struct tts_prosody *p, const XML_Char **attributes)
{
    static const struct named rates[] = {{"x-slow", .5}, {"slow", .75},  {"medium", 1},
                                         {"default", 1}, {"fast", 1.25}, {"x-fast", 1.6}};
    static const struct named pitches[] = {{"x-low", .75}, {"low", .87},   {"medium", 1},
                                           {"default", 1}, {"high", 1.15}, {"x-high", 1.3}};
    static const struct named volumes[] = {{"silent", 0},  {"x-soft", .3}, {"soft", .6},   {"medium", 1},
                                           {"default", 1}, {"loud", 1.4},  {"x-loud", 1.8}};
    struct str rate = attribute(attributes, "rate"), pitch = attribute(attributes, "pitch"),
               volume = attribute(attributes, "volume");
    double value;
    if (BY_NAME(rate, rates, &value) || factor(rate, &value))
        p->rate *= value;
    if (BY_NAME(pitch, pitches, &value) || factor(pitch, &value))
        p->pitch *= value;
    if (BY_NAME(volume, volumes, &value))
        p->volume *= value;
    else if (factor(volume, &value)) /* SSML 1.0 counts 0..100 */
        p->volume *=
            !str_ends(volume, STR("dB")) && !str_ends(volume, STR("%")) && value > 2 ? value / 100 : value;
}

static double pause_of(const XML_Char **attributes)
{
    static const struct named strengths[] = {{"none", 0},     {"x-weak", 50},  {"weak", 150},
                                             {"medium", 400}, {"strong", 800}, {"x-strong", 1500}};
    struct str time = attribute(attributes, "time");
    char copy[32], *end;
    double value = 400;
    str_copy(copy, sizeof copy, time);
    double number = strtod(copy, &end);
    if (end != copy && !strcmp(end, "ms"))
        return number;
    if (end != copy && !strcmp(end, "s"))
        return number * 1000;
    BY_NAME(attribute(attributes, "strength"), strengths, &value);
    return value;
}

static void ask_emphasis(struct tts_prosody *p, struct str level)
{
    bool strong = str_eq(level, STR("strong")), less = str_eq(level, STR("reduced"));
    if (str_eq(level, STR("none")))
        return;
    p->rate *= strong ? .8 : less ? 1.12 : .9;
    p->pitch *= strong ? 1.12 : less ? .95 : 1.06;
    p->volume *= strong ? 1.3 : less ? .8 : 1.15;
}

static bool block(const char *name)
{
    return !strcmp(name, "p") || !strcmp(name, "s");
}

static void on_open(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *r = arg;
    if (r->depth + 1 == SSML_DEPTH_MAX) {
        refuse(r, "is nested deeper than is allowed");
        return;
    }
    if (!r->depth && strcmp(name, "speak") != 0) {
        refuse(r, "does not begin with <speak>");
        return;
    }
    struct level *now = &r->stack[r->depth + 1];
    *now = r->stack[r->depth];
    now->say_as = STR_NONE;
    r->depth++;
    if (!strcmp(name, "break")) {
        add_pause(r, pause_of(attributes));
    } else if (!strcmp(name, "mark")) {
        flush(r);
        *piece(r) = (struct ssml_piece){.mark = arena_str(r->arena, attribute(attributes, "name"))};
    } else if (!strcmp(name, "prosody")) {
        flush(r);
        ask_prosody(&now->prosody, attributes);
    } else if (!strcmp(name, "emphasis")) {
        flush(r);
        ask_emphasis(&now->prosody, attribute(attributes, "level"));
    } else if (!strcmp(name, "voice")) {
        flush(r);
        now->voice = arena_str(r->arena, attribute(attributes, "name"));
    } else if (!strcmp(name, "say-as")) {
        now->say_as = arena_str(r->arena, attribute(attributes, "interpret-as"));
    } else if (!strcmp(name, "sub")) {
        now->instead = true;
        buf_add(&r->text, attribute(attributes, "alias"));
    } else if (block(name)) {
        flush(r);
    }
    r->prosody = now->prosody;
    r->voice = now->voice;
}

static void on_close(void *arg, const XML_Char *name)
{
    struct reading *r = arg;
    enum { PARAGRAPH_MS = 500, SENTENCE_MS = 200 };
    if (!strcmp(name, "prosody") || !strcmp(name, "emphasis") || !strcmp(name, "voice"))
        flush(r);
    else if (block(name))
        add_pause(r, name[0] == 'p' ? PARAGRAPH_MS : SENTENCE_MS);
    r->depth--;
    r->prosody = r->stack[r->depth].prosody;
    r->voice = r->stack[r->depth].voice;
}

/* "B2B" -> "B, 2, B": each by itself, with a comma's pause. */
static void spell(struct buf *to, struct str text)
{
    bool first = true;
    for (size_t i = 0; i < text.n;) {
        size_t n = 1;
        while (i + n < text.n && ((unsigned char)text.p[i + n] & 0xc0) == 0x80)
            n++;
        struct str one = str_sub(text, i, n);
        i += n;
        if (n == 1 && (one.p[0] == ' ' || one.p[0] == '-' || one.p[0] == '\n'))
            continue;
        if (!first)
            buf_add(to, STR(", "));
        buf_add(to, one);
        first = false;
    }
}

static void on_text(void *arg, const XML_Char *text, int n)
{
    struct reading *r = arg;
    const struct level *now = &r->stack[r->depth];
    struct str s = str_of(text, (size_t)n);
    if (now->instead)
        return;
    if (str_eq(now->say_as, STR("characters")) || str_eq(now->say_as, STR("spell-out")) ||
        str_eq(now->say_as, STR("digits")) || str_eq(now->say_as, STR("telephone")))
        spell(&r->text, s);
    else
        buf_add(&r->text, s);
}

static void on_entity(void *arg, const XML_Char *name, int is_parameter, const XML_Char *value, int length,
                      const XML_Char *base, const XML_Char *system, const XML_Char *public,
                      const XML_Char *notation)
{
    (void)name, (void)is_parameter, (void)value, (void)length;
    (void)base, (void)system, (void)public, (void)notation;
    refuse(arg, "declares an entity, which is not allowed");
}

bool ssml_is(struct str text)
{
    text = str_trim(text);
    return str_starts(text, STR("<speak>")) || str_starts(text, STR("<speak ")) ||
           str_starts(text, STR("<?xml")) || str_starts(text, STR("<!DOCTYPE"));
}

enum err ssml_read(struct arena *a, struct str text, struct ssml_piece **out, size_t *count, struct error *e)
{
    if (text.n > SSML_BYTES_MAX)
        return error_set(e, ERR_TEXT_TOO_LONG, "The SSML has %zu bytes; at most %d are allowed at once.",
                         text.n, SSML_BYTES_MAX);
    struct reading r = {.arena = a, .prosody = {1, 1, 1}};
    r.stack[0].prosody = r.prosody;
    r.xml = XML_ParserCreate("UTF-8");
    if (!r.xml)
        abort();
    XML_SetUserData(r.xml, &r);
    XML_SetElementHandler(r.xml, on_open, on_close);
    XML_SetCharacterDataHandler(r.xml, on_text);
    XML_SetEntityDeclHandler(r.xml, on_entity);
    if (XML_Parse(r.xml, text.p ? text.p : "", (int)text.n, 1) != XML_STATUS_OK && !r.err)
        r.err = error_set(&r.error, ERR_INVALID, "The SSML cannot be read: %s (line %lu).",
                          XML_ErrorString(XML_GetErrorCode(r.xml)), XML_GetCurrentLineNumber(r.xml));
    flush(&r);
    XML_ParserFree(r.xml);
    buf_release(&r.text);
    if (r.err) {
        if (e)
            *e = r.error;
        return r.err;
    }
    *out = r.list;
    *count = r.count;
    return ERR_OK;
}
