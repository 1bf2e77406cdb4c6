/*
 * What the house knows, as the API shows it (schema.def has the shapes). Pure; any thread.
 */
#ifndef EIDOLON_API_RENDER_H
#define EIDOLON_API_RENDER_H

#include "api/call.h"

void render_time(struct jw *w, const char *key, int64_t wall_ms); /* 0: null */
void render_room(struct jw *w, const struct room_view *view);
/* From a list of heads: the person's name is the caller's. */
void render_room_row(struct jw *w, struct call *call, const struct room_row *row);
/* A message as it reads now (Message). */
void render_message(struct jw *w, struct arena *a, const struct message_row *message);
/* The same from its event alone. */
void render_message_event(struct jw *w, struct arena *a, const struct event_row *row);

#endif
