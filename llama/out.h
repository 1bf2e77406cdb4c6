/*
 * Frames to the server. Any thread writes them; one thread of its own sends them, so that nobody who computes
 * waits for a socket.
 */
#ifndef EIDOLON_LLAMA_OUT_H
#define EIDOLON_LLAMA_OUT_H

#include "base/json.h"

/* Starts the thread. */
void out_start(void);
/* Waits until all is sent. */
void out_flush(void);

/* One frame: out_begin() takes the lock and opens {"ev":EV,"id":ID (unless 0), out_end() closes it and gives
 * it away. Between them the caller adds members; it must not block. */
struct jw *out_begin(const char *ev, uint64_t id);
void out_end(void);

/* {"ev":EV,"id":ID,"text":TEXT} */
void out_text(const char *ev, uint64_t id, struct str text);
/* `error` (id) or `failed` (id 0) with code and sentence. */
void out_error(uint64_t id, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
