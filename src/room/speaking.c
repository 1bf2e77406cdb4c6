/* A persona speaks in its room; see speaking.h. */
#include "room/speaking.h"

#include "base/clock.h"
#include "persona/house.h"
#include "room/turn.h"
#include "voice/emotion.h"
#include "voice/speakable.h"

#include <stdlib.h>

/* How much of a sentence's own feeling is heard over the mood. */
#define SENTENCE_WEIGHT 0.6

/* ---- the list of a room ---- */

struct speaking *speaking_find(struct room *room, struct id turn)
{
    struct speaking *s = room->speakings;
    while (s && !id_eq(s->turn, turn))
        s = s->next;
    return s;
}

struct speaking *speaking_of_message(struct room *room, struct id message)
{
    struct speaking *found = NULL;
    for (struct speaking *s = room->speakings; s; s = s->next) {
        if (id_eq(s->message, message))
            found = s; /* the latest */
    }
    return found;
}

static struct str kept_str(struct speaking *s, struct str text)
{
    return arena_str(&s->arena, text);
}

struct speaking *speaking_new(struct room *room, struct id turn, const struct persona *p)
{
    struct speaking *s = heap_alloc(sizeof *s), **at = &room->speakings;
    struct voice own = {.provider = p->voice.provider,
                        .name = p->voice.name,
                        .prosody = {p->voice.rate, p->voice.pitch, p->voice.volume}};
    const struct house *house = personas_house(room->home->rooms->deps.personas);
    s->room = room;
    s->turn = turn;
    s->persona = p->id;
    s->name = kept_str(s, persona_called(p));
    s->voice = voice_for(p->id, &own);
    s->voice.provider = kept_str(s, s->voice.provider);
    s->voice.name = kept_str(s, s->voice.name);
    s->close = house->limits.romance && !p->content.no_romance;
    s->held = SIZE_MAX;
    while (*at)
        at = &(*at)->next;
    *at = s;
    return s;
}

static LOOP void utter_free(struct utter *u)
{
    if (u->speech)
        speech_cancel(u->speech);
    own_mouth_drop(u);
    buf_release(&u->sound);
    free(u);
}

static LOOP void speaking_free(struct speaking *s)
{
    for (struct utter *u = s->first, *next; u; u = next) {
        next = u->next;
        utter_free(u);
    }
    opus_close(s);
    own_free(s);
    timer_close(&s->pace);
    buf_release(&s->text);
    sentences_release(&s->cut);
    arena_release(&s->arena);
    free(s);
}

/* Nothing more is to be done for it; only its words may still be asked for. */
static bool settled(const struct speaking *s)
{
    return s->over && !s->keeping && !s->hearers && (!id_none(s->message) || s->unkept);
}

/* Lets go of the oldest that are over. */
static LOOP void trim(struct room *room)
{
    unsigned count = 0;
    for (const struct speaking *s = room->speakings; s; s = s->next)
        count++;
    for (struct speaking **at = &room->speakings; *at && count > SPOKEN_KEPT;) {
        struct speaking *s = *at;
        if (!settled(s)) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        speaking_free(s);
        count--;
    }
}

bool speaking_busy(const struct room *room)
{
    for (const struct speaking *s = room->speakings; s; s = s->next) {
        if (!s->over || s->keeping)
            return true;
    }
    return false;
}

void speaking_release(struct room *room)
{
    for (struct speaking *s = room->speakings, *next; s; s = next) {
        next = s->next;
        speaking_free(s);
    }
    room->speakings = NULL;
}

