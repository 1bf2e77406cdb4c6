/*
 * Listening, for real: human recordings (Debian's asterisk-core-sounds-en-wav) fed as a microphone would, the
 * detector in its child, which is this program again. Onsets lie within 50 ms of the sound; silence, noise
 * and hum give nothing; a child that is killed in mid-speech leaves the energy gate in its place.
 */
#include "../unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "voice/ear_live.h"
#include "voice/listen.h"
#include "voice/speech_lib.h"
#include "voice/vad.h"
#include "voice/vad_energy.h"
#include "voice/vad_live.h"

#include <math.h>
#include <opus.h>
#include <semaphore.h>
#include <signal.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOUNDS "/usr/share/asterisk/sounds/en_US_f_Allison/"
enum { PIECE = 320, EVENTS_MAX = 64, ONSET_MS = 50, WAIT_S = 20 };

static struct loops *loops;
static struct listening *listening;
static struct vad_host *vad;

/* ---- sounds ---- */
struct sound {
    int16_t *samples;
    size_t count;
    unsigned rate;
};

static struct sound read_file(const char *name)
{
    char path[256];
    SF_INFO info = {0};
    snprintf(path, sizeof path, SOUNDS "%s.wav", name);
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    if (!file)
        fail_msg("%s is not there; tools/install test brings it", path);
    struct sound s = {heap_alloc(sizeof(int16_t) * (size_t)info.frames), (size_t)info.frames,
                      (unsigned)info.samplerate};
    sf_read_short(file, s.samples, info.frames);
    sf_close(file);
    return s;
}

/* The first 10 ms that are loud, in milliseconds. */
static unsigned onset_of(const struct sound *s)
{
    size_t frame = s->rate / 100;
    for (size_t i = 0; i + frame <= s->count; i += frame) {
        double sum = 0;
        for (size_t k = 0; k < frame; k++)
            sum += (double)s->samples[i + k] * s->samples[i + k];
        if (sqrt(sum / (double)frame) > 500)
            return (unsigned)(i * 1000 / s->rate);
    }
    return 0;
}

/* ---- a microphone that is fed ---- */
struct fed {
    struct listener *listener;
    struct listener_options options;
    const struct sound *sounds; /* one after another */
    size_t sound_count, at;     /* samples of all */
    unsigned starts[EVENTS_MAX], stops[EVENTS_MAX], start_count, stop_count, utterances;
    size_t samples;
    uint32_t from_ms, to_ms;
    bool lost, wait_for_silero, kill;
    const char *detector;
    unsigned killed_at_ms;
    struct timer timer;
    sem_t done;
};

static void on_started(void *arg, uint32_t at_ms)
{
    on_loop();
    struct fed *f = arg;
    if (f->start_count < EVENTS_MAX)
        f->starts[f->start_count++] = at_ms;
}

static void on_stopped(void *arg, uint32_t at_ms)
{
    on_loop();
    struct fed *f = arg;
    if (f->stop_count < EVENTS_MAX)
        f->stops[f->stop_count++] = at_ms;
}

static void on_utterance(void *arg, const struct heard *heard)
{
    on_loop();
    struct fed *f = arg;
    f->utterances += !heard->committed || heard->to_ms > heard->from_ms;
    f->samples = heard->sample_count;
    f->from_ms = heard->from_ms;
    f->to_ms = heard->to_ms;
    if (heard->committed)
        sem_post(&f->done);
}

static void feed_more(struct timer *timer);

static void on_detector(void *arg, const char *name)
{
    on_loop();
    struct fed *f = arg;
    f->detector = name;
    f->lost = f->lost || strcmp(name, "energy") == 0;
    if (f->wait_for_silero && strcmp(name, "silero") == 0 && !f->at)
        timer_arm(&f->timer, 0, feed_more);
}

static void on_failed(void *arg, const struct error *e)
{
    on_loop();
    (void)arg;
    fail_msg("%s", e->message);
}

