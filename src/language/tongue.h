/*
 * Names of languages: a tag as BCP 47 has it ("de", "pt-BR") and what the language is called in English, for
 * whoever has to tell a model in words. Only the common ones have a name here; any other tag stands for
 * itself.
 *
 * It does not: find out which language a text is in.
 */
#ifndef EIDOLON_LANGUAGE_TONGUE_H
#define EIDOLON_LANGUAGE_TONGUE_H

#include "base/str.h"

enum { TONGUE_TAG_MAX = 35 }; /* bytes; RFC 5646 4.4.1 */

/* Two or three letters, then subtags of one to eight letters or digits. */
bool tongue_ok(struct str tag);
/* "German", "Portuguese (pt-BR)"; the tag itself where it has no name. Valid as long as the tag; at most
 * TONGUE_NAME bytes are written to `to`. */
enum { TONGUE_NAME = 80 };
struct str tongue_name(struct str tag, char to[TONGUE_NAME]);
/* The same language, whatever the region: "en" and "en-GB". */
bool tongue_same(struct str a, struct str b);

#endif
