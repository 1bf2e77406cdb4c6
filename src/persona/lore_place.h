/*
 * Where lore stands in a prompt: texts of the opening message's sections, and messages between those of the
 * conversation. For compose.c.
 *
 * Within a place entries follow each other by `order`, lower first, then by their book (everywhere, attached,
 * own, room) and their place in it. Entries of one depth and role become one message. The author's note of
 * SillyTavern is a system message LORE_NOTE_DEPTH messages before the end.
 */
#ifndef EIDOLON_PERSONA_LORE_PLACE_H
#define EIDOLON_PERSONA_LORE_PLACE_H

#include "persona/lore.h"

enum { LORE_NOTE_DEPTH = 4 };

struct lore_insert {
    bool from_start;
    int64_t depth; /* messages behind it, or before it if from_start */
    enum lore_role role;
    struct str text;
};

struct lore_placed {
    struct str section[LORE_POSITIONS]; /* of those that are no messages */
    struct lore_insert *inserts;        /* those from the start first; else deepest first */
    size_t insert_count;
    size_t tokens;
};

/* Marks what does not fit into `room` tokens as LORE_NO_CONTEXT, the lightest first; places the rest. */
void lore_place(struct arena *a, struct lore_result *r, size_t room, struct lore_placed *out);

/* The index, among `turns` messages, before which the insert stands. */
size_t lore_insert_at(const struct lore_insert *insert, size_t turns);

#endif
