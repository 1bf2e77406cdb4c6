/*
 * One room on its home loop: what it holds in memory and the machinery that its verbs share. Private to
 * src/room.
 *
 * A room is loaded from the store when the first operation or subscription arrives, and leaves memory when
 * nothing happened for ROOM_IDLE_MS. All of it belongs to the home loop's thread: no locks. Every change goes
 * through a struct room_append: rows into the store, then, after the commit and in commit order, memory is
 * brought up to date, subscribers are told, and the operation is answered. Nothing is published or
 * acknowledged before.
 *
 *   rooms.c    registry, routing of operations, eviction      load.c     a room comes into memory
 *   append.c   rows in, publication out                        publish.c  frames for subscribers, once per
 * format verbs.c    create, update, state, clear, ...               say.c      messages: say, edit, delete,
 * forget, retry floor.c    which personas answer                           turn.c     the turn machine;
 * turn_end.c, prompt.c hub.c      the loop's end of the live stream               members.c  the personas of
 * a room mood.c     moods in a room                               lore.c     lorebooks in a room
 *   answer.c   answers that are asked for, with tools
 *   settings.c the head's settings                                 recover.c  after a crash, before a stop
 *   stats.c    counters                                        speaking.h a persona's voice
 *   translate.h two languages
 */
#ifndef EIDOLON_ROOM_ROOM_H
#define EIDOLON_ROOM_ROOM_H

#include "affect/affect.h"
#include "base/map.h"
#include "persona/persona.h"
#include "room/audience.h"
#include "room/sub.h"
#include "room/translate.h"

enum {
    ROOM_IDLE_MS = 5 * 60 * 1000, /* out of memory after that long without anything happening */
    ROOM_SWEEP_MS = 30 * 1000,
    ROOM_SAID_SPARE = 20,  /* messages kept beyond room.context_messages before the oldest are let go */
    ROOM_SHOWN_MAX = 1000, /* messages a prompt may hold, whatever the setting */
    ROOM_QUEUE_MAX = 1000, /* operations that may wait for a room to load */
    ROOM_TURNS_MAX = 32,   /* turns running or waiting in one room */
    ROOM_NAME_MAX = 200,   /* bytes of a person's name */
};

/* One message as the prompt and the floor need it; name and text are heap, owned by the room. */
struct said {
    uint64_t seq, parent;
    struct id id, author;
    enum author_type author_type;
    int64_t at_ms;
    struct str name, text;
    struct str media;   /* heap: JSON array of what it shows, or empty */
    struct str heard;   /* heap: what `heard_by` heard of it before interrupting */
    struct id heard_by; /* none: nobody interrupted */
    bool deleted;

    /* Translation (translate.h). */
    uint64_t text_seq;          /* of the event that the text is of: the message, or its latest edit */
    struct str language;        /* heap: in which it was said by voice, or empty */
    struct str shown, shown_in; /* heap: its text in another language, for prompts; or empty */
    bool untranslated;          /* that failed */
    bool leaving;               /* it is being forgotten: nothing of it goes anywhere any more */
};

struct profile; /* persona/house.h */

struct room_persona {
    struct id id;
    struct str name, slug; /* heap */
    double talkativeness;
    struct mood mood; /* as it was at mood_ms */
    struct mood baseline;
    int64_t mood_ms;        /* 0: never felt anything here: the baseline counts */
    struct room_lore *lore; /* NULL: nothing counts (lore.c) */
    bool present;           /* false: was a member, left */
};

enum room_load { ROOM_LOADING, ROOM_READY, ROOM_GONE };

struct room {
    struct home *home;
    struct id id, owner;
    char owner_name[ROOM_NAME_MAX]; /* as the owner's last operation said */
    enum room_load load;
    struct error load_error;
    struct room_op *waiting, **waiting_tail; /* operations that came before the room was loaded */
    unsigned waiting_count;

