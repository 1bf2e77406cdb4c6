/* Who gives way to whom; see barge.h. */
#include "voice/barge.h"

#include "voice/words.h"

#include <math.h>

struct backchannels {
    const char *language, *words;
};

/* Signs of listening, word by word; an utterance of nothing else is one. */
static const struct backchannels tables[] = {
    {"en",
     "mm-hm mhm mm hm hmm mmm mm-hmm uh-huh uhuh uh huh um yeah yep yes right ok okay sure oh ah aha i see "
     "really wow cool nice good great indeed exactly"},
    {"de", "mhm hm hmm mm ja jaja genau ok okay ach so aha klar stimmt gut richtig echt"},
    {"fr", "mhm hm hmm mm oui ouais d'accord ok okay ah bon bien exactement voilà c'est ça"},
    {"es", "mhm hm hmm mm sí si ya vale ok okay ajá claro bueno bien exacto"},
};

static const char *words_of(struct str language)
{
    for (size_t i = 1; i < sizeof tables / sizeof *tables; i++) {
        if (str_ieq(str_sub(language, 0, 2), str_c(tables[i].language)))
            return tables[i].words;
    }
    return tables[0].words;
}

/* Words, and whether one of them is more than a sign of listening. */
static size_t weigh(struct str text, struct str language, bool *more)
{
    const char *list = words_of(language);
    struct word word;
    size_t count = 0;
    *more = false;
    for (size_t at = 0; word_next(text, &at, &word); count++)
        *more = *more || !word_in(word.c, list);
    return count;
}

bool barge_is_backchannel(struct str text, struct str language)
{
    enum { WORDS_MAX = 4 };
    bool more;
    size_t count = weigh(text, language, &more);
    return count && count <= WORDS_MAX && !more;
}

static unsigned min_speech(const struct barge *b)
{
    return b->min_speech_ms ? b->min_speech_ms : BARGE_MIN_SPEECH_MS;
}

static unsigned resume_after(const struct barge *b)
{
    return b->resume_ms ? b->resume_ms : BARGE_RESUME_MS;
}

static void forget_utterance(struct barge *b)
{
    b->hearing = b->interjected = false;
    b->spoken_ms = 0;
    b->partial_n = 0;
}

static uint64_t spoken(const struct barge *b, uint64_t now_ms)
{
    return b->spoken_ms + (b->hearing && now_ms > b->onset_ms ? now_ms - b->onset_ms : 0);
}

static unsigned pause_it(struct barge *b, uint64_t now_ms)
{
    b->state = BARGE_PAUSED;
    b->since_ms = now_ms;
    b->interjected = true;
    return BARGE_PAUSE;
}

unsigned barge_persona_starts(struct barge *b, uint64_t now_ms)
{
    if (b->state != BARGE_QUIET && b->state != BARGE_STOPPED)
        return 0;
    b->state = BARGE_SPEAKING;
    /* It begins while somebody speaks: that is an interruption of what it has not begun to say. */
    return b->hearing ? pause_it(b, now_ms) : 0;
}

unsigned barge_persona_ends(struct barge *b, uint64_t now_ms)
{
    (void)now_ms;
    b->state = BARGE_QUIET;
    return 0;
}

unsigned barge_speech_started(struct barge *b, uint64_t now_ms)
{
    b->hearing = true;
    b->onset_ms = now_ms;
    return b->state == BARGE_SPEAKING ? pause_it(b, now_ms) : 0;
}

unsigned barge_speech_stopped(struct barge *b, uint64_t now_ms)
{
    b->spoken_ms = spoken(b, now_ms);
    b->hearing = false;
    return 0;
}

/* How much of both texts is the same, whole words from the front. */
static struct str stable(struct str before, struct str now)
{
    size_t a = 0, b = 0, same = 0;
    struct word was, is;
    while (word_next(before, &a, &was) && word_next(now, &b, &is) && strcmp(was.c, is.c) == 0)
        same = b;
    return str_sub(now, 0, same);
}

/* Words that no noise makes twice; or signs of listening for longer than such a sign takes. */
static bool interrupts(const struct barge *b, struct str text, uint64_t now_ms)
{
    const char *signs = words_of(b->language);
    struct word word;
    size_t words = 0, real = 0;
    for (size_t at = 0; word_next(text, &at, &word); words++)
        real += !word_in(word.c, signs) && !word_is_small(word.c, b->language);
    return words >= 2 && (real || spoken(b, now_ms) > BARGE_BACKCHANNEL_MS);
}

unsigned barge_partial(struct barge *b, struct str text, uint64_t now_ms)
{
    struct str kept = stable(str_of(b->partial, b->partial_n), text);
    bool stops =
        b->state == BARGE_PAUSED && spoken(b, now_ms) >= min_speech(b) && interrupts(b, kept, now_ms);
    b->partial_n = text.n < BARGE_PARTIAL_MAX ? text.n : BARGE_PARTIAL_MAX;
    memcpy(b->partial, text.p ? text.p : "", b->partial_n);
    if (stops)
        b->state = BARGE_STOPPED;
    return stops ? BARGE_STOP : 0;
}

unsigned barge_utterance(struct barge *b, struct str text, double sure, uint32_t spoken_ms, uint64_t now_ms)
{
    bool more, interjected = b->interjected;
    size_t count = weigh(text, b->language, &more);
    bool speaks = b->state == BARGE_PAUSED || b->state == BARGE_SPEAKING;
    /* To a persona that has ended meanwhile, "yeah" is an answer. */
    bool sign = interjected && speaks && !more && spoken_ms <= BARGE_BACKCHANNEL_MS;
    bool guess = interjected && speaks && more && !isnan(sure) && sure < BARGE_SURE;
    (void)now_ms;
    forget_utterance(b);
    if (!count || sign || guess) {
        unsigned resume = b->state == BARGE_PAUSED ? BARGE_RESUME : 0;
        b->state = speaks ? BARGE_SPEAKING : b->state;
        return resume | BARGE_DROP;
    }
    /* Still paused, or resumed too early: these are words, so it gives way after all. */
    if (!speaks)
        return BARGE_SAY;
    b->state = BARGE_STOPPED;
    return BARGE_STOP | BARGE_SAY;
}

unsigned barge_tick(struct barge *b, uint64_t now_ms)
{
    if (b->state != BARGE_PAUSED || now_ms - b->since_ms < resume_after(b))
        return 0;
    if (b->no_partials && b->hearing) {
        b->state = BARGE_STOPPED;
        return BARGE_STOP;
    }
    b->state = BARGE_SPEAKING;
    return BARGE_RESUME;
}

uint64_t barge_due_ms(const struct barge *b)
{
    return b->state == BARGE_PAUSED ? b->since_ms + resume_after(b) : 0;
}
