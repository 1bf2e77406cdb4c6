/* Words from providers' alignments; see align.h. */
#include "voice/align.h"

#include <math.h>

enum { LONGEST_MS = 3600 * 1000 };

void aligner_release(struct aligner *a)
{
    buf_release(&a->word);
}

static bool seconds(const struct json *number, uint32_t *ms)
{
    double s;
    if (!number || !json_double(number, &s) || !(s >= 0) || s * 1000 > LONGEST_MS)
        return false;
    *ms = (uint32_t)lround(s * 1000);
    return true;
}

static bool is_space(struct str c)
{
    return c.n == 1 && (c.p[0] == ' ' || (c.p[0] >= '\t' && c.p[0] <= '\r'));
}

static void close_word(struct aligner *a, struct arena *arena, struct tts_word *words, size_t *count)
{
    if (!a->word.n)
        return;
    words[(*count)++] = (struct tts_word){arena_str(arena, buf_str(&a->word)), a->from_ms, a->to_ms};
    buf_clear(&a->word);
}

static bool broken(struct aligner *a)
{
    a->broken = true;
    buf_clear(&a->word);
    return false;
}

static bool same_length(const struct json *chars, const struct json *starts, const struct json *ends)
{
    return chars && starts && ends && chars->type == JSON_ARRAY && starts->type == JSON_ARRAY &&
           ends->type == JSON_ARRAY && chars->count == starts->count && chars->count == ends->count;
}

static bool take_character(struct aligner *a, struct str c, uint32_t from, uint32_t to, struct arena *arena,
                           struct tts_word *words, size_t *count)
{
    if (to < from || from + ALIGN_BACK_MS < a->last_ms)
        return false;
    a->last_ms = to > a->last_ms ? to : a->last_ms;
    if (is_space(c)) {
        close_word(a, arena, words, count);
        return true;
    }
    if (!a->word.n)
        a->from_ms = from;
    a->to_ms = to;
    buf_add(&a->word, c);
    return true;
}

bool align_characters(struct aligner *a, const struct json *alignment, uint32_t heard_ms, struct arena *arena,
                      struct tts_word **words, size_t *count)
{
    const struct json *chars = json_get(alignment, "characters"),
                      *starts = json_get(alignment, "character_start_times_seconds"),
                      *ends = json_get(alignment, "character_end_times_seconds");
    *words = NULL;
    *count = 0;
    if (a->broken)
        return false;
    if (!same_length(chars, starts, ends))
        return broken(a);
    *words = arena_array(arena, struct tts_word, chars->count + 1);
    const struct json *start = starts->child, *end = ends->child;
    bool first = true;
    json_each (c, chars) {
        uint32_t from, to;
        if (c->type != JSON_STRING || !seconds(start, &from) || !seconds(end, &to)) {
            *count = 0;
            return broken(a);
        }
        if (first && a->last_ms && from + a->base_ms + ALIGN_ANEW_MS < a->last_ms)
            a->base_ms = heard_ms;
        first = false;
        if (!take_character(a, c->string, from + a->base_ms, to + a->base_ms, arena, *words, count)) {
            *count = 0;
            return broken(a);
        }
        start = start->next;
        end = end->next;
    }
    return true;
}

void align_end(struct aligner *a, struct arena *arena, struct tts_word **words, size_t *count)
{
    *words = arena_array(arena, struct tts_word, 1);
    *count = 0;
    if (!a->broken)
        close_word(a, arena, *words, count);
}

bool align_segments(struct aligner *a, const struct json *alignment, uint64_t chunk, double offset_s,
                    struct arena *arena, struct tts_word **words, size_t *count)
{
    const struct json *segments = json_get(alignment, "segments");
    *words = NULL;
    *count = 0;
    if (a->broken)
        return false;
    if (!segments || segments->type != JSON_ARRAY || !(offset_s >= 0) || offset_s * 1000 > LONGEST_MS ||
        chunk == UINT64_MAX)
        return broken(a);
    if (a->chunk != chunk + 1)
        a->told = 0;
    a->chunk = chunk + 1;
    *words = arena_array(arena, struct tts_word, segments->count + 1);
    size_t i = 0;
    json_each (segment, segments) {
        uint32_t from, to, base = (uint32_t)lround(offset_s * 1000);
        struct str text = str_trim(json_get_str(segment, "text", STR_NONE));
        if (!seconds(json_get(segment, "start"), &from) || !seconds(json_get(segment, "end"), &to) ||
            to < from) {
            *count = 0;
            return broken(a);
        }
        if (i++ < a->told)
            continue;
        if (from + base + ALIGN_BACK_MS < a->last_ms) {
            *count = 0;
            return broken(a);
        }
        a->last_ms = to + base > a->last_ms ? to + base : a->last_ms;
        if (text.n && text.p[0] != '[') /* a mark of feeling is not said */
            (*words)[(*count)++] = (struct tts_word){arena_str(arena, text), from + base, to + base};
    }
    a->told = i > a->told ? i : a->told;
    return true;
}
