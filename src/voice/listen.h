/*
 * Listening: one open microphone becomes utterances.
 *
 * A listener takes sound as it comes (any rate, or Opus packets), finds where somebody speaks (vad_live.h),
 * lets the ears (ears.h) hear it while it is still spoken, and says when the turn is over: after a silence
 * whose length depends on how complete the text sounds (turn_end.h), or when the client commits (push to
 * talk). The sound just before speech is found is kept in a ring, so that first syllables are not lost.
 *
 * Where nothing was said there is no utterance: silence, noise and hum give nothing, and what the ears make
 * nothing of gives an utterance with an empty text, so that its owner can take back what it began. So does
 * what is too short to hold a word (LISTEN_VOICED_MS), and a text none of whose words the ears are sure of at
 * all (LISTEN_SURE_LEAST): recognisers find words in a door and in a cough. With a
 * wake phrase (wake.h) what is said before it is not told; the words behind it are the message.
 *
 * Times: at_ms, from_ms and to_ms count sound fed, from the first sample; *_us are of clock_mono_us().
 * All on the listener's loop. Events come from the loop, never from inside the functions below; any function
 * here, listener_close() too, may be called inside an event.
 *
 * It does not: know rooms or sockets; rule over who may interrupt (barge.h).
 */
#ifndef EIDOLON_VOICE_LISTEN_H
#define EIDOLON_VOICE_LISTEN_H

#include "voice/ears.h"

enum {
    LISTEN_RATE = 16000,    /* of what the ears get, and of heard.samples */
    LISTEN_RATE_MIN = 8000, /* of what may be fed, the least and the most */
    LISTEN_RATE_MAX = 96000,
    LISTEN_PACKET_MAX = 4000, /* bytes of one Opus packet */
    LISTEN_PREFIX_MS = 300,   /* defaults of the options */
    LISTEN_SILENCE_MS = 500,
    LISTEN_UTTERANCE_MS = 60000,
    LISTEN_VOICED_MS = 100, /* of speech, the least that is heard as words */
    LISTEN_SHORT_MS = 300,  /* hardly a word */
};

/* How sure of its surest word of substance the ears must be, else the text was made up; of what is shorter
 * than LISTEN_SHORT_MS; and a text of small words alone. pocketsphinx gives real words .45 and more. */
#define LISTEN_SURE_LEAST .1
#define LISTEN_SURE_SHORT .3
#define LISTEN_SURE_SMALL .5

enum listen_mode {
    LISTEN_HANDS_FREE,   /* turns end by themselves */
    LISTEN_PUSH_TO_TALK, /* turns end by listener_commit() */
};

/* All listeners of the process: the child that finds speech, and the ears. */
struct listening;
/* Plain thread, before the loops start. */
struct listening *listening_new(struct loops *loops, struct ears *ears);
void listening_stop(struct listening *listening) LOOP; /* on every loop, before they stop */
void listening_free(struct listening *listening);      /* after the loops ended */

/* 0 and empty take the default. */
struct listener_options {
    enum listen_mode mode;
    unsigned rate;         /* of what is fed; LISTEN_RATE. With opus: ignored */
    bool opus;             /* fed by listener_feed_opus() */
    double threshold;      /* of the voice detector, 0..1: .5 */
    unsigned prefix_ms;    /* kept from before speech was found: LISTEN_PREFIX_MS */
    unsigned silence_ms;   /* that ends a turn; with `complete` the middle of its range: LISTEN_SILENCE_MS */
    unsigned utterance_ms; /* a longer one is ended, and what follows is the next: LISTEN_UTTERANCE_MS */
    bool complete;         /* the completeness of the text rules how long to wait */
    bool no_text;          /* do not let the ears hear: utterances carry sound only */
    struct str language;   /* "en" */
    struct str wake;       /* phrase; empty: none */
    bool keep_sound;       /* heard.samples is wanted */
};

/* One utterance. Views are valid during the call. */
struct heard {
    struct str text;     /* behind the wake phrase; empty: nothing was understood */
    struct str json;     /* the ears' transcript (asr.h), or empty */
    struct str provider; /* who heard it */
    struct str language;
    double confidence;       /* NaN: not told */
    double sure;             /* of the word of substance it is surest of; 0: there is none; NaN: not told */
    uint32_t voiced_ms;      /* of sound in which the detector found speech */
    uint32_t from_ms, to_ms; /* first and last sound of speech */
    uint64_t last_sound_us;  /* when the last sound of speech came in */
    uint64_t end_of_turn_us; /* when the turn was found to be over */
    uint64_t transcript_us;  /* when the text was there */
    const int16_t *samples;  /* with keep_sound: LISTEN_RATE, mono, from prefix_ms before from_ms */
    size_t sample_count;
    bool woken;     /* the wake phrase was in it, or none is asked for */
    bool committed; /* by listener_commit() */
};

struct listen_events {
    void (*speech_started)(void *arg, uint32_t at_ms);
    void (*speech_stopped)(void *arg, uint32_t at_ms); /* the voice detector's silence; the turn may go on */
    void (*partial)(void *arg, struct str text);       /* all of the utterance so far; may be NULL */
    void (*ended)(void *arg); /* the turn is over, the transcript on its way; may be NULL */
    void (*utterance)(void *arg, const struct heard *heard);
    void (*detector)(void *arg, const char *name); /* "silero" or "energy" finds speech now; may be NULL */
    /* The ears failed on an utterance, or sound came that cannot be used; the listener goes on. */
    void (*failed)(void *arg, const struct error *e);
};

struct listener;
/* NULL with *e filled if the options make no sense. Options are copied. */
struct listener *listener_open(struct listening *listening, const struct listener_options *options,
                               const struct listen_events *events, void *arg, struct error *e) LOOP;
/* ERR_INVALID for what is not of the opened kind; the listener goes on. */
enum err listener_feed(struct listener *listener, const int16_t *samples, size_t count, struct error *e) LOOP;
enum err listener_feed_opus(struct listener *listener, struct str packet, struct error *e) LOOP;
/* The turn is over, whatever the detector thinks of what was fed. Without any speech since the last turn:
 * utterance() with an empty text. */
void listener_commit(struct listener *listener) LOOP;
/* Forgets what was said since the last turn; no utterance follows. */
void listener_clear(struct listener *listener) LOOP;
/* Looks for the wake phrase in a text that somebody else heard: sets text and woken, as in utterance(). */
void listener_wake(struct listener *listener, struct heard *heard) LOOP;
void listener_close(struct listener *listener) LOOP; /* no event follows */
/* Whether what is being said is heard while it is said, so that partial texts come of it. */
bool listener_streams(const struct listener *listener) LOOP;
const char *listener_detector(const struct listener *listener) LOOP;
uint32_t listener_fed_ms(const struct listener *listener) LOOP;

/* For /metrics; any thread. */
enum { LISTEN_HISTOGRAM = 16 }; /* buckets: up to 2^i * 64 us, the last without bound */
struct listen_stats {
    uint64_t open, opened, windows, utterances, empty, detector_lost;
    bool silero;
    uint64_t end_count, end_us_sum, end_us[LISTEN_HISTOGRAM];    /* last sound -> end of turn */
    uint64_t text_count, text_us_sum, text_us[LISTEN_HISTOGRAM]; /* end of turn -> transcript */
};
void listening_stats(const struct listening *listening, struct listen_stats *out);
int listening_detector_pid(const struct listening *listening); /* of its process, for tests; 0: none */

#endif
