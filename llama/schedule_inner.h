/* What the scheduler's files share: schedule.c (the loop and who waits), batch.c (one batch), answer.c (what
 * comes of it). All of it belongs to the scheduler's thread. */
#ifndef EIDOLON_LLAMA_SCHEDULE_INNER_H
#define EIDOLON_LLAMA_SCHEDULE_INNER_H

#include <stdatomic.h>

#include "schedule.h"

struct queue {
    struct request *first, **last;
    size_t n;
};

/* Answers in the making that have a sequence, in the order they got it. */
struct running {
    struct request *all[64]; /* LLAMA_SEQUENCES_MAX */
    size_t n;
};

/* batch.c: runs one batch for those that run. May put some of them back to wait (`back`, to be taken before
 * others) when the cache is full, and may end some. */
void batch_open(void);
void batch_close(void);
void batch_run(struct running *running, struct request **back);
/* True ends the batch that computes now. */
extern atomic_bool batch_stop;
bool batch_stops(void *unused);
/* Any thread: whether cancelling `id` is worth ending the batch that computes now: it reads that one's
 * prompt. */
bool batch_reads(uint64_t id);

/* answer.c: the token that follows from the logits at r->output. True if that was the last. */
bool answer_next(struct request *r);
/* Says the end and frees it. `finish` as on the wire. */
void answer_finish(struct request *r, const char *finish);

#endif
