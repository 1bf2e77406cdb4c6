/* What a speech consists of: SSML's pieces, the sentences of a plain text, or one utterance; see speech.h. */
#include "voice/speech_inner.h"

#include "voice/sentence.h"
#include "voice/speakable.h"

#include <string.h>

static void plan_text(struct speech *s, struct str text, struct ssml_piece **list, size_t *count)
{
    CLEANUP_BUF struct buf plain = BUF_INIT, one = BUF_INIT;
    struct sentences cut = {0};
    size_t cap = 0;
    text_speakable(text, &plain);
    sentences_feed(&cut, buf_str(&plain));
    sentences_end(&cut);
    for (; sentences_next(&cut, &one); buf_clear(&one)) {
        if (*count == cap) {
            struct ssml_piece *more = arena_array(&s->arena, struct ssml_piece, cap = cap ? cap * 2 : 8);
            if (*count)
                memcpy(more, *list, *count * sizeof *more);
            *list = more;
        }
        (*list)[(*count)++] =
            (struct ssml_piece){.text = arena_str(&s->arena, buf_str(&one)), .prosody = {1, 1, 1}};
    }
    sentences_release(&cut);
}

enum err speech_plan(struct speech *s, struct str text, bool whole, struct error *e)
{
    struct ssml_piece *list = NULL;
    size_t count = 0;
    if (text.n > SPEECH_TEXT_MAX)
        return error_set_param(e, ERR_TEXT_TOO_LONG, "text",
                               "The text has %zu bytes; at most %d are spoken at once. Send it in pieces.",
                               text.n, SPEECH_TEXT_MAX);
    if (whole) {
        list = arena_new(&s->arena, struct ssml_piece);
        *list = (struct ssml_piece){.text = arena_str(&s->arena, text), .prosody = {1, 1, 1}};
        count = 1;
    }
    enum err err = !whole && ssml_is(text) ? ssml_read(&s->arena, text, &list, &count, e) : ERR_OK;
    if (err)
        return err;
    if (!whole && !ssml_is(text))
        plan_text(s, text, &list, &count);
    s->parts = arena_array(&s->arena, struct part, count);
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        s->parts[i].speech = s;
        s->parts[i].say = list[i];
        s->parts[i].sound.max = SIZE_MAX / 2; /* bounded by the text */
    }
    return ERR_OK;
}
