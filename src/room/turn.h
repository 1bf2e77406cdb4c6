/*
 * The turn: perceive -> recall -> compose -> generate -> express -> remember, one handler a step, each timed.
 *
 * A turn belongs to its room, on the room's home loop, and the room stays in memory while it has turns. A
 * turn is made with the transaction that holds its turn.started; it waits for its place on the floor (one at
 * a time, but retries run beside), runs, and ends in the log whatever happens: done, cancelled with its
 * partial text, or failed with a reason. What it waits for (a persona, memory, an engine, the store) answers
 * on the loop; a cancelled turn still takes those answers before it goes. Its steps are in turn.c, generate
 * in turn_generate.c, its life in turn_life.c, its end in turn_end.c. Private to src/room.
 */
#ifndef EIDOLON_ROOM_TURN_H
#define EIDOLON_ROOM_TURN_H

#include "engine/engine.h"
#include "engine/scripted.h"
#include "media/names.h"
#include "memory/memory.h"
#include "persona/compose.h"
#include "persona/filter.h"
#include "persona/house.h"
#include "persona/lorebooks.h"
#include "persona/personas.h"
#include "room/room.h"

enum { ROOM_ANSWERS_MAX = 8 }; /* personas that one message may address */

struct turn_plan {
    size_t persona;                   /* index into room->personas */
    struct str heard;                 /* the text it answers; copied */
    struct id person;                 /* whom memory is asked about */
    uint64_t parent;                  /* a retry: the message its answer follows */
    struct id retry_of;               /* a retry: the answer it stands beside */
    uint64_t since_us;                /* when the message came in */
    const struct room_asked *asked;   /* what else is asked; copied; or NULL */
    const struct room_spoken *spoken; /* it came by voice; or NULL */
};

enum turn_phase { TURN_UNCOMMITTED, TURN_WAITING, TURN_RUNNING, TURN_ENDING };

enum { TURN_IMAGES_MAX = 4 }; /* that an engine is shown at once, the newest */
struct turn_image {
    struct turn *turn;
    uint64_t seq; /* of the message that shows it */
    struct media_sight sight;
};

struct turn {
    struct turn *next;
    struct room *room;
    struct id id, persona, person, retry_of;
    uint64_t started_seq, cause, parent;
    enum turn_phase phase;
    struct arena arena;
    struct str heard;

    enum turn_step step;
    uint64_t since_us, step_began_us, first_delta_us, step_us[STEP_COUNT];
    bool pending;            /* an answer is on its way: personas, memory */
    bool cancelled;          /* end at the next occasion */
    const char *stop_reason; /* cancelled by the server: it ends as failed, with this sentence */
    struct room_op *cancel_op;
    struct timer timeout, recall_timeout;

    struct room_op *preview; /* preview.c: it ends with its prompt, answers this, and is in no list or log */
    bool alone;              /* a preview whose room goes with it */
    struct id as;            /* a preview's profile; none: the room's */

    struct affect affect;
    struct mood mood;
    struct personas_op get;
    struct memory_recall recall;
    struct lore_gather gather;
    struct lore_result lore;
    bool lore_counts; /* something counts messages: the record says how many there are */
    uint64_t lore_messages, lore_answers;
    struct prompt prompt;
    struct scripted_input hints;
    struct turn_image images[TURN_IMAGES_MAX]; /* newest message first */
    size_t image_count, image_at;
    void (*images_done)(struct turn *);
    void (*translated)(struct turn *); /* it waits for a translation (translate.h) */
    uint64_t gen;                      /* the engine's, 0: none */
    struct buf text;                   /* what was said so far */
    struct word_filter *filter;        /* words that are held back from it; NULL: none */
    uint64_t index;                    /* of the next delta */
    struct room_asked asked;           /* in the arena */
    struct buf tool_calls;             /* JSON pieces as the engine sent them, parted by commas */
    bool cut;                          /* the answer was longer than room.reply_max */
    bool aloud;                        /* it answers a voice: it is spoken whoever listens */
    bool interrupted;                  /* somebody did not want to hear more: what there is is the answer */
    uint64_t last_sound_us, end_of_turn_us, transcript_us; /* of what it answers; 0: not spoken */
    struct gen_sound said;                                 /* and how it sounded; count 0: not kept */
    struct buf engine_heard; /* what an engine that hears by itself understood of it */

