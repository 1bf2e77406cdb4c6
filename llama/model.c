/*
 * Loading a model; see model.h. The order: the file is checked (gguf_check.h), its need of memory is held
 * against what there is, llama.cpp loads it, a context is made, one token is run so that the weights are in
 * memory before somebody waits for them.
 */
#include "model.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "out.h"

enum {
    SEQUENCES_DEFAULT = 8,
    SEQUENCES_MOST = 64, /* LLAMA_SEQUENCES_MAX of the wire */
    CONTEXT_EACH = 4096, /* tokens of the budget for each of CONTEXT_FOR sequences, where nobody says */
    CONTEXT_FOR = 4,
    CONTEXT_LEAST = 512,
    BATCH_DEFAULT = 512,
    BATCH_MOST = 8192,
    WHY_MAX = 256,
    GPU_ALL = 9999, /* more layers than any model has */
};

struct model model;
pthread_rwlock_t model_lock = PTHREAD_RWLOCK_INITIALIZER;

void model_free(void)
{
    if (model.templates)
        lib.common->templates_free(model.templates);
    if (model.context)
        lib.llama_free(model.context);
    if (model.llama)
        lib.llama_model_free(model.llama);
    if (model.threadpool) {
        ggml_backend_reg_t cpu =
            lib.ggml_backend_dev_backend_reg(lib.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
        __typeof__(ggml_threadpool_free) *free_pool = NULL;
        *(void **)&free_pool = lib.ggml_backend_reg_get_proc_address(cpu, "ggml_threadpool_free");
        free_pool(model.threadpool);
    }
    model = (struct model){0};
}

static uint32_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (uint32_t)n : 1;
}

static uint32_t clamp(uint32_t asked, uint32_t fallback, uint32_t most)
{
    uint32_t v = asked ? asked : fallback;
    return v < most ? v : most;
}

/* Threads spin while they wait for each other, so one processor is left to the rest of the machine. */
static void choose(const struct model_options *o)
{
    uint32_t cores = processors();
    model.threads = clamp(o->threads, cores > 1 ? cores - 1 : 1, GGML_MAX_N_THREADS);
    model.sequences = clamp(o->sequences, SEQUENCES_DEFAULT, SEQUENCES_MOST);
    model.batch = clamp(o->batch, BATCH_DEFAULT, BATCH_MOST);
    model.memory_max = o->memory_max;
    model.gpu_layers = o->gpu_layers < 0 || !lib.gpu ? 0 : o->gpu_layers ? o->gpu_layers : GPU_ALL;
}

static double gigabytes(uint64_t bytes)
{
    return (double)bytes / 1e9;
}

/* How many tokens all sequences may have together; ERR_TOO_BIG if the model does not fit. */
static enum err choose_budget(const struct model_options *o, struct error *e)
{
    const struct gguf_facts *f = &model.facts;
    uint64_t available = model.gpu_layers ? UINT64_MAX : memory_available(o->memory_max);
    uint64_t trained = f->context ? f->context : CONTEXT_EACH, tokens = o->context;
    if (!tokens) {
        tokens = CONTEXT_FOR * (trained < CONTEXT_EACH ? trained : CONTEXT_EACH);
        while (tokens > CONTEXT_LEAST * 2 && memory_needed(f, tokens, model.batch) > available / 4 * 3)
            tokens /= 2;
    }
    uint64_t needed = memory_needed(f, tokens, model.batch);
    if (needed > available)
        return error_set(e, ERR_TOO_BIG,
                         "%s needs about %.1f GB (%.1f GB of weights, %.1f GB for a context of %llu tokens) "
                         "and %.1f GB may "
                         "be used; take a smaller model or quantization%s.",
                         o->path, gigabytes(needed), gigabytes(f->file_bytes),
                         gigabytes(tokens * memory_of_token(f)), (unsigned long long)tokens,
                         gigabytes(available), o->context ? ", or a smaller context" : "");
    model.budget = (uint32_t)(tokens < CONTEXT_LEAST ? CONTEXT_LEAST
                              : tokens > INT32_MAX   ? INT32_MAX
                                                     : tokens);
    return ERR_OK;
}

static bool tell_progress(float fraction, void *last)
{
    float *told = last;
    if (fraction - *told >= 0.01F || (fraction >= 1 && *told < 1)) {
        jw_kv_double(out_begin("progress", 0), "fraction", (double)(int)(fraction * 100) / 100);
        out_end();
        *told = fraction;
    }
    return true;
}

static enum err load_weights(const struct model_options *o, struct error *e)
{
    char why[WHY_MAX];
    float told = 0;
    struct llama_model_params params = lib.llama_model_default_params();
    params.n_gpu_layers = model.gpu_layers;
    params.progress_callback = tell_progress;
    params.progress_callback_user_data = &told;
    library_complaint(why, sizeof why);
    model.llama = lib.llama_model_load_from_file(o->path, params);
    if (!model.llama) {
        struct str said = library_complaint(why, sizeof why);
        return error_set(e, ERR_CORRUPT, "llama.cpp cannot load %s (architecture %s)%s%.*s.", o->path,
                         model.facts.arch, said.n ? ": " : "", STR_ARG(said));
    }
    model.vocab = lib.llama_model_get_vocab(model.llama);
    if (lib.llama_model_has_encoder(model.llama) || lib.llama_model_is_diffusion(model.llama))
        return error_set(e, ERR_CORRUPT,
                         "%s is of a kind (%s) that does not answer word by word, and cannot be used here.",
                         o->path, model.facts.arch);
    model.partial = !lib.llama_model_is_recurrent(model.llama) && !lib.llama_model_is_hybrid(model.llama);
    return ERR_OK;
}

