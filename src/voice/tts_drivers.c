/* Every speech driver there is; see tts.h. */
#include "voice/tts.h"

static const struct tts_driver *const drivers[] = {
    &tts_flite, &tts_openai, &tts_elevenlabs, &tts_fish, &tts_xtts, &tts_piper, &tts_espeak, &tts_sherpa,
};

const struct tts_driver *const *tts_drivers(size_t *count)
{
    *count = sizeof drivers / sizeof *drivers;
    return drivers;
}

const struct tts_driver *tts_driver(struct str name)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (str_ieq(name, str_c(drivers[i]->name)))
            return drivers[i];
    }
    return NULL;
}
