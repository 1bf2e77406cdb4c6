/*
 * Inside downloads: what model_pull*.c share. All of it belongs to the home loop, but for what a disk job
 * carries while it runs.
 *
 *   model_pull.c       the steps of a download: prepare, fetch, verify, place; and its ends
 *   model_pull_http.c  what the server says: heads, redirects, pieces, lists of files
 *   model_pull_disk.c  jobs on workers
 *   model_pull_show.c  ops and JSON
 *
 * A pull has at most one disk job and one transfer under way. It is freed when it is off the list and its job
 * is done.
 */
#ifndef EIDOLON_ENGINE_MODEL_PULL_INNER_H
#define EIDOLON_ENGINE_MODEL_PULL_INNER_H

#include "engine/llama_inner.h"
#include "engine/model_address.h"
#include "engine/model_pull.h"
#include "loop/fetch.h"

#include <openssl/evp.h>

enum pull_state { PULL_QUEUED, PULL_RUNNING, PULL_VERIFYING, PULL_DONE, PULL_FAILED, PULL_CANCELLED };

enum pull_task {
    TASK_PREPARE, /* folder, .part: how much is there */
    TASK_WRITE,   /* a piece, with what is known now */
    TASK_HASH,    /* a slice */
    TASK_PLACE,   /* sync, rename, origin */
    TASK_KEEP,    /* the record only */
    TASK_REMOVE,  /* .part and record */
};

struct pull_job {
    struct job job;
    struct pull *pull;
    enum pull_task task;
    int fd;                                     /* of .part, or -1 */
    struct str part, file, record, origin_file; /* paths, in the job's arena */
    struct str record_text, origin;             /* what to write; empty: nothing */
    struct buf piece;
    uint64_t offset, needs; /* where the piece goes; bytes that must fit on the disk */
    bool truncate;          /* to `offset` first */
    EVP_MD_CTX *hash;
    uint64_t have; /* answers: bytes there; hashed up to */
    bool whole;    /* hashed to the end */
    char sha256[MODEL_SHA256];
    struct error error;
};

struct pull {
    struct pull *next;
    struct pulls *all;
    char id[40];
    char *typed, *name, *licence; /* what was asked; the model's name; may be NULL: licence */
    char wanted[MODEL_SHA256];    /* the checksum that was asked for, or empty */
    enum pull_state state;
    char error[384];
    bool off;                     /* not on the list any more */
    bool leave_due, leave_remove; /* files are to be tidied when the job is done */

    struct arena arena; /* the address */
    struct model_address address;
    unsigned part, parts;
    uint64_t before; /* bytes of the parts that are done */

    char *at;                 /* where the present request goes */
    char etag[200];           /* of the file, strong; or empty */
    char known[MODEL_SHA256]; /* the checksum that the server said, or empty */
    char got[MODEL_SHA256];   /* what it has; of the first part */
    uint64_t size, have;      /* 0: not known; bytes in .part */
    uint64_t best;            /* the most it ever had */
    bool chunked, resumed, again, list_wanted;
    unsigned redirects, tries;
    char last_sentence[384];

    uint64_t fetch;
    struct buf in; /* not yet with a disk job; or the list of files */
    bool ended, paused, truncate, working;
    struct fetch_end end;
    int fd;
    EVP_MD_CTX *hash;
    uint64_t hashed;
    struct timer timer;
    uint64_t wrote_us;
    uint64_t rate_us, rate_bytes; /* when, and at how many bytes, the rate was last taken */
    double rate;
};

struct pulls {
    struct llama *host;
    struct pull *list; /* newest first */
    bool stopped, started;
    unsigned jobs;
};

/* model_pull.c */
void pull_fill(struct pulls *pulls) LOOP; /* starts what waits */
void pull_fail(struct pull *pull, const char *format, ...) LOOP __attribute__((format(printf, 2, 3)));
void pull_later(struct pull *pull, uint64_t wait_ms, const char *sentence) LOOP; /* another try, or the end */
void pull_verify(struct pull *pull) LOOP;                                        /* the file is there */
void pull_begin(struct pull *pull) LOOP;
void pull_cancel(struct pull *pull) LOOP;
void pull_drop(struct pull *pull) LOOP; /* off the list; freed when it can be */
void pull_file(const struct pull *pull, struct arena *a, struct str *file); /* the present part's name */
struct pull_job *pull_job_new(struct pull *pull, enum pull_task task) LOOP;
void pull_job_start(struct pull_job *job, void (*done)(struct job *)) LOOP;
void pull_job_free(struct pull_job *job);
bool pull_job_over(struct pull_job *job) LOOP; /* to begin done() with: false: the pull is gone or over */
void pull_record(const struct pull *pull, struct buf *to);
void pull_quiet(struct pull *pull) LOOP; /* no transfer, no timer */

/* model_pull_http.c */
void pull_request(struct pull *pull) LOOP;
void pull_wrote(struct pull *pull) LOOP; /* a piece is on the disk */

/* model_pull_disk.c */
void pull_disk(struct job *job);

/* model_pull_show.c */
struct pull *pull_new(struct pulls *pulls) LOOP;
struct pull *pull_same(struct pulls *pulls, const struct pull *as) LOOP; /* another one of the same file */
struct str pull_stem(struct str file);                                   /* the model's name */

#endif
