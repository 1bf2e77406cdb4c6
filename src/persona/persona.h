/*
 * Personas: who speaks. Their fields, their JSON, their cards, and the prompt they speak from.
 *
 * A `struct persona` is a value whose strings lie in one arena (whoever parsed it says which); it is never
 * shared between loops: each copies what it keeps (persona_copy). Three texts describe a persona:
 *   stored   the document in the store: every field, plus `extras` and where it came from (persona_stored_*)
 *   API      what docs/API.md shows under Personas (persona_write_json, persona_apply)
 *   card     a Character Card V1, V2 or V3 JSON (persona_card_read, persona_card_write)
 * What a card carried and Eidolon has no field for is kept as its original text in `extras` and comes back
 * out unchanged, byte for byte.
 *
 * Other files: compose.h (the prompt), macro.h (what stands in double braces), personas.h (finding and
 * keeping them in the store), cast.h (the shipped seven).
 *
 * It does not: know engines, memory or rooms. Everything here is pure and runs on any thread.
 */
#ifndef EIDOLON_PERSONA_PERSONA_H
#define EIDOLON_PERSONA_PERSONA_H

#include "base/id.h"
#include "base/json.h"

/* 0..1 each; the API's names in this order (persona_trait_names). 0.5 says nothing in a prompt. */
enum persona_trait {
    TRAIT_OPENNESS,
    TRAIT_CONSCIENTIOUSNESS,
    TRAIT_EXTRAVERSION,
    TRAIT_AGREEABLENESS,
    TRAIT_NEUROTICISM,
    TRAIT_HUMOR,
    TRAIT_FORMALITY,
    TRAIT_TALKATIVENESS,
    TRAIT_COUNT
};
extern const char *const persona_trait_names[TRAIT_COUNT];

/* Limits of the fields, in bytes unless said. A card may be larger in `extras`, up to PERSONA_CARD_MAX. */
enum {
    PERSONA_NAME_MAX = 200,
    PERSONA_SLUG_MAX = 64,
    PERSONA_TEXT_MAX = 64 * 1024, /* description, personality, ... each */
    PERSONA_LINE_MAX = 2000,      /* one boundary, goal, starter */
    PERSONA_TAG_MAX = 100,
    PERSONA_LIST_MAX = 64,   /* members of a list */
    PERSONA_LABEL_MAX = 200, /* avatar, engine, voice names */
    PERSONA_CARD_MAX = 4 << 20,
    PERSONA_UNDO_DAYS = 30,
};

struct persona_list {
    struct str *v;
    size_t n;
};

struct persona_voice {
    struct str provider, name;  /* empty: the installation's default */
    double rate, pitch, volume; /* factors, 0.25..4; 1 is as recorded (volume 0..1) */
};

/* Wishes to the engine; a NaN (or 0 for max_tokens) leaves the engine's own setting. */
struct persona_sampling {
    double temperature, top_p, frequency_penalty, presence_penalty;
    int64_t max_tokens;
};

/* What may be said with a persona; it only narrows what the installation allows (limits.h). */
enum persona_adult { ADULT_BY_TAGS, ADULT_YES, ADULT_NO };
struct persona_content {
    enum persona_adult adult; /* BY_TAGS: nobody said; its tags decide */
    bool no_romance;
    struct persona_list avoid_words, avoid_themes;
};

struct persona {
    struct id id, owner;
    struct str slug, name;
    struct str nickname; /* what {{char}} becomes when not empty (V3) */
    struct str description, personality, scenario;
    struct str greeting;      /* the first message (card: first_mes) */
    struct str examples;      /* example dialogue (card: mes_example) */
    struct str system_prompt; /* empty: the house's own; {{original}} stands for that */
    struct str post_history;  /* card: post_history_instructions */
    double traits[TRAIT_COUNT];
    struct persona_voice voice;
    struct persona_sampling sampling;
    struct str avatar, engine;     /* names; empty: the default */
    struct persona_list greetings; /* alternate_greetings */
    struct persona_list boundaries, goals, starters, tags;
    struct persona_list lorebooks; /* ids of books it knows besides its own (lorebooks.h) */
    struct persona_content content;
    bool favourite;   /* the owner's; no part of the persona itself: neither exported nor kept as a version */
    uint64_t version; /* 1 at creation, +1 a change; the ETag */
    int64_t created_ms, updated_ms;
    int64_t deleted_ms;    /* 0: alive; else restorable for PERSONA_UNDO_DAYS */
    struct str cast;       /* slug of the shipped card it was seeded from, or empty */
    uint64_t cast_version; /* that card's character_version */
    bool touched;          /* somebody edited it: the cast leaves it alone */
    struct str
        extras; /* a JSON object: {"root":{…},"data":{…},"extensions":{…},"eidolon":{…},"v2":{…}} or empty */
    struct str files; /* a JSON array: the portrait, assets and other files of its card (files.h), or empty */
    struct str card;  /* SHA-256 of the card's text it was imported from, 64 digits; or empty */
};

