/* What voice a name means; see voice_name.h. */
#include "api/voice_name.h"

#include "voice/chain.h"

/* OpenAI's own names, by voices of flite's. */
static bool openai_voice(struct str name, struct voice *v)
{
    static const struct {
        const char *theirs, *ours;
        double pitch, rate;
    } known[] = {
        {"alloy", "slt", .96, 1},     {"ash", "rms", 1, 1},      {"ballad", "awb", 1, .95},
        {"coral", "slt", 1.06, 1.02}, {"echo", "rms", 1.06, 1},  {"fable", "awb", 1.08, 1},
        {"nova", "slt", 1.12, 1},     {"onyx", "rms", .88, .97}, {"sage", "slt", .92, .96},
        {"shimmer", "slt", 1.18, 1},  {"verse", "awb", .94, 1},  {"marin", "slt", 1.03, .98},
        {"cedar", "rms", .94, 1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!str_ieq(name, str_c(known[i].theirs)))
            continue;
        v->provider = STR("flite");
        v->name = str_c(known[i].ours);
        v->prosody = (struct tts_prosody){known[i].rate, known[i].pitch, 1};
        return true;
    }
    return false;
}

static bool flite_voice(struct str name)
{
    size_t count;
    const struct tts_voice *voices = tts_flite.voices(NULL, &count);
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(name, str_c(voices[i].name)))
            return true;
    }
    return false;
}

bool voice_named(const struct config *config, struct str name, struct voice *v)
{
    const struct speech_provider *settings;
    size_t slash = str_find_char(name, '/');
    struct str first = config->voice.chain.n ? config->voice.chain.v[0] : STR_NONE;
    *v = (struct voice){.prosody = {1, 1, 1}};
    if (str_empty(name))
        return true;
    if (slash != SIZE_MAX) {
        v->provider = str_sub(name, 0, slash);
        v->name = str_from(name, slash + 1);
        return true;
    }
    const struct tts_driver *driver = chain_driver(config, first, &settings);
    struct voice ours = *v;
    if (openai_voice(name, &ours)) {
        *v = driver == &tts_openai ? (struct voice){first, name, {1, 1, 1}} : ours;
        return true;
    }
    if (flite_voice(name)) {
        v->provider = STR("flite");
        v->name = name;
        return true;
    }
    v->provider = name;
    return chain_driver(config, name, &settings) != NULL;
}