/* ---- making ---- */

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct utter *)arg)->rate = rate;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct utter *u = arg;
    struct arena *a = &u->speaking->arena;
    struct tts_word *all = arena_array(a, struct tts_word, u->word_count + count);
    if (u->word_count)
        memcpy(all, u->words, u->word_count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[u->word_count + i] = words[i];
        all[u->word_count + i].text = arena_str(a, words[i].text);
    }
    u->words = all;
    u->word_count += count;
    if (u->told)
        tell_caption(u); /* a voice that knows its words late: the caption once more, with them */
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct utter *u = arg;
    struct viseme_key *all = arena_array(&u->speaking->arena, struct viseme_key, u->key_count + count);
    if (u->key_count)
        memcpy(all, u->keys, u->key_count * sizeof *all);
    if (count)
        memcpy(all + u->key_count, keys, count * sizeof *all);
    u->keys = all;
    u->key_count += count;
    if (u->told) {
        struct utter late = *u; /* only what is new */
        late.keys = all + (u->key_count - count);
        late.key_count = count;
        tell_visemes(&late);
        waterfall_mark(u->speaking, VOICE_FIRST_VISEME);
    }
}

void speaking_add_times(struct utter *u, const struct viseme_key *keys, size_t key_count,
                        const struct tts_word *words, size_t word_count)
{
    if (word_count)
        on_words(u, words, word_count);
    if (key_count)
        on_visemes(u, keys, key_count);
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct utter *u = arg;
    buf_add(&u->sound, str_of((const char *)samples, count * sizeof *samples));
    u->samples += count;
    if (u == u->speaking->now)
        speaking_drive(u->speaking->room);
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct utter *u = arg;
    u->speech = NULL;
    u->made = true;
    if (err && e)
        u->error = *e;
    if (err)
        u->error.err = err;
    speaking_drive(u->speaking->room);
}

/* The voice as this sentence is said in this mood. */
static void colour(const struct speaking *s, struct str text, struct speech_request *request)
{
    struct affect said;
    affect_read(text, &said);
    struct mood mood = mood_pull(s->mood, &said, SENTENCE_WEIGHT);
    struct emotion emotion = {.label = said.confidence > 0 ? str_c(affect_label_name(said.label)) : STR_NONE,
                              .valence = mood.valence,
                              .arousal = mood.arousal,
                              .dominance = mood.dominance,
                              .close = s->close};
    struct tts_prosody feeling = emotion_prosody(&emotion);
    request->voice.prosody.rate *= feeling.rate;
    request->voice.prosody.pitch *= feeling.pitch;
    request->voice.prosody.volume *= feeling.volume;
    request->emotion = (struct tts_emotion){emotion.label, emotion.valence, emotion.arousal};
}

static LOOP void begin(struct utter *u)
{
    static const struct tts_emit emit = {on_format, on_words, on_visemes, on_sound, on_end};
    struct speaking *s = u->speaking;
    struct speech_request request = {.text = u->say, .voice = s->voice, .whole = true};
    colour(s, u->text, &request);
    u->begun = true;
    u->sound.max = SIZE_MAX / 2; /* bounded by the sentence */
    u->speech = speech_start(voices_here(s->room->home->rooms->deps.voices), &request, &emit, u, &u->error);
    if (!u->speech) {
        u->made = true;
        if (!u->error.err)
            error_set(&u->error, ERR_INTERNAL, "This sentence could not be spoken.");
    }
}

static LOOP void make(struct speaking *s)
{
    unsigned ahead = 0;
    if (s->own) /* its sound comes by itself */
        return;
    for (struct utter *u = s->now; u && ahead < SPEAK_AHEAD; u = u->next, ahead++) {
        if (!u->begun)
            begin(u);
    }
}

/* ---- cutting ---- */

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
                        .text = kept_str(s, text),
                        .say = kept_str(s, str_trim(buf_str(&say)))};
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

static LOOP void cut(struct speaking *s)
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
    cut(s);
    make(s);
    speaking_drive(s->room);
}

void speaking_plan(struct speaking *s, struct str text)
{
    buf_add(&s->text, text);
    sentences_feed(&s->cut, text);
    s->text_over = true;
    sentences_end(&s->cut);
    cut(s);
}

void speaking_begin(struct speaking *s)
{
    make(s);
    speaking_drive(s->room);
}

void speaking_make(struct utter *u)
{
    begin(u);
    speaking_drive(u->speaking->room);
}

