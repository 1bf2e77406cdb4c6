/*
 * The child that has a model of sherpa-onnx; see sherpa.h for what it is told and tells.
 *
 * It learns which folder, loads the library, then confines itself before it reads a byte of the model: no
 * network, no other process, nothing written, and read only beneath that folder (Landlock; where the kernel
 * has none, any file can still be read, and nothing be told to anybody but the server). Once a model is
 * loaded that needs its files no more (all but those with espeak-ng's data, which opens its dictionaries when
 * it reads a text), it gives up files altogether. The library ends the process over a broken model: the
 * server tells its last words.
 */
#include "voice/sherpa.h"

#include "base/arena.h"
#include "base/json.h"
#include "loop/child.h"
#include "loop/child_frame.h"
#include "voice/asr_read.h"
#include "voice/sherpa_hear.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t MEMORY_MAX = (uint64_t)16 << 30; /* of address space: models are mapped and copied */
enum { THREADS_MAX = 64, PIECE_SAMPLES = 1 << 16 };

struct child_state {
    struct arena arena; /* of the folder */
    char *folder, *language;
    int32_t threads;
    struct sherpa_lib lib;
    struct error lib_error; /* why there is none */
    bool looked, confined_all;
    struct sherpa_model model;
    const void *speaker, *ear;
    char ear_language[16]; /* that it is set to */
    int rate_told;         /* of the present sentence */
    double volume;
    bool enough, gone;
};

static bool tell(char letter, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, rest);
    return !frame.overflow && child_write(buf_str(&frame));
}

/* ---- the model ---- */
static enum err look(struct child_state *c, struct error *e)
{
    if (c->lib_error.err) {
        *e = c->lib_error;
        return e->err;
    }
    if (c->looked)
        return ERR_OK;
    enum err err = sherpa_model_look(&c->arena, c->folder, str_c(c->language), &c->model, e);
    c->looked = err == ERR_OK;
    return err;
}

/* What it no longer needs goes; espeak-ng opens a file for every text. */
static void confine_rest(struct child_state *c)
{
    struct error e = {0};
    if (c->confined_all || c->model.data_dir)
        return;
    c->confined_all = true;
    if (child_confine(CHILD_NO_FILES | CHILD_KEEP_FILES, 0, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        _exit(EXIT_FAILURE);
    }
}

static enum err load(struct child_state *c, bool speak, struct error *e)
{
    enum err err = look(c, e);
    if (err)
        return err;
    if (sherpa_speaks(c->model.kind) != speak)
        return error_set(e, ERR_REFUSED, "The folder %s has a %s model, which %s.", c->folder,
                         sherpa_kind_name(c->model.kind),
                         speak ? "hears and cannot speak" : "speaks and cannot hear");
    if (speak && !c->speaker)
        c->speaker = sherpa_lib_speaker(&c->lib, &c->model, c->threads, c->language);
    if (!speak && !c->ear)
        c->ear = sherpa_lib_ear(&c->lib, &c->model, c->threads, c->ear_language);
    if (!(speak ? c->speaker : c->ear))
        return error_set(e, ERR_REFUSED, "The %s model in %s could not be loaded.",
                         sherpa_kind_name(c->model.kind), c->folder);
    confine_rest(c);
    return tell('R', STR_NONE) ? ERR_OK : ERR_CLOSED;
}

/* A model that cannot be used: the server drops this process. */
static bool unusable(struct child_state *c, const struct error *e)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    buf_printf(&text, "cannot be used. %s", e->message);
    return !c->gone && tell('N', buf_str(&text));
}

/* ---- speaking ---- */
static bool speaker_of(const struct child_state *c, struct str voice, int32_t *out)
{
    uint64_t number;
    *out = 0;
    if (!voice.n)
        return true;
    for (size_t i = 0; i < c->model.name_count; i++) {
        if (str_ieq(c->model.names[i], voice)) {
            *out = (int32_t)i;
            return true;
        }
    }
    bool good = str_to_u64(voice, &number) && number < c->model.speakers;
    *out = good ? (int32_t)number : 0;
    return good;
}