    struct str title, external; /* heap */
    struct str settings;        /* heap: a JSON object, or empty; settings.c */
    struct id profile;          /* of settings: who the owner is here; none: the default profile */
    enum room_state state;
    uint64_t head, cleared, version;
    int64_t created_ms, updated_ms, deleted_ms;
    struct room_persona *personas;
    size_t persona_count;

    struct said *said; /* oldest first, at most context_messages + ROOM_SAID_SPARE */
    size_t said_count, said_cap;

    struct turn *turns; /* in the order in which they were caused */
    unsigned turn_count;
    unsigned appending;  /* appends on their way */
    unsigned self_turns; /* turns since a person spoke (rooms that run by themselves) */
    struct id last_speaker;
    struct timer self_timer;
    struct speaking *speakings;      /* what is spoken and was lately, oldest first (speaking.h) */
    uint64_t sound_until_us;         /* when listeners will have played all that was given out */
    bool voice_off;                  /* of settings */
    struct room_translate translate; /* of settings */
    struct translating *translating; /* translations on their way (translate.h) */

    uint64_t interest[ROOM_FORMATS_MAX]; /* a bit per loop whose subscribers want this format */
    uint64_t hears[ROOM_SOUNDS];         /* a bit per loop where somebody listens in this codec (sub.h) */
    struct audience audience;            /* whose subscriptions listen */
    uint64_t used_us;                    /* when something last happened, monotonic */
};

/* A loop's rooms and readers. */
struct home {
    struct rooms *rooms;
    struct loop *loop;
    struct map table; /* id -> struct room */
    struct timer sweep;
    bool closed;        /* the server stops: nothing more is begun here */
    struct map subs;    /* id -> struct hub_room (hub.c): this loop's readers */
    struct map handles; /* handle -> struct sub_inner (hub.c) */
};

struct rooms {
    struct room_deps deps;
    _Atomic(const struct config *) config; /* in force; deps.config was the first */
    unsigned formats;
    _Atomic bool draining;
    struct home homes[LOOPS_MAX];
    struct room_counters *counters;
};

static inline const struct config *rooms_config(const struct rooms *rooms)
{
    return rooms->config;
}

/* rooms.c */
struct room *home_find(struct home *home, struct id id) LOOP; /* loaded or loading, or NULL */
struct room *room_new(struct home *home, struct id id) LOOP;  /* in the table, loading */
void room_free(struct room *room) LOOP;
void room_loaded(struct room *room) LOOP;   /* load is READY or GONE now: those who waited go on */
void room_op_done(struct room_op *op) LOOP; /* sends the op back to its loop */
void room_op_fail(struct room_op *op, enum err err, const char *format, ...) LOOP
    __attribute__((format(printf, 3, 4)));
struct home *room_home(struct rooms *rooms, struct id id);
void rooms_close_home(
    struct home *home) LOOP; /* its rooms are quiet: they go, and nothing comes after them */
void room_touch(struct room *room) LOOP;

/* load.c */
void room_load(struct room *room) LOOP;
void room_head_read(struct room *room, const struct room_row *row) LOOP;
void room_head_reload(struct room *room) LOOP; /* a change was refused: memory follows the store again */
void said_release(struct said *said);
void room_heard_read(struct room *room, const struct event_row *row,
                     struct arena *a) LOOP; /* message.heard */
void room_said_add(struct room *room, const struct event_row *row, struct str text) LOOP;
/* seq: of the event that says so. */
void room_said_change(struct said *said, struct str text, uint64_t seq) LOOP;
struct said *room_said(const struct room *room, struct id message) LOOP; /* NULL: not among the newest */
const struct said *room_said_at(const struct room *room, uint64_t seq) LOOP;
uint64_t room_leaf(const struct room *room) LOOP; /* seq of the newest message that is not hidden; 0: none */
/* From `leaf` back along parents; fills `out` oldest first, without deleted ones. */
size_t room_branch(const struct room *room, uint64_t leaf, const struct said **out, size_t max) LOOP;

