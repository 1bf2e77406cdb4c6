/*
 * Inside the models on this machine: what llama_*.c share. Everything here belongs to the home loop but for
 * what says otherwise.
 *
 * A job is one question (a generation or an embedding). It is in host->unresolved until the file that its
 * engine means was found, then in its model's list until it ended. The loop that asked knows it by its id
 * only (struct llama_wait) and gets struct llama_event messages.
 */
#ifndef EIDOLON_ENGINE_LLAMA_INNER_H
#define EIDOLON_ENGINE_LLAMA_INNER_H

#include "base/json.h"
#include "engine/llama.h"
#include "engine/llama_wire.h"
#include "engine/model_file.h"
#include "engine/model_inspect.h"
#include "engine/provider.h"
#include "loop/child.h"
#include "loop/workers.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    LLAMA_TICK_MS = 1000,
    RETRY_FIRST_MS = 10 * 1000,
    RETRY_MAX_MS = 10 * 60 * 1000,
    LLAMA_PATH = 4096,
    GEN_MODEL_LABEL = 128,
};

/* ---- between loops */

enum llama_event_kind {
    LLAMA_BEGUN,
    LLAMA_DELTA,
    LLAMA_REASONING,
    LLAMA_TOOL_CALL,
    LLAMA_VECTORS,
    LLAMA_END
};

struct llama_event {
    struct msg msg;
    struct llama_event *next; /* while held back */
    uint64_t id;
    enum llama_event_kind kind;
    struct gen_end end; /* LLAMA_END; its usage also with LLAMA_VECTORS */
    size_t n;
    char text[];
};

/* Who waits on this loop for the events of a job; in its owner's struct. */
struct llama_wait {
    struct llama_wait *next;
    uint64_t id;
    /* Takes the event over. */
    void (*event)(struct llama_wait *wait, struct llama_event *event);
};
void llama_wait_add(struct llama_wait *wait) LOOP;
void llama_wait_drop(struct llama_wait *wait) LOOP;

/* A question on its way home. */
struct llama_job {
    struct msg msg;
    struct llama *host;
    struct llama_job *next;
    struct loop *from;
    uint64_t id;
    struct str asked; /* the engine's model; heap */
    struct str frame; /* what the child is told; heap */
    bool sent, began; /* told to the child; it answered something */
};
void llama_ask(struct llama *host, uint64_t id, struct str asked, struct str frame) LOOP; /* any loop */
void llama_take_back(struct llama *host, uint64_t id) LOOP;                               /* any loop */

/* ---- the host */

enum llama_state { LLAMA_FILE, LLAMA_LOADING, LLAMA_LOADED, LLAMA_FAILED };

struct llama_model {
    struct llama_model *next;
    struct llama *host;
    char *path, *name;
    uint64_t bytes;
    int64_t changed_ms;
    unsigned parts, there;

    enum llama_state state;
    char error[GEN_SENTENCE]; /* why it failed; or how its last process ended */
    bool lasting;             /* the failure is the file's: only another file changes it */
    uint64_t retry_us;        /* a failed one is left alone until then */
    uint64_t retry_ms;        /* and next time for so long */
    bool wanted;              /* to be loaded though nobody asks anything */
    double progress;

    char *details; /* what the inspector said, JSON; NULL: not looked into */
    bool inspecting;
    uint64_t token_bytes; /* of cache, by the details */
    struct child *child;  /* NULL: none */
    bool hello, told;     /* it said hello; it was told to load */
    char *loaded, *stats; /* its frames, JSON; NULL: none */
    uint64_t memory;      /* what it takes: as it said, or as was reckoned */
    const char *killed;   /* why we killed it, or its last words */
    char words[GEN_SENTENCE];
    uint64_t frame_us, used_us, loading_us;
    struct llama_job *jobs;
    unsigned sent;
    uint64_t answers, crashes;
};

/* What any thread may read of the host. */
struct llama_figures {
    struct llama_figures *next;
    char name[GEN_MODEL_LABEL];
    bool loaded;
    double memory, queue, running, kv_used, kv_size, batches, batch_tokens, batch_sequences_max,
        prompt_tokens, cached_tokens, decode_tokens, decode_ms, prompt_ms, tokens_per_second, crashes;
};

struct llama {
    struct loop *home;
    struct loops *loops;
    struct workers *workers;
    const struct config *_Atomic config;
    struct llama_model *models;
    struct llama_job *unresolved;
    struct inspector *inspector;
    struct pulls *pulls; /* model_pull.h */
    struct timer tick;
    bool stopped;
    unsigned errands; /* worker jobs under way */

    struct child *probe; /* a child that only says hello */
    bool probing, probed;
    struct timer probe_late;
    char *hello; /* JSON of the last hello; NULL: none yet */
    char library_error[GEN_SENTENCE];
    struct llama_op *library_ops; /* waiting for the probe; linked by msg.next */
    struct llama_scan *scans;     /* ops that look at the folder */

    pthread_mutex_t lock; /* the figures, for any thread */
    struct llama_figures *figures;
};

static inline const struct config *llama_config(struct llama *host)
{
    return atomic_load_explicit(&host->config, memory_order_acquire);
}
/* DATA/models, or where the settings say; any thread. */
void llama_folder(struct llama *host, char to[LLAMA_PATH]);

/* llama_host.c */
void llama_inspect(struct llama_model *model) LOOP;
struct inspector *llama_inspector(struct llama *host) LOOP;
struct llama_model *llama_model_of(struct llama *host,
                                   const struct model_file *file) LOOP; /* found or made */
struct llama_model *llama_model_find(struct llama *host, struct str path) LOOP;
void llama_pump(struct llama_model *model) LOOP; /* does what is due: loads, sends, unloads others */
void llama_pump_all(struct llama *host) LOOP;
void llama_unload(struct llama_model *model) LOOP; /* its jobs must be gone or unsent */
void llama_fail(struct llama_model *model, bool lasting, const char *sentence) LOOP;
bool llama_program(struct llama *host, char to[LLAMA_PATH]);
uint64_t llama_budget(struct llama *host);
uint64_t llama_needs(struct llama_model *model);

/* llama_show.c */
void llama_show_settle(struct llama *host) LOOP; /* answers the ops that can be */
void llama_figures_update(struct llama_model *model) LOOP;

/* llama_work.c */
void llama_send_jobs(struct llama_model *model) LOOP;
void llama_jobs_fail(struct llama_model *model, bool unsent_too, enum gen_code code,
                     const char *sentence) LOOP;
void llama_answer(struct llama_model *model, struct str ev, const struct json *frame) LOOP;
void llama_jobs_drop(struct llama *host) LOOP;

#endif
