/*
 * Engines: a named choice of provider, model and sampling, with fallbacks. What rooms and the gateway call.
 *
 * The set of engines is made from the configuration, of which it copies what it needs, and may be replaced
 * while the server runs: each loop has its own set and its own providers and gets the new set by message;
 * what runs goes on with the old one. `scripted` is always there, and is the default when nothing else is
 * configured.
 *
 * engines_start() tries the named engine and then its fallbacks, in order and each once, until one has
 * emitted something; from then on a failure is the generation's failure, never silently another engine's
 * text. Where all fail, the first one's failure is told, as it is the one that was asked for. An endpoint
 * that fails again and again is left alone for a while (base/breaker.h). Counters of all loops are in
 * meter.h.
 *
 * It does not: keep conversations, count money, know personas.
 */
#ifndef EIDOLON_ENGINE_ENGINE_H
#define EIDOLON_ENGINE_ENGINE_H

#include "engine/provider.h"

struct engines;

enum { ENGINE_CHAIN_MAX = 8 }; /* an engine and its fallbacks, theirs included */

/* From the configuration's providers and engines (copied). Plain thread, before the loops run. The
 * configuration has passed config_check(); an engine that names what is not there fails when it is used. */
enum err engines_new(struct loops *loops, const struct config *config, struct engines **out, struct error *e);
/* Replaces the set; from any loop. Takes effect on each loop by message. */
void engines_replace(struct engines *engines, const struct config *config) LOOP;
/* Cancels what runs on the calling loop, without a word, and closes its providers: on each loop, not from
 * inside an emit function, before fetch_stop(). Then, after the loops ended, engines_free(). */
void engines_stop(struct engines *engines, struct loop *loop);
void engines_free(struct engines *engines);

/* Whether there is such an engine; the name that an empty one stands for. Valid until the set is replaced. */
bool engines_known(struct engines *engines, struct str name) LOOP;
struct str engines_default(struct engines *engines) LOOP;

struct engine_info {
    struct str name, provider, model;
    int64_t context_tokens; /* CONFIG_NO_INT: not set */
    bool scripted;          /* it plays a model, and has none */
    bool sees;              /* pictures in messages are for it (setting vision) */
};
/* NULL when there is none of that name (any case); the empty name is the default. Valid until the set is
 * replaced: within the calling function. */
const struct engine_info *engines_find(struct engines *engines, struct str name) LOOP;
/* All, in the configuration's order, `scripted` last; the same validity. */
const struct engine_info *engines_list(struct engines *engines, size_t *count) LOOP;

/*
 * Begins a generation on the calling loop; name empty: the default. request->model is the engine's whatever
 * it says; sampling that the request leaves unset is the engine's. Everything is copied but request->hints,
 * which must stay valid until end() or engines_cancel(). Returns an id, or 0 with *end filled when there is
 * no such engine. The emit functions are those of provider.h, with its promises.
 */
uint64_t engines_start(struct engines *engines, struct str name, const struct gen_request *request,
                       const struct gen_emit *emit, void *arg, struct gen_end *end) LOOP;
void engines_cancel(struct engines *engines, uint64_t gen) LOOP;
void engines_pause(struct engines *engines, uint64_t gen, bool paused) LOOP;
/* Whether this engine speaks and hears by itself: what it emits may have sound of its own, and
 * request->said reaches it. */
bool engines_speaks(struct engines *engines, struct str name) LOOP;
/* The listener stopped the last answer to this conversation (request->key) after so much of its own sound:
 * the engine is told what was not heard. Ignored where there is nothing to tell. */
void engines_played(struct engines *engines, struct str name, struct str key, uint32_t played_ms) LOOP;
/* The engine (after fallbacks) that serves or served this generation; valid inside its emit functions and
 * until they returned from end(). Empty if unknown. */
struct str engines_answered(struct engines *engines, uint64_t gen) LOOP;

#endif