/* settings.c: the JSON object of the head's settings. What is not asked for by name stays as it was. */
struct str room_settings(const struct room *room) LOOP; /* never empty */
void room_settings_read(struct room *room, struct str settings) LOOP;
void room_setting_set(struct room *room, const char *name,
                      struct str json) LOOP; /* "" or "null": takes it out */
struct str room_setting(const struct room *room, struct arena *a,
                        const char *name) LOOP;                        /* JSON; empty: not there */
void room_settings_change(struct room *room, struct str changes) LOOP; /* each member of a JSON object */
struct str *room_setting_list(const struct room *room, struct arena *a, const char *name,
                              size_t *count) LOOP; /* its strings */

/* append.c: one transaction. The caller adds rows (texts in the append's arena) and sends; `committed` is
 * called on the home loop afterwards, also when the store refused (store.op.err). room is NULL only if it
 * went meanwhile. */
struct room_append {
    struct store_append store;
    struct home *home;
    struct room_op *op; /* what is answered by it, or NULL */
    struct id turn;     /* the turn this ends, or none */
    struct id *turns;   /* the turns this begins */
    size_t turn_count;
    void (*committed)(struct room_append *, struct room *);
};
struct room_append *room_append_new(struct room *room, struct room_op *op, size_t rows) LOOP;
struct event_row *room_append_row(struct room_append *append, enum event_kind kind, enum author_type type,
                                  struct id author, struct str name) LOOP;
struct event_row *room_append_system(struct room_append *append, enum event_kind kind) LOOP;
void room_append_head(struct room *room, struct room_append *append) LOOP; /* the head as memory has it */
void room_append_send(struct room *room, struct room_append *append) LOOP;
/* Answers append->op, if any: with the store's error, or the first row and the view. */
void room_append_answer(struct room_append *append, struct room *room) LOOP;
/* Rows that were committed: into memory, to subscribers. */
void room_rows_committed(struct room *room, const struct event_row *rows, size_t count) LOOP;

/* publish.c: to every subscriber. */
void room_publish(struct room *room, const struct event_row *row) LOOP;
void room_publish_passing(struct room *room, enum event_kind kind, enum author_type type, struct id author,
                          struct str name, struct id turn, struct str data) LOOP;

/* A piece of a persona's voice, to all who listen in its codec; room/sub.h. */
void room_publish_sound(struct room *room, const struct sub_sound *sound) LOOP;

/* One function a verb; each answers its op, now or after the commit. */
typedef void room_verb_fn(struct room *room, struct room_op *op);
room_verb_fn verb_say, verb_retry, verb_cancel;                                            /* say.c */
room_verb_fn verb_edit, verb_delete_message, verb_forget;                                  /* messages.c */
room_verb_fn verb_update, verb_remove, verb_restore, verb_set_state, verb_clear, verb_get; /* verbs.c */
room_verb_fn verb_join, verb_leave, verb_snapshot, verb_typing;
room_verb_fn verb_answer;                                        /* answer.c */
room_verb_fn verb_greet;                                         /* greeting.c */
room_verb_fn verb_speak;                                         /* speak_again.c */
room_verb_fn verb_played, verb_interrupt;                        /* heard.c */
room_verb_fn verb_preview;                                       /* preview.c */
void preview_alone(struct home *home, struct room_op *op) LOOP;  /* without a room of its own */
room_verb_fn verb_recover;                                       /* recover.c */
room_verb_fn verb_import_add, verb_import_end, verb_import_drop; /* import.c */
bool room_importing(const struct room *room) LOOP;
struct str room_import_name(struct arena *a, struct id room);
/* messages.c: the stored row of op->message; fails the op where there is none. */
void room_with_message(struct room *room, struct room_op *op,
                       void (*then)(struct room *, struct room_op *, const struct event_row *)) LOOP;
