/*
 * Inside of the search index: its file, its sessions, and how postings lie.
 *
 * The words are cut and stemmed by FTS5's own tokenizers (porter over unicode61), but the postings are our
 * own, in rows of
 *   (scope, term, first) -> body
 * where a scope is one (person, persona), `first` the lowest turn in the block, and the body
 *   before   4 bytes, little-endian: postings in earlier blocks of this (scope, term)
 *   then per posting, ascending: the turn's distance from the one before (7 bits a byte, low first; from
 *   `first` for the first one), times the term occurs (1 byte), the turn's length in terms (1 byte); both
 *   are cut at 255.
 * So the count of a term within a scope is one look-up, the newest postings are read first and no further
 * than the budget, a small scope costs little beside large ones, and erasing a turn rewrites its blocks and
 * leaves nothing behind. An FTS5 table has neither of these (docs/decisions).
 */
#ifndef EIDOLON_STORE_INDEX_INNER_H
#define EIDOLON_STORE_INDEX_INNER_H

#include "store/index.h"
#include "store/queue.h"
#include "store/sqlite.h"

enum { INDEX_READERS_MAX = 16, INDEX_TERMS_MAX = 64, TERM_BYTES_MAX = 64, BLOCK_POSTINGS = 128 };
enum { INDEX_VERSION = 2 }; /* another one in the file: it is made anew */

struct score_slot {
    uint64_t doc, matched;
    double score;
};

struct index_session {
    struct conn c;
    fts5_tokenizer cut;
    Fts5Tokenizer *tokenizer;
    struct score_slot *slots; /* scratch of searches, kept between them, all zero */
    size_t slot_count;
};

struct index {
    char path[PATH_MAX];
    const char *vfs;
    unsigned readers;
    struct queue writes, reads;
    struct index_session writer, reader[INDEX_READERS_MAX];
    pthread_t writer_thread, reader_thread[INDEX_READERS_MAX];
    bool threads_run;
    pthread_rwlock_t file_lock; /* shared while an operation uses the file; exclusive to replace it */
    atomic_bool rebuilt;
    atomic_ullong cursor, docs, searches, search_us_sum, puts;
};

/* ---- the file (index_file.c) */
enum err index_file_open(struct index *index, struct error *e); /* makes it anew where it must */
void index_file_close(struct index *index);
/* Throws the file away and begins another: the caller holds file_lock exclusively. */
enum err index_file_replace(struct index *index, struct error *e);

/* ---- words (index_terms.c) */
struct term {
    struct str term; /* stemmed */
    struct str word; /* as written, ASCII lower case */
    uint32_t times;
};
struct terms {
    struct arena *arena;
    struct term *list;
    size_t count, cap;
    uint32_t length; /* all terms, repeated ones too */
    uint32_t *slots; /* hash table of list indexes + 1, once the list is long */
    size_t slot_count;
};
/* Opens the tokenizer of a session. */
enum err index_terms_open(struct index_session *s, struct error *e);
void index_terms_close(struct index_session *s);
/* Adds the terms of a text; each is listed once, in order of first appearance. `most`: 0: all. */
void index_terms_add(struct index_session *s, struct terms *t, struct str text, size_t most);

/* ---- postings (index_postings.c) */
struct posting {
    uint64_t doc;
    uint8_t times, length;
};
struct posting_block {
    uint64_t first;
    uint32_t before;
    size_t count;
    struct posting postings[BLOCK_POSTINGS];
};
/* False if the body is no block. */
bool posting_block_read(struct posting_block *b, uint64_t first, const uint8_t *body, size_t n);
void posting_block_write(struct conn *c, int64_t scope, struct str term, const struct posting_block *b);
/* What is to be posted, gathered over a batch, so that a block is rewritten once. */
struct new_posting {
    int64_t scope;
    struct str term;
    struct posting posting;
};
/* Sorts `list` and adds it; docs are newer than any in the index. */
void postings_add(struct conn *c, struct new_posting *list, size_t count);
void postings_remove(struct conn *c, int64_t scope, struct str term, uint64_t doc);
uint32_t posting_before(const uint8_t *body, size_t n);

/* ---- scopes */
struct scope {
    int64_t n; /* 0: there is none yet */
    uint64_t docs, tokens;
};
struct scope index_scope_find(struct conn *c, struct id owner, struct id persona);
int64_t index_room(struct conn *c, struct id room, bool make);

/* ---- operations: each within a transaction */
enum err index_run_put(struct index_session *s, struct index_put *op, struct error *e);
enum err index_run_erase(struct index_session *s, struct index_erase *op, struct error *e);
enum err index_run_search(struct index_session *s, struct index_search *op, struct error *e);
enum err index_run_neighbours(struct index_session *s, struct index_neighbours *op, struct error *e);

uint64_t index_meta_get(struct conn *c, const char *key);
void index_meta_set(struct conn *c, const char *key, uint64_t value);

#endif
