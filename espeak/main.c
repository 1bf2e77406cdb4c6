/*
 * eidolon-espeak: the helper process that speaks with espeak-ng, the library of the system.
 *
 * espeak-ng is under the GPL, version 3 or later. This program is our own, under Apache-2.0 (which the GPL
 * version 3 allows beside it), loads the library at run time and is a process of its own: the server never
 * loads or links it, and works without it. The declarations below are written by hand after the library's
 * documentation; the version is checked when it is loaded.
 *
 * Frames (loop/child.h), each with 4 bytes of an id, little-endian, in front of what follows.
 *   in   {"text","voice","rate","pitch","volume"}, or {"list":true}
 *   out  T  {"rate":22050,"phonemes":[["h",120],...],"words":[[1,5,120],...],"length_ms":900}
 *            a phoneme's IPA and when it begins; a word's place in the text (characters, from 1), length,
 * time S  samples · D  done · E  a sentence · V  [{"name","language","gender"},...] espeak-ng keeps one state
 * for the whole process, so there is one thread: six seconds of speech take it 4 ms.
 */
#include "base/arena.h"
#include "base/json.h"
#include "loop/child.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    AUDIO_SYNCHRONOUS = 2,
    PIECE_MS = 20,
    PHONEME_EVENTS = 1,
    PHONEME_IPA = 2,
    DONT_EXIT = 0x8000,
    CHARS_UTF8 = 1,
    EVENT_WORD = 1,
    EVENT_PHONEME = 7,
    PARAMETER_RATE = 1,
    PARAMETER_VOLUME = 2,
    PARAMETER_PITCH = 3,
    RATE_NORMAL = 175,
    RATE_LEAST = 80,
    RATE_MOST = 450,
    VOICES_MOST = 512,
    SOUND_MOST = 64 << 20, /* bytes of one utterance */
    SOUND_FRAME = 1 << 20,
};

struct event {
    int type;
    unsigned unique;
    int text_position, length, audio_position, sample;
    void *user;
    union {
        int number;
        const char *name;
        char string[8];
    } id;
};

struct voice {
    const char *name, *languages, *identifier;
    unsigned char gender, age, variant, unused;
    int score;
    void *spare;
};

static struct {
    int (*initialize)(int output, int buffer_ms, const char *path, int options);
    void (*set_callback)(int (*)(short *, int, struct event *));
    int (*synth)(const void *, size_t, unsigned, int, unsigned, unsigned, unsigned *, void *);
    int (*set_voice)(const char *);
    int (*set_parameter)(int, int, int);
    const struct voice **(*list_voices)(struct voice *);
    const char *(*info)(const char **);
} lib;

static struct utterance {
    struct buf sound, phonemes, words;
    struct jw phoneme_list, word_list;
} now;

static int rate;

static bool tell(char letter, struct str id, struct str rest)
{
    CLEANUP_BUF struct buf frame = BUF_MAX(CHILD_FRAME_MAX);
    buf_add_char(&frame, letter);
    buf_add(&frame, id);
    buf_add(&frame, rest);
    return child_write(buf_str(&frame));
}

static int on_sound(short *samples, int count, struct event *events)
{
    if (samples && count > 0)
        buf_add(&now.sound, str_of((const char *)samples, (size_t)count * sizeof *samples));
    for (; events && events->type; events++) {
        if (events->type == EVENT_PHONEME) {
            size_t n = strnlen(events->id.string, sizeof events->id.string);
            jw_array(&now.phoneme_list);
            jw_string(&now.phoneme_list, str_of(events->id.string, n));
            jw_i64(&now.phoneme_list, events->audio_position);
            jw_end_array(&now.phoneme_list);
        } else if (events->type == EVENT_WORD) {
            jw_array(&now.word_list);
            jw_i64(&now.word_list, events->text_position);
            jw_i64(&now.word_list, events->length);
            jw_i64(&now.word_list, events->audio_position);
            jw_end_array(&now.word_list);
        }
    }
    return now.sound.overflow;
}

static int within(double value, double normal, int least, int most)
{
    double v = value * normal;
    return v < least ? least : v > most ? most : (int)v;
}

/* By its name, its file, or the language it speaks ("fr-fr", which is the language of the voice fr). */
static bool choose(const char *voice)
{
    const struct voice **all;
    if (lib.set_voice(voice) == 0)
        return true;
    all = lib.list_voices(NULL);
    for (size_t i = 0; all && all[i] && i < VOICES_MOST; i++) {
        if (all[i]->languages && *all[i]->languages && strcasecmp(all[i]->languages + 1, voice) == 0)
            return lib.set_voice(all[i]->identifier) == 0 || lib.set_voice(all[i]->name) == 0;
    }
    return false;
}

