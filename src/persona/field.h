/*
 * The fields of a persona as one table: their names in the API and in cards, where they lie, their limits.
 *
 * From it come reading and writing of all three texts of a persona (persona.h), copying, and the sentences of
 * refused values. It does not know id, version, times: those are no one's to set.
 */
#ifndef EIDOLON_PERSONA_FIELD_H
#define EIDOLON_PERSONA_FIELD_H

#include "persona/persona.h"

enum field_kind {
    FIELD_TEXT,  /* a string; "" when empty */
    FIELD_LABEL, /* a string; null when empty */
    FIELD_LIST,
    FIELD_TRAITS,
    FIELD_VOICE,
    FIELD_SAMPLING,
    FIELD_CONTENT,
};

struct persona_field {
    const char *name; /* in the API */
    const char *card; /* in a card's data, or NULL: in extensions.eidolon under `name` */
    enum field_kind kind;
    size_t offset; /* in struct persona */
    size_t max;    /* bytes, of the string or of each member */
    bool in_v1;    /* V1 cards, and V2 cards of some tools, carry it at the root too */
};

extern const struct persona_field persona_fields[];
extern const size_t persona_field_count;

const struct persona_field *persona_field_find(struct str name);
const struct persona_field *persona_field_of_card(struct str name);

/* Sets a field from JSON; null resets it. `limits` false only checks types (cards, stored documents). */
enum err persona_field_set(struct arena *a, struct persona *p, const struct persona_field *f,
                           const struct json *value, bool limits, struct error *e);
void persona_field_write(struct jw *w, const struct persona *p, const struct persona_field *f);
/* Whether the field says no more than its default. */
bool persona_field_empty(const struct persona *p, const struct persona_field *f);
void persona_field_copy(struct arena *a, struct persona *to, const struct persona_field *f);

#endif
