/*
 * A text becomes sentences to speak, while it is still being written; see speaking.h. What only begins an
 * action or a code block waits for its end, and what cannot be heard (marks alone) is no sentence.
 */
#include "room/speaking.h"

#include "voice/speakable.h"

/* An action or a code block that began and did not end. */
static bool unfinished(struct str text)
{
    bool fence = false, star = false;
    for (size_t i = 0; i < text.n; i++) {
        if (str_starts(str_from(text, i), STR("```"))) {
            fence = !fence;
            i += 2;
        } else if (!fence && text.p[i] == '*') {
            if (i + 1 < text.n && text.p[i + 1] == '*')
                i++;
            else if (star || (i + 1 < text.n && text.p[i + 1] != ' '))
                star = !star;
        }
    }
    return fence || star;
}

static bool audible(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (unsigned char)c >= 0x80)
            return true;
    }
    return false;
}

static LOOP void add(struct speaking *s, size_t from, struct str text)
{
    CLEANUP_BUF struct buf say = BUF_INIT;
    size_t lead = (size_t)(str_trim(buf_str(&s->text)).p - s->text.p);
    text_speakable(text, &say);
    if (!audible(str_trim(buf_str(&say))))
        return;
    struct utter *u = heap_alloc(sizeof *u);
    *u = (struct utter){.speaking = s,
                        .index = s->count++,
                        .from = from < lead ? 0 : from - lead,
                        .text = arena_str(&s->arena, text),
                        .say = arena_str(&s->arena, str_trim(buf_str(&say)))};
    if (s->last)
        s->last->next = u;
    else
        s->first = u;
    s->last = u;
    if (!s->now)
        s->now = u;
    waterfall_mark(s, VOICE_FIRST_SENTENCE);
    if (s->own)
        own_sentence(s, u);
}

/* A piece of the text, as sentence.h gave it; what only begins an action waits for the rest. */
static LOOP void take_piece(struct speaking *s, struct str piece)
{
    struct str all = buf_str(&s->text);
    size_t at = str_find(str_from(all, s->found), piece);
    if (at == SIZE_MAX) { /* a thought was taken out of its midst */
        add(s, s->found, piece);
        return;
    }
    size_t from = s->found + at, to = from + piece.n;
    s->found = to;
    if (s->held != SIZE_MAX && str_find(str_sub(all, s->held, to - s->held), STR("<think>")) == SIZE_MAX)
        from = s->held;
    struct str whole = str_sub(all, from, to - from);
    s->held = unfinished(whole) && whole.n < SPEAK_HELD_MAX && !s->text_over ? from : SIZE_MAX;
    if (s->held == SIZE_MAX)
        add(s, from, whole);
}

void speaking_cut(struct speaking *s)
{
    CLEANUP_BUF struct buf piece = BUF_INIT;
    for (; sentences_next(&s->cut, &piece); buf_clear(&piece))
        take_piece(s, buf_str(&piece));
    if (s->text_over && s->held != SIZE_MAX) {
        add(s, s->held, str_sub(buf_str(&s->text), s->held, s->found - s->held));
        s->held = SIZE_MAX;
    }
}

void speaking_feed(struct speaking *s, struct str text)
{
    if (s->over || s->text_over)
        return;
    buf_add(&s->text, text);
    sentences_feed(&s->cut, text);
    speaking_cut(s);
    speaking_begin(s);
}

void speaking_plan(struct speaking *s, struct str text)
{
    buf_add(&s->text, text);
    sentences_feed(&s->cut, text);
    s->text_over = true;
    sentences_end(&s->cut);
    speaking_cut(s);
}
