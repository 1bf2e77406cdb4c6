/*
 * Engines: a named choice of provider, model and sampling, with fallbacks. What rooms and the gateway call.
 *
 * The set of engines is made from the configuration (and the settings that the page stored) and may be replaced
 * while the server runs: each loop has its own providers and gets the new set by message; what runs goes on with
 * the old one. `scripted` is always there, and is the default when nothing else is configured.
 *
 * engines_start() walks the fallback chain until something visible came; after that a failure is a failure. The
 * breaker of an endpoint that fails again and again is asked before it is tried.
 *
 * It does not: keep conversations, count money, know personas.
 */
#ifndef EIDOLON_ENGINE_ENGINE_H
#define EIDOLON_ENGINE_ENGINE_H

#include "engine/provider.h"

struct engines;

/* From the configuration's providers and engines (copied). Plain thread, before the loops run. `data` is the data
 * folder, for DATA/scripted rules. */
enum err engines_new(struct loops *loops, const struct config *config, struct engines **out, struct error *e);
/* Replaces the set; from any loop. Takes effect on each loop by message. */
void engines_replace(struct engines *engines, const struct config *config) LOOP;
/* Closes the providers of the calling loop; then, after the loops ended, frees. */
void engines_stop(struct engines *engines, struct loop *loop);
void engines_free(struct engines *engines);

/* Whether there is such an engine; the name that an empty one stands for. Valid until the set is replaced. */
bool engines_known(struct engines *engines, struct str name) LOOP;
struct str engines_default(struct engines *engines) LOOP;

/*
 * Begins a generation on the calling loop; name empty: the default. Sampling that the request leaves unset is the
 * engine's. Returns an id, or 0 with *end filled. The emit functions are those of provider.h, with its promises.
 */
uint64_t engines_start(struct engines *engines, struct str name, const struct gen_request *request,
                       const struct gen_emit *emit, void *arg, struct gen_end *end) LOOP;
void engines_cancel(struct engines *engines, uint64_t gen) LOOP;
void engines_pause(struct engines *engines, uint64_t gen, bool paused) LOOP;
/* The engine (after fallbacks) that serves or served this generation; valid inside its emit functions and until
 * they returned from end(). Empty if unknown. */
struct str engines_answered(struct engines *engines, uint64_t gen) LOOP;

#endif
