/*
 * A persona speaks in its room: sentence by sentence, while its text is still being written.
 *
 * A turn that somebody hears (a subscription with sound, or a message that came by voice) has a `struct
 * speaking` beside it. The turn's deltas are cut into sentences (voice/sentence.h); SPEAK_AHEAD of them are
 * made at once (voice/speech.h), and given out in order: caption and mouth shapes, then sound, then
 * speech.ended. Nothing of that holds the turn up: its text ends as if nobody listened, and the speech goes
 * on after turn.ended, with the room kept in memory.
 *
 * Sound goes out as it is made, but never more than SPEAK_LEAD_MS ahead of what listeners can have played; so
 * an interruption has little to take back, and what will never be heard is not made. One persona speaks at a
 * time in a room: the next waits with its first sentence ready.
 *
 *   speaking.c    its life, beside the turn's       speak_opus.c   packets for those who want Opus
 *   speak_cut.c   text becomes sentences            speak_keep.c   what stays: sound and words as blobs
 *   speak_make.c  sentences become sound            speak_own.c    an engine's own sound
 *   speak_give.c  sound is given out, or stopped    speak_mouth.c  the mouth shapes of that
 *   speak_tell.c  the events                        speak_again.c  a stored message, spoken again
 *   heard.c       played, interrupted, message.heard
 *
 * Everything belongs to the room's home loop. Private to src/room.
 */
#ifndef EIDOLON_ROOM_SPEAKING_H
#define EIDOLON_ROOM_SPEAKING_H

#include "room/room.h"
#include "voice/sentence.h"
#include "voice/sound_cut.h"
#include "voice/speech.h"

enum {
    SPEAK_AHEAD = 3,                    /* sentences that are being made, or wait to be given out */
    SPEAK_LEAD_MS = 4000,               /* sound that listeners may have in hand */
    SPEAK_PIECE_MS = 100,               /* of sound in one frame, at most */
    SPEAK_HELD_MAX = 4 * SENTENCE_MOST, /* bytes of an action or a code block that wait for their end */
    SPOKEN_KEPT = 8, /* speeches whose words are remembered, so that a late interruption finds them */
};

struct turn;
struct persona;
struct opus_line;
struct keep_job;

struct utter { /* one sentence */
    struct utter *next;
    struct speaking *speaking;
    unsigned index;
    size_t from;     /* where it begins in the message's text */
    struct str text; /* as it stands there; in the speaking's arena, as all below */
    struct str say;  /* what the voice is given */
    struct speech *speech;
    bool begun, made, told, ended, kept;
    bool all;                /* of an engine's own sound: it is all there */
    struct own_mouth *mouth; /* and what makes its mouth shapes (speak_mouth.c) */
    unsigned rate;
    struct tts_word *words;
    struct viseme_key *keys;
    size_t word_count, key_count;
    struct buf sound; /* samples; gone once it is over and kept */
    size_t samples, sent;
    struct error error;
};

/* When what happened, clock_mono_us(); 0: it did not. */
struct waterfall {
    uint64_t began_us; /* the last sound of the person, or when the text came in */
    uint64_t at_us[VOICE_STEPS];
};

struct speaking {
    struct speaking *next;
    struct room *room;
    struct id turn, message; /* message: none until it is stored */
    struct id persona;
    uint64_t message_seq, cause;
    struct arena arena;
    struct str name;
    struct voice voice; /* strings in the arena */
    struct mood mood;
    bool close;  /* tender words are meant */
    bool again;  /* a stored message: nothing is said that the log does not have */
    bool unkept; /* its sound does not stay: no message was stored, or it is forgotten, or has it already */

    struct own_sound *own;  /* the engine's own sound instead of a voice (speak_own.c); NULL: none */
    struct str engine, key; /* whose sound it was, for engines_played(); empty: a voice's */

    struct buf text; /* all that was fed */
    size_t found;    /* up to where sentences were found in it */
    struct sentences cut;
    size_t held; /* where what waits for the end of an action or a code block begins; SIZE_MAX: nothing */
    struct utter *first, *last, *now;
    unsigned count;
    bool text_over, over;
    struct timer pace;
    struct opus_line *opus;
    struct keep_job *keeping; /* on its way to the store */
    struct waterfall fall;

    /* heard.c */
    uint32_t played_index, played_ms;
    struct id heard_by;          /* none: nobody interrupted */
    struct str heard;            /* what was heard of it */
    struct room_op *hearers;     /* who waits for message.heard to be stored */
    struct event_row *heard_row; /* once it is */
};