static const struct listen_events events = {.speech_started = on_started,
                                            .speech_stopped = on_stopped,
                                            .utterance = on_utterance,
                                            .detector = on_detector,
                                            .failed = on_failed};

/* A tenth of a second every 10 ms: ten times as fast as it was said. */
static void feed_more(struct timer *timer)
{
    on_loop();
    struct fed *f = CONTAINER(timer, struct fed, timer);
    struct error e = {0};
    size_t begin = 0, budget = f->sounds[0].rate / 10;
    for (size_t i = 0; i < f->sound_count && budget; begin += f->sounds[i++].count) {
        const struct sound *s = &f->sounds[i];
        while (f->at < begin + s->count && budget) {
            size_t n = begin + s->count - f->at;
            n = n < PIECE ? n : PIECE;
            n = n < budget ? n : budget;
            if (listener_feed(f->listener, s->samples + (f->at - begin), n, &e) != ERR_OK)
                fail_msg("%s", e.message);
            f->at += n;
            budget -= n;
        }
    }
    if (f->kill && f->at > f->sounds[0].count + f->sounds[0].rate / 2) {
        f->kill = false;
        f->killed_at_ms = (unsigned)(f->at * 1000 / f->sounds[0].rate);
        kill(listening_detector_pid(listening), SIGKILL);
    }
    if (budget)
        listener_commit(f->listener);
    else
        timer_arm(timer, 10, feed_more);
}

static void begin(void *arg)
{
    on_loop();
    struct fed *f = arg;
    struct error e = {0};
    f->listener = listener_open(listening, &f->options, &events, f, &e);
    if (!f->listener)
        fail_msg("%s", e.message);
    f->detector = listener_detector(f->listener);
    if (!f->wait_for_silero)
        timer_arm(&f->timer, 0, feed_more);
}

static void end(void *arg)
{
    on_loop();
    struct fed *f = arg;
    timer_close(&f->timer);
    listener_close(f->listener);
    sem_post(&f->done);
}

static void run(struct fed *f)
{
    struct timespec until;
    f->options.no_text = true;
    f->options.rate = f->sounds[0].rate;
    sem_init(&f->done, 0, 0);
    loop_call(loops_get(loops, 0), begin, f);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    if (sem_timedwait(&f->done, &until) != 0)
        fail_msg("nothing came for %d s", WAIT_S);
    loop_call(loops_get(loops, 0), end, f);
    sem_wait(&f->done);
}

static struct sound quiet(unsigned rate, unsigned ms)
{
    size_t count = (size_t)rate * ms / 1000;
    return (struct sound){heap_alloc(count * sizeof(int16_t)), count, rate};
}

static const char *const recordings[] = {"vm-goodbye",      "please-try-again", "all-circuits-busy-now",
                                         "conf-onlyperson", "auth-thankyou",    "cannot-complete-as-dialed"};

/* ---- tests ---- */
static bool have_silero(void)
{
    char path[SPEECH_LIB_PATH];
    return speech_lib(SPEECH_LIB_ONNX, path) && speech_lib(SPEECH_LIB_SILERO, path);
}

static void onsets_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++) {
        struct sound file = read_file(recordings[i]);
        struct sound sounds[] = {quiet(file.rate, 1000), file, quiet(file.rate, 1500)};
        struct fed f = {.sounds = sounds, .sound_count = 3, .wait_for_silero = have_silero()};
        f.options.keep_sound = true;
        run(&f);
        unsigned want = 1000 + onset_of(&file), end_ms = 1000 + (unsigned)(file.count * 1000 / file.rate);
        assert_true(f.start_count >= 1);
        int off = (int)f.starts[0] - (int)want;
        if (abs(off) > ONSET_MS + 32 || (f.wait_for_silero && abs(off) > ONSET_MS))
            fail_msg("%s: speech from %u ms, found at %u", recordings[i], want, f.starts[0]);
        assert_true(f.utterances >= 1);
        assert_true(f.stop_count == f.start_count && f.stops[f.stop_count - 1] <= end_ms + 100);
        for (size_t k = 0; k < 3; k++)
            free(sounds[k].samples);
    }
}

