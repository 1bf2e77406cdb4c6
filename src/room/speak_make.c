/*
 * Sentences become sound: each is given to the persona's voice, coloured by the mood and by its own words,
 * and what the voice makes of it gathers in its utterance; see speaking.h. SPEAK_AHEAD of them are made at
 * once.
 */
#include "room/speaking.h"

#include "voice/emotion.h"
#include "voice/timings.h"

/* How much of a sentence's own feeling is heard over the mood. */
#define SENTENCE_WEIGHT 0.6

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct utter *)arg)->rate = rate;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct utter *u = arg;
    tts_words_add(&u->speaking->arena, &u->words, &u->word_count, words, count);
    if (u->told)
        tell_caption(u); /* a voice that knows its words late: the caption once more, with them */
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct utter *u = arg;
    viseme_keys_add(&u->speaking->arena, &u->keys, &u->key_count, keys, count);
    if (u->told) {
        struct utter late = *u; /* only what is new */
        late.keys = u->keys + (u->key_count - count);
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

void speaking_make_ahead(struct speaking *s)
{
    unsigned ahead = 0;
    if (s->own) /* its sound comes by itself */
        return;
    for (struct utter *u = s->now; u && ahead < SPEAK_AHEAD; u = u->next, ahead++) {
        if (!u->begun)
            begin(u);
    }
}

void speaking_begin(struct speaking *s)
{
    speaking_make_ahead(s);
    speaking_drive(s->room);
}

void speaking_make(struct utter *u)
{
    begin(u);
    speaking_drive(u->speaking->room);
}
