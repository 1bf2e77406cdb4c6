/*
 * What reading and writing of a card's JSON share: card.c reads, card_write.c writes, card_v2.c keeps the V2
 * card's own world apart.
 *
 * A card's members are in sections: beside data ("root"), in data, in data.extensions, and in
 * data.extensions.eidolon. `extras` holds those without a field of ours as raw text, by section.
 */
#ifndef EIDOLON_PERSONA_CARD_INNER_H
#define EIDOLON_PERSONA_CARD_INNER_H

#include "persona/field.h"

enum { REST_ROOT, REST_DATA, REST_EXTENSIONS, REST_EIDOLON, REST_COUNT };
extern const char *const card_rest_names[REST_COUNT];

/* A tree under which other trees may be put (the stored document) and still be read. */
enum { CARD_MAX_DEPTH = 56 };

/* A section's member, or NULL. */
const struct json *card_extra(const struct json *extras, int where, const char *name);
/* What the persona says now under that name of a card's section: its field, else the extra; empty: nothing.
 */
struct str card_says(struct arena *a, const struct persona *p, const struct json *extras, int where,
                     struct str name);
/* One of the fields that every V2 card has (Character Card V2), but extensions and character_book. */
bool card_v2_requires(struct str name);

/* The "v2" object of extras, from the V2 card's tree: {"root":{NAME:null|{"v":…,"of":"…"}},"data":…,
 * "extensions":…}, or nothing where there is nothing to say; `alone`: it is the persona's own card. null: as
 * the persona says. "v" (absent: not there) stands as long as the persona says what
 * has the hash "of". */
void card_v2_note(struct arena *a, struct buf *to, const struct persona *p, const struct json *extras,
                  const struct json *v2, bool alone);

/* A card under way to be written. */
struct card_pen {
    struct jw w;
    struct arena *arena;
    const struct persona *persona;
    const struct json *extras; /* may be NULL */
    const struct card_writing *how;
};
void card_v2_write(struct card_pen *pen);
/* A member by what the persona says, assets with their addresses of now; nothing where it says nothing. */
void card_write_member(struct card_pen *pen, int where, struct str name);
/* extensions.eidolon: fields that cards have no place for, the portrait's mark, and `name`: raw (or empty).
 */
void card_write_eidolon(struct card_pen *pen, const char *name, struct str raw);
/* An asset's object with another address. */
void card_write_asset(struct jw *w, const struct json *asset, struct str uri);

#endif
