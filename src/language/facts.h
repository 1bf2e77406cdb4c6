/*
 * What people say of themselves, and what they ask about it: facts and questions as relations.
 *
 * Facts are read from one message at a time: "I'm Ana and my sister Eva is a nurse" gives {name, Ana},
 * {sister / name, Eva}, {sister / job, "a nurse"}. Questions, hypotheticals ("if I had a dog", "I wish"),
 * quoted and reported speech and things taken back ("just kidding") give none. Values are quoted as they were
 * typed. Nothing is stored here: the verbatim turns are the truth, and facts are read from them whenever they
 * are needed.
 *
 * Pure; any thread; results live in the caller's arena and view the caller's text.
 * It does not: resolve who "she" is beyond the same message, or know any language but English.
 */
#ifndef EIDOLON_LANGUAGE_FACTS_H
#define EIDOLON_LANGUAGE_FACTS_H

#include "base/arena.h"
#include "base/buf.h"

/* What is said of the subject. FACT_OTHER: a statement of no known kind, kept as its clause. */
enum fact_kind {
#define FACT(symbol, name, single) FACT_##symbol,
#include "language/facts.def"
#undef FACT
    FACT_KINDS
};

const char *fact_kind_name(enum fact_kind kind); /* "name", "home", "job", ... */
/* True where a later statement replaces an earlier one (name, home), false where they add up (likes). */
bool fact_kind_single(enum fact_kind kind);

struct person_fact {
    enum fact_kind kind;
    struct str subject;  /* "" = the person; else the canonical noun: "sister", "dog", "car" */
    struct str said_as;  /* the subject as typed ("mum"), or "" */
    struct str relation; /* a key for core blocks: "name", "home", "sister.name", "favourite.colour" */
    struct str value;    /* as typed */
    struct str clause;   /* the whole clause, as typed, without leading fillers ("I live in Lisbon") */
    struct str instead;  /* what it corrects ("not Anna"), or "" */
    bool negated;        /* "I don't have a dog", "my name is not Anna" */
    bool past;           /* "I used to live in Rome" */
    bool correction;     /* "actually", "no, ...", "I meant" */
    uint32_t from, to;   /* bytes of the clause in the text */
};

enum { PERSON_FACTS_MAX = 32 };

/*
 * The facts a person states in `text`; `asked` is what was said to them just before (or empty): a bare "Ana."
 * after "What is your name?" is a name. Writes at most `max`; returns how many.
 */
size_t person_facts_extract(struct arena *a, struct str text, struct str asked, struct person_fact *out,
                            size_t max);

/* A question (or "tell me ...") about the person themselves. */
struct person_question {
    enum fact_kind kind; /* FACT_OTHER: anything about the subject */
    struct str subject;  /* as in person_fact; "" = the person */
    struct str said_as;  /* the words the person used for it, "" for themselves */
    struct str about;    /* the content words asked for ("colour", "exam"), or "" */
    bool past;           /* "where did I live before?" */
    bool yes_no;         /* "do I have a dog?" */
    bool tentative;      /* ask memory first; if nothing matches, it may have been something else */
    bool everything;     /* "what do you know about me?" */
    bool recent;         /* "what were we talking about last time?" */
    bool surely;         /* "did I tell you ...?": of memory and nothing else */
    struct str topic;    /* what follows "did I tell you about", as typed, or "" */
};

/* Whether a sentence is said as if (wished, supposed, dreamt): nothing in it is a fact. */
bool sentence_is_unreal(struct arena *a, struct str sentence);
/* Whether the message takes itself back ("just kidding"). */
bool message_taken_back(struct str text);

/* Whether a sentence with `said` may answer for `asked` (share/language/kin.txt). Normal forms. */
bool words_are_kin(struct str asked, struct str said);

/* True if `text` asks for something the person may have told; false for advice, opinions, chat. */
bool person_question_parse(struct arena *a, struct str text, struct person_question *out);

/*
 * Appends words (space-separated) that statements answering such a question are likely to hold, for searching
 * memory: "who am I?" -> "name call called I'm". Also for greetings: words of unfinished things (exam,
 * interview, tomorrow). Appends nothing for a text without such a question. From share/language/expand.txt.
 */
void person_query_expand(struct arena *a, struct str text, struct buf *out);

#endif
