/*
 * As much of ONNX Runtime's C API as a voice detector needs, declared by hand.
 *
 * No Debian or npm package brings its header. The API is one table of functions, asked for by a version
 * number, to which later releases only append: the positions below are those of onnxruntime_c_api.h, and hold
 * for every release that answers version ONNX_API. The release's own version must begin with "1.".
 *
 * For child processes alone: a model is somebody's code. Plain threads.
 */
#ifndef EIDOLON_VOICE_ONNX_H
#define EIDOLON_VOICE_ONNX_H

#include "base/error.h"

enum { ONNX_API = 17, ONNX_FLOAT = 1, ONNX_INT64 = 7, ONNX_RANK_MAX = 4, ONNX_VALUES_MAX = 8 };

struct onnx;

/* Loads library and model; one thread, all optimisations. ERR_UNAVAILABLE with what is missing or does not
 * fit. */
struct onnx *onnx_open(const char *library, const char *model, struct error *e);

struct onnx_tensor {
    const char *name;
    int type; /* ONNX_FLOAT, ONNX_INT64 */
    void *data;
    size_t bytes;
    int64_t shape[ONNX_RANK_MAX];
    size_t rank;
};
struct onnx_result {
    const char *name;
    float *to; /* the caller's */
    size_t count;
};
/* One run, at most ONNX_VALUES_MAX inputs and outputs. The results are copied. */
enum err onnx_run(struct onnx *onnx, const struct onnx_tensor *inputs, size_t input_count,
                  const struct onnx_result *results, size_t result_count, struct error *e);

#endif
