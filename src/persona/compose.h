/*
 * Composing: from a persona, a mood, what is remembered and what was said, to the messages an engine is sent.
 *
 * One system message holds, in this order: the system prompt (the persona's, or the house's), description,
 * personality, scenario, traits in words, goals, who the person is (their profile), mood, boundaries, core
 * blocks, recalled memories with their dates, example dialogue, and last the limits (limits.h); then comes
 * the transcript, oldest first; then, as a closing system message, the post-history instructions, and the
 * limits once more, so that nothing of a card stands behind them.
 *
 * Lore stands where its entries say: before or after what describes the persona, around the example dialogue,
 * or as messages of its own within the transcript (lore_place.h).
 *
 * Budget: tokens are estimated (compose_tokens). The transcript gives way first, oldest message first, but
 * for the newest; then examples, recalled memories (last first), core blocks (last first), lore (lightest
 * first). The persona's own texts never give way; where even they do not fit with the newest message, the
 * larger of the two is cut in its middle at a character boundary, with a mark.
 *
 * Who speaks: in a room with one persona and one person messages carry no names. In a group every other
 * speaker's message becomes a user message that begins with "Name: ", and the persona is told who is there.
 *
 * Pure; any thread. It does not talk to engines: the turn converts `struct prompt` to an engine's request.
 */
#ifndef EIDOLON_PERSONA_COMPOSE_H
#define EIDOLON_PERSONA_COMPOSE_H

#include "persona/limits.h"
#include "persona/lore.h"

enum prompt_role { PROMPT_SYSTEM, PROMPT_USER, PROMPT_ASSISTANT };

struct prompt_turn {
    uint64_t seq;
    bool self;       /* this persona said it */
    struct str name; /* who said it, for groups */
    struct str text;
};

struct prompt_memory {
    struct str text; /* one moment as it should stand there, e.g. "Ana: my sister lives in Porto" */
    int64_t at_ms;
};

struct prompt_input {
    const struct persona *persona;
    struct str user;                     /* the person's name, or empty: "the user" is then said */
    struct str profile;                  /* who the person says to be, or empty */
    const struct content_limits *limits; /* NULL: none are said (greetings) */
    struct str mood;                     /* in words, or empty */
    const struct str *others;            /* names of other members, in a group */
    size_t other_count;
    const struct str *blocks; /* core blocks' texts */
    size_t block_count;
    const struct prompt_memory *memories; /* best first */
    size_t memory_count;
    const struct prompt_turn *turns; /* oldest first */
    size_t turn_count;
    struct lore_result *lore; /* what lorebooks gave (lore.h), or NULL; what has no room is marked in it */
    struct str instruction;   /* an extra closing instruction (the mind's: "open a conversation about …") */
    int64_t now_ms;
    int64_t heard_before_ms; /* when the person spoke before the newest message; 0: unknown */
    int utc_offset_min;
    uint64_t pick_seed;   /* id_hash of the room */
    size_t budget_tokens; /* 0: PROMPT_BUDGET */
};

enum { PROMPT_BUDGET = 6000 };

enum prompt_part {
    PART_SYSTEM,
    PART_PERSONA, /* description, personality, scenario, traits, goals */
    PART_PROFILE,
    PART_MOOD,
    PART_BOUNDARIES,
    PART_LORE, /* in several places, also between messages */
    PART_BLOCKS,
    PART_MEMORIES,
    PART_EXAMPLES,
    PART_LIMITS, /* the last of the opening message */
    PART_TRANSCRIPT,
    PART_POST_HISTORY,
    PART_COUNT
};
extern const char *const prompt_part_names[PART_COUNT];

struct prompt_message {
    enum prompt_role role;
    struct str name, text;
    uint64_t seq; /* of the transcript's messages, else 0 */
};

struct prompt {
    struct prompt_message *messages;
    size_t count;
    size_t tokens;                /* estimate of it all */
    size_t parts[PART_COUNT];     /* estimate of each part */
    struct str texts[PART_COUNT]; /* of the parts that are one text: not lore, not the transcript */
    size_t turns_kept, blocks_kept, memories_kept; /* how many of the input made it */
    uint64_t first_seq;                            /* of the oldest message kept, or 0 */
    bool cut;                                      /* something was cut in its middle */
};

/* Everything lies in `a`. Never fails: something always fits. */
void persona_compose(struct arena *a, const struct prompt_input *in, struct prompt *out);

/*
 * Tokens of a text: bytes / 4 rounded up. English BPE vocabularies lie at 4 to 4.5 bytes a token; scripts of
 * three bytes a character at about 3, so for those every character counts .8 tokens instead. An upper hand on
 * the safe side, not a count. Each message adds PROMPT_MESSAGE_TOKENS for its role and separators.
 */
size_t compose_tokens(struct str text);
enum { PROMPT_MESSAGE_TOKENS = 4 };

struct macro_values; /* macro.h */
/* What macros say in this prompt. */
struct macro_values prompt_macros(const struct prompt_input *in);

/* The greeting with its macros filled in; alternate greetings by number (0 is `greeting`). */
struct str persona_greeting_fill(struct arena *a, const struct prompt_input *in,
                                 struct str text); /* any text */
struct str persona_greeting(struct arena *a, const struct prompt_input *in, size_t number);

/* The persona's traits as a sentence or two ("You are … "), empty if all lie near the middle. */
struct str persona_traits_words(struct arena *a, const struct persona *p);

#endif
