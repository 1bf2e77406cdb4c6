/*
 * What the server and the llama child say to each other: frames (loop/child.h), each one JSON object. One
 * child process holds one model.
 *
 * To the child ("op"):
 *   load      {"path":FILE,"context":N,"sequences":N,"batch":N,"threads":N,"gpu_layers":N,"memory_max":N}
 *             context is the KV budget in tokens, of all sequences together; 0 anywhere: the child's own
 * choice generate  {"id":N,"messages":[OpenAI's messages],"tools":[...]|absent,"tool_choice":...|absent,
 *              "prompt":"text in place of messages"|absent,"key":"who asks: a room and persona; prefixes are
 * kept by it", "sampling":{"temperature","top_p","top_k","min_p","repeat_penalty","frequency_penalty",
 *                          "presence_penalty","seed","max_tokens","stop":[...]} each optional,
 *              "grammar":"GBNF"|absent,"json_schema":{...}|absent,"json":true|absent}
 *   cancel    {"id":N}      nothing more comes of it
 *   embed     {"id":N,"texts":[...]}
 *   stats     {}
 *   end       {}            frees the model, exits
 * From the child ("ev"):
 *   hello     {"version":"...","release":"b1234","backends":["..."]}   first of all; or failed
 *   progress  {"fraction":0.42}                                       of loading
 *   loaded
 * {"model":{"arch","name","parameters","size_bytes","quantization","context_train","embedding","vocabulary",
 *              "template":bool},"context":N,"sequences":N,"threads":N,"gpu_layers":N,"memory_bytes":N}
 *   failed    {"code":"not_found|malformed|too_large|unavailable","sentence":"..."}   of loading; the child
 * stays delta     {"id":N,"text":"..."}        whole characters reasoning {"id":N,"text":"..."} tool_call
 * {"id":N,"call":{...}}        as in a chunk's delta.tool_calls[] end
 * {"id":N,"finish":"stop|length|tool_calls","usage":{"prompt":N,"completion":N,"cached":N},
 *              "timings":{"queue_ms","prompt_ms","first_ms","decode_ms"}}
 *   error     {"id":N,"code":"context_too_long|malformed|overloaded|unavailable","sentence":"..."}   in place
 * of end embedding {"id":N,"vectors":[[...],...],"usage":{"prompt":N}} stats
 * {"queue":N,"running":N,"sequences":N,"kv_used":N,"kv_size":N,"batches":N,"batch_tokens":N,
 *              "batch_sequences_max":N,"prompt_tokens":N,"prompt_ms":N,"cached_tokens":N,"decode_tokens":N,
 *              "decode_ms":N,"memory_bytes":N,"tokens_per_second":N}      running totals since loading
 */
#ifndef EIDOLON_ENGINE_LLAMA_WIRE_H
#define EIDOLON_ENGINE_LLAMA_WIRE_H

/* Which of lib/'s programs it is, and where this one looks for lib/: beside the executable, then
 * ../lib/eidolon. */
#define LLAMA_CHILD_NAME "eidolon-llama"

enum {
    LLAMA_TEXTS_MAX = 256, /* texts of one embed */
    LLAMA_SEQUENCES_MAX = 64,
};

#endif
