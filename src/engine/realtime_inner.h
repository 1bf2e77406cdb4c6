/*
 * Inside the realtime driver: what its files share.
 *
 * realtime.c is the driver's table; realtime_turn.c a generation: attempts, timeouts, output, end;
 * realtime_session.c a session: its connection, what it has been sent, its events, its life between turns;
 * realtime_items.c what a request wants said and how that lies beside what a session holds;
 * realtime_write.c the JSON of client events; realtime_event.h reads the server's.
 *
 * A provider owns sessions and generations. A generation has one session at a time, a session at most one
 * generation. Callbacks may cancel or close from inside, so `busy` keeps memory until they have returned and
 * `over` stops what would follow (as in openai_inner.h).
 */
#ifndef EIDOLON_ENGINE_REALTIME_INNER_H
#define EIDOLON_ENGINE_REALTIME_INNER_H

#include "engine/openai_inner.h"
#include "engine/realtime.h"
#include "engine/realtime_event.h"
#include "net/ws_client.h"

enum { RT_ID = 64 };

enum rt_item_kind { RT_ITEM_MESSAGE, RT_ITEM_CALL, RT_ITEM_RESULT };

/* A conversation item: one that is wanted (views into the generation's arena), or one that a session holds
 * (heap). */
struct rt_item {
    enum rt_item_kind kind;
    enum gen_role role;
    struct str text;    /* what was said; a call's arguments; a result */
    struct str content; /* JSON of its parts, where it is more than text; or empty */
    struct str name, call_id;
    char id[RT_ID];    /* the provider's */
    uint32_t sound_ms; /* of an answer that was spoken */
    bool partial;      /* an answer that was cancelled */
    bool cut;          /* and that was truncated to what was heard */
};

struct rt_gen {
    struct rt_gen *next, **link; /* link NULL: in no list */
    struct realtime *provider;
    struct rt_session *session; /* NULL: waiting for its next attempt */
    uint64_t id;
    struct gen_emit emit;
    void *arg;
    struct arena arena;
    struct str key, model, voice, instructions, tools, tool_choice;
    int64_t max_tokens;
    struct rt_item *items; /* the transcript, oldest first */
    size_t item_count;
    struct str said; /* the last item as sound: REALTIME_RATE, s16le; or empty */
    bool sound;      /* the answer's sound is wanted */

    unsigned attempt;
    bool warm;     /* its session has been used before */
    bool reopened; /* a dead one was replaced */
    uint64_t started_us, attempt_us, last_us;
    bool began, announced, paused, over;
    bool asked;       /* response.create was sent */
    bool retrying;    /* the timer is that of its next attempt */
    bool wait_commit; /* it waits for the sound to become an item */
    unsigned busy, calls;
    struct buf text;
    uint64_t samples; /* of sound so far */
    char odd;         /* half a sample that came at the end of a piece */
    bool has_odd;
    struct timer timer;
    struct answer answer; /* usage, and how failures are explained */
};

enum rt_phase { RT_OPENING, RT_READY, RT_DEAD };

struct rt_session {
    struct rt_session *next, **link;
    struct realtime *provider;
    uint64_t ws;
    struct str key, model, voice; /* heap */
    enum rt_phase phase;
    struct rt_gen *gen; /* whose answer comes now; NULL: idle, or draining */
    bool draining;      /* a cancelled answer has not ended yet */
    struct rt_item *items;
    size_t item_count, item_cap;
    struct str configured; /* heap: the session.update in force */
    char answer_id[RT_ID]; /* the item that is being said */
    struct buf draining_text;
    uint64_t draining_samples;
    uint32_t played_ms; /* told while it was not yet whole */
    bool played;
    uint64_t expires_ms, used_ms; /* loop time */
    unsigned busy;
    struct timer timer; /* idle, or draining too long */
};

struct realtime {
    struct provider base;
    char *url, *key, *voice, *transcription;
    char **header_lines;
    size_t header_count;
    char endpoint[FETCH_ENDPOINT_TEXT];
    uint64_t connect_ms, first_ms, gap_ms, total_ms;
    unsigned retries;
    struct rt_gen *gens;
    struct rt_session *sessions; /* used last first */
};

/* realtime_items.c */
/* Fills instructions, items, tools and said from the request, into the generation's arena. */
enum err rt_wanted(struct rt_gen *g, const struct gen_request *request, struct error *e);
/* How a session's items lie beside the wanted ones: drop those before `from`, and the last one if `tail`;
 * create the wanted ones from `next` on. False: the session cannot be used for them. */
struct rt_fit {
    size_t from, next;
    bool tail;
};
bool rt_fits(const struct rt_session *s, const struct rt_gen *g, struct rt_fit *fit);
void rt_item_keep(struct rt_session *s, const struct rt_item *item); /* a copy */
void rt_item_drop(struct rt_session *s, size_t index);

/* realtime_write.c: one client event each, into a cleared `to`. */
void rt_write_update(struct buf *to, const struct realtime *p, const struct rt_gen *g);
void rt_write_item(struct buf *to, const struct rt_item *item);
void rt_write_delete(struct buf *to, const char *id);
void rt_write_append(struct buf *to, struct str pcm);
void rt_write_commit(struct buf *to);
void rt_write_create(struct buf *to, const struct rt_gen *g);
void rt_write_cancel(struct buf *to);
void rt_write_truncate(struct buf *to, const char *id, uint32_t played_ms);
/* Where a client event came from, by its event_id: what went wrong with it then. */
enum rt_origin { RT_ORIGIN_OTHER, RT_ORIGIN_SOUND, RT_ORIGIN_TIDY };
enum rt_origin rt_origin(struct str event_id);

/* realtime_session.c */
void rt_session_take(struct rt_gen *g) LOOP; /* gives it a session: a warm one that fits, or a new one */
void rt_session_leave(struct rt_gen *g, bool keep) LOOP; /* the answer is over; keep: it is as it should be */
void rt_session_cancel(struct rt_gen *g) LOOP;           /* the answer is not wanted any more */
void rt_session_played(struct realtime *p, struct str key, uint32_t played_ms) LOOP;
void rt_session_pause(struct rt_session *s, bool paused) LOOP;
void rt_sessions_close(struct realtime *p) LOOP;

/* realtime_turn.c */
void rt_gen_event(struct rt_gen *g, const struct rt_event *event) LOOP; /* of its own answer */
void rt_gen_fail(struct rt_gen *g, struct gen_end *end) LOOP;           /* another attempt, or the end */
void rt_gen_lost(struct rt_gen *g, const struct ws_client_end *end) LOOP;
void rt_gen_malformed(struct rt_gen *g) LOOP;
void rt_gen_watch(struct rt_gen *g) LOOP;
void rt_gen_silence(struct rt_gen *g) LOOP;
void rt_gen_release(struct rt_gen *g) LOOP;
void rt_gen_attempt(struct rt_gen *g) LOOP;
void rt_gen_stillborn(struct rt_gen *g, const struct error *e) LOOP; /* it fails, a moment later */

#endif
