/*
 * Templates: personas to begin with, by industry, each with its lorebook, its limits, what it should be told,
 * questions to ask when it is made, and a sample conversation (which the tests hold with it).
 *
 * They are the files share/templates/ID.json, embedded (base/share.h), and the shipped cast, read from its
 * cards; cast.json has what a card does not say of them. A template's texts hold {{variables}} of its own
 * beside the macros; template_persona() fills them in.
 *
 * It does not: keep anything in the store. Pure; any thread.
 */
#ifndef EIDOLON_PERSONA_TEMPLATE_H
#define EIDOLON_PERSONA_TEMPLATE_H

#include "persona/persona.h"

enum { TEMPLATE_VALUE_MAX = 2000 }; /* bytes of a variable's value */

struct template
{
    struct str id;
    struct str text;            /* the file; STR_NONE: of the cast */
    const struct json *root;    /* parsed; of the cast: its part of cast.json */
    const struct persona *cast; /* of the cast: the card */
};

/* ERR_NOT_FOUND with a sentence. Everything lies in `a`. */
enum err template_find(struct arena *a, struct str id, struct template *out, struct error *e);
/* All, in the order of their ids, the cast last: for (size_t at = 0; template_next(a, &at, &t);) */
bool template_next(struct arena *a, size_t *at, struct template *out);

/* {id, name, industry, summary, tags} */
void template_write_summary(struct jw *w, const struct template *t);
/* All of it, with its variables as they are. */
void template_write(struct jw *w, struct arena *a, const struct template *t);

/*
 * The persona that the template makes, without id, slug and times: variables filled in from `values` (an
 * object of strings, or NULL), else with their defaults; its lorebook as the card's book; `name` instead of
 * its own if not empty. ERR_UNKNOWN_FIELD: a value that the template does not ask for; ERR_INVALID.
 */
enum err template_persona(struct arena *a, const struct template *t, struct str name,
                          const struct json *values, struct persona **out, struct error *e);

#endif
