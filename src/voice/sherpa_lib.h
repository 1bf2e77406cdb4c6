/*
 * sherpa-onnx's library as the child uses it: found beside the program, its version checked, a model loaded.
 *
 * Calls of the library end the process where a model is broken, and so they may: it is the child's
 * (sherpa_child.c). One thread. What is loaded stays until the process ends.
 */
#ifndef EIDOLON_VOICE_SHERPA_LIB_H
#define EIDOLON_VOICE_SHERPA_LIB_H

#include "voice/sherpa_abi.h"
#include "voice/sherpa_model.h"

struct sherpa_lib {
    const void *(*new_speaker)(const struct so_tts_config *config);
    int32_t (*speaker_rate)(const void *speaker);
    int32_t (*speaker_count)(const void *speaker);
    const struct so_sound *(*speak)(const void *speaker, const char *text, const struct so_generation *how,
                                    so_progress *progress, void *arg);
    void (*free_sound)(const struct so_sound *sound);

    const void *(*new_ear)(const struct so_ear_config *config);
    void (*set_ear)(const void *ear, const struct so_ear_config *config);
    const void *(*new_stream)(const void *ear);
    void (*feed)(const void *stream, int32_t rate, const float *samples, int32_t count);
    void (*decode)(const void *ear, const void *stream);
    const char *(*result)(const void *stream); /* JSON */
    void (*free_result)(const char *json);
    void (*free_stream)(const void *stream);
};

/* ERR_UNAVAILABLE with what to do: not there, cannot be loaded, another version. */
enum err sherpa_lib_load(struct sherpa_lib *lib, struct error *e);

/* The model loaded, NULL where the library refused it (its reason is on standard error). `language` may be
 * empty. */
const void *sherpa_lib_speaker(const struct sherpa_lib *lib, const struct sherpa_model *m, int32_t threads,
                               const char *language);
const void *sherpa_lib_ear(const struct sherpa_lib *lib, const struct sherpa_model *m, int32_t threads,
                           const char *language);
/* Another language from here on, where the kind can be told: Whisper and SenseVoice. */
void sherpa_lib_set_language(const struct sherpa_lib *lib, const void *ear, const struct sherpa_model *m,
                             int32_t threads, const char *language);

#endif
