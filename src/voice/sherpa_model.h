/*
 * What lies in a folder with a model of sherpa-onnx: which kind of model, and which file is which.
 *
 * The kind is told by the files there are (voices.bin, a joiner, a vocoder) and, where these leave it open,
 * by the metadata that sherpa-onnx's models carry in their ONNX file (model_type, comment). Only that is
 * read: the graph is skipped. Any names do that hold the usual words, as tiny.en-encoder.int8.onnx does.
 *
 * Pure but for reading the folder; any thread, in practice the child's.
 * It does not: load, or know whether the files are whole.
 */
#ifndef EIDOLON_VOICE_SHERPA_MODEL_H
#define EIDOLON_VOICE_SHERPA_MODEL_H

#include "base/arena.h"
#include "base/error.h"

/* SHERPA_KIND(symbol, name, whether it speaks) */
#define SHERPA_KINDS(SHERPA_KIND)                                                                            \
    SHERPA_KIND(SHERPA_VITS, "VITS", true)                                                                   \
    SHERPA_KIND(SHERPA_MATCHA, "Matcha", true)                                                               \
    SHERPA_KIND(SHERPA_KOKORO, "Kokoro", true)                                                               \
    SHERPA_KIND(SHERPA_KITTEN, "Kitten", true)                                                               \
    SHERPA_KIND(SHERPA_WHISPER, "Whisper", false)                                                            \
    SHERPA_KIND(SHERPA_TRANSDUCER, "transducer", false)                                                      \
    SHERPA_KIND(SHERPA_NEMO_TRANSDUCER, "NeMo transducer", false)                                            \
    SHERPA_KIND(SHERPA_PARAFORMER, "Paraformer", false)                                                      \
    SHERPA_KIND(SHERPA_SENSE_VOICE, "SenseVoice", false)                                                     \
    SHERPA_KIND(SHERPA_MOONSHINE, "Moonshine", false)                                                        \
    SHERPA_KIND(SHERPA_NEMO_CTC, "NeMo CTC", false)                                                          \
    SHERPA_KIND(SHERPA_ZIPFORMER_CTC, "Zipformer CTC", false)

enum sherpa_kind {
#define SHERPA_KIND(symbol, name, speaks) symbol,
    SHERPA_KINDS(SHERPA_KIND)
#undef SHERPA_KIND
        SHERPA_KIND_COUNT
};

/* Paths are whole and NUL-terminated; NULL where the kind has none, or there is none. */
struct sherpa_model {
    enum sherpa_kind kind;
    const char *model; /* of those that are one file; Matcha's acoustic model */
    const char *encoder, *decoder, *joiner;
    const char *preprocessor, *uncached_decoder, *cached_decoder, *merged_decoder; /* Moonshine */
    const char *voices, *vocoder, *data_dir;
    const char *lexicons, *rule_fsts, *rule_fars; /* several: joined by commas */
    const char *tokens;
    struct str language; /* as the metadata says it ("English", "en-us"); may be empty */
    unsigned speakers;   /* at least 1, of those that speak */
    struct str *names;   /* of them, or NULL */
    size_t name_count;   /* at most `speakers` */
};

const char *sherpa_kind_name(enum sherpa_kind kind); /* "Whisper": for sentences */
bool sherpa_speaks(enum sherpa_kind kind);

/* In `a`. ERR_NOT_FOUND, ERR_REFUSED or ERR_UNAVAILABLE with a sentence that says what is missing. `language`
 * ("en-GB", may be empty) chooses between lexicons. */
enum err sherpa_model_look(struct arena *a, const char *folder, struct str language, struct sherpa_model *out,
                           struct error *e);

/* sherpa_meta.c: the metadata of an ONNX file, which it has at its end or its beginning. */
struct sherpa_meta {
    struct str key, value;
};
enum { SHERPA_META_MAX = 64, SHERPA_META_BYTES = 256 << 10 };
/* How many, at most SHERPA_META_MAX; 0 also where it is no ONNX file. In `a`. */
size_t sherpa_meta_read(struct arena *a, const char *path, struct sherpa_meta *out);
struct str sherpa_meta_get(const struct sherpa_meta *list, size_t count, const char *key);

#endif
