/*
 * One scan of lorebooks under way: shared by lore_scan.c (what matches), lore_choose.c (what is taken)
 * and lore_timed.c (what counts messages).
 * Everything lies in the scan's arena.
 */
#ifndef EIDOLON_PERSONA_LORE_SCAN_H
#define EIDOLON_PERSONA_LORE_SCAN_H

#include "persona/lore_match.h"

enum { LORE_DROPPED_MAX = 64 }; /* entries not taken that a record tells of */

enum lore_timing { LORE_IS_STICKY = 1 << 0, LORE_IS_COOLING = 1 << 1 };

struct lore_seen {
    uint16_t depth; /* the newest message with the key, from 1; 0: none */
    uint8_t level;  /* the first level of recursion whose texts have it; 0: none */
    uint8_t tried;  /* expressions: levels looked at, the messages being the first */
};

struct lore_view {
    struct lore_compiled *c;
    enum lore_from from;
    int64_t scan_depth;
    bool recursive;
    size_t used, budget; /* tokens of the book's own budget; 0: it has none */
    struct lore_seen *seen;
    uint8_t *timing, *state, *queued;
};

enum { LORE_OPEN, LORE_TAKEN, LORE_REFUSED }; /* an entry's state */

struct lore_candidate {
    struct lore_view *view;
    uint32_t use;
    enum lore_why why;
    struct str key;
    unsigned level, score;
    bool sticky, out;
};

struct lore_work {
    struct arena *arena;
    const struct lore_input *in;
    struct lore_result *out;
    struct lore_view *views;
    size_t view_count;
    struct lore_text *texts; /* messages, newest first */
    size_t text_count;
    struct lore_text *levels; /* levels[n]: what level n - 1 brought in */
    unsigned level;
    struct {
        uint16_t view;
        uint32_t use;
    } * queue; /* entries worth a look */
    size_t queue_count;
    unsigned strikes;
    struct lore_hit *kept, *dropped;
    size_t kept_count, kept_max, dropped_count, dropped_max;
    struct str *groups; /* that have a winner */
    size_t group_count, group_max;
    size_t used;
};

static inline struct lore_use *lore_use_of(const struct lore_view *v, uint32_t use)
{
    return &v->c->uses[use];
}

/* The entry is worth a look, once. */
void lore_enqueue(struct lore_work *w, struct lore_view *v, uint32_t use);

/* lore_timed.c: before the first look, and when all is decided. */
void lore_begin_timing(struct lore_work *w);
void lore_end_timing(struct lore_work *w);

/* Takes what it can of the level's candidates; what they say is appended to `said`, for the next level. */
void lore_choose(struct lore_work *w, struct lore_candidate *list, size_t count, struct buf *said);
/* Notes that an entry is not taken, and why; NULL where the record is full. */
struct lore_hit *lore_drop(struct lore_work *w, struct lore_view *v, uint32_t use, enum lore_drop why,
                           struct str key);
/* The hits in the order of their weight. */
void lore_sort_hits(struct lore_hit *hits, size_t count);

#endif