/* ---- giving out ---- */

static LOOP void tell(struct utter *u)
{
    u->told = true;
    tell_caption(u);
    if (u->key_count) {
        tell_visemes(u);
        waterfall_mark(u->speaking, VOICE_FIRST_VISEME);
    }
}

static LOOP void give(struct utter *u, size_t count)
{
    struct speaking *s = u->speaking;
    struct room *room = s->room;
    uint64_t now = clock_mono_us();
    struct sub_sound sound = {
        .turn = s->turn,
        .index = (uint16_t)u->index,
        .codec = SOUND_PCM_FRAMES,
        .rate = u->rate,
        .at = u->sent,
        .bytes = str_of(u->sound.p + u->sent * sizeof(int16_t), count * sizeof(int16_t)),
    };
    waterfall_mark(s, VOICE_FIRST_AUDIO);
    room_publish_sound(room, &sound);
    opus_feed(s, u, u->sent, count);
    u->sent += count;
    if (room->sound_until_us < now)
        room->sound_until_us = now;
    room->sound_until_us += (uint64_t)count * 1000000 / u->rate;
}

static void on_pace(struct timer *timer)
{
    on_loop();
    speaking_drive(CONTAINER(timer, struct speaking, pace)->room);
}

/* How much sound is in hand beyond what listeners may have; 0: go on. */
static uint64_t too_early_us(const struct room *room)
{
    uint64_t lead = (uint64_t)SPEAK_LEAD_MS * 1000, now = clock_mono_us();
    return room->listeners && room->sound_until_us > now + lead ? room->sound_until_us - now - lead : 0;
}

/* False: no more for now. */
static LOOP bool give_sound(struct utter *u)
{
    struct speaking *s = u->speaking;
    size_t piece = (size_t)u->rate * SPEAK_PIECE_MS / 1000;
    while (u->sent < u->samples && piece) {
        uint64_t wait_us = too_early_us(s->room);
        if (wait_us) {
            timer_arm(&s->pace, wait_us / 1000 + SPEAK_PIECE_MS, on_pace);
            return false;
        }
        give(u, u->samples - u->sent < piece ? u->samples - u->sent : piece);
    }
    return u->made;
}

static LOOP void all_given(struct speaking *s)
{
    s->over = true;
    timer_cancel(&s->pace);
    opus_close(s);
    tell_ended(s, NULL, "done", NULL);
}

static LOOP void drive(struct speaking *s)
{
    for (struct utter *u = s->now; u; u = s->now) {
        if (u->made && u->error.err) {
            struct error e = u->error;
            speaking_stop(s, "failed", &e);
            return;
        }
        if (!u->told && !u->samples && !u->made)
            return;
        if (!u->told)
            tell(u);
        if (!give_sound(u))
            return;
        opus_end(s, u);
        tell_ended(s, u, "done", NULL);
        count_voice_of(s->room->home->rooms, VOICE_SENTENCES);
        u->ended = true;
        s->now = u->next;
        make(s);
        speaking_keep(s);
    }
    if (s->text_over)
        all_given(s);
}

void speaking_drive(struct room *room)
{
    for (struct speaking *s = room->speakings, *next; s; s = next) {
        next = s->next;
        if (!s->over)
            drive(s);
        if (!s->over)
            break; /* one voice at a time */
    }
    trim(room);
}

void speaking_stop(struct speaking *s, const char *reason, const struct error *e)
{
    struct utter *now = s->now;
    if (s->over)
        return;
    own_free(s);
    s->over = s->text_over = true;
    timer_cancel(&s->pace);
    for (struct utter *u = now; u; u = u->next) {
        if (u->speech)
            speech_cancel(u->speech);
        u->speech = NULL;
        own_mouth_drop(u);
        u->kept = !u->made || u->error.err || !u->sent; /* what was not heard at all does not stay */
        u->ended = true;
        u->begun = true;
    }
    opus_close(s);
    s->room->sound_until_us = clock_mono_us();
    s->now = NULL;
    if (now && now->told)
        tell_ended(s, now, reason, e);
    tell_ended(s, NULL, reason, e);
    count_voice_of(s->room->home->rooms, e ? VOICE_FAILED : VOICE_STOPPED);
    speaking_keep(s);
}

