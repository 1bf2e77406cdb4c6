/*
 * The embedder over models on this machine. It stands here because memory and engine, whose interfaces it
 * joins, do not know each other.
 *
 * An embedder is owned by one loop; requests are a short list.
 */
#include "api/embedder_llama.h"

#include "base/json.h"
#include "engine/llama.h"

#include <stdlib.h>

enum { DIMENSIONS_MAX = 1 << 16 };

struct asking {
    struct asking *next;
    struct local *local;
    uint64_t id;
    size_t count;
    embedder_done_fn *done;
    void *arg;
};

struct local {
    struct embedder base;
    struct asking *list;
};

static void forget(struct asking *asking)
{
    for (struct asking **at = &asking->local->list; *at; at = &(*at)->next) {
        if (*at == asking) {
            *at = asking->next;
            break;
        }
    }
    free(asking);
}

/* [[number,...],...] into rows of one length; false when it is anything else. */
static bool read_vectors(struct arena *a, struct str text, struct embedder_answer *out)
{
    struct json *rows = NULL;
    if (json_parse(a, text, &rows, NULL) != ERR_OK || rows->type != JSON_ARRAY || !rows->child)
        return false;
    out->count = rows->count;
    out->dimensions = rows->child->count;
    if (!out->dimensions || out->dimensions > DIMENSIONS_MAX)
        return false;
    float *vectors = arena_array(a, float, out->count * out->dimensions), *to = vectors;
    json_each (row, rows) {
        if (row->type != JSON_ARRAY || row->count != out->dimensions)
            return false;
        json_each (number, row) {
            double value = 0;
            if (!json_double(number, &value))
                return false;
            *to++ = (float)value;
        }
    }
    out->vectors = vectors;
    return true;
}

static void embedded(void *arg, const struct llama_embedded *from)
{
    on_loop();
    struct asking *asking = arg;
    struct arena a = ARENA_INIT;
    struct embedder_answer answer = {.error = from->error, .tokens = from->prompt_tokens};
    embedder_done_fn *done = asking->done;
    void *to = asking->arg;
    if (!answer.error.err && (!read_vectors(&a, from->vectors, &answer) || answer.count != asking->count))
        error_set(&answer.error, ERR_UPSTREAM,
                  "The model made no embeddings; choose one that is made for them.");
    forget(asking);
    done(to, &answer);
    arena_release(&a);
}

static struct embedder *local_open(struct loop *loop)
{
    struct local *local = heap_alloc(sizeof *local);
    local->base = (struct embedder){&embedder_llama, loop};
    return &local->base;
}

static uint64_t local_start(struct embedder *base, const struct embedder_request *request,
                            embedder_done_fn *done, void *arg, struct error *e)
{
    on_loop();
    struct local *local = CONTAINER(base, struct local, base);
    if (!llama_shared() || !request->model.n) {
        error_set(e, ERR_UNAVAILABLE, "No embedding model is set: name one in llama.embedding.");
        return 0;
    }
    struct asking *asking = heap_alloc(sizeof *asking);
    *asking = (struct asking){
        .next = local->list, .local = local, .count = request->count, .done = done, .arg = arg};
    local->list = asking;
    asking->id =
        llama_embed(llama_shared(), request->model, request->texts, request->count, embedded, asking);
    return asking->id;
}

static void local_cancel(struct embedder *base, uint64_t id)
{
    on_loop();
    struct local *local = CONTAINER(base, struct local, base);
    struct asking *asking = local->list;
    while (asking && asking->id != id)
        asking = asking->next;
    if (!asking)
        return;
    llama_embed_cancel(llama_shared(), id);
    forget(asking);
}

static void local_close(struct embedder *base)
{
    on_loop();
    struct local *local = CONTAINER(base, struct local, base);
    for (struct asking *asking = local->list, *next; asking; asking = next) {
        next = asking->next;
        llama_embed_cancel(llama_shared(), asking->id);
        free(asking);
    }
    free(local);
}

const struct embedder_driver embedder_llama = {"llama", local_open, local_start, local_cancel, local_close};
