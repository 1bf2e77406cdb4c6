/*
 * Hearing, for real: flite speaks, each format that can be made is heard again in the child; silence and
 * noise give nothing; what is no recording is refused in words. The child is this program again.
 */
#include "../unit.h"

#include "base/json.h"
#include "voice/ear.h"
#include "voice/encode.h"
#include "voice/speech.h"

#include <math.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

static struct loops *loops;
static struct workers *workers;
static struct voices *voices;
static struct ear *ear;

static void on_home(void (*fn)(void *), void *arg)
{
    loop_call(loops_get(loops, 0), fn, arg);
}

/* ---- speaking ---- */
struct said {
    const char *text;
    struct buf pcm;
    unsigned rate;
    sem_t done;
};

static void said_format(void *arg, unsigned rate)
{
    on_loop();
    ((struct said *)arg)->rate = rate;
}

static void said_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    buf_add(&((struct said *)arg)->pcm, str_of((const char *)samples, count * sizeof *samples));
}

static void said_end(void *arg, enum err err, const struct error *e)
{
    on_loop();
    (void)e;
    assert_int_equal(err, ERR_OK);
    sem_post(&((struct said *)arg)->done);
}

static const struct tts_emit said_emit = {said_format, NULL, NULL, said_sound, said_end};

static void begin_saying(void *arg)
{
    on_loop();
    struct said *s = arg;
    struct speech_request request = {
        .text = str_c(s->text),
        .voice = {.provider = STR("flite"), .name = STR("rms"), .prosody = {1, 1, 1}}};
    struct error e = {0};
    if (!speech_start(voices_here(voices), &request, &said_emit, s, &e))
        fail_msg("%s", e.message);
}

static void say(struct said *s, const char *text)
{
    *s = (struct said){.text = text};
    sem_init(&s->done, 0, 0);
    on_home(begin_saying, s);
    sem_wait(&s->done);
}

static void encode(enum sound_format format, const struct said *s, unsigned to_rate, struct buf *file)
{
    struct encoder *en = NULL;
    const int16_t *samples = (const int16_t *)(const void *)s->pcm.p;
    size_t n = s->pcm.n / sizeof *samples;
    assert_int_equal(encoder_new(format, s->rate, to_rate, file, &en, NULL), ERR_OK);
    for (size_t at = 0; at < n; at += 1000)
        encoder_feed(en, samples + at, n - at < 1000 ? n - at : 1000);
    assert_int_equal(encoder_end(en, true, NULL), ERR_OK);
    encoder_free(en);
}

/* ---- hearing ---- */
struct heard {
    struct ear_job job;
    struct arena arena;
    struct json *json;
    double progress;
    sem_t done;
};

static void on_progress(struct ear_job *job, double share)
{
    on_loop();
    ((struct heard *)job)->progress = share;
}

static void on_heard(struct ear_job *job)
{
    on_loop();
    sem_post(&((struct heard *)job)->done);
}

static void submit(void *arg)
{
    on_loop();
    ear_submit(ear, arg);
}

static struct str hear(struct heard *h, struct str file)
{
    *h = (struct heard){.job = {.file = file, .progress = on_progress, .done = on_heard}};
    h->job.arena = &h->arena;
    sem_init(&h->done, 0, 0);
    on_home(submit, h);
    sem_wait(&h->done);
    if (!h->job.err)
        assert_int_equal(json_parse(&h->arena, h->job.json, &h->json, NULL), ERR_OK);
    return json_get_str(h->json, "text", STR_NONE);
}

static void heard_free(struct heard *h)
{
    arena_release(&h->arena);
}

static void hears_every_format_that_is_made(void **state)
{
    (void)state;
    struct said s;
    say(&s, "Good morning. Please open the window and the door.");
    static const enum sound_format formats[] = {SOUND_WAV, SOUND_OPUS, SOUND_MP3, SOUND_FLAC};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct buf file = BUF_INIT;
        struct heard h;
        encode(formats[i], &s, i ? 24000 : 0, &file);
        struct str text = hear(&h, buf_str(&file));
        if (h.job.err || str_find(text, STR("open the window")) == SIZE_MAX)
            fail_msg("%s: heard '%.*s' %s", sound_format_names[formats[i]], STR_ARG(text),
                     h.job.error.message);
        double length = json_get_double(h.json, "duration_ms", 0), want = (double)s.pcm.n / 2 * 1000 / s.rate;
        assert_true(fabs(length - want) < 120);
        const struct json *segment = json_get(h.json, "segments")->child;
        const struct json *words = json_get(segment, "words");
        double last = 0;
        json_each (word, words) {
            double from = json_get_double(word, "start", -1), to = json_get_double(word, "end", -1);
            assert_true(from >= last - .011 && to >= from && to <= length / 1000 + .05);
            last = to;
        }
        assert_true(h.progress >= 0);
        heard_free(&h);
        buf_release(&file);
    }
    buf_release(&s.pcm);
}

static void what_is_no_speech_gives_no_text(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct said s = {.rate = 16000};
        uint32_t seed = 7;
        for (int i = 0; i < 48000; i++) {
            seed = seed * 1664525u + 1013904223u;
            double noise = (double)(seed >> 16) / 65536 - .5, hum = sin(2 * 3.14159265 * 50 * i / 16000);
            int16_t v = (int16_t)(kind == 0 ? 0 : kind == 1 ? 400 * noise : 3000 * hum + 100 * noise);
            buf_add(&s.pcm, str_of((const char *)&v, sizeof v));
        }
        struct buf file = BUF_INIT;
        struct heard h;
        encode(SOUND_WAV, &s, 0, &file);
        struct str text = hear(&h, buf_str(&file));
        assert_int_equal(h.job.err, ERR_OK);
        assert_str(text, "");
        heard_free(&h);
        buf_release(&file);
        buf_release(&s.pcm);
    }
}

static void what_is_no_recording_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"",
                                        "hello",
                                        "RIFF\x24\x00\x00\x00WAVE",
                                        "OggS",
                                        "fLaC\x00\x00\x00\x22",
                                        "ID3\x04\x00\x00\x00\x00\x00\x00"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct heard h;
        hear(&h, str_of(files[i], i == 2 ? 12 : i == 5 ? 10 : strlen(files[i])));
        assert_int_equal(h.job.err, ERR_REFUSED);
        assert_true(strlen(h.job.error.message) > 20);
        heard_free(&h);
    }
}

static void stop_here(void *arg)
{
    on_loop();
    ear_stop(ear);
    voices_stop(voices);
    sem_post(arg);
}

static int begin(void **state)
{
    (void)state;
    if (loops_new(1, &loops, NULL) != ERR_OK)
        return -1;
    workers = workers_new(2);
    loops_start(loops);
    voices = voices_new(workers);
    ear = ear_new(loops);
    return 0;
}

static int end(void **state)
{
    sem_t done;
    (void)state;
    sem_init(&done, 0, 0);
    on_home(stop_here, &done);
    sem_wait(&done);
    workers_free(workers);
    loops_stop(loops);
    ear_free(ear);
    voices_free(voices);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "child") && !strcmp(argv[2], "ear"))
        ear_child_main();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_every_format_that_is_made),
        cmocka_unit_test(what_is_no_speech_gives_no_text),
        cmocka_unit_test(what_is_no_recording_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
