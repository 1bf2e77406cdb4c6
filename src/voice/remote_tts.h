/*
 * The way of one call to a speech provider: request, answer, sound; what all remote drivers share.
 *
 * A driver file says only how its service is asked and what its answers mean (struct remote_service); here
 * are the transfer, the limits of time, attempts before the first sound, the decoding of sound (sound_in.h),
 * the parting of JSON streams (json_stream.h), volume as a gain, and the promises of tts.h.
 *
 * Attempts: until the first sound, what is worth another try is tried again `retries` times, after .3 s * 2^n
 * or what the endpoint asks for, if that is at most RETRY_MAX_MS; a longer wait is left to the chain. Some
 * services have several doors for one thing (a newer and an older path): where one answers 404, 405, 422 or
 * 501 before any sound, the next is tried, and remembered.
 *
 * Time: connect_timeout, first_sound_timeout to the first sound, stream_timeout between two pieces of it,
 * total_timeout for the whole. Sound that is far longer than its text can be is ended (SOUND_MAX_MS).
 *
 * It does not: choose a provider or fall back (chain.h).
 */
#ifndef EIDOLON_VOICE_REMOTE_TTS_H
#define EIDOLON_VOICE_REMOTE_TTS_H

#include "voice/align.h"
#include "voice/json_stream.h"
#include "voice/remote.h"
#include "voice/sound_in.h"
#include "voice/tts.h"

enum {
    REMOTE_TTS_HEADERS = 16,
    REMOTE_TTS_RETRY_MAX_MS = 4000,
    REMOTE_TTS_WHOLE_MAX = 8 << 20,      /* of a list's document */
    REMOTE_TTS_SOUND_MAX_MS = 30000,     /* for any text, and ... */
    REMOTE_TTS_SOUND_MAX_PER_BYTE = 400, /* ... as much more for each of its bytes, milliseconds */
};

enum remote_form {
    REMOTE_SOUND,     /* the body is sound */
    REMOTE_DOCUMENTS, /* a stream of JSON documents with sound inside */
    REMOTE_WHOLE,     /* one JSON document */
};

/* How to ask; filled by a service. Strings lie in `arena` or are constant. */
struct remote_ask {
    struct arena *arena;
    struct buf *body;
    struct str method, path; /* path: appended to base_url, with its query */
    struct str type;         /* of the body */
    struct fetch_header headers[4];
    size_t header_count;
    enum remote_form form;
    unsigned raw_rate; /* of raw sound; 0: only WAV is taken */
    unsigned door;     /* which of its doors is wanted */
};

struct remote;
struct remote_call;

struct remote_service {
    const struct tts_driver *driver;
    const char *default_voice;
    unsigned doors; /* for speaking; 0 is 1 */
    /* The key's header, e.g. "Authorization" with "Bearer " before it. */
    const char *key_header, *key_prefix;
    enum err (*speak)(const struct remote *r, const struct tts_request *request, struct remote_ask *ask,
                      struct error *e);
    /* REMOTE_DOCUMENTS: one document; calls remote_say() or remote_say_failure(). */
    void (*document)(struct remote_call *call, const struct json *doc); /* begins with on_loop() */
    void (*list)(const struct remote *r, struct remote_ask *ask);
    size_t (*listed)(const struct json *doc, struct arena *a, struct tts_voice **voices);
    void (*clone)(const struct remote *r, const struct tts_clone *clone, struct remote_ask *ask);
    struct str (*cloned)(const struct json *doc); /* the new voice's name; empty: not in the answer */
    void (*unclone)(const struct remote *r, struct str voice, struct remote_ask *ask);
};

/* A provider on one loop. */
struct remote {
    struct tts tts;
    const struct remote_service *service;
    struct arena arena;
    struct speech_provider settings; /* copied */
    struct str base_url;             /* without a slash at its end */
    struct remote_endpoint endpoint;
    unsigned door;
    struct remote_call *calls;
    bool closed;
    unsigned busy;
    struct remote *open_next, **open_link; /* those that are open on this loop */
};

/* The functions of a driver; open() is a line of its own that calls remote_open(). */
enum err remote_open(const struct remote_service *service, struct loop *loop,
                     const struct speech_provider *settings, struct tts **out, struct error *e);
uint64_t remote_start(struct tts *t, const struct tts_request *request, const struct tts_emit *emit,
                      void *arg, struct error *e);
uint64_t remote_list(struct tts *t, tts_listed_fn *done, void *arg, struct error *e);
uint64_t remote_clone(struct tts *t, const struct tts_clone *clone, tts_cloned_fn *done, void *arg,
                      struct error *e);
uint64_t remote_unclone(struct tts *t, struct str voice, tts_cloned_fn *done, void *arg, struct error *e);
void remote_cancel(struct tts *t, uint64_t id);
void remote_close(struct tts *t);
/* Ends what is under way on this loop with an error: the server stops. Providers stay open until their owners
 * close them. */
void remote_stop(void) LOOP;

/* For document(): its sound in base64 and the words that belong to it, either may be empty; or a failure that
 * it told. The call may be over afterwards: remote_call_over() says so. */
void remote_say(struct remote_call *call, struct str base64, const struct tts_word *words, size_t count) LOOP;
void remote_say_failure(struct remote_call *call, struct str said) LOOP;
bool remote_call_over(const struct remote_call *call);
struct aligner *remote_call_aligner(struct remote_call *call);
struct arena *remote_call_arena(struct remote_call *call); /* of the document in hand */
uint32_t remote_call_heard_ms(const struct remote_call *call);
unsigned remote_call_door(const struct remote_call *call);

/* The request's voice, else the settings', else the service's own. */
struct str remote_voice(const struct remote *r, const struct tts_request *request);
/* "en" of "en-US", lower case; the request's, else the settings', else `fallback`. */
struct str remote_language(const struct remote *r, struct arena *a, const struct tts_request *request,
                           const char *fallback);
struct str remote_model(const struct remote *r, const char *fallback);
double remote_within(double value, double low, double high); /* NaN: 1 */

#endif
