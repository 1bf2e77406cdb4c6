/* Inside realtime*.c: what realtime_room.c and realtime_heard.c share. See realtime.h. */
#ifndef EIDOLON_API_REALTIME_ROOM_H
#define EIDOLON_API_REALTIME_ROOM_H

#include "api/realtime.h"

/* realtime_heard.c */
/* Tells the room of an interruption that still waits for the client's word. */
void rt_interrupt_now(struct realtime *s) LOOP;
void rt_cancel_turn(struct rooms *rooms, const struct principal *who, struct id room, struct id turn) LOOP;
/* A sentence's sound begins there, if it did not before. */
void rt_sentence_begins(struct rt_item *item, unsigned index, uint32_t from_ms);
/* Where it begins in the response's sound, in milliseconds; one that has no sound yet: behind what there is.
 */
uint32_t rt_sentence_from(const struct rt_response *r, unsigned index) LOOP;
/* The peaks of a sentence's mouth shapes, as events; offset_ms is where the sentence begins. */
void rt_shapes(struct rt_response *r, const struct viseme_key *keys, size_t count, uint32_t offset_ms) LOOP;
void rt_visemes(struct rt_response *r, const struct json *frames, uint32_t offset_ms) LOOP;

#endif
