/*
 * The embedded voice, for real: sound comes, mouth shapes lie on its clock, lips close where they must, and
 * what is cancelled is silent.
 */
#include "../unit.h"

#include "base/clock.h"
#include "voice/tts.h"

#include <math.h>
#include <semaphore.h>
#include <stdio.h>

static struct loops *loops;
static struct workers *workers;
static struct tts *flite;

struct heard {
    struct tts_request request;
    uint64_t id;
    unsigned rate, ends, pieces;
    bool timed_first, cancel;
    int16_t *pcm;
    size_t samples;
    struct viseme_key *keys;
    size_t key_count;
    char words[400];
    struct tts_word last_word;
    enum err err;
    struct error error;
    uint64_t began_us, first_us;
    sem_t done;
};

static void on_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct heard *)arg)->rate = rate;
}

static void on_words(void *arg, const struct tts_word *words, size_t count)
{
    on_loop();
    struct heard *h = arg;
    for (size_t i = 0; i < count; i++) {
        assert_true(words[i].from_ms <= words[i].to_ms);
        if (i)
            assert_true(words[i - 1].to_ms <= words[i].from_ms + 1);
        size_t n = strlen(h->words);
        snprintf(h->words + n, sizeof h->words - n, "%s%.*s", n ? " " : "", STR_ARG(words[i].text));
        h->last_word = words[i];
    }
}

static void on_visemes(void *arg, const struct viseme_key *keys, size_t count)
{
    on_loop();
    struct heard *h = arg;
    h->keys = calloc(count, sizeof *keys);
    memcpy(h->keys, keys, count * sizeof *keys);
    h->key_count = count;
    h->timed_first = h->samples == 0;
}

static void on_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct heard *h = arg;
    if (!h->pieces++)
        h->first_us = clock_mono_us();
    h->pcm = realloc(h->pcm, (h->samples + count) * sizeof *h->pcm);
    memcpy(h->pcm + h->samples, samples, count * sizeof *samples);
    h->samples += count;
    if (h->cancel && h->pieces == 2) {
        flite->driver->cancel(flite, h->id);
        sem_post(&h->done);
    }
}

static void on_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    struct heard *h = arg;
    h->ends++;
    h->err = err;
    if (err)
        h->error = *e;
    sem_post(&h->done);
}

static const struct tts_emit emit = {on_format, on_words, on_visemes, on_sound, on_end};

static void begin_speaking(void *arg)
{
    on_loop();
    struct heard *h = arg;
    h->began_us = clock_mono_us();
    h->id = flite->driver->start(flite, &h->request, &emit, h, &h->error);
    if (!h->id)
        sem_post(&h->done);
}

static struct heard *speak(const char *text, const char *voice)
{
    struct heard *h = calloc(1, sizeof *h);
    h->request = (struct tts_request){.text = str_c(text), .voice = str_c(voice), .prosody = {1, 1, 1}};
    sem_init(&h->done, 0, 0);
    return h;
}

static void wait_for(struct heard *h)
{
    loop_call(loops_get(loops, 0), begin_speaking, h);
    sem_wait(&h->done);
}

static void heard_free(struct heard *h)
{
    free(h->pcm);
    free(h->keys);
    free(h);
}

/* A viseme's weight at a moment, from its keys. */
static double weight_at(const struct heard *h, enum viseme v, double at)
{
    const struct viseme_key *before = NULL, *after = NULL;
    for (size_t i = 0; i < h->key_count; i++) {
        if (h->keys[i].viseme != v)
            continue;
        if (h->keys[i].at_ms <= at)
            before = &h->keys[i];
        else if (!after)
            after = &h->keys[i];
    }
    if (!before || !after)
        return before ? before->weight : 0;
    double share = (at - before->at_ms) / (after->at_ms - before->at_ms);
    return before->weight + (after->weight - before->weight) * share;
}

static double loudness(const struct heard *h, double from_ms, double to_ms)
{
    size_t from = (size_t)(from_ms * h->rate / 1000), to = (size_t)(to_ms * h->rate / 1000), n = 0;
    double sum = 0;
    for (size_t i = from; i < to && i < h->samples; i++, n++)
        sum += (double)h->pcm[i] * h->pcm[i];
    return n ? sqrt(sum / (double)n) : 0;
}

static void shapes_lie_on_the_clock_of_the_sound(void **state)
{
    (void)state;
    struct heard *h = speak("My mum bought a big map. Papa came by.", "");
    wait_for(h);
    assert_int_equal(h->err, ERR_OK);
    assert_int_equal(h->ends, 1);
    assert_int_equal(h->rate, 16000);
    assert_true(h->timed_first);
    assert_string_equal(h->words, "my mum bought a big map papa came by");
    double length = (double)h->samples * 1000 / h->rate;
    assert_true(length > 1500 && length < 6000);
    assert_true(h->last_word.to_ms <= length + 5);
    for (size_t i = 0; i < h->key_count; i++) {
        assert_true(h->keys[i].weight >= 0 && h->keys[i].weight <= 1.0001);
        assert_true(h->keys[i].at_ms <= length + 1);
        if (i)
            assert_true(h->keys[i - 1].at_ms <= h->keys[i].at_ms);
    }
    double most_closed = 0, rest_when_quiet = 1;
    for (double at = 0; at < length; at += 5) {
        double sum = 0;
        for (int v = 0; v < VISEME_COUNT; v++)
            sum += weight_at(h, (enum viseme)v, at);
        if (fabs(sum - 1) > .12)
            fail_msg("at %.0f ms all weights make %.3f", at, sum);
        double lips = weight_at(h, VISEME_PP, at);
        most_closed = lips > most_closed ? lips : most_closed;
        if (lips > .85)
            assert_true(weight_at(h, VISEME_AA, at) + weight_at(h, VISEME_OH, at) < .2);
        if (at > 20 && at + 20 < length && (at < 60 || at > length - 60) &&
            loudness(h, at - 20, at + 20) < 30)
            rest_when_quiet = fmin(rest_when_quiet, weight_at(h, VISEME_SIL, at));
    }
    assert_true(most_closed > .85);
    assert_true(rest_when_quiet > .5);
    heard_free(h);
}