/* One pool for all contexts; without it ggml would start threads anew for each token. */
static void make_threads(void)
{
    ggml_backend_reg_t cpu =
        lib.ggml_backend_dev_backend_reg(lib.ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
    __typeof__(ggml_threadpool_new) *new_pool = NULL;
    *(void **)&new_pool = lib.ggml_backend_reg_get_proc_address(cpu, "ggml_threadpool_new");
    struct ggml_threadpool_params params = lib.ggml_threadpool_params_default((int)model.threads);
    if (new_pool)
        model.threadpool = new_pool(&params);
}

void model_attach_threads(struct llama_context *context)
{
    if (model.threadpool)
        lib.llama_attach_threadpool(context, model.threadpool, NULL);
}

struct llama_context_params model_context_params(void)
{
    struct llama_context_params params = lib.llama_context_default_params();
    params.n_threads = params.n_threads_batch = (int32_t)model.threads;
    params.no_perf = true;
    return params;
}

static void warm_up(void)
{
    llama_token token = lib.llama_vocab_bos(model.vocab);
    llama_token *one = &token;
    if (token < 0)
        token = 0;
    struct llama_batch batch = {.n_tokens = 1, .token = one};
    lib.llama_decode(model.context, batch);
    lib.llama_memory_clear(lib.llama_get_memory(model.context), true);
}

static enum err make_context(ggml_abort_callback stop, struct error *e)
{
    char why[WHY_MAX];
    struct llama_context_params params = model_context_params();
    params.n_ctx = model.budget;
    params.n_batch = params.n_ubatch = model.batch;
    params.n_seq_max = model.sequences;
    params.n_outputs_max = model.sequences;
    params.kv_unified = true; /* one budget that all sequences share, with prefixes held once */
    params.abort_callback = stop;
    library_complaint(why, sizeof why);
    model.context = lib.llama_init_from_model(model.llama, params);
    if (!model.context) {
        struct str said = library_complaint(why, sizeof why);
        return error_set(e, ERR_UNAVAILABLE, "There is no memory for a context of %u tokens%s%.*s.",
                         model.budget, said.n ? ": " : "", STR_ARG(said));
    }
    model_attach_threads(model.context);
    model.budget = lib.llama_n_ctx(model.context);
    uint32_t trained = (uint32_t)lib.llama_model_n_ctx_train(model.llama);
    model.longest = trained && trained < model.budget ? trained : model.budget;
    char common_why[COMMON_WHY] = "";
    model.templates = lib.common->templates_new(model.llama, common_why);
    if (!model.templates)
        return error_set(e, ERR_CORRUPT, "The model's chat template cannot be read: %s", common_why);
    warm_up();
    return ERR_OK;
}

static void tell_loaded(void)
{
    struct jw *w = out_begin("loaded", 0);
    jw_key(w, STR("model"));
    jw_object(w);
    jw_kv_string(w, "arch", str_c(model.facts.arch));
    jw_kv_string(w, "name", str_c(model.facts.name));
    jw_kv_u64(w, "parameters", lib.llama_model_n_params(model.llama));
    jw_kv_u64(w, "size_bytes", lib.llama_model_size(model.llama));
    jw_kv_string(w, "quantization", str_c(lib.llama_ftype_name(lib.llama_model_ftype(model.llama))));
    jw_kv_i64(w, "context_train", lib.llama_model_n_ctx_train(model.llama));
    jw_kv_i64(w, "embedding", lib.llama_model_n_embd(model.llama));
    jw_kv_i64(w, "vocabulary", lib.llama_vocab_n_tokens(model.vocab));
    jw_kv_bool(w, "template", model.templates && lib.common->templates_own(model.templates));
    jw_kv_bool(w, "generates", model.context != NULL);
    jw_end_object(w);
    jw_kv_u64(w, "context", model.budget);
    jw_kv_u64(w, "longest", model.longest);
    jw_kv_u64(w, "sequences", model.sequences);
    jw_kv_u64(w, "threads", model.threads);
    int32_t layers = lib.llama_model_n_layer(model.llama) + 1;
    jw_kv_i64(w, "gpu_layers", model.gpu_layers < layers ? model.gpu_layers : layers);
    jw_kv_u64(w, "memory_bytes", memory_of_process());
    out_end();
}

static enum err load(const struct model_options *o, ggml_abort_callback stop, struct error *e)
{
    enum err err = gguf_check(o->path, &model.facts, e);
    if (err)
        return err;
    choose(o);
    if ((err = choose_budget(o, e)) || (err = load_weights(o, e)))
        return err;
    make_threads();
    /* What cannot look back only (BERT and its kin) makes embeddings and nothing else. */
    return model.facts.causal ? make_context(stop, e) : ERR_OK;
}

bool model_load(const struct model_options *o, ggml_abort_callback stop)
{
    struct error e = {0};
    pthread_rwlock_wrlock(&model_lock);
    model_free();
    enum err err = load(o, stop, &e);
    if (err)
        model_free();
    pthread_rwlock_unlock(&model_lock);
    if (!err) {
        tell_loaded();
        return true;
    }
    const char *code = err == ERR_NOT_FOUND ? "not_found"
                       : err == ERR_CORRUPT ? "malformed"
                       : err == ERR_TOO_BIG ? "too_large"
                                            : "unavailable";
    out_error(0, code, "%s", e.message);
    return false;
}