static void nothing_is_found_where_nobody_speaks(void **state)
{
    (void)state;
    enum { RATE = 16000, SECONDS = 6 };
    struct sound silence = quiet(RATE, SECONDS * 1000), noise = quiet(RATE, SECONDS * 1000),
                 hum = quiet(RATE, SECONDS * 1000);
    unsigned seed = 7;
    for (size_t i = 0; i < noise.count; i++) {
        seed = seed * 1103515245 + 12345;
        noise.samples[i] = (int16_t)((int)(seed >> 16 & 0x7ff) - 0x400);
        hum.samples[i] = (int16_t)(3000 * sin((double)i * 2 * M_PI * 50 / RATE));
    }
    const struct sound *const all[] = {&silence, &noise, &hum};
    for (int gate = 0; gate < 2; gate++) {
        for (size_t i = 0; i < 3; i++) {
            struct fed f = {.sounds = all[i], .sound_count = 1, .wait_for_silero = !gate && have_silero()};
            run(&f);
            if (f.start_count || f.utterances)
                fail_msg("sound %zu, %s: speech at %u ms", i, f.detector, f.starts[0]);
        }
    }
    free(silence.samples);
    free(noise.samples);
    free(hum.samples);
}

static void the_gate_goes_on_when_the_child_is_killed(void **state)
{
    (void)state;
    struct sound file = read_file("conf-onlyperson");
    struct sound sounds[] = {quiet(file.rate, 1000), file, quiet(file.rate, 500), file,
                             quiet(file.rate, 1500)};
    struct fed f = {.sounds = sounds, .sound_count = 5, .wait_for_silero = true, .kill = true};
    if (!have_silero()) {
        print_message("silero is not here; make speech fetches it\n");
        skip();
    }
    run(&f);
    assert_true(f.lost);
    assert_true(f.start_count >= 2);
    assert_true(f.starts[f.start_count - 1] > f.killed_at_ms);
    assert_true(f.utterances >= 1);
    struct listen_stats stats;
    listening_stats(listening, &stats);
    assert_true(stats.detector_lost >= 1 && stats.windows > 0);
    free(sounds[0].samples);
    free(sounds[2].samples);
    free(sounds[4].samples);
    free(file.samples);
}

static void the_sound_before_speech_is_kept(void **state)
{
    (void)state;
    struct sound file = read_file("vm-goodbye");
    struct sound sounds[] = {quiet(file.rate, 1000), file, quiet(file.rate, 200)};
    struct fed f = {.sounds = sounds, .sound_count = 3, .wait_for_silero = have_silero()};
    f.options.keep_sound = true;
    f.options.mode = LISTEN_PUSH_TO_TALK;
    f.options.prefix_ms = 200;
    run(&f);
    assert_int_equal(f.utterances, 1); /* however it pauses: only the commit ends it */
    size_t least = (size_t)(f.to_ms - f.from_ms + 200 - 40) * 16;
    assert_true(f.samples >= least);
    for (size_t k = 0; k < 3; k++)
        free(sounds[k].samples);
}

static void the_gate_alone(void **state)
{
    (void)state;
    struct vad_energy gate = {0};
    int16_t window[512];
    struct sound file = read_file("conf-onlyperson");
    unsigned loud = 0;
    memset(window, 0, sizeof window);
    for (int i = 0; i < 20; i++)
        assert_true(vad_energy_window(&gate, window, 512) == 0);
    for (size_t i = 0; i + 512 <= file.count; i += 512)
        loud += vad_energy_window(&gate, file.samples + i, 512) > .5;
    assert_true(loud * 512 > file.count / 4);
    free(file.samples);
}

/* ---- Opus ---- */
struct opus_mic {
    struct vad_mic *mic;
    size_t samples;
    unsigned broken;
    double power;
    sem_t done;
};

static void opus_window(void *arg, double p)
{
    (void)arg, (void)p;
}

