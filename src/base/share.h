/*
 * The files of share/, embedded in the executable: rule files, word lists, shipped persona cards.
 *
 * mk/share.mk writes the table (one .incbin a file). Paths are relative to share/ and sorted by byte order.
 * The bytes live as long as the process, are followed by a NUL that is not counted, and are never written to.
 *
 * It does not: read the data folder; who lets a user override a shipped file looks there first.
 */
#ifndef EIDOLON_BASE_SHARE_H
#define EIDOLON_BASE_SHARE_H

#include "base/str.h"

struct share_file {
    struct str path;  /* "scripted/core.rules" */
    struct str bytes; /* the whole file */
};

/* The file of that path; false (and *out untouched) when there is none. Any thread. */
bool share_get(struct str path, struct share_file *out);

/*
 * The next file whose path begins with `prefix`: for (size_t i = 0; share_next(&i, STR("personas/"), &file);)
 * in byte order of the paths. Any thread.
 */
bool share_next(size_t *at, struct str prefix, struct share_file *out);

/* The generated table, ended by a NULL path; used by share.c alone. */
struct share_entry {
    const char *path, *start, *end;
};
extern const struct share_entry share_table[];

#endif
