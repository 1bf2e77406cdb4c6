/*
 * The contract of recognisers: what turns somebody's speech into text.
 *
 * A driver is one file with one `struct asr_driver`; asr_drivers.c lists them. open() makes a recogniser on
 * one loop; start() begins an utterance and returns its id; its sound is fed; finish() says that it is over.
 * What was heard comes back through `struct asr_emit`, on the same loop: partial texts while it is still fed
 * (drivers with ASR_STREAMS), then end() once with the transcript.
 *
 * Promises of every driver, as of tts.h: start() emits nothing before it has returned and copies what it
 * keeps; feed() and finish() emit nothing before they have returned; exactly one end() and nothing after it,
 * unless it was cancelled: then nothing at all. cancel() may be called from inside any emit function; an
 * unknown id is ignored everywhere. rest() says that the speaker is silent for the moment: a driver may begin
 * its last pass, so that the text is there when finish() comes; what is fed after it makes that pass void. An
 * utterance that hears nothing ends well, with an empty text.
 *
 * The transcript is JSON, as voice/ear.h has it: {"text","language","confidence"|null,"duration_ms",
 * "segments":[{"id","start","end","text","confidence"|null,"words":[{"word","start","end","confidence"?}]}]},
 * times in seconds from the first sample fed. "language" is a code ("en"), or "" where it is not known.
 *
 * It does not: find where somebody speaks, choose or fall back (ears.h), decode files.
 */
#ifndef EIDOLON_VOICE_ASR_H
#define EIDOLON_VOICE_ASR_H

#include "base/error.h"
#include "loop/loop.h"

struct speech_provider; /* base/config.h: one [speech.NAME] */
struct ear;             /* voice/ear.h */

/* What of the process drivers may lean on; lives longer than every recogniser. */
struct asr_house {
    struct ear *ear;
};

enum {
    ASR_RATE = 16000,       /* samples a second of all that is fed; mono, 16 bit signed */
    ASR_SECONDS_MAX = 120,  /* of one utterance; more is refused */
    ASR_JSON_MAX = 4 << 20, /* bytes of one transcript */
    ASR_PROMPT_MAX = 4096,  /* bytes of a prompt; longer ones are cut at their beginning */
};

/* Copied by start(). Empty fields leave the driver's own. */
struct asr_request {
    struct str language; /* "en", "de-AT"; empty: the recogniser finds out, or its only one */
    struct str prompt;   /* what was said before, or how names are spelled */
    struct str model;    /* of the provider, in place of the one it is set to */
    bool partials;       /* texts while it is fed are wanted */
    uint64_t speaker;    /* the same for one microphone; 0: nobody's in particular */
};

/* Each begins with on_loop(). Views are valid during the call. */
struct asr_emit {
    void (*partial)(void *arg, struct str text); /* all that is heard so far; may change again. May be NULL */
    void (*end)(void *arg, enum err err, const struct error *e, struct str json);
};

/* Drivers put it first in their own struct. */
struct asr {
    const struct asr_driver *driver;
    struct loop *loop;
};

enum asr_driver_flags {
    ASR_STREAMS = 1 << 0, /* hears while it is fed */
    ASR_REMOTE = 1 << 1,  /* sound leaves this machine, or may */
};

struct asr_driver {
    const char *name; /* as [speech.NAME] type */
    unsigned flags;
    /* ERR_UNAVAILABLE with what to install or set. `config` may go after it returned. */
    enum err (*open)(struct loop *loop, const struct asr_house *house, const struct speech_provider *config,
                     struct asr **out, struct error *e);
    /* An id; 0 with *e filled where it cannot even begin. */
    uint64_t (*start)(struct asr *asr, const struct asr_request *request, const struct asr_emit *emit,
                      void *arg, struct error *e);
    void (*feed)(struct asr *asr, uint64_t id, const int16_t *samples, size_t count);
    void (*rest)(struct asr *asr, uint64_t id); /* NULL: the driver has no use for it */
    void (*finish)(struct asr *asr, uint64_t id);
    void (*cancel)(struct asr *asr, uint64_t id);
    void (*close)(struct asr *asr); /* cancels what still runs */
};

uint64_t asr_id_new(void); /* the next id of this process; any thread */

/* asr_drivers.c */
const struct asr_driver *asr_driver(struct str name); /* NULL when unknown */
extern const struct asr_driver asr_sphinx, asr_openai, asr_sherpa;

#endif
