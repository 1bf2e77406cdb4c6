/*
 * Rooms: conversations, each homed on one loop, reached from everywhere by operations and subscriptions.
 *
 * A room's home is loops_home(id_hash(id)). Whoever wants something of it fills a `struct room_op` and
 * submits it; the op travels to the home as a message, is carried out there in order, and comes back to the
 * loop that submitted it, where done() is called. What happened is told to subscribers (sub.h) as events.
 *
 * The room itself (room.h), its turns (turn.h) and the way to subscribers (hub.c, publish.c) are this
 * folder's own. What a room needs from the organs comes by `struct room_deps`.
 *
 * It does not: know HTTP or WebSocket; decide who may (the API checks scopes; rooms check owner and tenant).
 */
#ifndef EIDOLON_ROOM_ROOMS_H
#define EIDOLON_ROOM_ROOMS_H

#include "event/event.h"
#include "loop/loop.h"
#include "persona/lore.h"
#include "store/store.h"
#include "tenant/principal.h"

struct config;   /* base/config.h */
struct engines;  /* engine/engine.h */
struct memory;   /* memory/memory.h */
struct personas; /* persona/personas.h */
struct rooms;
struct room_op;

/* How one wire format wants an event: a complete frame, made once per event and shared by all who read it.
 * The API brings one per format; `json` is the event's envelope. */
struct shared; /* net/shared.h */
typedef struct shared *room_encode_fn(const struct event_row *row, struct str json);
enum { ROOM_FORMATS_MAX = 4 };

/* A piece of sound as a frame of the socket (docs/VOICE.md); made once and shared by all listeners. */
struct sub_sound; /* room/sub.h */
typedef struct shared *room_encode_sound_fn(struct id room, const struct sub_sound *sound);

struct voices;  /* voice/voices.h */
struct workers; /* loop/workers.h */
struct blobs;   /* store/blob.h */

struct media_hub; /* media/hub.h */
struct room_deps {
    struct media_hub *media;
    struct loops *loops;
    struct store *store;
    struct personas *personas;
    struct memory *memory;
    struct engines *engines;
    const struct config *config;
    room_encode_fn *encode[ROOM_FORMATS_MAX]; /* by format number; NULL past the last */
    /* Without these nobody is heard. */
    struct voices *voices;
    struct workers *workers;
    struct blobs *blobs;
    room_encode_sound_fn *encode_sound;
};

/* The settings' rules for lorebooks (persona/lore.h). */
struct lore_rules lore_rules_of(const struct config *config);

/* Plain thread, before the loops run their first request. */
struct rooms *rooms_new(const struct room_deps *deps);
/* Other settings are in force from now on; those before must live on. Any thread. */
void rooms_set_config(struct rooms *rooms, const struct config *config);
/* Ends as failed every turn that the last process left open; done(arg) runs on a loop when all are ended. */
void rooms_recover(struct rooms *rooms, struct loop *on, void (*done)(void *arg), void *arg);
/* Takes away what imports that the last process did not finish left behind. Any thread. */
void rooms_drop_imports(struct rooms *rooms, struct loop *on);
/* Is this the outside name of a room that is being imported? For who lists deleted rooms. */
bool room_name_is_import(struct str external);
/* Cancels nothing: stops beginning turns, waits up to grace_ms for running ones, then ends them as failed. */
void rooms_drain(struct rooms *rooms, struct loop *on, unsigned grace_ms, void (*done)(void *arg), void *arg);
void rooms_free(struct rooms *rooms); /* after the loops ended */

