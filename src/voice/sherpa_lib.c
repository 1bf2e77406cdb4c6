/* Loading sherpa-onnx and a model of it; see sherpa_lib.h. */
#include "voice/sherpa_lib.h"

#include "voice/speech_lib.h"

#include <dlfcn.h>
#include <string.h>

#define EAR_RATE 16000
#define EAR_FEATURES 80 /* of models that do not say it themselves */

static enum err find_calls(void *library, struct sherpa_lib *lib, struct error *e)
{
    const struct {
        const char *name;
        void *to;
    } calls[] = {
        {"SherpaOnnxCreateOfflineTts", &lib->new_speaker},
        {"SherpaOnnxOfflineTtsSampleRate", &lib->speaker_rate},
        {"SherpaOnnxOfflineTtsNumSpeakers", &lib->speaker_count},
        {"SherpaOnnxOfflineTtsGenerateWithConfig", &lib->speak},
        {"SherpaOnnxDestroyOfflineTtsGeneratedAudio", &lib->free_sound},
        {"SherpaOnnxCreateOfflineRecognizer", &lib->new_ear},
        {"SherpaOnnxOfflineRecognizerSetConfig", &lib->set_ear},
        {"SherpaOnnxCreateOfflineStream", &lib->new_stream},
        {"SherpaOnnxAcceptWaveformOffline", &lib->feed},
        {"SherpaOnnxDecodeOfflineStream", &lib->decode},
        {"SherpaOnnxGetOfflineStreamResultAsJson", &lib->result},
        {"SherpaOnnxDestroyOfflineStreamResultJson", &lib->free_result},
        {"SherpaOnnxDestroyOfflineStream", &lib->free_stream},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        void *call = dlsym(library, calls[i].name);
        if (!call)
            return error_set(e, ERR_UNAVAILABLE,
                             "sherpa-onnx's library lacks %s; make speech fetches the one that fits.",
                             calls[i].name);
        memcpy(calls[i].to, &call, sizeof call); /* a function's address, as POSIX has it (dlsym) */
    }
    return ERR_OK;
}

enum err sherpa_lib_load(struct sherpa_lib *lib, struct error *e)
{
    char path[SPEECH_LIB_PATH];
    if (sizeof(void *) != 8)
        return error_set(e, ERR_UNAVAILABLE, "sherpa-onnx's models are used on 64-bit machines only.");
    if (!speech_lib(SPEECH_LIB_SHERPA, path))
        return error_set(e, ERR_UNAVAILABLE,
                         "sherpa-onnx's library is not installed; make speech fetches it.");
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(e, ERR_UNAVAILABLE, "sherpa-onnx's library cannot be loaded: %s", dlerror());
    const char *(*version)(void) = (const char *(*)(void))dlsym(library, "SherpaOnnxGetVersionStr");
    if (!version || strcmp(version(), SHERPA_VERSION) != 0)
        return error_set(e, ERR_UNAVAILABLE,
                         "The library at %s is sherpa-onnx %s, and only " SHERPA_VERSION
                         " is known here; make speech fetches it.",
                         path, version ? version() : "of an unknown version");
    return find_calls(library, lib, e);
}

static const char *none(const char *path)
{
    return path ? path : "";
}

const void *sherpa_lib_speaker(const struct sherpa_lib *lib, const struct sherpa_model *m, int32_t threads,
                               const char *language)
{
    struct so_tts_config c;
    memset(&c, 0, sizeof c);
    c.threads = threads;
    c.provider = "cpu";
    c.sentences_at_once = 1; /* so that a long text is heard sentence by sentence */
    c.rule_fsts = none(m->rule_fsts);
    c.rule_fars = none(m->rule_fars);
    if (m->kind == SHERPA_VITS)
        c.vits = (struct so_vits){.model = m->model,
                                  .lexicon = none(m->lexicons),
                                  .tokens = m->tokens,
                                  .data_dir = none(m->data_dir)};
    else if (m->kind == SHERPA_MATCHA)
        c.matcha = (struct so_matcha){.acoustic_model = m->model,
                                      .vocoder = m->vocoder,
                                      .lexicon = none(m->lexicons),
                                      .tokens = m->tokens,
                                      .data_dir = none(m->data_dir)};
    else if (m->kind == SHERPA_KOKORO)
        c.kokoro = (struct so_kokoro){.model = m->model,
                                      .voices = m->voices,
                                      .tokens = m->tokens,
                                      .data_dir = m->data_dir,
                                      .lexicon = none(m->lexicons),
                                      .language = language};
    else
        c.kitten = (struct so_kitten){
            .model = m->model, .voices = m->voices, .tokens = m->tokens, .data_dir = m->data_dir};
    return lib->new_speaker(&c);
}

static void ear_config(struct so_ear_config *c, const struct sherpa_model *m, int32_t threads,
                       const char *language)
{
    memset(c, 0, sizeof *c);
    c->rate = EAR_RATE;
    c->features = EAR_FEATURES;
    c->threads = threads;
    c->provider = "cpu";
    c->tokens = m->tokens;
    c->decoding = "greedy_search";
    c->rule_fsts = none(m->rule_fsts);
    c->rule_fars = none(m->rule_fars);
    switch (m->kind) {
    case SHERPA_WHISPER:
        c->whisper = (struct so_whisper){.encoder = m->encoder,
                                         .decoder = m->decoder,
                                         .language = language,
                                         .task = "transcribe",
                                         .tail_paddings = -1};
        break;
    case SHERPA_TRANSDUCER:
    case SHERPA_NEMO_TRANSDUCER:
        c->transducer = (struct so_transducer){m->encoder, m->decoder, m->joiner};
        c->model_type = m->kind == SHERPA_NEMO_TRANSDUCER ? "nemo_transducer" : "transducer";
        break;
    case SHERPA_PARAFORMER:
        c->paraformer = m->model;
        break;
    case SHERPA_SENSE_VOICE:
        c->sense_voice = (struct so_sense_voice){m->model, *language ? language : "auto", 1};
        break;
    case SHERPA_MOONSHINE:
        c->moonshine = (struct so_moonshine){m->preprocessor, m->encoder, m->uncached_decoder,
                                             m->cached_decoder, m->merged_decoder};
        break;
    case SHERPA_NEMO_CTC:
        c->nemo_ctc = m->model;
        break;
    default:
        c->zipformer_ctc = m->model;
        break;
    }
}

const void *sherpa_lib_ear(const struct sherpa_lib *lib, const struct sherpa_model *m, int32_t threads,
                           const char *language)
{
    struct so_ear_config c;
    ear_config(&c, m, threads, language);
    return lib->new_ear(&c);
}

void sherpa_lib_set_language(const struct sherpa_lib *lib, const void *ear, const struct sherpa_model *m,
                             int32_t threads, const char *language)
{
    struct so_ear_config c;
    if (m->kind != SHERPA_WHISPER && m->kind != SHERPA_SENSE_VOICE)
        return;
    ear_config(&c, m, threads, language);
    lib->set_ear(ear, &c);
}
