/* Embeddings; see embed.h. */
#include "embed.h"

#include <math.h>
#include <stdlib.h>

#include "out.h"
#include "schedule_inner.h"
#include "stats.h"

/* Tokens of a batch, and of one text where the model could hold more: the whole text must be in one batch. */
enum { LONGEST = 2048, TEXTS_AT_ONCE = 8 };

static struct llama_context *context;
static struct llama_batch batch;

size_t embed_longest(void)
{
    size_t trained = (size_t)lib.llama_model_n_ctx_train(model.llama);
    return trained && trained < LONGEST ? trained : LONGEST;
}

void embed_close(void)
{
    if (!context)
        return;
    lib.llama_free(context);
    lib.llama_batch_free(batch);
    context = NULL;
}

static bool open_context(void)
{
    struct llama_context_params params = model_context_params();
    params.embeddings = true;
    params.pooling_type = model.facts.pooling ? LLAMA_POOLING_TYPE_UNSPECIFIED : LLAMA_POOLING_TYPE_MEAN;
    params.n_ctx = params.n_batch = params.n_ubatch = (uint32_t)embed_longest();
    params.n_seq_max = TEXTS_AT_ONCE;
    params.kv_unified = true;
    params.abort_callback = batch_stops;
    context = lib.llama_init_from_model(model.llama, params);
    if (!context)
        return false;
    model_attach_threads(context);
    batch = lib.llama_batch_init((int32_t)embed_longest(), 0, 1);
    return true;
}

/* The next texts of the request that fit into one batch; returns how many. */
static size_t fill(const struct request *r)
{
    size_t n = 0;
    batch.n_tokens = 0;
    for (size_t i = r->texts_done; i < r->text_count && n < TEXTS_AT_ONCE; i++, n++) {
        const struct embed_text *t = &r->texts[i];
        if ((size_t)batch.n_tokens + t->n > embed_longest())
            break;
        for (size_t at = 0; at < t->n; at++) {
            batch.token[batch.n_tokens] = t->tokens[at];
            batch.pos[batch.n_tokens] = (llama_pos)at;
            batch.n_seq_id[batch.n_tokens] = 1;
            batch.seq_id[batch.n_tokens][0] = (llama_seq_id)n;
            batch.logits[batch.n_tokens++] = 1;
        }
    }
    return n;
}

static float *normal(const float *from, size_t n)
{
    double sum = 0;
    float *to = heap_alloc(n * sizeof *to);
    for (size_t i = 0; i < n; i++)
        sum += (double)from[i] * (double)from[i];
    double length = sqrt(sum);
    for (size_t i = 0; i < n; i++)
        to[i] = length > 0 ? (float)((double)from[i] / length) : 0;
    return to;
}

static bool fail(const struct request *r, const char *sentence)
{
    out_error(r->id, "unavailable", "%s", sentence);
    return true;
}

static bool answer(const struct request *r, size_t dimensions)
{
    size_t tokens = 0;
    struct jw *w = out_begin("embedding", r->id);
    jw_key(w, STR("vectors"));
    jw_array(w);
    for (size_t i = 0; i < r->text_count; i++) {
        tokens += r->texts[i].n;
        jw_array(w);
        for (size_t j = 0; j < dimensions; j++) {
            /* nine digits hold a float */
            char digits[32];
            int n = snprintf(digits, sizeof digits, "%.9g", (double)r->texts[i].vector[j]);
            jw_raw(w, str_of(digits, (size_t)n));
        }
        jw_end_array(w);
    }
    jw_end_array(w);
    jw_key(w, STR("usage"));
    jw_object(w);
    jw_kv_u64(w, "prompt", tokens);
    jw_end_object(w);
    out_end();
    return true;
}

bool embed_some(struct request *r)
{
    if (!context && !open_context())
        return fail(r, "There is no memory to make embeddings with this model.");
    size_t dimensions = (size_t)lib.llama_model_n_embd_out(model.llama), n = fill(r);
    llama_memory_t memory = lib.llama_get_memory(context);
    if (memory)
        lib.llama_memory_clear(memory, false);
    int rc = lib.llama_decode(context, batch);
    if (rc == 2) /* broken off; again, unless it was cancelled */
        return false;
    if (rc != 0)
        return fail(r, "llama.cpp could not compute the embeddings.");
    for (size_t i = 0; i < n; i++) {
        const float *v = lib.llama_get_embeddings_seq(context, (llama_seq_id)i);
        if (!v)
            return fail(r, "This model gives no embeddings.");
        r->texts[r->texts_done++].vector = normal(v, dimensions);
    }
    return r->texts_done == r->text_count && answer(r, dimensions);
}
