/*
 * Mouth shapes and words for an engine's own sound, which tells none: estimated from the sentence's text and
 * its sound (voice/viseme_estimate.h); see speak_own.c.
 *
 * A worker reads the text once (phone_plan_read); the keys are then made as the sound comes. A sentence whose
 * text is not read yet is not over before it is, so that what stays of it has its mouth.
 */
#include "room/speaking.h"
#include "voice/viseme_estimate.h"

#include <stdlib.h>

struct own_mouth {
    struct job job;
    struct utter *utter; /* NULL: it is gone */
    char *text;
    struct phone_plan plan;
    struct mouth *mouth;
    bool ready;
    size_t seen; /* samples that the mouth was fed */
};

static void mouth_release(struct own_mouth *m)
{
    mouth_free(m->mouth);
    arena_release(&m->job.arena);
    free(m->text);
    free(m);
}

static void read_text(struct job *job)
{
    on_worker();
    struct own_mouth *m = CONTAINER(job, struct own_mouth, job);
    phone_plan_read(&job->arena, str_c(m->text), STR_NONE, &m->plan);
}

static void text_read(struct job *job)
{
    on_loop();
    struct own_mouth *m = CONTAINER(job, struct own_mouth, job);
    struct utter *u = m->utter;
    m->ready = true;
    if (!u) {
        mouth_release(m);
        return;
    }
    own_mouth_shape(u);
    speaking_drive(u->speaking->room);
}

void own_mouth_begin(struct utter *u)
{
    const struct room_deps *deps = &u->speaking->room->home->rooms->deps;
    struct own_mouth *m = u->mouth = heap_alloc(sizeof *m);
    m->utter = u;
    m->text = heap_cstr(u->say);
    m->job.home = loop_self();
    m->job.run = read_text;
    m->job.done = text_read;
    workers_submit(deps->workers, &m->job);
}

void own_mouth_drop(struct utter *u)
{
    struct own_mouth *m = u->mouth;
    u->mouth = NULL;
    if (m && m->ready)
        mouth_release(m);
    else if (m)
        m->utter = NULL;
}

void own_mouth_shape(struct utter *u)
{
    struct own_mouth *m = u->mouth;
    if (!m || !m->ready || !u->rate)
        return;
    if (!m->mouth)
        m->mouth = mouth_new(&m->plan, u->rate, 1);
    mouth_feed(m->mouth, (const int16_t *)(const void *)u->sound.p + m->seen, u->samples - m->seen);
    m->seen = u->samples;
    if (u->all || mouth_waiting_ms(m->mouth) >= MOUTH_STEP_MS) {
        struct arena a = ARENA_INIT;
        struct tts_word *words;
        size_t count, word_count;
        struct viseme_key *keys = mouth_keys(m->mouth, &a, u->all, &count, &words, &word_count);
        speaking_add_times(u, keys, count, words, word_count);
        arena_release(&a);
    }
    if (u->all) {
        u->made = true;
        own_mouth_drop(u);
    }
}