static void voices_differ_and_prosody_counts(void **state)
{
    (void)state;
    struct heard *plain = speak("The rain in Spain stays mainly in the plain.", "rms");
    struct heard *slow = speak("The rain in Spain stays mainly in the plain.", "rms");
    struct heard *quiet = speak("The rain in Spain stays mainly in the plain.", "rms");
    slow->request.prosody.rate = .5;
    quiet->request.prosody.volume = .25;
    wait_for(plain);
    wait_for(slow);
    wait_for(quiet);
    assert_true(slow->samples > plain->samples * 17 / 10);
    double loud = loudness(plain, 0, 1e9), less = loudness(quiet, 0, 1e9);
    assert_true(less > loud * .2 && less < loud * .3);
    heard_free(plain);
    heard_free(slow);
    heard_free(quiet);
}

static void what_cannot_be_spoken_is_said(void **state)
{
    (void)state;
    struct heard *h = speak("Hello.", "nobody");
    wait_for(h);
    assert_int_equal(h->id, 0);
    assert_int_equal(h->error.err, ERR_NOT_FOUND);
    heard_free(h);
    h = speak("", "slt");
    wait_for(h);
    assert_int_equal(h->ends, 1);
    assert_int_equal(h->err, ERR_OK);
    heard_free(h);
}

/* flite reads bytes over 127 one by one, as words; these would go to clients, and no text may have them. */
static void letters_that_it_cannot_read_become_some_that_it_can(void **state)
{
    (void)state;
    struct heard *h = speak("Ich h\xc3\xb6re im Caf\xc3\xa9 \xe2\x80\x94 it\xe2\x80\x99s na\xc3\xafve, "
                            "5\xc2\xb0 \xe4\xb8\xad\xe6\x96\x87 \xff.",
                            "slt");
    wait_for(h);
    assert_int_equal(h->err, ERR_OK);
    assert_string_equal(h->words, "ich hore im cafe it 's naive five degrees");
    heard_free(h);
    h = speak("\xe4\xbd\xa0\xe5\xa5\xbd", "slt");
    wait_for(h);
    assert_int_equal(h->err, ERR_OK);
    assert_int_equal(h->ends, 1);
    assert_string_equal(h->words, "");
    heard_free(h);
}

static void the_cancelled_are_silent(void **state)
{
    (void)state;
    struct heard *h =
        speak("This is a long sentence that goes on and on about nothing in particular, and then some "
              "more, so that there is time to stop it.",
              "slt");
    h->cancel = true;
    wait_for(h);
    struct heard *next = speak("Next.", "slt");
    wait_for(next);
    assert_int_equal(h->pieces, 2);
    assert_int_equal(h->ends, 0);
    heard_free(h);
    heard_free(next);
}

static void one_voice_serves_many_at_once(void **state)
{
    (void)state;
    enum { MANY = 4 };
    struct heard *h[MANY];
    for (int i = 0; i < MANY; i++) {
        h[i] = speak("Many of us say the same thing, at the same time.", "slt");
        loop_call(loops_get(loops, 0), begin_speaking, h[i]);
    }
    for (int i = 0; i < MANY; i++)
        sem_wait(&h[i]->done);
    for (int i = 1; i < MANY; i++) {
        /* The breath in the sound is drawn anew each time; what is said, and when, is the same. */
        assert_int_equal(h[i]->samples, h[0]->samples);
        assert_int_equal(h[i]->key_count, h[0]->key_count);
        assert_memory_equal(h[i]->keys, h[0]->keys, h[0]->key_count * sizeof *h[0]->keys);
    }
    for (int i = 0; i < MANY; i++)
        heard_free(h[i]);
}

static void open_it(void *arg)
{
    on_loop();
    assert_int_equal(tts_flite.open(loop_self(), workers, NULL, &flite, NULL), ERR_OK);
    sem_post(arg);
}

static void close_it(void *arg)
{
    on_loop();
    flite->driver->close(flite);
    sem_post(arg);
}

static int begin(void **state)
{
    sem_t opened;
    (void)state;
    sem_init(&opened, 0, 0);
    if (loops_new(1, &loops, NULL) != ERR_OK)
        return -1;
    workers = workers_new(4);
    loops_start(loops);
    loop_call(loops_get(loops, 0), open_it, &opened);
    sem_wait(&opened);
    return 0;
}

static int end(void **state)
{
    sem_t closed;
    (void)state;
    sem_init(&closed, 0, 0);
    loop_call(loops_get(loops, 0), close_it, &closed);
    sem_wait(&closed);
    workers_free(workers);
    loops_stop(loops);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_lie_on_the_clock_of_the_sound),
        cmocka_unit_test(voices_differ_and_prosody_counts),
        cmocka_unit_test(what_cannot_be_spoken_is_said),
        cmocka_unit_test(letters_that_it_cannot_read_become_some_that_it_can),
        cmocka_unit_test(the_cancelled_are_silent),
        cmocka_unit_test(one_voice_serves_many_at_once),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