void speaking_stop_all(struct room *room)
{
    for (struct speaking *s = room->speakings; s; s = s->next)
        speaking_stop(s, "interrupted", NULL);
}

/* ---- with the turn ---- */

bool speaking_wanted(const struct turn *turn)
{
    const struct room *room = turn->room;
    const struct room_deps *deps = &room->home->rooms->deps;
    return deps->voices && deps->workers && !room->voice_off && !turn->preview &&
           (room->listeners || turn->aloud);
}

struct speaking *speaking_for(struct turn *turn)
{
    struct speaking *s = speaking_new(turn->room, turn->id, turn->get.persona);
    if (turn->asked.voice_set) {
        const struct room_voice *v = &turn->asked.voice;
        s->voice = (struct voice){.provider = kept_str(s, v->provider),
                                  .name = kept_str(s, v->name),
                                  .prosody = {v->rate, v->pitch, v->volume}};
    }
    s->cause = turn->cause;
    s->mood = turn->mood;
    s->fall.began_us = turn->last_sound_us ? turn->last_sound_us : turn->since_us;
    s->fall.at_us[VOICE_END_OF_TURN] = turn->end_of_turn_us;
    s->fall.at_us[VOICE_TRANSCRIPT] = turn->transcript_us;
    s->fall.at_us[VOICE_FIRST_TOKEN] = turn->since_us + turn->first_delta_us;
    return s;
}

void speaking_delta(struct turn *turn, struct str text)
{
    struct speaking *s = speaking_find(turn->room, turn->id);
    if (s) {
        if (!s->fall.at_us[VOICE_FIRST_TOKEN])
            s->fall.at_us[VOICE_FIRST_TOKEN] = turn->since_us + turn->first_delta_us;
        speaking_feed(s, text);
        return;
    }
    if (!speaking_wanted(turn))
        return;
    speaking_feed(speaking_for(turn), buf_str(&turn->text)); /* also what came before anybody listened */
}

void speaking_text_over(struct room *room, struct id turn)
{
    struct speaking *s = speaking_find(room, turn);
    if (!s || s->over || s->text_over)
        return;
    s->text_over = true;
    sentences_end(&s->cut);
    cut(s);
    own_text_over(s);
    speaking_begin(s);
}

void speaking_stored(struct room *room, struct id turn, struct id message, uint64_t seq)
{
    struct speaking *s = speaking_find(room, turn);
    if (!s)
        return;
    s->message = message;
    s->message_seq = seq;
    s->unkept |= id_none(message) || !room->home->rooms->deps.blobs;
    speaking_keep(s);
    trim(room);
}

void speaking_forget(struct room *room, struct id message)
{
    for (struct speaking *s = room->speakings; s; s = s->next) {
        if (!id_eq(s->message, message))
            continue;
        s->unkept = true;
        if (!s->over)
            speaking_stop(s, "interrupted", NULL);
    }
}

/* What somebody who joins in the midst of a sentence needs to follow it. */
size_t speaking_now(struct room *room, struct event_row out[2], struct arena *a)
{
    struct speaking *s = room->speakings;
    while (s && s->over)
        s = s->next;
    if (!s || !s->now || !s->now->told)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        out[i] = (struct event_row){.room = room->id,
                                    .at_ms = clock_wall_ms(),
                                    .author_type = AUTHOR_PERSONA,
                                    .author = s->persona,
                                    .author_name = arena_str(a, s->name),
                                    .turn = s->turn,
                                    .data = i ? visemes_data(a, s->now) : caption_data(a, s->now)};
        event_set_kind(&out[i], i ? EVENT_VISEMES : EVENT_CAPTION);
    }
    return 2;
}
