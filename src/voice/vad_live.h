/*
 * Where somebody speaks into an open microphone, while they speak: silero's detector in one child process for
 * all microphones of the server, the energy gate (vad_energy.h) where it cannot be had.
 *
 * A microphone hands over windows of VAD_WINDOW samples; each is answered once, in order, with how likely it
 * is speech. Windows of many microphones go to the child together and through the model together: that is
 * what makes fifty of them cheap. While the child starts, is lost, or there is no library or model, the gate
 * answers, and detector() says so; when the child is back it takes over again.
 *
 * Opus packets are foreign bytes: the child decodes them and gives back samples; what it was doing when it
 * was lost is lost.
 *
 * A microphone belongs to one loop, the child to another; messages go between them. It does not: decide when
 * speech begins (listen.c).
 */
#ifndef EIDOLON_VOICE_VAD_LIVE_H
#define EIDOLON_VOICE_VAD_LIVE_H

#include "base/str.h"
#include "loop/loop.h"

enum {
    VAD_WINDOW = 512,       /* samples at VAD_RATE: 32 ms */
    VAD_MICS_MAX = 1024,    /* open at one time */
    VAD_PENDING_MAX = 1024, /* windows of one microphone on their way: half a minute */
    VAD_OPUS_MAX = 4000,    /* bytes of one packet */
    VAD_GATHER_FROM = 4,    /* with more microphones open, windows wait VAD_GATHER_MS for each other */
    VAD_GATHER_MS = 8,
    VAD_STUCK_MS = 3000, /* the child may take over one frame */
};

struct vad_host;
struct vad_mic;

/* Plain thread, before the loops start. The child starts with the first microphone. */
struct vad_host *vad_host_new(struct loops *loops);
void vad_host_stop(struct vad_host *host) LOOP; /* on every loop */
void vad_host_free(struct vad_host *host);      /* after the loops ended */

/* On the microphone's loop, never from inside the functions below. */
struct vad_events {
    void (*window)(void *arg, double probability);
    void (*sound)(void *arg, const int16_t *samples, size_t count); /* of a packet, VAD_RATE */
    void (*broken)(void *arg);                                      /* a packet that is no Opus */
    void (*detector)(void *arg, const char *name);                  /* it is another one from now on */
};

/* NULL: VAD_MICS_MAX are open. */
struct vad_mic *vad_mic_open(struct vad_host *host, const struct vad_events *events, void *arg) LOOP;
/* False, and the window is dropped: VAD_PENDING_MAX are on their way. */
bool vad_mic_window(struct vad_mic *mic, const int16_t samples[VAD_WINDOW]) LOOP;
void vad_mic_opus(struct vad_mic *mic, struct str packet) LOOP;
void vad_mic_close(struct vad_mic *mic) LOOP;                 /* no event follows; allowed inside events */
const char *vad_mic_detector(const struct vad_mic *mic) LOOP; /* "silero" or "energy" */

struct vad_stats {
    uint64_t open, windows, lost; /* lost: how often the child was */
    bool silero;                  /* it finds speech; as long as no microphone was open: it is there to */
};
void vad_host_stats(const struct vad_host *host, struct vad_stats *out); /* any thread */
int vad_host_pid(struct vad_host *host);                                 /* for tests; 0: none runs */

/* The hidden command `eidolon child vad`; does not return. */
_Noreturn void vad_child_main(void);

#endif
