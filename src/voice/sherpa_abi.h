/*
 * sherpa-onnx's C interface, as far as it is used here, for version 1.13.8 on 64-bit machines.
 *
 * No header is shipped with the library, so the structs are declared here from its public description
 * (k2-fsa/sherpa-onnx, sherpa-onnx/c-api/c-api.h) and were compared with what the npm package sherpa-onnx of
 * the same version writes for its WebAssembly build. Their sizes are checked below; another version is
 * refused when it is loaded (sherpa_lib.c). Every struct is zeroed before use: 0 and NULL take the library's
 * own defaults. Models that are not used are only as many bytes as they take.
 *
 * Private to the child.
 */
#ifndef EIDOLON_VOICE_SHERPA_ABI_H
#define EIDOLON_VOICE_SHERPA_ABI_H

#include <stdint.h>

#define SHERPA_VERSION "1.13.8"

/* ---- speaking ---- */
struct so_vits {
    const char *model, *lexicon, *tokens, *data_dir;
    float noise_scale, noise_scale_w, length_scale;
    const char *unused;
};
struct so_matcha {
    const char *acoustic_model, *vocoder, *lexicon, *tokens, *data_dir;
    float noise_scale, length_scale;
    const char *unused;
};
struct so_kokoro {
    const char *model, *voices, *tokens, *data_dir;
    float length_scale;
    const char *unused, *lexicon, *language;
};
struct so_kitten {
    const char *model, *voices, *tokens, *data_dir;
    float length_scale;
};
struct so_zipvoice {
    const char *paths[6];
    float scales[4];
};
struct so_pocket {
    const char *paths[7];
    int32_t cache;
};
struct so_supertonic {
    const char *paths[7];
};
struct so_tts_config {
    struct so_vits vits;
    int32_t threads, debug;
    const char *provider;
    struct so_matcha matcha;
    struct so_kokoro kokoro;
    struct so_kitten kitten;
    struct so_zipvoice zipvoice;
    struct so_pocket pocket;
    struct so_supertonic supertonic;
    const char *rule_fsts;
    int32_t sentences_at_once;
    const char *rule_fars;
    float silence_scale;
};
struct so_generation {
    float silence_scale, speed;
    int32_t speaker;
    const float *reference;
    int32_t reference_count, reference_rate;
    const char *reference_text;
    int32_t steps;
    const char *extra;
};
struct so_sound {
    const float *samples;
    int32_t count, rate;
};
/* A piece of sound, -1..1, that is gone when it returns; 0 ends the synthesis. */
typedef int32_t so_progress(const float *samples, int32_t count, float share, void *arg);

/* ---- hearing ---- */
struct so_transducer {
    const char *encoder, *decoder, *joiner;
};
struct so_whisper {
    const char *encoder, *decoder, *language, *task;
    int32_t tail_paddings, token_times, segment_times;
};
struct so_sense_voice {
    const char *model, *language;
    int32_t numbers;
};
struct so_moonshine {
    const char *preprocessor, *encoder, *uncached_decoder, *cached_decoder, *merged_decoder;
};
struct so_canary {
    const char *paths[4];
    int32_t punctuation;
};
struct so_funasr_nano {
    const char *paths[6];
    int32_t tokens;
    float temperature, top_p;
    int32_t seed;
    const char *language;
    int32_t numbers;
    const char *hotwords;
};
struct so_qwen3 {
    const char *paths[4];
    int32_t length, tokens;
    float temperature, top_p;
    int32_t seed;
    const char *hotwords;
};
struct so_cohere {
    const char *paths[3];
    int32_t punctuation, numbers;
};
struct so_ear_config {
    int32_t rate, features;
    struct so_transducer transducer;
    const char *paraformer;
    const char *nemo_ctc;
    struct so_whisper whisper;
    const char *tdnn;
    const char *tokens;
    int32_t threads, debug;
    const char *provider, *model_type, *modeling_unit, *bpe_vocab, *telespeech_ctc;
    struct so_sense_voice sense_voice;
    struct so_moonshine moonshine;
    const char *fire_red[2];
    const char *dolphin;
    const char *zipformer_ctc;
    struct so_canary canary;
    const char *wenet_ctc;
    const char *omnilingual;
    const char *medasr;
    struct so_funasr_nano funasr_nano;
    const char *fire_red_ctc;
    struct so_qwen3 qwen3;
    struct so_cohere cohere;
    const char *lm;
    float lm_scale;
    const char *decoding;
    int32_t paths;
    const char *hotwords;
    float hotwords_score;
    const char *rule_fsts, *rule_fars;
    float blank_penalty;
    const char *homophones[3];
};

_Static_assert(sizeof(void *) != 8 || sizeof(struct so_vits) == 56, "vits");
_Static_assert(sizeof(void *) != 8 || sizeof(struct so_kokoro) == 64, "kokoro");
_Static_assert(sizeof(void *) != 8 || sizeof(struct so_tts_config) == 448, "speaking");
_Static_assert(sizeof(void *) != 8 || sizeof(struct so_generation) == 56, "generation");
_Static_assert(sizeof(void *) != 8 || sizeof(struct so_whisper) == 48, "whisper");
_Static_assert(sizeof(void *) != 8 || sizeof(struct so_ear_config) == 608, "hearing");

#endif
