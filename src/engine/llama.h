/*
 * Models on this machine: one child process for each loaded model (llama_wire.h), owned by one loop, used
 * from all loops by messages.
 *
 * A model is loaded when something is asked of it, or by llama_submit(LLAMA_LOAD). Before that its file is
 * looked into (model_inspect.h) and memory is made: models that nobody uses are unloaded, the longest unused
 * first; a question for a model that has no room yet waits until another falls idle. What fails to load says
 * why to everyone who waits for it, and is left alone for a while (RETRY_FIRST_MS, doubling), or until its
 * file changes or somebody loads it by hand; nothing is ever tried again without being asked for.
 *
 * When a child is lost, what it was writing ends with a sentence; what it had not begun waits for its
 * successor. There is no limit on the first token: a model may load and read for as long as its process
 * shows life (llama.stall_timeout); once it works on an answer, the provider's total_timeout runs.
 *
 *   llama_host.c   models and their children     llama_work.c   what is asked of them, and what they answer
 *   llama_show.c   JSON and metrics              llama.c, llama_raw.c   the provider driver, on every loop
 *
 * It does not: download (model_pull.h), choose prompts, know what a persona is.
 */
#ifndef EIDOLON_ENGINE_LLAMA_H
#define EIDOLON_ENGINE_LLAMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/config.h"
#include "loop/loop.h"

struct llama;
struct workers; /* loop/workers.h */

/* One a process; plain thread, before the loops run. `config` must live on; the first loop is its home. */
struct llama *llama_new(struct loops *loops, struct workers *workers, const struct config *config);
/* New settings, for models loaded from now on; from any loop. `config` must live on. */
void llama_set_config(struct llama *llama, const struct config *config) LOOP;
/* Goes on with downloads that were left unfinished; on the home loop, once it runs. */
void llama_start(struct llama *llama) LOOP;
/* Ends every child and answers every op; on the home loop, after the engines were stopped on all loops. */
void llama_stop(struct llama *llama) LOOP;
void llama_free(struct llama *llama); /* after the loops ended */
struct loop *llama_home(struct llama *llama);
/* The process's own, or NULL: then the driver refuses in words. */
struct llama *llama_shared(void);

enum llama_verb {
    LLAMA_LIST,      /* [model,...] */
    LLAMA_SHOW,      /* the model called `name` */
    LLAMA_LOAD,      /* begins to load it; the answer is the model as it then is */
    LLAMA_UNLOAD,    /* ERR_BUSY while it works, unless `force` */
    LLAMA_DELETE,    /* unloads it and removes its files; no answer */
    LLAMA_PULL,      /* begins to download `url`, or goes on with it; the answer is the download */
    LLAMA_PULLS,     /* [download,...], newest first */
    LLAMA_PULL_SHOW, /* the one with the id `name` */
    LLAMA_PULL_END,  /* cancels it; takes one that is over off the list; no answer */
    LLAMA_LIBRARY,   /* {"found","program","version","release","backends":[...],"error",...} */
};

/* Something asked of the home loop. The caller fills the first part; done() runs on the loop that submitted,
 * and frees. */
struct llama_op {
    struct msg msg;
    struct arena arena;
    enum llama_verb verb;
    struct str name;
    bool force;
    struct str url, sha256, licence; /* LLAMA_PULL, with `name` the model's, all but url perhaps empty; in the
                                        arena */
    void (*done)(struct llama_op *op);
    void *arg;

    enum err err;
    struct error error;
    struct str json; /* in the arena */

    struct loop *from; /* inner */
};
struct llama_op *llama_op_new(enum llama_verb verb, struct str name);
void llama_op_free(struct llama_op *op);
void llama_submit(struct llama *llama, struct llama_op *op) LOOP;

/*
 * Embeddings of texts (LLAMA_TEXTS_MAX at most) by a model. done() follows exactly once on this loop, unless
 * llama_embed_cancel() was called; `vectors` is JSON, [[number,...],...], valid during the call.
 */
struct llama_embedded {
    struct error error; /* .err ERR_OK: it went well */
    struct str vectors;
    uint64_t prompt_tokens;
};
typedef void llama_embedded_fn(void *arg, const struct llama_embedded *answer);
uint64_t llama_embed(struct llama *llama, struct str model, const struct str *texts, size_t count,
                     llama_embedded_fn *done, void *arg) LOOP;
void llama_embed_cancel(struct llama *llama, uint64_t id) LOOP;

/* Prometheus' text format; any thread. */
void llama_metrics_write(struct llama *llama, struct buf *to);
/* One sentence about what is loaded, for the health page, or nothing; any thread. */
void llama_health(struct llama *llama, char *to, size_t size);

#endif
