/*
 * Cutting a JSON document of any size into values that fit: arrays and objects that the taker wants to go
 * into are walked, every other value is handed over as its text. What is handed over is checked by whoever
 * parses it; here only the brackets, strings and commas count.
 */
#ifndef EIDOLON_CHAT_CUT_H
#define EIDOLON_CHAT_CUT_H

#include "base/buf.h"

enum { CUT_DEPTH = 6 };

struct cut;
struct cut_taker {
    /* A value begins at `depth` (0: the document), under `key` (raw, without quotes; empty in arrays). True:
     * go in. */
    bool (*enter)(void *arg, unsigned depth, struct str key, bool object);
    void (*leave)(void *arg, unsigned depth);
    /* A value that was not gone into. Its text is valid during the call. */
    enum err (*value)(void *arg, unsigned depth, struct str key, struct str text, struct error *e);
    /* A value above value_max bytes, which was thrown away. */
    void (*too_long)(void *arg, unsigned depth, struct str key);
};

struct cut {
    const struct cut_taker *taker;
    void *arg;
    size_t value_max;
    uint64_t line; /* from 1 */
    struct buf key, text;
    char open[CUT_DEPTH]; /* '[' or '{' of what we are in */
    unsigned depth;
    enum {
        CUT_VALUE,
        CUT_KEY,
        CUT_KEY_TEXT,
        CUT_COLON,
        CUT_AFTER,
        CUT_STRING,
        CUT_NESTED,
        CUT_SCALAR,
        CUT_DONE
    } state;
    unsigned nested; /* brackets open within the value */
    bool quoted, escaped, long_value;
};

void cut_release(struct cut *c);
/* ERR_MALFORMED_JSON with the line. */
enum err cut_feed(struct cut *c, struct str bytes, struct error *e);
enum err cut_finish(struct cut *c, struct error *e);

#endif
