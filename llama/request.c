/* Making requests of frames; see request.h. */
#include "request.h"

#include <stdlib.h>

#include "base/clock.h"
#include "embed.h"
#include "engine/llama_wire.h"
#include "out.h"

enum { STOPS_MAX = 64, STOP_LONGEST = 1024 };

void request_free(struct request *r)
{
    if (!r)
        return;
    if (r->answer)
        lib.common->answer_free(r->answer);
    for (size_t i = 0; i < r->text_count; i++) {
        free(r->texts[i].tokens);
        free(r->texts[i].vector);
    }
    free(r->texts);
    free(r->key);
    free(r->tokens);
    text_release(&r->text);
    free(r);
}

void request_push(struct request *r, llama_token token)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->tokens = heap_realloc(r->tokens, r->cap * sizeof *r->tokens);
    }
    r->tokens[r->n++] = token;
}

static void take_stops(struct request *r, const struct json *sampling)
{
    const struct json *stop = json_get(sampling, "stop");
    if (stop && stop->type == JSON_STRING)
        text_stop(&r->text, stop->string);
    if (stop && stop->type == JSON_ARRAY)
        json_each (one, stop)
            if (one->type == JSON_STRING && one->string.n <= STOP_LONGEST && r->text.stop_count < STOPS_MAX)
                text_stop(&r->text, one->string);
    const char *more;
    for (size_t i = 0; (more = lib.common->answer_stop(r->answer, i)) != NULL; i++)
        text_stop(&r->text, str_c(more));
}

static bool take_prompt(struct request *r)
{
    size_t n;
    const llama_token *tokens = lib.common->answer_tokens(r->answer, &n);
    if (n == 0) {
        out_error(r->id, "malformed", "The prompt is empty.");
        return false;
    }
    if (n >= model.longest) {
        out_error(
            r->id, "context_too_long",
            "The prompt has %zu tokens, and this model can hold %u, answer included; shorten what is sent%s.",
            n, model.longest,
            model.longest < (uint32_t)lib.llama_model_n_ctx_train(model.llama)
                ? ", or load the model with a larger "
                  "context"
                : "");
        return false;
    }
    r->tokens = heap_alloc((n + 64) * sizeof *tokens);
    memcpy(r->tokens, tokens, n * sizeof *tokens);
    r->n = r->prompt = n;
    r->cap = n + 64;
    return true;
}

struct request *request_generate(uint64_t id, const struct json *frame)
{
    char why[COMMON_WHY] = "";
    const struct json *sampling = json_get(frame, "sampling");
    if (!model.context) {
        out_error(id, "unavailable", "%s",
                  model.llama ? "This model only makes embeddings; it cannot answer."
                              : "No model is loaded.");
        return NULL;
    }
    struct request *r = heap_alloc(sizeof *r);
    r->id = id;
    r->asked_us = clock_mono_us();
    r->key = heap_cstr(json_get_str(frame, "key", STR_NONE));
    r->answer = lib.common->answer_new(model.templates, model.llama, frame->raw.p, frame->raw.n, why);
    if (!r->answer)
        out_error(id, "malformed", "The model's template or grammar refuses what was asked: %s", why);
    if (!r->answer || !take_prompt(r)) {
        request_free(r);
        return NULL;
    }
    int64_t most = json_get_i64(sampling, "max_tokens", 0);
    r->most = most > 0 ? (uint64_t)most : UINT64_MAX;
    take_stops(r, sampling);
    return r;
}

static bool take_text(struct embed_text *t, struct str text)
{
    int32_t n = -lib.llama_tokenize(model.vocab, text.p, (int32_t)text.n, NULL, 0, true, true);
    if (n <= 0)
        return false;
    t->tokens = heap_alloc((size_t)n * sizeof *t->tokens);
    t->n = (size_t)lib.llama_tokenize(model.vocab, text.p, (int32_t)text.n, t->tokens, n, true, true);
    return true;
}

struct request *request_embed(uint64_t id, const struct json *frame)
{
    const struct json *texts = json_get(frame, "texts");
    size_t longest = model.llama ? embed_longest() : 0;
    if (!model.llama || !texts || texts->type != JSON_ARRAY || !texts->count ||
        texts->count > LLAMA_TEXTS_MAX) {
        if (!model.llama)
            out_error(id, "unavailable", "No model is loaded.");
        else
            out_error(id, "malformed", "The texts to embed are not 1 to %d strings.", LLAMA_TEXTS_MAX);
        return NULL;
    }
    struct request *r = heap_alloc(sizeof *r);
    r->id = id;
    r->asked_us = clock_mono_us();
    r->texts = heap_alloc(texts->count * sizeof *r->texts);
    json_each (text, texts) {
        struct embed_text *t = &r->texts[r->text_count];
        if (text->type != JSON_STRING || !take_text(t, text->string)) {
            out_error(id, "malformed", "Text %zu to embed is empty, or no string.", r->text_count);
        } else if (t->n > longest) {
            out_error(id, "context_too_long", "Text %zu has %zu tokens, and this model embeds %zu at most.",
                      r->text_count, t->n, longest);
            r->text_count++;
        } else {
            r->text_count++;
            continue;
        }
        request_free(r);
        return NULL;
    }
    return r;
}