static bool speak(struct str id, const struct json *request)
{
    struct arena a = ARENA_INIT;
    const char *voice = arena_cstr(&a, json_get_str(request, "voice", STR("en")));
    const char *text = arena_cstr(&a, json_get_str(request, "text", STR_NONE));
    bool good;
    buf_clear(&now.sound);
    buf_clear(&now.phonemes);
    buf_clear(&now.words);
    now.phoneme_list = JW(&now.phonemes);
    now.word_list = JW(&now.words);
    if (!choose(voice)) {
        CLEANUP_BUF struct buf why = BUF_INIT;
        buf_printf(&why, "espeak-ng has no voice '%.60s'; GET /api/voices lists them.", voice);
        good = tell('E', id, buf_str(&why));
        arena_release(&a);
        return good;
    }
    lib.set_parameter(PARAMETER_RATE,
                      within(json_get_double(request, "rate", 1), RATE_NORMAL, RATE_LEAST, RATE_MOST), 0);
    lib.set_parameter(PARAMETER_PITCH, within(json_get_double(request, "pitch", 1), 50, 0, 100), 0);
    lib.set_parameter(PARAMETER_VOLUME, within(json_get_double(request, "volume", 1), 100, 0, 200), 0);
    jw_array(&now.phoneme_list);
    jw_array(&now.word_list);
    lib.synth(text, strlen(text) + 1, 0, 1, 0, CHARS_UTF8, NULL, NULL);
    jw_end_array(&now.phoneme_list);
    jw_end_array(&now.word_list);
    CLEANUP_BUF struct buf timing = BUF_INIT;
    struct jw w = JW(&timing);
    jw_object(&w);
    jw_kv_i64(&w, "rate", rate);
    jw_kv_raw(&w, "phonemes", buf_str(&now.phonemes));
    jw_kv_raw(&w, "words", buf_str(&now.words));
    jw_kv_u64(&w, "length_ms", now.sound.n / sizeof(short) * 1000 / (unsigned)rate);
    jw_end_object(&w);
    good = tell('T', id, buf_str(&timing));
    for (size_t at = 0; good && at < now.sound.n; at += SOUND_FRAME)
        good = tell('S', id, str_sub(buf_str(&now.sound), at, SOUND_FRAME));
    arena_release(&a);
    return good && tell('D', id, STR_NONE);
}

static bool list(struct str id)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct jw w = JW(&out);
    const struct voice **all = lib.list_voices(NULL);
    jw_array(&w);
    for (size_t i = 0; all && all[i] && i < VOICES_MOST; i++) {
        jw_object(&w);
        /* languages: a byte of priority, then the name. */
        jw_kv_string(&w, "name", str_c(all[i]->languages && *all[i]->languages ? all[i]->languages + 1 : ""));
        jw_kv_string(&w, "about", str_c(all[i]->name));
        jw_kv_u64(&w, "gender", all[i]->gender);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return tell('V', id, buf_str(&out));
}

static bool find(void *library, const char *name, void *to)
{
    void *at = dlsym(library, name);
    memcpy(to, &at, sizeof at);
    return at != NULL;
}

static const char *load(void)
{
    const char *path = NULL;
    void *library = dlopen("libespeak-ng.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "espeak-ng is not installed; install Debian's libespeak-ng1.";
    if (!find(library, "espeak_Initialize", &lib.initialize) ||
        !find(library, "espeak_SetSynthCallback", &lib.set_callback) ||
        !find(library, "espeak_Synth", &lib.synth) ||
        !find(library, "espeak_SetVoiceByName", &lib.set_voice) ||
        !find(library, "espeak_SetParameter", &lib.set_parameter) ||
        !find(library, "espeak_ListVoices", &lib.list_voices) || !find(library, "espeak_Info", &lib.info))
        return "This espeak-ng lacks a function that is needed; install Debian's libespeak-ng1.";
    if (strncmp(lib.info(&path), "1.", 2) != 0)
        return "This espeak-ng is of a version that is not known here; 1.51 is.";
    rate = lib.initialize(AUDIO_SYNCHRONOUS, PIECE_MS, NULL, PHONEME_EVENTS | PHONEME_IPA | DONT_EXIT);
    if (rate <= 0)
        return "espeak-ng finds no voices; install Debian's espeak-ng-data.";
    lib.set_callback(on_sound);
    return NULL;
}

int main(void)
{
    enum { ID = 4 };
    struct buf frame = BUF_INIT;
    struct error e = {0};
    const char *why = load();
    now.sound.max = SOUND_MOST;
    if (child_confine(0, (uint64_t)1 << 30, &e)) {
        fprintf(stderr, "%s\n", e.message);
        _exit(EXIT_FAILURE);
    }
    for (bool good = true; good && child_read(&frame);) {
        struct arena a = ARENA_INIT;
        struct json *request = NULL;
        struct str id = str_sub(buf_str(&frame), 0, ID);
        if (why)
            good = tell('E', id, str_c(why));
        else if (json_parse(&a, str_from(buf_str(&frame), ID), &request, NULL) != ERR_OK)
            good = false;
        else
            good = json_get_bool(request, "list", false) ? list(id) : speak(id, request);
        arena_release(&a);
    }
    _exit(EXIT_SUCCESS);
}
