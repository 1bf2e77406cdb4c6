/*
 * llama.cpp, loaded at run time: a table of the functions that this child calls.
 *
 * The libraries come prebuilt from npm (tools/llama-fetch.mjs) and lie beside the executable. Their file name
 * carries their release (libllama.v0.5.0.so), and parameter structs pass by value, so the one library that
 * fits is asked for by name, and asked for its version before anything else. Back-ends (one per kind of
 * processor, and graphics cards where their packages were put there) are found in the same folder by ggml
 * itself.
 *
 * `lib` is filled once, before any thread starts, and read by all of them.
 */
#ifndef EIDOLON_LLAMA_LIBRARY_H
#define EIDOLON_LLAMA_LIBRARY_H

#include "base/error.h"
#include "chat_face.h"
#include "ggml-backend.h"
#include "gguf.h"
#include "llama.h"

#define LIBRARY_FUNCTIONS(FN)                                                                                \
    FN(llama_backend_init)                                                                                   \
    FN(llama_batch_free)                                                                                     \
    FN(llama_batch_init)                                                                                     \
    FN(llama_attach_threadpool)                                                                              \
    FN(llama_context_default_params)                                                                         \
    FN(llama_decode)                                                                                         \
    FN(llama_encode)                                                                                         \
    FN(llama_free)                                                                                           \
    FN(llama_ftype_name)                                                                                     \
    FN(llama_get_embeddings_seq)                                                                             \
    FN(llama_get_memory)                                                                                     \
    FN(llama_init_from_model)                                                                                \
    FN(llama_log_set)                                                                                        \
    FN(llama_memory_clear)                                                                                   \
    FN(llama_memory_seq_cp)                                                                                  \
    FN(llama_memory_seq_rm)                                                                                  \
    FN(llama_model_default_params)                                                                           \
    FN(llama_model_free)                                                                                     \
    FN(llama_model_ftype)                                                                                    \
    FN(llama_model_get_vocab)                                                                                \
    FN(llama_model_has_encoder)                                                                              \
    FN(llama_model_is_diffusion)                                                                             \
    FN(llama_model_is_hybrid)                                                                                \
    FN(llama_model_is_recurrent)                                                                             \
    FN(llama_model_load_from_file)                                                                           \
    FN(llama_model_meta_val_str)                                                                             \
    FN(llama_model_n_ctx_train)                                                                              \
    FN(llama_model_n_embd)                                                                                   \
    FN(llama_model_n_embd_out)                                                                               \
    FN(llama_model_n_layer)                                                                                  \
    FN(llama_model_n_params)                                                                                 \
    FN(llama_model_size)                                                                                     \
    FN(llama_n_batch)                                                                                        \
    FN(llama_n_ctx)                                                                                          \
    FN(llama_pooling_type)                                                                                   \
    FN(llama_set_abort_callback)                                                                             \
    FN(llama_split_path)                                                                                     \
    FN(llama_split_prefix)                                                                                   \
    FN(llama_state_seq_get_data)                                                                             \
    FN(llama_state_seq_get_size)                                                                             \
    FN(llama_state_seq_set_data)                                                                             \
    FN(llama_supports_gpu_offload)                                                                           \
    FN(llama_synchronize)                                                                                    \
    FN(llama_token_to_piece)                                                                                 \
    FN(llama_tokenize)                                                                                       \
    FN(llama_version)                                                                                        \
    FN(llama_vocab_bos)                                                                                      \
    FN(llama_vocab_is_eog)                                                                                   \
    FN(llama_vocab_n_tokens)                                                                                 \
    FN(ggml_backend_dev_backend_reg)                                                                         \
    FN(ggml_backend_dev_by_type)                                                                             \
    FN(ggml_backend_dev_count)                                                                               \
    FN(ggml_backend_dev_description)                                                                         \
    FN(ggml_backend_dev_get)                                                                                 \
    FN(ggml_backend_dev_memory)                                                                              \
    FN(ggml_backend_dev_name)                                                                                \
    FN(ggml_backend_dev_type)                                                                                \
    FN(ggml_backend_load_all_from_path)                                                                      \
    FN(ggml_backend_reg_get_proc_address)                                                                    \
    FN(ggml_blck_size)                                                                                       \
    FN(ggml_set_abort_callback)                                                                              \
    FN(ggml_threadpool_params_default)                                                                       \
    FN(ggml_type_size)

struct library {
#define FN(name) __typeof__(name) *name;
    LIBRARY_FUNCTIONS(FN)
#undef FN
    const struct common_face *common; /* llama.cpp's common code */
    bool gpu;                         /* a back-end for a graphics card is there */
};

extern struct library lib;

/* Loads the libraries and back-ends of a folder. ERR_UNAVAILABLE, with what is missing or does not fit. */
enum err library_load(const char *folder, struct error *e);
/* llama.cpp's last complaint, for the sentence of what failed; cleared by reading. Empty: it said nothing. */
struct str library_complaint(char *to, size_t size);

#endif
