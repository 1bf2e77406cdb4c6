/*
 * The contract of engine drivers: what reaches a language model, or plays one.
 *
 * A driver is one file with one `struct provider_driver`; drivers.c lists them. open() makes a provider: one
 * endpoint, on one loop, with its own connections and timers. start() begins a generation and returns its id;
 * pieces come back through the request's `struct gen_emit`, on the same loop.
 *
 * Promises of every driver:
 *  - start() emits nothing before it has returned, and copies what it keeps of the request.
 *  - A generation that start() accepted ends with exactly one end() and nothing after it - unless it was
 *    cancelled: after cancel() has returned nothing is emitted at all, not even end(). The canceller knows.
 *  - cancel(), pause() and start() may be called from inside any emit function; an unknown or finished id is
 *    ignored. Ids are never used twice in a process.
 *  - delta() carries whole UTF-8 characters, never an empty text.
 *  - end() with GEN_OK means the model itself finished: a finish reason and the protocol's terminator.
 *    Everything else has a code and one sentence that a user can act on, without any secret.
 *  - close() cancels what still runs.
 *
 * A decorator is a driver around another provider.
 *
 * It does not: choose a model or a fallback (engine.h), know personas, rooms or memory.
 */
#ifndef EIDOLON_ENGINE_PROVIDER_H
#define EIDOLON_ENGINE_PROVIDER_H

#include "base/config.h"
#include "base/id.h"
#include "loop/loop.h"

/* Why a generation failed: GEN_CODE(symbol, wire code, HTTP status for the gateway, flags). */
#define GEN_CODES(GEN_CODE)                                                                                  \
    GEN_CODE(GEN_OK, "ok", 200, 0)                                                                           \
    GEN_CODE(GEN_AUTH, "auth", 401, GEN_FALLBACK)                                                            \
    GEN_CODE(GEN_QUOTA, "quota", 429, GEN_FALLBACK)                                                          \
    GEN_CODE(GEN_RATE_LIMIT, "rate_limit", 429, GEN_FALLBACK | GEN_RETRY)                                    \
    GEN_CODE(GEN_OVERLOADED, "overloaded", 503, GEN_FALLBACK | GEN_RETRY | GEN_SICK)                         \
    GEN_CODE(GEN_TIMEOUT_FIRST_TOKEN, "timeout_first_token", 504, GEN_FALLBACK | GEN_SICK)                   \
    GEN_CODE(GEN_TIMEOUT_STREAM, "timeout_stream", 504, GEN_FALLBACK | GEN_SICK)                             \
    GEN_CODE(GEN_TIMEOUT_TOTAL, "timeout_total", 504, GEN_FALLBACK | GEN_SICK)                               \
    GEN_CODE(GEN_CUT, "cut", 502, GEN_FALLBACK | GEN_RETRY | GEN_SICK)                                       \
    GEN_CODE(GEN_MALFORMED, "malformed", 502, GEN_FALLBACK | GEN_SICK)                                       \
    GEN_CODE(GEN_REFUSED, "refused", 422, 0)                                                                 \
    GEN_CODE(GEN_CONTEXT_TOO_LONG, "context_too_long", 422, GEN_FALLBACK)                                    \
    GEN_CODE(GEN_UNAVAILABLE, "unavailable", 503, GEN_FALLBACK | GEN_RETRY | GEN_SICK)                       \
    GEN_CODE(GEN_CANCELLED, "cancelled", 499, 0)

enum gen_code_flags {
    GEN_FALLBACK = 1 << 0, /* another engine may do better, before the first output */
    GEN_RETRY = 1 << 1,    /* the same endpoint may do better a moment later */
    GEN_SICK = 1 << 2,     /* speaks against the endpoint's health: the breaker counts it */
};
enum gen_code {
#define GEN_CODE(symbol, code, status, flags) symbol,
    GEN_CODES(GEN_CODE)
#undef GEN_CODE
        GEN_CODE_COUNT
};
const char *gen_code_name(enum gen_code code); /* "rate_limit" */
int gen_code_status(enum gen_code code);
unsigned gen_code_flags(enum gen_code code);

enum gen_finish { GEN_STOP, GEN_LENGTH, GEN_TOOL_CALLS, GEN_CONTENT_FILTER, GEN_ERROR, GEN_FINISH_COUNT };
const char *
gen_finish_name(enum gen_finish finish); /* "stop" "length" "tool_calls" "content_filter" "error" */

enum gen_role { GEN_SYSTEM, GEN_USER, GEN_ASSISTANT, GEN_TOOL };

struct gen_message {
    enum gen_role role;
    struct str name;         /* may be empty */
    struct str content;      /* plain text */
    struct str content_raw;  /* JSON in place of content (parts, null), or empty */
    struct str tool_call_id; /* of a tool's message */
    struct str tool_calls;   /* JSON array, of an assistant's message; or empty */
    /* content_raw shows pictures, which content says in words: engines that do not see get those. */
    bool pictures;
};

/* What is not set leaves the engine's or the provider's own: NaN, CONFIG_NO_INT. */
struct gen_sampling {
    double temperature, top_p, frequency_penalty, presence_penalty;
    double min_p, repeat_penalty; /* not OpenAI's: sent to endpoints other than its own */
    int64_t top_k;                /* as these */
    int64_t max_tokens, seed;
    const struct str *stop;
    size_t stop_count;
};
void gen_sampling_init(struct gen_sampling *s); /* nothing set */

