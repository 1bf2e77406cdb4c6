/*
 * flite, the voice that is always there: CMU's small synthesiser, in workers, no key and no download.
 *
 * An utterance is one job. Its segments are final before its first sound, so the mouth shapes of the whole
 * utterance go out first, then the sound as it is made. What a worker makes comes to the loop as messages;
 * the loop drops those of an utterance that is over. flite's voices hold no state of an utterance: workers
 * share them (measured: four threads on one voice give identical segments).
 */
#include "voice/flite_voice.h"
#include "voice/tts.h"

#include <flite/flite.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* No header of Debian's flite1-dev declares them. */
cst_voice *register_cmu_us_slt(const char *folder);
cst_voice *register_cmu_us_rms(const char *folder);
cst_voice *register_cmu_us_awb(const char *folder);
cst_voice *register_cmu_us_kal16(const char *folder);

enum { VOICES = 4, PIECE_SAMPLES = 1024, FRAME_MS = 5 };
#define LEAD_KEPT_S 0.03

static const struct tts_voice voices[VOICES] = {
    {"slt", "en-US", "a woman, clear and even"},
    {"rms", "en-US", "a man, low and calm"},
    {"awb", "en-GB", "a man, Scottish"},
    {"kal16", "en-US", "a man, plain; the quickest"},
};
static cst_voice *loaded[VOICES];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_ullong last_id;

static void load(void)
{
    flite_init();
    loaded[0] = register_cmu_us_slt(NULL);
    loaded[1] = register_cmu_us_rms(NULL);
    loaded[2] = register_cmu_us_awb(NULL);
    loaded[3] = register_cmu_us_kal16(NULL);
}

struct cst_voice_struct *flite_quickest(void)
{
    pthread_once(&once, load);
    return loaded[3];
}

struct flite {
    struct tts tts;
    struct workers *workers;
    struct utterance *first; /* running */
    bool closed;
    unsigned jobs;
};

/* One text on its way to sound: the job's own until done(), then the loop's. */
struct utterance {
    struct job job;
    struct flite *flite;
    struct utterance *next;
    uint64_t id;
    char *text;
    cst_voice *voice;
    struct tts_prosody prosody;
    const struct tts_emit *emit;
    void *arg;
    bool over; /* loop: cancelled, nothing more is emitted */
    bool timed;
    struct error error;
    enum err err;
    size_t told, given;    /* samples: as the timeline has it, and made */
    size_t lead, left_out; /* samples of the silence before it: all, and still to come */
};

/* What a worker hands to the loop. */
enum news { NEWS_FORMAT, NEWS_TIMING, NEWS_SOUND };
struct piece {
    struct msg msg;
    struct utterance *utterance;
    enum news news;
    unsigned rate;
    struct arena arena;
    struct tts_word *words;
    size_t word_count;
    struct viseme_key *keys;
    size_t key_count;
    size_t count;
    int16_t samples[];
};

static void deliver(struct msg *msg)
{
    on_loop();
    struct piece *p = CONTAINER(msg, struct piece, msg);
    struct utterance *u = p->utterance;
    if (!u->over && p->news == NEWS_FORMAT)
        u->emit->format(u->arg, p->rate);
    if (!u->over && p->news == NEWS_TIMING && u->emit->words)
        u->emit->words(u->arg, p->words, p->word_count);
    if (!u->over && p->news == NEWS_TIMING && u->emit->visemes)
        u->emit->visemes(u->arg, p->keys, p->key_count);
    if (!u->over && p->news == NEWS_SOUND)
        u->emit->sound(u->arg, p->samples, p->count);
    arena_release(&p->arena);
    free(p);
}

static struct piece *piece_new(struct utterance *u, enum news news, size_t samples)
{
    struct piece *p = heap_alloc(sizeof *p + samples * sizeof *p->samples);
    p->utterance = u;
    p->news = news;
    p->msg.deliver = deliver;
    return p;
}

/* ---- on a worker ---- */
/* flite calls the letter "_a", to tell it from the article. */
static struct str word_name(const cst_item *word)
{
    struct str name = str_c(item_feat_string(word, "name"));
    return name.n > 1 && name.p[0] == '_' ? str_from(name, 1) : name;
}

static double word_edge(const cst_item *word, const char *path)
{
    return (double)ffeature_float(word, path);
}

/* How much of the silence with which flite begins is left out: somebody waits for the first sound. */
static double lead(const cst_utterance *utt)
{
    const cst_item *first = relation_head(utt_relation(utt, "Segment"));
    if (!first || !item_next(first) || strcmp(item_feat_string(first, "name"), "pau") != 0)
        return 0;
    return fmax(0, (double)item_feat_float(first, "end") - LEAD_KEPT_S);
}