static void opus_sound(void *arg, const int16_t *samples, size_t count)
{
    on_loop();
    struct opus_mic *o = arg;
    o->samples += count;
    for (size_t i = 0; i < count; i++)
        o->power += (double)samples[i] * samples[i];
    sem_post(&o->done);
}

static void opus_broken(void *arg)
{
    on_loop();
    struct opus_mic *o = arg;
    o->broken++;
    sem_post(&o->done);
}

static void opus_detector(void *arg, const char *name)
{
    on_loop();
    (void)name;
    sem_post(&((struct opus_mic *)arg)->done); /* the child is there */
}

static void opus_open(void *arg)
{
    on_loop();
    static const struct vad_events opus_events = {opus_window, opus_sound, opus_broken, opus_detector};
    struct opus_mic *o = arg;
    o->mic = vad_mic_open(vad, &opus_events, o);
}

static void opus_send(void *arg)
{
    on_loop();
    enum { RATE = 16000, FRAME = 320 };
    struct opus_mic *o = arg;
    int16_t tone[FRAME];
    unsigned char packet[512];
    int err;
    OpusEncoder *encoder = opus_encoder_create(RATE, 1, OPUS_APPLICATION_VOIP, &err);
    for (int i = 0; i < FRAME; i++)
        tone[i] = (int16_t)(8000 * sin(i * 2 * M_PI * 440 / RATE));
    for (int i = 0; i < 5; i++) {
        int n = opus_encode(encoder, tone, FRAME, packet, sizeof packet);
        vad_mic_opus(o->mic, str_of((const char *)packet, (size_t)n));
    }
    opus_encoder_destroy(encoder);
    vad_mic_opus(o->mic, STR("\xff\xff\xff\xff no packet at all"));
}

static void opus_close(void *arg)
{
    on_loop();
    struct opus_mic *o = arg;
    vad_mic_close(o->mic);
    sem_post(&o->done);
}

static void opus_is_decoded_in_the_child(void **state)
{
    (void)state;
    struct opus_mic o = {0};
    if (!have_silero())
        skip();
    sem_init(&o.done, 0, 0);
    loop_call(loops_get(loops, 0), opus_open, &o);
    sem_wait(&o.done);
    loop_call(loops_get(loops, 0), opus_send, &o);
    for (int i = 0; i < 6; i++)
        sem_wait(&o.done);
    assert_int_equal(o.samples, 5 * 320);
    assert_int_equal(o.broken, 1);
    assert_true(sqrt(o.power / (double)o.samples) > 1000);
    loop_call(loops_get(loops, 0), opus_close, &o);
    sem_wait(&o.done);
}

/* ---- the house ---- */
static int setup(void **state)
{
    (void)state;
    struct error e = {0};
    if (loops_new(2, &loops, &e) != ERR_OK)
        return -1;
    listening = listening_new(loops, NULL);
    vad = vad_host_new(loops);
    loops_start(loops);
    return 0;
}

static void stop(void *arg)
{
    on_loop();
    listening_stop(listening);
    vad_host_stop(vad);
    sem_post(arg);
}

static int teardown(void **state)
{
    (void)state;
    sem_t done;
    sem_init(&done, 0, 0);
    for (unsigned i = 0; i < loops_count(loops); i++) {
        loop_call(loops_get(loops, i), stop, &done);
        sem_wait(&done);
    }
    loops_stop(loops);
    vad_host_free(vad);
    listening_free(listening);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gate_alone),
        cmocka_unit_test(onsets_are_found),
        cmocka_unit_test(nothing_is_found_where_nobody_speaks),
        cmocka_unit_test(the_gate_goes_on_when_the_child_is_killed),
        cmocka_unit_test(the_sound_before_speech_is_kept),
        cmocka_unit_test(opus_is_decoded_in_the_child),
    };
    if (argc == 3 && strcmp(argv[1], "child") == 0 && strcmp(argv[2], "vad") == 0)
        vad_child_main();
    return cmocka_run_group_tests(tests, setup, teardown);
}