/* Whether the server wants no more of this sentence, or is gone. Only C comes while one is spoken. */
static void listen_for_enough(struct child_state *c)
{
    struct pollfd wire = {.fd = CHILD_WIRE, .events = POLLIN};
    struct buf frame = BUF_INIT;
    while (!c->gone && poll(&wire, 1, 0) > 0) {
        c->gone = !child_read(&frame);
        c->enough = c->enough || c->gone || str_eq(buf_str(&frame), STR("C"));
    }
    buf_release(&frame);
}

static int32_t on_sound(const float *samples, int32_t count, float share, void *arg)
{
    struct child_state *c = arg;
    int16_t *out = heap_alloc(PIECE_SAMPLES * sizeof *out);
    (void)share;
    listen_for_enough(c);
    for (int32_t at = 0; at < count && !c->enough;) {
        int32_t n = count - at < PIECE_SAMPLES ? count - at : PIECE_SAMPLES;
        for (int32_t i = 0; i < n; i++) {
            double s = isfinite(samples[at + i]) ? samples[at + i] * c->volume * 32767 : 0;
            out[i] = (int16_t)lrint(fmin(fmax(s, INT16_MIN), INT16_MAX));
        }
        c->gone = !tell('P', str_of((const char *)out, (size_t)n * sizeof *out));
        c->enough = c->enough || c->gone;
        at += n;
    }
    free(out);
    return !c->enough;
}

static bool speak(struct child_state *c, struct str order)
{
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    struct so_generation how = {.silence_scale = .2F};
    struct error e = {0};
    if (load(c, true, &e) != ERR_OK)
        return unusable(c, &e);
    bool good = json_parse(&a, order, &json, &e) == ERR_OK;
    struct str voice = good ? json_get_str(json, "voice", STR_NONE) : STR_NONE;
    if (good && !speaker_of(c, voice, &how.speaker)) {
        CLEANUP_BUF struct buf text = BUF_INIT;
        buf_printf(&text, "has no voice '%.*s'; its model has %u, from 0 on.", STR_ARG(str_sub(voice, 0, 60)),
                   c->model.speakers);
        good = tell('E', buf_str(&text));
    } else if (good) {
        uint32_t rate = (uint32_t)c->lib.speaker_rate(c->speaker);
        how.speed = (float)json_get_double(json, "rate", 1);
        c->volume = json_get_double(json, "volume", 1);
        c->enough = false;
        good = tell('F', str_of((const char *)&rate, sizeof rate));
        const struct so_sound *all =
            good ? c->lib.speak(c->speaker, arena_cstr(&a, json_get_str(json, "text", STR_NONE)), &how,
                                on_sound, c)
                 : NULL;
        if (all)
            c->lib.free_sound(all);
        good = good && !c->gone && tell('D', STR_NONE);
    }
    arena_release(&a);
    return good;
}

/* ---- hearing ---- */
/* As the model knows it: "de-AT" is de; one that it cannot know is left to itself, as the library ends the
 * process over it. Of static memory, or `room`. */
static const char *ear_language(const struct child_state *c, struct str language, char room[16])
{
    static const char *const sense_voice[] = {"zh", "en", "ja", "ko", "yue"};
    size_t n = 0;
    while (n < language.n && language.p[n] != '-' && language.p[n] != '_')
        n++;
    str_copy(room, 16, str_sub(language, 0, n));
    struct str code = str_c(room);
    if (c->model.kind == SHERPA_WHISPER)
        return str_eq(asr_language_name(code), code) ? "" : room;
    for (size_t i = 0; i < sizeof sense_voice / sizeof *sense_voice; i++) {
        if (str_eq(code, str_c(sense_voice[i])))
            return room;
    }
    return c->model.kind == SHERPA_SENSE_VOICE ? "" : room;
}

