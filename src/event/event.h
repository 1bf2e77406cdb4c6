/*
 * Events: what happened in a room, as one immutable numbered row, and its JSON on every wire.
 *
 * A lasting event is a `struct event_row` of the store (store/row.h) with seq > 0; a passing one is the same
 * struct with seq 0 that was never stored. Here are the kinds (kinds.def) and the JSON envelope of
 * docs/API.md.
 *
 * It does not: store, send or decide anything.
 */
#ifndef EIDOLON_EVENT_EVENT_H
#define EIDOLON_EVENT_EVENT_H

#include "base/json.h"
#include "store/row.h"

enum event_kind {
#define EVENT_KIND(symbol, wire, version, lasting, doc) EVENT_##symbol,
#define EVENT_FIELD(kind, name, type, doc)
#include "event/kinds.def"
#undef EVENT_KIND
#undef EVENT_FIELD
    EVENT_KINDS
};

struct event_kind_info {
    struct str name;
    uint16_t version;
    bool lasting;
    const char *doc;
};

struct event_field_info {
    enum event_kind kind;
    const char *name, *type, *doc;
};

const struct event_kind_info *event_kind_info(enum event_kind kind);
bool event_kind_find(struct str name, enum event_kind *out);
/* All fields of all kinds, in the table's order. */
const struct event_field_info *event_fields(size_t *count);

bool event_is(const struct event_row *row, enum event_kind kind);
/* Sets kind name and version. */
void event_set_kind(struct event_row *row, enum event_kind kind);

/* The envelope of docs/API.md ("Events"), one object. Stored rows of every version read the same. */
void event_write(struct jw *w, const struct event_row *row);

/* A copy whose strings lie in `a`. */
struct event_row event_copy(struct arena *a, const struct event_row *row);

/* A string member of the row's data ("text", "id"), decoded into the arena; empty if there is none. */
struct str event_data_str(struct arena *a, const struct event_row *row, const char *member);

#endif