void verb_create(struct home *home, struct room_op *op) LOOP; /* verbs.c; the room is not there yet */
void room_rest(struct room *room, const char *reason) LOOP;   /* a running room becomes idle by itself */
void room_self_turn(struct room *room, size_t persona,
                    struct str heard) LOOP; /* say.c: without a person's message */
/* say.c: may the op's text be a message? False: it was answered with what is wrong. */
bool room_text_ok(struct room *room, struct room_op *op) LOOP;
/* say.c: a turn that no message of its own causes; answers the op, if any. */
struct turn_plan;
void room_begin_turn(struct room *room, struct room_op *op, const struct turn_plan *plan) LOOP;
struct str message_data(struct arena *a, struct id id, struct str text, struct id reply_to,
                        struct id retry_of, const struct room_spoken *spoken, struct str media);

/* floor.c */
size_t floor_answering(const struct room *room, struct str text, size_t *out, size_t max) LOOP;
void floor_continue(struct room *room) LOOP; /* a running room goes on by itself, after a pause */

/* turn_life.c (more in turn.h) */
enum turn_outcome { TURN_DONE, TURN_CANCELLED, TURN_FAILED, TURN_OUTCOMES };
struct turn *turn_find(struct room *room, struct id id) LOOP;
void turns_cancel_all(struct room *room) LOOP;
void turns_stop_all(struct room *room, const char *reason) LOOP; /* they end as failed */
void turn_ended(struct room *room, struct turn *turn) LOOP;      /* its end is stored, or could not be */
void turn_snapshots(struct room *room, void (*emit)(void *arg, const struct event_row *row), void *arg) LOOP;

/* members.c */
void room_members_write(const struct room *room, struct buf *to) LOOP;
enum err room_members_read(struct room *room, struct str json, struct error *e) LOOP;
void room_members_release(struct room *room) LOOP;
struct room_persona *room_persona(const struct room *room, struct id id) LOOP; /* or NULL */
/* A present member by its id, slug or name; or NULL. */
struct room_persona *room_named(const struct room *room, struct str key) LOOP;
struct room_persona *room_persona_add(struct room *room, struct id id) LOOP;
void room_persona_name(struct room_persona *p, struct str name, struct str slug) LOOP;
size_t room_present(const struct room *room) LOOP;
/* Who the owner is here: the room's profile, or the default one; NULL where there is none. */
const struct profile *room_profile(const struct room *room) LOOP;
struct str room_user_name(const struct room *room) LOOP; /* what the owner is called; empty if nobody said */
struct str room_author_name(const struct room *room) LOOP; /* the same for events, never empty */
void room_view_fill(const struct room *room, struct arena *a, struct room_view *out) LOOP;

/* lore.c: what lorebooks' entries that count messages left behind, a persona in a room. */
struct room_lore;
void room_lore_read(struct room *room, const struct event_row *row) LOOP; /* a turn.ended */
void room_lore_free(struct room_lore *lore);

/* mood.c */
struct mood room_mood_baseline(const double traits[TRAIT_COUNT]);
struct mood room_mood_now(const struct room_persona *p);
void room_mood_read(struct room *room, const struct event_row *row) LOOP;

/* stats.c */
struct room_counters *counters_new(unsigned loops);
void count_rooms(struct rooms *rooms, int by) LOOP;
void count_subscriber(struct rooms *rooms, int by) LOOP;
void count_running(struct rooms *rooms, int by) LOOP;
void count_events(struct rooms *rooms, size_t n) LOOP;
void count_ended(struct rooms *rooms, enum turn_outcome outcome) LOOP;
void count_step(struct rooms *rooms, enum turn_step step, uint64_t us) LOOP;
void count_first_delta(struct rooms *rooms, uint64_t us) LOOP;
void count_voice(struct rooms *rooms, enum voice_step step, uint64_t us) LOOP;
enum voice_count { VOICE_FRAMES, VOICE_SENTENCES, VOICE_STOPPED, VOICE_FAILED, VOICE_COUNTS };
void count_voice_of(struct rooms *rooms, enum voice_count what) LOOP;

#endif
