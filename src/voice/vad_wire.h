/*
 * What the server and the child that finds speech say to each other (loop/child.h's frames); little-endian,
 * both are this program on this machine.
 *
 * To the child:   W { vad_wire_window }...      windows; one frame at a time, each answered by one P
 *                 O u32 id, packet              an Opus packet; answered by S or B
 *                 X u32 id                      the microphone is closed
 * From the child: H u8 (1: silero, 0: none), text    once, first; why there is none
 *                 P { vad_wire_answer }...      in the windows' order
 *                 S u32 id, samples             B u32 id: that was no Opus
 *
 * An id is a slot in its lower bits and a count above, so that a slot's next microphone is another one.
 */
#ifndef EIDOLON_VOICE_VAD_WIRE_H
#define EIDOLON_VOICE_VAD_WIRE_H

#include "voice/vad_live.h"

enum { VAD_SLOT_BITS = 10, VAD_SLOT_MASK = VAD_MICS_MAX - 1, VAD_FRAME_WINDOWS = 4096 };

struct vad_wire_window {
    uint32_t id, seq;
    int16_t samples[VAD_WINDOW];
};
struct vad_wire_answer {
    uint32_t id, seq;
    float probability;
};

#endif
