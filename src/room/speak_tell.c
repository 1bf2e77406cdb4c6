/* What is told of a speech: captions, mouth shapes, ends; see speaking.h. */
#include "room/speaking.h"

#include "base/clock.h"

#include <stdio.h>

static double rounded(double x)
{
    return (double)(int64_t)(x * 1000 + .5) / 1000;
}

uint32_t utter_ms(const struct utter *u, size_t samples)
{
    return u->rate ? (uint32_t)((uint64_t)samples * 1000 / u->rate) : 0;
}

void words_write(struct jw *w, const struct utter *u)
{
    jw_key(w, STR("words"));
    jw_array(w);
    for (size_t i = 0; i < u->word_count; i++) {
        jw_object(w);
        jw_kv_string(w, "text", u->words[i].text);
        jw_kv_u64(w, "from_ms", u->words[i].from_ms);
        jw_kv_u64(w, "to_ms", u->words[i].to_ms);
        jw_end_object(w);
    }
    jw_end_array(w);
}

void keys_write(struct jw *w, const struct utter *u)
{
    jw_array(w);
    for (size_t i = 0; i < u->key_count; i++) {
        struct viseme_key key = u->keys[i];
        key.weight = rounded(key.weight);
        viseme_write_json(w, &key);
    }
    jw_end_array(w);
}

struct str caption_data(struct arena *a, const struct utter *u)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_u64(&w, "index", u->index);
    jw_kv_string(&w, "text", u->text);
    jw_kv_u64(&w, "from", u->from);
    words_write(&w, u);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

struct str visemes_data(struct arena *a, const struct utter *u)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_u64(&w, "index", u->index);
    jw_key(&w, STR("frames"));
    keys_write(&w, u);
    jw_end_object(&w);
    return arena_str(a, buf_str(&b));
}

static LOOP void tell(struct speaking *s, enum event_kind kind, struct str data)
{
    room_publish_passing(s->room, kind, AUTHOR_PERSONA, s->persona, s->name, s->turn, data);
}

void tell_caption(struct utter *u)
{
    struct arena a = ARENA_INIT;
    tell(u->speaking, EVENT_CAPTION, caption_data(&a, u));
    arena_release(&a);
}

void tell_visemes(struct utter *u)
{
    struct arena a = ARENA_INIT;
    tell(u->speaking, EVENT_VISEMES, visemes_data(&a, u));
    arena_release(&a);
}

/* u NULL: the whole speech. */
void tell_ended(struct speaking *s, const struct utter *u, const char *reason, const struct error *e)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    uint64_t ms = u ? utter_ms(u, u->sent) : 0;
    for (const struct utter *each = s->first; each && !u; each = each->next)
        ms += utter_ms(each, each->sent);
    jw_object(&w);
    if (u)
        jw_kv_u64(&w, "index", u->index);
    else
        jw_kv_null(&w, "index");
    jw_kv_u64(&w, "duration_ms", ms);
    jw_kv_string(&w, "reason", str_c(reason));
    if (e && e->err) {
        jw_key(&w, STR("error"));
        jw_object(&w);
        jw_kv_string(&w, "message", str_c(e->message));
        jw_kv_string(&w, "type", STR("speech_error"));
        jw_kv_string(&w, "code", str_c(error_code(e)));
        jw_end_object(&w);
    }
    jw_end_object(&w);
    tell(s, EVENT_SPEECH_ENDED, buf_str(&b));
}

void waterfall_mark(struct speaking *s, enum voice_step step)
{
    struct waterfall *fall = &s->fall;
    if (fall->at_us[step] || s->again)
        return;
    fall->at_us[step] = clock_mono_us();
    if (step == VOICE_FIRST_AUDIO) { /* all others were before it */
        for (unsigned i = 0; i < VOICE_STEPS; i++) {
            if (fall->at_us[i] >= fall->began_us && fall->at_us[i])
                count_voice(s->room->home->rooms, (enum voice_step)i, fall->at_us[i] - fall->began_us);
        }
    }
}

void waterfall_write(struct jw *w, const struct waterfall *fall)
{
    char name[32];
    jw_object(w);
    for (unsigned i = 0; i < VOICE_STEPS; i++) {
        snprintf(name, sizeof name, "%s_ms", voice_step_names[i]);
        if (fall->at_us[i] && fall->at_us[i] >= fall->began_us)
            jw_kv_double(w, name, rounded((double)(fall->at_us[i] - fall->began_us) / 1000));
    }
    jw_end_object(w);
}