static bool hear(struct child_state *c, struct str order)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct error e = {0};
    size_t end = str_find_char(order, '\0');
    if (end == SIZE_MAX)
        return false;
    struct str language = str_sub(order, 0, end), sound = str_from(order, end + 1);
    int16_t *samples = heap_alloc(sound.n + 1); /* aligned */
    memcpy(samples, sound.p, sound.n);
    bool good = load(c, false, &e) == ERR_OK;
    if (!good) {
        free(samples);
        return unusable(c, &e);
    }
    char room[16];
    const char *wanted = ear_language(c, language.n ? language : str_c(c->language), room);
    if (!str_eq(str_c(wanted), str_c(c->ear_language))) {
        str_copy(c->ear_language, sizeof c->ear_language, str_c(wanted));
        sherpa_lib_set_language(&c->lib, c->ear, &c->model, c->threads, c->ear_language);
    }
    enum err err = sherpa_hear(&c->lib, c->ear, samples, sound.n / sizeof *samples, str_c(wanted), &json, &e);
    free(samples);
    return err ? tell('E', str_c(e.message)) : tell('D', buf_str(&json));
}

/* ---- who speaks ---- */
static bool list(struct child_state *c)
{
    CLEANUP_BUF struct buf json = BUF_INIT;
    struct jw w = JW(&json);
    struct error e = {0};
    if (look(c, &e) != ERR_OK)
        return unusable(c, &e);
    jw_object(&w);
    jw_kv_string(&w, "kind", str_c(sherpa_kind_name(c->model.kind)));
    jw_kv_bool(&w, "speaks", sherpa_speaks(c->model.kind));
    jw_kv_string(&w, "language", c->model.language);
    jw_kv_u64(&w, "speakers", sherpa_speaks(c->model.kind) ? c->model.speakers : 0);
    jw_key(&w, STR("names"));
    jw_array(&w);
    for (size_t i = 0; i < c->model.name_count; i++)
        jw_string(&w, c->model.names[i]);
    jw_end_array(&w);
    jw_end_object(&w);
    return tell('D', buf_str(&json));
}

/* ---- the process ---- */
static bool begin(struct child_state *c, struct str order)
{
    struct json *json = NULL;
    struct error e = {0};
    if (order.n < 1 || order.p[0] != 'O' || json_parse(&c->arena, str_from(order, 1), &json, &e) != ERR_OK)
        return false;
    c->folder = heap_cstr(json_get_str(json, "folder", STR_NONE));
    c->language = heap_cstr(json_get_str(json, "language", STR_NONE));
    int64_t threads = json_get_i64(json, "threads", 1);
    c->threads = (int32_t)(threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads);
    sherpa_lib_load(&c->lib, &c->lib_error);
    const char *const beneath[] = {c->folder};
    if (access("/sys/devices/system/cpu", R_OK) == 0) {
        /* How many cores there are ONNX Runtime reads there. */
        const char *const more[] = {c->folder, "/sys/devices/system/cpu"};
        child_read_beneath(more, 2);
    } else {
        child_read_beneath(beneath, 1);
    }
    if (child_confine(CHILD_READ_FILES, MEMORY_MAX, &e) == ERR_OK)
        return true;
    fprintf(stderr, "%s\n", e.message);
    return false;
}

void sherpa_child_main(void)
{
    struct child_state *c = heap_alloc(sizeof *c);
    struct buf frame = BUF_INIT;
    bool good = child_read(&frame) && begin(c, buf_str(&frame));
    if (!good)
        _exit(EXIT_FAILURE);
    while (good && child_read(&frame)) {
        struct str order = buf_str(&frame);
        char letter = order.n ? order.p[0] : '\0';
        if (letter == 'S')
            good = speak(c, str_from(order, 1));
        else if (letter == 'H')
            good = hear(c, str_from(order, 1));
        else if (letter == 'L')
            good = list(c);
        else
            good = letter == 'C'; /* of what was over already */
    }
    _exit(EXIT_SUCCESS);
}