/* Defaults: traits .5, voice factors 1, sampling unset. */
void persona_init(struct persona *p);
/* A deep copy into `a`. */
struct persona *persona_copy(struct arena *a, const struct persona *p);
/* What the persona is called in a room: the nickname, else the name. */
static inline struct str persona_called(const struct persona *p)
{
    return str_empty(p->nickname) ? p->name : p->nickname;
}

/* Whether it is for adults: it says so, or it says nothing and one of its tags does (nsfw, 18+, adult, …). */
bool persona_is_adult(const struct persona *p);
/* A card came in: where its tags say adult, its own word to the contrary does not count. */
void persona_mark_imported(struct persona *p);

/* The API's shape, one object. */
void persona_write_json(struct jw *w, const struct persona *p);

/* The stored document, complete; and back. ERR_CORRUPT with a sentence if it cannot be read. */
void persona_stored_write(struct buf *to, const struct persona *p);
enum err persona_stored_read(struct arena *a, struct str text, struct persona **out, struct error *e);

/*
 * Checks and applies an API body (an object). Unknown fields are refused by name, read-only ones (id,
 * version, created_at, updated_at) are accepted where they say what is already so, and refused otherwise.
 */
enum persona_change {
    PERSONA_CREATE,  /* name is required; what is missing gets its default */
    PERSONA_REPLACE, /* PUT: as create, but id, slug (unless given) and history stay */
    PERSONA_PATCH,   /* only what is named changes; null resets a field to its default */
};
enum err persona_apply(struct arena *a, struct persona *p, const struct json *body, enum persona_change how,
                       struct error *e);

/* A slug from a name: ASCII letters, digits and single dashes; Latin, Greek and Cyrillic are transliterated;
 * a name of which nothing is left gives "persona". At most PERSONA_SLUG_MAX bytes. `try` 0 is the plain slug,
 * 1 adds
 * "-2", and so on. */
struct str persona_slug(struct arena *a, struct str name, unsigned try);
bool persona_slug_valid(struct str slug);

/* Reads a V1, V2 or V3 card (JSON text). The persona's strings lie in `a` and in `text`'s tree; it has no id,
 * slug or times yet. ERR_MALFORMED_JSON, ERR_INVALID (no card), ERR_TOO_BIG with a sentence. */
enum err persona_card_read(struct arena *a, struct str text, struct persona **out, struct error *e);
/* The same with the V2 card that lay beside a V3 one in a PNG (`other`; empty: none): what only it says, or
 * says otherwise, comes back in the V2 card that is written. `other` that is no card is left aside.
 * *portrait (may be NULL): the address under which a card of ours carries the persona's portrait, or empty.
 */
enum err persona_card_read_both(struct arena *a, struct str text, struct str other, struct persona **out,
                                struct str *portrait, struct error *e);
/* Writes a V3 card that V2 readers understand; data.extensions.eidolon carries what V3 has no field for. */
void persona_card_write(struct buf *to, const struct persona *p);

enum card_spec { CARD_V1, CARD_V2, CARD_V3 };

/* How a card is written into a file. */
struct card_writing {
    enum card_spec spec;
    const struct str *uris; /* of data.assets, in order; an empty one stays as it is; NULL: all stay */
    size_t uri_count;
    struct str portrait;     /* the address of a portrait that is none of the assets; or empty */
    struct str portrait_ext; /* "png" */
    bool paired; /* the other one of V2 and V3 lies beside it, so neither carries what the other says */
};
/* V1 has six fields and no more. A V2 card alone keeps what only V3 has in extensions.eidolon.v3, and a V3
 * card alone what only V2 said in extensions.eidolon.v2, so that both come back as they were. */
void persona_card_write_as(struct buf *to, const struct persona *p, const struct card_writing *how);

/* An ETag of the version: "\"7\"" (with its quotes), for If-Match. */
struct str persona_etag(struct arena *a, const struct persona *p);

#endif
