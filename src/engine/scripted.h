/*
 * The scripted engine's core: an answer without a model, from readable rule files.
 *
 * scripted_reply() is a pure function of the rules and a struct scripted_input: the persona, the room's
 * recent transcript, what memory recalled, the mood. The same input gives the same reply. What the person
 * told is read from their own turns, at answer time (language/facts.h); nothing is stored and nothing is made
 * up. A line that a persona has said in the transcript is not said again while others are left.
 *
 * Rule files are share/scripted/ *.rules (embedded) and then DATA/scripted/ *.rules, which add to them or
 * replace them; their format is in share/scripted/README.md. A rule that cannot be read is skipped and told,
 * with file and line. Rules do not change once loaded and may be shared by all threads.
 *
 * It does not: stream (scripted.c, the driver, does), call the memory organ, or keep state between replies.
 */
#ifndef EIDOLON_ENGINE_SCRIPTED_H
#define EIDOLON_ENGINE_SCRIPTED_H

#include "base/arena.h"
#include "base/buf.h"

enum scripted_author { SCRIPTED_PERSON, SCRIPTED_SELF, SCRIPTED_OTHER };

struct scripted_turn {
    enum scripted_author author; /* the person; the persona who answers now; another persona or person */
    struct str name;             /* display name, may be empty */
    struct str text;
    int64_t at_ms; /* wall clock; 0 = unknown */
};

struct scripted_recall {
    enum scripted_author author;
    struct str text; /* verbatim turn */
    int64_t at_ms;
    bool same_room;
    double score;
};

struct scripted_persona {
    struct str name, slug;
    struct str style; /* a style of the rule files ("mia"); empty: the slug if that is one, else "plain" */
    struct str description; /* card text, used when asked who she is; may be empty */
    const struct str *starters;
    size_t starter_count;
    double warmth, humor, talkativeness; /* 0..1; 0.5 when unknown */
};

struct scripted_input {
    struct scripted_persona persona;
    struct str user_name;                   /* display name of the person, or empty when they set none */
    const struct scripted_turn *transcript; /* this room, oldest first, the turn to answer last; 100 or so */
    size_t transcript_count;
    const struct scripted_recall *recalled; /* any order; other rooms and earlier */
    size_t recalled_count;
    const struct str *core; /* core blocks' texts: lines "name: Ana", or sentences of the person */
    size_t core_count;
    const struct str *lore; /* what lorebooks say to this moment: texts of a few sentences */
    size_t lore_count;
    double mood_valence, mood_arousal, mood_dominance; /* the persona's, -1..1 */
    double heard_valence, heard_arousal;               /* of the turn to answer, -1..1; 0 when unknown */
    struct str heard_label;                            /* GoEmotions' label, or empty */
    uint64_t seed;                                     /* vary it per turn (a hash of the turn's id) */
    int64_t now_ms;                                    /* wall clock */
    int tz_offset_min;                                 /* the person's, east positive; 0 when unknown */
};

struct scripted_rules;

/*
 * Loads the embedded rules and, if `directory` is not empty, the *.rules of that folder in byte order of
 * their names (absence of the folder is fine). Always returns usable rules. What had to be skipped is
 * appended to `complaints` (may be NULL), one sentence a line, each with file and line. Blocking file reads:
 * at start or on a worker. The caller frees.
 */
struct scripted_rules *scripted_rules_load(struct str directory, struct buf *complaints);
void scripted_rules_free(struct scripted_rules *rules);
/* The same from texts alone, without the embedded ones: tests and the fuzzer. */
struct scripted_rules *scripted_rules_parse(struct str file_name, struct str text, struct buf *complaints);

/*
 * Appends the reply (UTF-8, one to a few sentences, never empty) to `out`. Any thread, no locks, typically
 * under 300 us. With no transcript it opens the conversation.
 */
void scripted_reply(const struct scripted_rules *rules, const struct scripted_input *input, struct buf *out);

/*
 * The rules and the typing pace that the driver (scripted.c) uses, for the whole process. Called once at
 * start, before loops run: loads the rules with the folder's files (complaints as above). delay_ms is the
 * pause between two words, 0 for none; SCRIPTED_DELAY_MS is a quick typist. Without this call the embedded
 * rules are loaded at first use.
 */
enum { SCRIPTED_DELAY_MS = 18 };
void scripted_setup(struct str directory, unsigned delay_ms, struct buf *complaints);
const struct scripted_rules *scripted_shared(void); /* any thread */

/* Appends more search words for questions about the person: person_query_expand() for every engine's recall.
 */
void scripted_expand_query(struct str text, struct buf *out);

#endif
