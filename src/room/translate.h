/*
 * A room between two languages: what the person says is shown to personas in theirs, and what personas say
 * gets a translation for the person. An engine translates; the original is what the log's `message` has and
 * never changes, and a `translation` event about it follows.
 *
 * The room's setting `translate` is {"to": the personas' language, "mine": the person's, "engine"?}. A
 * person's message that was said by voice in the personas' language (its `spoken.language`) needs none.
 *
 * A translation begins as soon as its message is in the log. The turn that answers it waits for it before it
 * composes its prompt; room.translate_timeout bounds that, and whatever goes wrong - the engine fails,
 * stalls, is cut, or only the scripted responder would answer - the original takes the translation's place
 * and the `translation` event has an `error` instead of a text. One job a message; an edit begins it anew,
 * and what is deleted or forgotten ends it. A translation names by its `cause` the event whose text it is of
 * (the message or an edit): one that comes too late for an edit counts for nothing. Events about a message
 * (row.of) go with it when it is forgotten.
 *
 * Everything belongs to the room's home loop. Private to src/room but for translate_check().
 */
#ifndef EIDOLON_ROOM_TRANSLATE_H
#define EIDOLON_ROOM_TRANSLATE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"
#include "loop/loop.h"

struct engines;
struct event_row;
struct room;
struct said;
struct turn;

/* Of a room; strings on the heap. `to` empty: it does not translate. */
struct room_translate {
    struct str to, mine, engine;
};

/* Whether these are good values of the setting (a JSON object) and there is an engine that can translate;
 * the scripted responder cannot. ERR_REFUSED with its param. Any loop. */
enum err translate_check(struct engines *engines, const struct json *setting, struct error *e) LOOP;
/* NULL: none. */
void translate_setting_read(struct room_translate *t, const struct json *setting);

/* A message is in the log, or has another text: begins what is to be done about it. */
void translate_message(struct room *room, struct said *said) LOOP;
void translate_read(struct room *room, const struct event_row *row, struct arena *a) LOOP; /* an event */
void translate_drop(struct room *room, struct said *said) LOOP; /* its message is about to go, or went */
void translate_again(struct said *said); /* after it failed: the next turn may try it again */
bool translate_busy(const struct room *room) LOOP;
/* What runs ends as failed, with this sentence; NULL: without a word. */
void translate_stop_all(struct room *room, const char *reason) LOOP;

/* What `said` is in this room's prompts: its translation, or its text. */
bool translate_done(const struct room *room, const struct said *said) LOOP; /* it is translated */
struct str translate_shown(const struct room *room, const struct said *said) LOOP;
/* True: `then` is called when what the turn answers is translated, or is not going to be; never when the turn
 * ended meanwhile. */
bool translate_wait(struct turn *turn, void (*then)(struct turn *)) LOOP;
/* For the prompt: the language to write in, as a sentence; or empty. In the arena. */
struct str translate_instruction(const struct room *room, struct arena *a) LOOP;

#endif