    enum turn_outcome outcome;
    struct gen_end end; /* how the engine ended, or why the turn failed */
    struct str engine;  /* the one that answered */
};

struct id turn_id(const struct turn *turn);
struct turn *turn_new(struct room *room, const struct turn_plan *plan) LOOP;
void turn_committed(struct room *room, struct turn *turn, const struct event_row *started) LOOP;
void turn_drop(struct room *room, struct turn *turn) LOOP; /* its transaction failed */
/* The op is answered when the turn has ended. */
void turn_abort(struct room *room, struct turn *turn, struct room_op *op) LOOP;

/* turn.c: the machine. */
void turn_perceive(struct turn *turn) LOOP;                /* the first step */
void turn_go(struct turn *turn, enum turn_step step) LOOP; /* on; its end instead, where it was cancelled */
void turn_stop(struct turn *turn) LOOP; /* the end of one that was cancelled, or that the server stops */
const struct house *turn_house(const struct turn *turn) LOOP; /* whose limits it keeps */

void turn_generate(struct turn *turn) LOOP; /* turn_generate.c: the fourth step */

/* prompt.c: fills turn->prompt and turn->hints from the room, the persona and what was recalled; then the
 * request that says it to an engine (in the turn's arena). */
void turn_compose(struct turn *turn) LOOP;
void turn_request(struct turn *turn, struct gen_request *out) LOOP;
/* Whose conversation it is, for engines that keep something of it (gen_request.key). */
struct str turn_engine_key(const struct turn *turn, struct arena *a) LOOP;
/* The seqs of this room's messages that the prompt will hold, for recall to leave out. */
size_t turn_transcript(const struct turn *turn, const struct said **out, size_t max) LOOP;

/* sight.c: the text with what stands for its media in words; fetches the pictures that the engine is shown,
 * then `then` (also when it was cancelled meanwhile); a message's parts with them, or nothing. */
struct str turn_in_words(struct turn *turn, const struct said *said, struct str text) LOOP;
void turn_look(struct turn *turn, void (*then)(struct turn *)) LOOP;
struct str turn_parts(struct turn *turn, uint64_t seq, struct str text) LOOP;

/* answer.c: what else is asked of this turn, copied; what of it goes to the engine; a piece of a call. */
void turn_ask(struct turn *turn, const struct room_asked *asked) LOOP;
void turn_request_asked(struct turn *turn, struct gen_request *out) LOOP;
void turn_tool_call(struct turn *turn, struct str piece) LOOP;

/* lore.c: scans the gathered lorebooks for what `prompt` shows; its result goes into prompt and hints. */
void turn_lore(struct turn *turn, struct prompt_input *prompt) LOOP;
void turn_lore_write(struct jw *w, const struct turn *turn); /* members of turn.ended */

/* Somebody interrupted: the engine stops, and what was said is the answer. False: nothing was said yet, or
 * the turn is at its end already. */
bool turn_interrupt(struct turn *turn) LOOP;

/* How many tokens the prompt may have. */
size_t turn_budget(const struct turn *turn) LOOP;

/* preview.c */
struct turn *turn_alone_new(struct room *room, struct id persona, struct id person, struct str heard) LOOP;
void turn_begin_preview(struct turn *turn) LOOP;
void turn_preview_end(struct turn *turn) LOOP;
void turn_free(struct turn *turn) LOOP;

/* turn_end.c: the end of a turn, into the log. */
void turn_finish(struct turn *turn, enum turn_outcome outcome) LOOP;
void turn_fail(struct turn *turn, enum gen_code code, const char *format, ...) LOOP
    __attribute__((format(printf, 3, 4)));

#endif
