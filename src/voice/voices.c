/* Who speaks on which loop, and who sounds how; see voices.h. */
#include "voice/voices.h"

#include "voice/speech_inner.h"

#include <stdlib.h>

struct voices {
    struct workers *workers;
    _Atomic(const struct config *) config;
    struct speakers *of[LOOPS_MAX];
    struct speech_cache *cache;
};

struct voices *voices_new(struct workers *workers)
{
    struct voices *v = heap_alloc(sizeof *v);
    v->workers = workers;
    return v;
}

void voices_configure(struct voices *v, const struct config *config)
{
    atomic_store_explicit(&v->config, config, memory_order_release);
}

void voices_set_cache(struct voices *v, struct speech_cache *cache)
{
    v->cache = cache;
}

struct speakers *voices_here(struct voices *v)
{
    struct speakers **here = &v->of[loop_index(loop_self())];
    if (!*here) {
        *here = heap_alloc(sizeof **here);
        **here = (struct speakers){.loop = loop_self(),
                                   .workers = v->workers,
                                   .chain = chain_new(loop_self(), v->workers, &v->config)};
        chain_set_cache((*here)->chain, v->cache);
    }
    return *here;
}

void voices_stop(struct voices *v)
{
    struct speakers *s = v->of[loop_index(loop_self())];
    while (s && s->first)
        speech_cancel(s->first);
    if (s)
        chain_free(s->chain);
    v->of[loop_index(loop_self())] = NULL;
    free(s);
}

void voices_free(struct voices *v)
{
    free(v);
}

/* ---- who sounds how ---- */
struct voice voice_for(struct id id, const struct voice *own)
{
    static const char *const names[] = {"slt", "rms", "awb", "kal16"};
    struct voice v = *own;
    uint64_t h = id_hash(id);
    bool nothing = str_empty(own->provider) && str_empty(own->name);
    if (str_empty(v.provider) && !nothing)
        v.provider = STR("flite");
    if (nothing) {
        v.name = str_c(names[h % 4]);
        v.prosody.pitch *= .9 + (double)(h >> 8 & 0xff) / 255 * .25;
        v.prosody.rate *= .92 + (double)(h >> 16 & 0xff) / 255 * .16;
    }
    return v;
}