enum room_verb {
    ROOM_CREATE,    /* title, personas -> view */
    ROOM_UPDATE,    /* any of title, personas, settings (NULL: unchanged); if_version -> view */
    ROOM_REMOVE,    /* restorable for 30 days -> view */
    ROOM_RESTORE,   /* -> view */
    ROOM_SET_STATE, /* state -> view */
    ROOM_CLEAR,     /* -> view */
    ROOM_SAY,       /* text, client_id, reply_to, parent -> event, turns, deduped */
    ROOM_GREET,     /* greeting: in place of the persona's first message, while that is all -> view, event */
    ROOM_EDIT,      /* message, text -> event (message.edited) */
    ROOM_DELETE_MESSAGE, /* message -> event (message.deleted) */
    ROOM_FORGET,         /* message: erased for good -> event (message.deleted) */
    ROOM_RETRY,          /* message (a persona's: another answer; a person's: answered anew)
                            -> event (turn.started), turns */
    ROOM_CANCEL,         /* turn; done when the turn has ended */
    ROOM_ANSWER,         /* personas[0] (none: whose turn it is) answers what there is; asked
                            -> event (turn.started), turns */
    ROOM_TYPING,         /* on */
    ROOM_GET,            /* -> view */
    ROOM_JOIN,           /* this folder's own: a loop begins to read -> view */
    ROOM_LEAVE,          /* the last reader of a format on a loop went, or a listener */
    ROOM_SNAPSHOT,       /* -> rows: a turn.snapshot of each running turn */
    ROOM_PREVIEW,        /* personas[0], text, profile, greeting; room none: a new one -> preview */
    ROOM_RECOVER,        /* ends what the last process left open */
    ROOM_SPEAK,          /* message: spoken (again) to whoever listens -> turn: what its events carry */
    ROOM_PLAYED,         /* turn, index, played_ms: how far one listener is */
    ROOM_INTERRUPT,      /* turn or message, index, played_ms (heard_unknown: as ROOM_PLAYED last told)
                            -> event (message.heard; its seq is 0 where nothing was to be kept), deduped */
    /* A room that is made with `importing` is unseen until the end: */
    ROOM_IMPORT_ADD,  /* rows, row_count (store/row.h; at most STORE_ROWS_MAX) -> event: the first, with its
                         number; the others follow it without holes */
    ROOM_IMPORT_END,  /* rows, row_count, idem -> view, event */
    ROOM_IMPORT_DROP, /* takes all of it back */
    ROOM_VERBS
};

enum room_state { ROOM_IDLE, ROOM_RUNNING, ROOM_PAUSED, ROOM_STOPPED };
extern const char *const room_state_names[4];
bool room_state_parse(struct str name, enum room_state *out);

/* A room as the API shows it; strings lie in the op's arena. */
struct room_member {
    enum author_type type;
    struct id id;
    struct str name, slug; /* slug of personas only */
};
struct room_view {
    struct id id, owner;
    struct str title;
    struct str settings; /* JSON object, or empty */
    enum room_state state;
    struct room_member *members;
    size_t member_count;
    uint64_t head_seq, cleared_seq, version;
    int64_t created_ms, updated_ms, deleted_ms;
};

/* A voice in place of the persona's own. */
struct room_voice {
    struct str provider, name;
    double rate, pitch, volume;
};

/* What a program asks of one answer beside the conversation itself (/v1/realtime); empty: nothing. */
struct room_asked {
    struct str instruction;        /* stands last in the prompt */
    struct str tools, tool_choice; /* JSON as chat completions have it; calls come as tool_call events */
    struct str exchange;     /* JSON: an array of messages of chat completions to follow the conversation:
                                calls of tools and what they gave */
    uint64_t max_tokens;     /* 0: as the persona has it */
    struct room_voice voice; /* where voice_set */
    bool voice_set;
};

/* The prompt that a turn would be answered from; all in the op's arena. */
struct prompt; /* persona/compose.h */
struct room_preview {
    const struct prompt *prompt;
    struct str lore; /* JSON: an array of what lorebooks gave */
    size_t budget;
};

/* How a message was said by voice (ROOM_SAY); all in the op's arena. Times are clock_mono_us(). */
struct room_spoken {
    uint64_t last_sound_us, end_of_turn_us, transcript_us; /* 0: not known */
    double confidence;
    uint32_t duration_ms;
    struct str language, original, words /* JSON array */, media;
    const int16_t *samples; /* as it sounded, for engines that hear by themselves; or NULL */
    size_t sample_count;
    unsigned sample_rate;
};

struct room_op {
    struct msg msg;
    struct rooms *rooms;
    struct loop *from; /* set by room_submit() */
    struct room_op *next;
    struct arena arena;             /* inputs and results lie here */
    void (*done)(struct room_op *); /* on `from`; the callee frees the op with room_op_free() */
    void *arg;

