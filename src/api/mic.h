/*
 * Microphones of a socket's client: what mic.c and mic_speech.c share. Private to src/api.
 *
 * One microphone a room and client. mic.c opens and closes them, takes their sound and makes messages of what
 * is heard; mic_speech.c knows how far the persona's speech is played here, and lets barge.h rule over who
 * gives way. Everything on the loop of the socket.
 */
#ifndef EIDOLON_API_MIC_H
#define EIDOLON_API_MIC_H

#include "api/socket.h"
#include "voice/barge.h"
#include "voice/listen.h"

enum {
    MIC_FRAME_MAX = 24 * 1024, /* bytes of one binary message of the microphone */
    MIC_FRAME_HEAD = 4,
    MIC_SENTENCES = 128, /* of one turn whose lengths are kept; later ones count as the last */
    MIC_TAIL_MS = 400,   /* of quiet until a persona that gave no more sound counts as ended */
};

/* A persona's speech, as it is played at this client. */
struct mic_playing {
    struct id turn, stopped;           /* stopped: what more comes of it is not listened to */
    uint32_t length_ms[MIC_SENTENCES]; /* that came, by sentence */
    uint64_t until_ms;                 /* when all that came will have been played */
    uint64_t paused_ms;                /* since when it is paused; 0: it is not */
    bool told;                         /* the client says how far it is */
};

struct mic {
    struct client *client;
    struct mic *next;
    struct id room;
    struct listener *listener;
    bool opus, browser;     /* browser: its own recogniser writes the text */
    struct str wake;        /* heap; empty: none */
    const char *state;      /* as last told */
    uint64_t text_since_ms; /* browser: when the text began; 0: there is none */
    struct barge barge;
    struct mic_playing playing;
    struct timer timer; /* of barge.h and of the end of what is played */
};

uint64_t mic_now_ms(void);

/* mic_speech.c */
/* Does what barge.h says but SAY and DROP, which are mic.c's. */
void mic_do(struct mic *mic, unsigned todo) LOOP;
/* Sound of a persona went to this client; and it says how far it played. */
void mic_sound(struct client *client, struct id room, const struct sub_sound *sound) LOOP;
void mic_played(struct client *client, struct id room, struct id turn, uint32_t index, uint32_t ms) LOOP;
/* The person stopped it by other means. */
void mic_interrupted(struct client *client, struct id room, struct id turn) LOOP;

#endif
