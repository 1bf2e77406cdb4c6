/* ONNX Runtime by its function table; see onnx.h. */
#include "voice/onnx.h"

#include "base/arena.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Positions in the table, as in onnxruntime_c_api.h. */
enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENV = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_GRAPH_OPTIMIZATION = 23,
    SET_INTRA_OP_THREADS = 24,
    SET_INTER_OP_THREADS = 25,
    CREATE_TENSOR_WITH_DATA = 49,
    GET_TENSOR_DATA = 51,
    CREATE_CPU_MEMORY_INFO = 69,
    RELEASE_STATUS = 93,
    RELEASE_VALUE = 96,
    RELEASE_SESSION_OPTIONS = 100,
};
enum { LOG_ERROR = 3, OPTIMIZE_ALL = 99, ARENA_ALLOCATOR = 0, MEMORY_DEFAULT = 0 };

struct ort_base {
    void *const *(*get)(uint32_t version);
    const char *(*version)(void);
};

struct onnx {
    void *const *api;
    void *env, *session, *memory;
};

/* The table's entry as the function it is; each returns a status, NULL being success. */
#define CALL(onnx, at, types) ((void *(*)types)(onnx)->api[at])

static enum err check(const struct onnx *onnx, void *status, struct error *e)
{
    if (!status)
        return ERR_OK;
    const char *message = ((const char *(*)(const void *))onnx->api[GET_ERROR_MESSAGE])(status);
    error_set(e, ERR_UNAVAILABLE, "ONNX Runtime says: %s", message ? message : "nothing");
    ((void (*)(void *))onnx->api[RELEASE_STATUS])(status);
    return ERR_UNAVAILABLE;
}

static enum err load_library(struct onnx *onnx, const char *path, struct error *e)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return error_set(e, ERR_UNAVAILABLE, "ONNX Runtime cannot be loaded: %s", dlerror());
    const struct ort_base *(*base_of)(void) =
        (const struct ort_base *(*)(void))dlsym(library, "OrtGetApiBase");
    const struct ort_base *base = base_of ? base_of() : NULL;
    if (!base || !str_starts(str_c(base->version()), STR("1.")))
        return error_set(e, ERR_UNAVAILABLE,
                         "%s is no ONNX Runtime 1.x; make speech fetches the one that fits.", path);
    onnx->api = base->get(ONNX_API);
    if (!onnx->api)
        return error_set(e, ERR_UNAVAILABLE, "ONNX Runtime %s is too old; make speech fetches one that fits.",
                         base->version());
    return ERR_OK;
}

static enum err load_model(struct onnx *onnx, const char *path, struct error *e)
{
    void *options = NULL;
    enum err err = check(
        onnx, CALL(onnx, CREATE_ENV, (int, const char *, void **))(LOG_ERROR, "eidolon", &onnx->env), e);
    if (err == ERR_OK)
        err = check(onnx, CALL(onnx, CREATE_SESSION_OPTIONS, (void **))(&options), e);
    if (err != ERR_OK)
        return err;
    err = check(onnx, CALL(onnx, SET_INTRA_OP_THREADS, (void *, int))(options, 1), e);
    if (err == ERR_OK)
        err = check(onnx, CALL(onnx, SET_INTER_OP_THREADS, (void *, int))(options, 1), e);
    if (err == ERR_OK)
        err = check(onnx, CALL(onnx, SET_GRAPH_OPTIMIZATION, (void *, int))(options, OPTIMIZE_ALL), e);
    if (err == ERR_OK)
        err = check(onnx,
                    CALL(onnx, CREATE_SESSION,
                         (void *, const char *, void *, void **))(onnx->env, path, options, &onnx->session),
                    e);
    ((void (*)(void *))onnx->api[RELEASE_SESSION_OPTIONS])(options);
    if (err == ERR_OK)
        err = check(onnx,
                    CALL(onnx, CREATE_CPU_MEMORY_INFO, (int, int, void **))(ARENA_ALLOCATOR, MEMORY_DEFAULT,
                                                                            &onnx->memory),
                    e);
    return err;
}

struct onnx *onnx_open(const char *library, const char *model, struct error *e)
{
    struct onnx *onnx = heap_alloc(sizeof *onnx);
    if (load_library(onnx, library, e) == ERR_OK && load_model(onnx, model, e) == ERR_OK)
        return onnx;
    free(onnx); /* what was loaded stays: the process has no other use for it */
    return NULL;
}

static void release_all(const struct onnx *onnx, void **values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i])
            ((void (*)(void *))onnx->api[RELEASE_VALUE])(values[i]);
    }
}

enum err onnx_run(struct onnx *onnx, const struct onnx_tensor *inputs, size_t input_count,
                  const struct onnx_result *results, size_t result_count, struct error *e)
{
    void *in[ONNX_VALUES_MAX] = {NULL}, *out[ONNX_VALUES_MAX] = {NULL};
    const char *in_names[ONNX_VALUES_MAX] = {NULL}, *out_names[ONNX_VALUES_MAX] = {NULL};
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < input_count; i++) {
        const struct onnx_tensor *t = &inputs[i];
        in_names[i] = t->name;
        err = check(onnx,
                    CALL(onnx, CREATE_TENSOR_WITH_DATA,
                         (const void *, void *, size_t, const int64_t *, size_t, int, void **))(
                        onnx->memory, t->data, t->bytes, t->shape, t->rank, t->type, &in[i]),
                    e);
    }
    for (size_t i = 0; i < result_count; i++)
        out_names[i] = results[i].name;
    if (err == ERR_OK)
        err = check(onnx,
                    CALL(onnx, RUN,
                         (void *, const void *, const char *const *, void *const *, size_t,
                          const char *const *, size_t, void **))(onnx->session, NULL, in_names, in,
                                                                 input_count, out_names, result_count, out),
                    e);
    for (size_t i = 0; err == ERR_OK && i < result_count; i++) {
        float *data = NULL;
        err = check(onnx, CALL(onnx, GET_TENSOR_DATA, (void *, void **))(out[i], (void **)&data), e);
        if (err == ERR_OK)
            memcpy(results[i].to, data, results[i].count * sizeof *data);
    }
    release_all(onnx, in, input_count);
    release_all(onnx, out, result_count);
    return err;
}
