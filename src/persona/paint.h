/*
 * A picture for a persona without one: a soft gradient in colours of its own, made from its id, so that it is
 * the same every time. A small PNG, marked (card_file.h: own_picture), so that reading it back as a card
 * gives a persona without a picture again.
 *
 * Pure; any thread; some milliseconds (a worker).
 */
#ifndef EIDOLON_PERSONA_PAINT_H
#define EIDOLON_PERSONA_PAINT_H

#include "base/buf.h"
#include "base/id.h"

enum { PAINT_WIDTH = 400, PAINT_HEIGHT = 600 };

void persona_paint(struct buf *to, struct id id);

/* One PNG chunk with its length and CRC. */
void png_chunk(struct buf *to, const char type[4], struct str data);

#endif