static void tell_timing(struct utterance *u, const cst_utterance *utt, unsigned rate, size_t samples)
{
    struct piece *p = piece_new(u, NEWS_TIMING, 0);
    size_t n = 0, most = 0;
    double from = 0, lead_s = (double)u->lead / rate;
    for (const cst_item *s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s))
        most++;
    struct phone *phones = arena_array(&p->arena, struct phone, most);
    for (const cst_item *s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
        double to = fmax(0, (double)item_feat_float(s, "end") - lead_s);
        phones[n++] = (struct phone){str_c(item_feat_string(s, "name")), from, to};
        from = to;
    }
    /* Before the last of the sound is made, its length is known but for a frame. */
    uint32_t length_ms = (uint32_t)(samples * 1000 / rate);
    length_ms = length_ms > FRAME_MS ? length_ms - FRAME_MS : 0;
    p->keys = viseme_timeline(&p->arena, phones, n, length_ms, &p->key_count);
    most = 0;
    for (const cst_item *w = relation_head(utt_relation(utt, "Word")); w; w = item_next(w))
        most++;
    p->words = arena_array(&p->arena, struct tts_word, most);
    for (const cst_item *w = relation_head(utt_relation(utt, "Word")); w; w = item_next(w)) {
        const cst_item *spoken = item_as(w, "SylStructure");
        if (!spoken || !item_daughter(spoken)) /* a comma by itself */
            continue;
        double begin = word_edge(w, "R:SylStructure.daughter1.daughter1.R:Segment.p.end");
        double end = word_edge(w, "R:SylStructure.daughtern.daughtern.R:Segment.end");
        p->words[p->word_count++] = (struct tts_word){arena_str(&p->arena, word_name(w)),
                                                      (uint32_t)lround(fmax(0, begin - lead_s) * 1000),
                                                      (uint32_t)lround(fmax(0, end - lead_s) * 1000)};
    }
    loop_post(u->job.home, &p->msg);
}

static int on_sound(const cst_wave *w, int start, int size, int last, cst_audio_streaming_info *info)
{
    struct utterance *u = info->userdata;
    (void)last;
    if (job_cancelled(&u->job))
        return CST_AUDIO_STREAM_STOP;
    if (!u->timed) {
        struct piece *format = piece_new(u, NEWS_FORMAT, 0);
        format->rate = (unsigned)w->sample_rate;
        loop_post(u->job.home, &format->msg);
        u->lead = (size_t)(lead(info->utt) * w->sample_rate);
        u->left_out = u->lead;
        u->told = (size_t)w->num_samples > u->lead ? (size_t)w->num_samples - u->lead : 0;
        tell_timing(u, info->utt, (unsigned)w->sample_rate, u->told);
        u->timed = true;
    }
    size_t skip = u->left_out < (size_t)size ? u->left_out : (size_t)size;
    u->left_out -= skip;
    start += (int)skip;
    size -= (int)skip;
    if (size == 0)
        return CST_AUDIO_STREAM_CONT;
    struct piece *p = piece_new(u, NEWS_SOUND, (size_t)size);
    p->count = (size_t)size;
    u->given += p->count;
    for (int i = 0; i < size; i++) {
        double loud = w->samples[start + i] * u->prosody.volume;
        p->samples[i] = (int16_t)(loud > INT16_MAX ? INT16_MAX : loud < INT16_MIN ? INT16_MIN : lround(loud));
    }
    loop_post(u->job.home, &p->msg);
    return CST_AUDIO_STREAM_CONT;
}

/* Diphone voices (kal16) end 0.12 s earlier than they say, within the last silence: the rest is added, as the
 * timeline is out already and what follows counts on its length. */
static void fill_up(struct utterance *u)
{
    if (u->given >= u->told || job_cancelled(&u->job))
        return;
    struct piece *p = piece_new(u, NEWS_SOUND, u->told - u->given);
    p->count = u->told - u->given;
    loop_post(u->job.home, &p->msg);
}