/* Sound: one channel, 16 bits. */
struct gen_sound {
    const int16_t *samples;
    size_t count;
    unsigned rate; /* samples a second */
};

struct gen_request {
    struct id id; /* the turn's or the call's, for logs and traces; may be ID_NONE */
    struct str model;
    struct gen_sampling sampling;
    const struct gen_message *messages;
    size_t message_count;
    struct str tools, tool_choice, response_format; /* JSON, or empty */
    struct str
        key; /* whose conversation it is (room and persona), for engines that keep prefixes; or empty */
    bool merge_system; /* system texts go inside the first user message (engine style `user`) */
    bool alone;  /* this engine only: no fallback, whatever the breaker says (the settings page's test) */
    bool stream; /* ask the provider for a stream; the emitted pieces are the same either way */

    /* For the scripted driver: what the prompt was made from (engine/scripted.h); others ignore it. */
    const void *hints;

    /* For engines that speak and hear by themselves (engine/realtime.h); others ignore it. */
    bool sound;            /* the answer's own sound is wanted: emit->sound */
    struct str voice;      /* one of the engine's own voices; empty: the provider's choice */
    struct gen_sound said; /* the newest user message as it sounded; valid until end() or cancel() */

    /* Gateway: the client's own body (a JSON object). It is sent as it is but for `model`, and every answer
     * piece also comes out through emit->raw as the provider wrote it. Messages and sampling are ignored. */
    struct str raw_body;
};

struct gen_usage {
    bool known;
    uint64_t prompt_tokens, completion_tokens;
    uint64_t cached_tokens, reasoning_tokens;              /* parts of the two above */
    uint64_t prompt_audio_tokens, completion_audio_tokens; /* likewise: of engines that hear and speak */
};

enum { GEN_SENTENCE = 384 };
struct gen_end {
    enum gen_code code;     /* GEN_OK, or why it failed */
    unsigned flags;         /* enum gen_code_flags: the code's, or what is known of this very failure */
    enum gen_finish finish; /* GEN_ERROR with any code but GEN_OK */
    char sentence[GEN_SENTENCE];
    int64_t retry_after_ms; /* what the provider asked for, or -1 */
    int http_status;        /* the provider's, or 0 */
    bool began;             /* something visible was emitted */
    struct gen_usage usage;
    struct str raw_error; /* gateway: the provider's error body, valid during the call; or empty */
};
/* Fills code, its flags, finish and sentence; retry_after_ms -1 and the rest 0. */
void gen_end_fail(struct gen_end *end, enum gen_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Called on the loop; begin with on_loop(). Functions that are NULL are not wanted. */
typedef void gen_delta_fn(void *arg, struct str text);
typedef void gen_end_fn(void *arg, const struct gen_end *end);
typedef void gen_sound_fn(void *arg, const struct gen_sound *sound);
struct gen_emit {
    gen_delta_fn *delta;
    gen_delta_fn
        *reasoning; /* a model's thoughts, where the provider shows them apart; not part of the answer */
    gen_delta_fn *tool_call; /* one JSON object, as in a chunk's delta.tool_calls[] (index, id, function) */
    gen_delta_fn *raw;       /* one JSON document as the provider sent it, in pass-through */
    gen_end_fn *end;         /* never NULL */
    /* The answer as the engine itself speaks it, in pieces beside the text. One piece of no samples comes
     * before the first text: whoever would have it spoken otherwise then knows that it need not be. */
    gen_sound_fn *sound;
    gen_delta_fn *heard; /* what the engine's own ear understood of request->said; once, or never */
};

/* One endpoint on one loop. Drivers put it first in their own struct. */
struct provider {
    const struct provider_driver *driver;
    struct loop *loop;
};

/* config may go after open() returned. The scripted driver takes a config with only its name set. */
typedef enum err provider_open_fn(struct loop *loop, const struct config_provider *config,
                                  struct provider **out, struct error *e);
/* An id, or 0 with *end filled (code, sentence) when the request cannot even begin. */
typedef uint64_t provider_start_fn(struct provider *p, const struct gen_request *request,
                                   const struct gen_emit *emit, void *arg, struct gen_end *end);
typedef void provider_cancel_fn(struct provider *p, uint64_t gen);
/* Back-pressure: while paused, at most what was already received is emitted. */
typedef void provider_pause_fn(struct provider *p, uint64_t gen, bool paused);
typedef void provider_close_fn(struct provider *p);
/* Of the last answer to this key's conversation only so much of its own sound was listened to. */
typedef void provider_played_fn(struct provider *p, struct str key, uint32_t played_ms);

struct provider_driver {
    const char *name; /* as [provider.NAME] type */
    provider_open_fn *open;
    provider_start_fn *start;
    provider_cancel_fn *cancel;
    provider_pause_fn *pause; /* NULL: cannot pause */
    provider_close_fn *close;
    provider_played_fn *played; /* NULL: has no sound of its own */
};

/* drivers.c: every driver there is. */
const struct provider_driver *provider_driver(struct str name); /* NULL when unknown */
const struct provider_driver *const *provider_drivers(size_t *count);

uint64_t gen_id_new(void); /* the next id of this process; any thread */

#endif
