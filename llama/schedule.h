/*
 * The scheduler: one thread that runs the model for all who ask.
 *
 * Each turn of its loop is one batch: the next token of every answer that is being said, and a part of the
 * prompts that are being read, small enough that those who listen do not notice. Requests join and leave
 * between two batches (continuous batching).
 *
 * schedule_run() is that thread; the others post to it.
 */
#ifndef EIDOLON_LLAMA_SCHEDULE_H
#define EIDOLON_LLAMA_SCHEDULE_H

#include "request.h"

enum { QUEUE_MAX = 256 }; /* requests that may wait */

/* Never returns: it ends the process when it was told to. */
void schedule_run(void) __attribute__((noreturn));

/* Any thread. What is given belongs to the scheduler. */
void schedule_load(struct model_options *options);
void schedule_add(struct request *r);
void schedule_cancel(uint64_t id);
void schedule_end(void);
/* Whether QUEUE_MAX wait already. */
bool schedule_full(void);

#endif
