/*
 * The contract of embedders: what turns texts into vectors, so that memory can find by meaning.
 *
 * A driver is a `struct embedder_driver`; open() makes an embedder for one loop. start() begins one request
 * and returns its id; done() follows on the same loop exactly once, never before start() has returned -
 * unless cancel() was called: then nothing comes. Everything of a request is copied. cancel() and start() may
 * be called from inside done(). close() cancels what still runs.
 *
 * Vectors are as the model gives them (llama.cpp's are of length 1), all of one length, which is the model's.
 *
 * It does not: choose a model, keep vectors, compare them. Recall does not use it yet.
 */
#ifndef EIDOLON_MEMORY_EMBEDDER_H
#define EIDOLON_MEMORY_EMBEDDER_H

#include "base/error.h"
#include "loop/loop.h"

enum { EMBEDDER_TEXTS_MAX = 256 };

struct embedder_request {
    struct str model; /* the driver's name of it; empty: its own choice */
    const struct str *texts;
    size_t count; /* 1..EMBEDDER_TEXTS_MAX */
};

/* Valid during done(). */
struct embedder_answer {
    struct error error;   /* .err ERR_OK: it went well; else nothing of the rest is set */
    const float *vectors; /* count rows of `dimensions` numbers */
    size_t count, dimensions;
    uint64_t tokens; /* read */
};
typedef void embedder_done_fn(void *arg, const struct embedder_answer *answer);

/* Drivers put it first in their own struct. */
struct embedder {
    const struct embedder_driver *driver;
    struct loop *loop;
};

struct embedder_driver {
    const char *name;
    struct embedder *(*open)(struct loop *loop);
    /* An id, or 0 with a sentence when the request cannot begin. */
    uint64_t (*start)(struct embedder *e, const struct embedder_request *request, embedder_done_fn *done,
                      void *arg, struct error *error);
    void (*cancel)(struct embedder *e, uint64_t id);
    void (*close)(struct embedder *e);
};

#endif