/* speaking.c. The turn tells what becomes of it; all are cheap where nobody listens. */
void speaking_delta(struct turn *turn, struct str text) LOOP;
void speaking_text_over(struct room *room, struct id turn) LOOP;
/* turn_end.c: the end of the turn is in the log, with its message or (none) without. */
void speaking_stored(struct room *room, struct id turn, struct id message, uint64_t seq) LOOP;
void speaking_forget(struct room *room, struct id message) LOOP;
bool speaking_wanted(const struct turn *turn) LOOP;    /* somebody hears it */
struct speaking *speaking_for(struct turn *turn) LOOP; /* a new one */
/* The speeches of a room. */
struct speaking *speaking_new(struct room *room, struct id turn, const struct persona *p) LOOP;
struct speaking *speaking_find(struct room *room, struct id turn) LOOP; /* or NULL */
struct speaking *speaking_of_message(struct room *room, struct id message) LOOP;
size_t speaking_now(struct room *room, struct event_row out[2], struct arena *a) LOOP; /* for who joins */
bool speaking_busy(const struct room *room) LOOP; /* the room must stay in memory */
void speaking_trim(struct room *room) LOOP;       /* lets go of the oldest that are over */
void speaking_release(struct room *room) LOOP;    /* with the room */

/* speak_cut.c */
void speaking_feed(struct speaking *s, struct str text) LOOP;
/* A whole text: cut into sentences, of which none is made before speaking_begin(). */
void speaking_plan(struct speaking *s, struct str text) LOOP;
void speaking_cut(
    struct speaking *s) LOOP; /* the sentences that are certain by now, or all where text_over */

/* speak_make.c */
void speaking_begin(struct speaking *s) LOOP;      /* makes and gives out what may be */
void speaking_make_ahead(struct speaking *s) LOOP; /* the next sentences, where they are not being made */
void speaking_make(struct utter *u) LOOP;          /* has its voice make it, now */
void speaking_add_times(struct utter *u, const struct viseme_key *keys, size_t key_count,
                        const struct tts_word *words, size_t word_count) LOOP;

/* speak_give.c */
void speaking_drive(struct room *room) LOOP; /* gives out what may be given out */
/* Silence now; what was not given out never is. `reason` as in speech.ended; e with "failed". */
void speaking_stop(struct speaking *s, const char *reason, const struct error *e) LOOP;
void speaking_stop_all(struct room *room) LOOP;

/* speak_own.c: an engine that speaks by itself. */
struct gen_sound;
void speaking_own_sound(struct turn *turn, const struct gen_sound *sound) LOOP;
void own_sentence(struct speaking *s, const struct utter *u) LOOP; /* a further sentence is known */
void own_text_over(struct speaking *s) LOOP;
void own_free(struct speaking *s);
/* speak_mouth.c: reads the text; makes keys of the sound that came, and u->made of u->all; lets go. */
void own_mouth_begin(struct utter *u) LOOP;
void own_mouth_shape(struct utter *u) LOOP;
void own_mouth_drop(struct utter *u);
/* The listener stopped it there: the engine is told what was not heard. */
void own_played(struct speaking *s, uint32_t index, uint32_t ms) LOOP;

/* speak_tell.c */
void tell_caption(struct utter *u) LOOP;
void tell_visemes(struct utter *u) LOOP;
void tell_ended(struct speaking *s, const struct utter *u, const char *reason, const struct error *e) LOOP;
struct str caption_data(struct arena *a, const struct utter *u);
struct str visemes_data(struct arena *a, const struct utter *u);
void words_write(struct jw *w, const struct utter *u);
void keys_write(struct jw *w, const struct utter *u);
void waterfall_write(struct jw *w, const struct waterfall *fall);
void waterfall_mark(struct speaking *s, enum voice_step step) LOOP; /* now, if it is the first time */
uint32_t utter_ms(const struct utter *u, size_t samples);

/* speak_opus.c */
void opus_feed(struct speaking *s, const struct utter *u, size_t from, size_t count) LOOP;
void opus_end(struct speaking *s, const struct utter *u) LOOP;
void opus_close(struct speaking *s) LOOP;

/* speak_keep.c */
void speaking_keep(struct speaking *s) LOOP; /* the next sentence that can be kept, if none is on its way */

/* heard.c */
/* The message.heard that a turn's own transaction takes along; once its message is the append's first row. */
void heard_with_message(struct room *room, struct turn *turn, struct room_append *append) LOOP;
/* After that commit. False: an interruption overtook it, its message.heard is on its way to the store, and
 * the turn ends when that is there (so the next turn's prompt knows). */
bool heard_settle(struct room *room, struct turn *turn, struct room_append *append) LOOP;

#endif