static void speak(struct job *job)
{
    on_worker();
    struct utterance *u = CONTAINER(job, struct utterance, job);
    cst_utterance *utt = new_utterance();
    cst_audio_streaming_info *info = new_audio_streaming_info();
    info->asc = on_sound;
    info->min_buffsize = PIECE_SAMPLES;
    info->userdata = u;
    info->utt = utt;
    utt_set_input_text(utt, u->text);
    utt_init(utt, u->voice);
    /* The utterance's own features go before the voice's: the voice stays as it is, for all workers. */
    feat_set(utt->features, "streaming_info", audio_streaming_info_val(info));
    feat_set_float(utt->features, "duration_stretch", (float)(1 / u->prosody.rate));
    feat_set_float(utt->features, "f0_shift", (float)u->prosody.pitch);
    if (!utt_synth(utt))
        u->err = error_set(&u->error, ERR_INTERNAL, "flite could not speak this text.");
    else if (!u->timed && utt_wave(utt)) /* too short for a piece, or nothing to say */
        on_sound(utt_wave(utt), 0, utt_wave(utt)->num_samples, 1, info);
    fill_up(u);
    delete_utterance(utt);
}

/* ---- on the loop ---- */
static LOOP void forget(struct flite *f)
{
    if (f->closed && f->jobs == 0)
        free(f);
}

static void spoken(struct job *job)
{
    on_loop();
    struct utterance *u = CONTAINER(job, struct utterance, job);
    struct flite *f = u->flite;
    for (struct utterance **at = &f->first; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    f->jobs--;
    if (!u->over) {
        u->over = true;
        u->emit->end(u->arg, u->err, &u->error);
    }
    arena_release(&u->job.arena);
    free(u->text);
    free(u);
    forget(f);
}

static enum err flite_open(struct loop *loop, struct workers *workers, const struct speech_provider *provider,
                           struct tts **out, struct error *e)
{
    struct flite *f = heap_alloc(sizeof *f);
    (void)e;
    (void)provider; /* it has no settings */
    pthread_once(&once, load);
    *f = (struct flite){.tts = {&tts_flite, loop}, .workers = workers};
    *out = &f->tts;
    return ERR_OK;
}

static cst_voice *voice_of(struct str name)
{
    for (int i = 0; i < VOICES; i++) {
        if (str_ieq(name, str_c(voices[i].name)))
            return loaded[i];
    }
    return str_empty(name) ? loaded[0] : NULL;
}

static double within(double value, double low, double high)
{
    return isnan(value) ? 1 : value < low ? low : value > high ? high : value;
}

static LOOP uint64_t flite_start(struct tts *t, const struct tts_request *request,
                                 const struct tts_emit *emit, void *arg, struct error *e)
{
    struct flite *f = (struct flite *)t;
    cst_voice *voice = voice_of(request->voice);
    if (!voice) {
        error_set_param(e, ERR_NOT_FOUND, "voice",
                        "flite has no voice '%.*s'; it has slt, rms, awb and kal16.",
                        STR_ARG(str_sub(request->voice, 0, 60)));
        return 0;
    }
    if (request->text.n > TTS_TEXT_MAX) {
        error_set(e, ERR_TEXT_TOO_LONG, "One utterance has %zu bytes; at most %d are spoken at once.",
                  request->text.n, TTS_TEXT_MAX);
        return 0;
    }
    struct utterance *u = heap_alloc(sizeof *u);
    *u = (struct utterance){.flite = f,
                            .next = f->first,
                            .id = atomic_fetch_add(&last_id, 1) + 1,
                            .text = flite_text(request->text),
                            .voice = voice,
                            .prosody = {within(request->prosody.rate, .25, 4),
                                        within(request->prosody.pitch, .5, 2),
                                        within(request->prosody.volume, 0, 2)},
                            .emit = emit,
                            .arg = arg};
    u->job.home = t->loop;
    u->job.run = speak;
    u->job.done = spoken;
    f->first = u;
    f->jobs++;
    uint64_t id = u->id;
    workers_submit(f->workers, &u->job);
    return id;
}

static void flite_cancel(struct tts *t, uint64_t id)
{
    struct flite *f = (struct flite *)t;
    for (struct utterance *u = f->first; u; u = u->next) {
        if (u->id != id)
            continue;
        u->over = true;
        job_cancel(&u->job);
    }
}

static LOOP void flite_close(struct tts *t)
{
    struct flite *f = (struct flite *)t;
    for (struct utterance *u = f->first; u; u = u->next) {
        u->over = true;
        job_cancel(&u->job);
    }
    f->closed = true;
    forget(f);
}

static const struct tts_voice *flite_voices(struct tts *t, size_t *count)
{
    (void)t;
    *count = VOICES;
    return voices;
}

const struct tts_driver tts_flite = {
    .name = "flite",
    .can = TTS_TIMINGS | TTS_RATE | TTS_PITCH | TTS_LOCAL,
    .open = flite_open,
    .start = flite_start,
    .cancel = flite_cancel,
    .close = flite_close,
    .voices = flite_voices,
};
