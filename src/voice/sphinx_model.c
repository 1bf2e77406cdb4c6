/* See sphinx_model.h. */
#include "voice/sphinx_model.h"

#include "voice/speech_lib.h"

#include <stdio.h>
#include <unistd.h>

#define DEBIAN "/usr/share/pocketsphinx/model/en-us"
#define BESIDE "pocketsphinx"
static const char words[] = "en-us.lm.bin", sounds[] = "en-us", dictionary[] = "cmudict-en-us.dict";

enum { PATH_MAX_BYTES = SPEECH_LIB_PATH + 64 };

static bool folder(char to[SPEECH_LIB_PATH])
{
    if (speech_lib(BESIDE, to))
        return true;
    snprintf(to, SPEECH_LIB_PATH, "%s", DEBIAN);
    return access(DEBIAN "/en-us.lm.bin", R_OK) == 0;
}

enum err sphinx_model_find(struct error *e)
{
    char at[SPEECH_LIB_PATH];
    return folder(at) ? ERR_OK
                      : error_set(e, ERR_UNAVAILABLE,
                                  "The embedded ear has no model here; install Debian's pocketsphinx-en-us.");
}

/* Pruned: a third of the CPU less, for three more of a hundred words of people wrong, none of flite's. Fewer
 * densities (-topn 2) would take as much again, and cost twice as many words. */
static const char *const all_states[2] = {"-1", "30000"}, *const likely_states[2] = {"5", "3000"};

ps_decoder_t *sphinx_model_load(enum sphinx_care care)
{
    char at[SPEECH_LIB_PATH], hmm[PATH_MAX_BYTES], lm[PATH_MAX_BYTES], dict[PATH_MAX_BYTES];
    if (!folder(at))
        return NULL;
    snprintf(hmm, sizeof hmm, "%s/%s", at, sounds);
    snprintf(lm, sizeof lm, "%s/%s", at, words);
    snprintf(dict, sizeof dict, "%s/%s", at, dictionary);
    const char *const *states = care == SPHINX_LIVE ? likely_states : all_states;
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-lm", lm, "-dict", dict, "-logfn",
                                   "/dev/null", "-maxwpf", states[0], "-maxhmmpf", states[1], NULL);
    return config ? ps_init(config) : NULL;
}