    enum room_verb verb;
    struct principal who;
    struct id room; /* ROOM_CREATE: chosen by the room layer unless set */
    struct str title;
    bool title_set, personas_set;
    struct str *personas; /* slugs or ids */
    size_t persona_count;
    size_t persona_at;   /* this folder's own */
    struct str settings; /* ROOM_CREATE, ROOM_UPDATE: a JSON object of settings to change; null removes one */
    struct str external; /* ROOM_CREATE: the name an outside program has for the room */
    int64_t greeting;    /* ROOM_CREATE, ROOM_GREET: which; 0: the usual one; -1: any */
    struct id profile;   /* ROOM_PREVIEW: who the person is; none: as in the room */
    struct room_preview *preview; /* ROOM_PREVIEW */
    bool quiet;                   /* ROOM_CREATE: without the persona's greeting */
    bool importing;               /* ROOM_CREATE: unseen, until ROOM_IMPORT_END */
    bool unanswered; /* ROOM_SAY: stored, and nobody answers; with personas[0] it is that one's message */
    const struct room_asked *asked; /* ROOM_ANSWER: in the arena, or NULL */
    struct str text, client_id;
    struct id message, reply_to, parent, turn;
    enum room_state state;
    bool on;
    struct str media;                 /* ROOM_SAY: what it shows: a JSON array of ids of media */
    const struct room_spoken *spoken; /* ROOM_SAY: it was said by voice, and is answered aloud; or NULL */
    uint32_t index, played_ms;        /* ROOM_PLAYED, ROOM_INTERRUPT */
    bool heard_unknown;
    uint64_t if_version;     /* 0: any */
    struct store_idem *idem; /* Idempotency-Key of the request, or NULL (store/store.h) */

    uint64_t handle; /* ROOM_JOIN, ROOM_SNAPSHOT: the reader's */
    unsigned format;
    unsigned sound; /* ROOM_JOIN, ROOM_LEAVE: the reader's sound (sub.h) */

    enum err err;
    struct error error;
    struct room_view view;
    struct event_row *rows;
    size_t row_count;
    struct event_row event;
    bool deduped;     /* the client_id was seen before: `event` is the first one */
    struct id *turns; /* the turns that this message caused */
    size_t turn_count;
};

struct room_op *room_op_new(enum room_verb verb, const struct principal *who, struct id room);
void room_op_free(struct room_op *op);
void room_submit(struct rooms *rooms, struct room_op *op) LOOP;

/* For /metrics; any thread. */
enum turn_step {
    STEP_PERCEIVE,
    STEP_RECALL,
    STEP_COMPOSE,
    STEP_GENERATE,
    STEP_EXPRESS,
    STEP_REMEMBER,
    STEP_COUNT
};
extern const char *const turn_step_names[STEP_COUNT];
/* From the last sound of a person (or the text that came in) to what a persona's answer gives to be heard. */
enum voice_step {
    VOICE_END_OF_TURN,
    VOICE_TRANSCRIPT,
    VOICE_FIRST_TOKEN,
    VOICE_FIRST_SENTENCE,
    VOICE_FIRST_VISEME,
    VOICE_FIRST_AUDIO,
    VOICE_STEPS
};
extern const char *const voice_step_names[VOICE_STEPS];
enum { ROOM_HISTOGRAM = 16 }; /* buckets: up to 2^i * 64 us, the last without bound */
struct room_stats {
    uint64_t rooms_loaded, turns_running, turns_done, turns_cancelled, turns_failed, events, subscribers;
    uint64_t step_count[STEP_COUNT], step_us_sum[STEP_COUNT], step_us[STEP_COUNT][ROOM_HISTOGRAM];
    uint64_t first_delta_count, first_delta_us_sum,
        first_delta_us[ROOM_HISTOGRAM]; /* message in to first delta */
    uint64_t voice_count[VOICE_STEPS], voice_us_sum[VOICE_STEPS], voice_us[VOICE_STEPS][ROOM_HISTOGRAM];
    uint64_t voice_frames; /* of sound, each made once for all its listeners */
    uint64_t voice_sentences, voice_stopped, voice_failed; /* spoken; speeches interrupted, failed */
};
void rooms_stats(const struct rooms *rooms, struct room_stats *out);

#endif
