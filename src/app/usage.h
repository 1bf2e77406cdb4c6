/*
 * The commands as data: what usage.def says, for the dispatch, the reading of options, --help, man pages and
 * shell completion. Everything is static; any thread.
 */
#ifndef EIDOLON_APP_USAGE_H
#define EIDOLON_APP_USAGE_H

#include "base/buf.h"

enum usage_kind { USAGE_NONE, USAGE_FILE, USAGE_FOLDER, USAGE_PERSONA, USAGE_ROOM, USAGE_MODEL };

struct usage_option {
    const char *name;  /* without the dashes */
    char letter;       /* or 0 */
    const char *value; /* "FILE", or "" for a switch */
    enum usage_kind kind;
    const char *doc;
};

struct usage {
    const char *name; /* "persona list" */
    int (*run)(int argc, char **argv);
    const char *operands; /* "[WORDS]" */
    enum usage_kind kind;
    int most; /* operands; -1: any number */
    const char *summary, *text, *examples;
};

/* The command at that place of the table, NULL past the end. */
const struct usage *usage_at(size_t i);
/* By its whole name; NULL when there is none. */
const struct usage *usage_named(const char *name);
/* The command that these arguments begin with; *words says how many it took (1 or 2). NULL: none. */
const struct usage *usage_find(int argc, char **argv, int *words);
/* Whether some commands begin with this word ("persona"). */
bool usage_is_group(const char *word);
/* The i-th option of a command, its own first, then the common ones; NULL past the end. */
const struct usage_option *usage_option_at(const struct usage *u, size_t i);
bool usage_option_common(const struct usage_option *option);

/* --help of a command, of a group ("persona"), of the program (NULL). Lines to `columns`. */
void usage_write_help(struct buf *to, const struct usage *u, unsigned columns);
void usage_write_group(struct buf *to, const char *group);
void usage_write_all(struct buf *to);

/* The man page of one command in roff ("eidolon" for the program's own, else "eidolon-chat",
 * "eidolon-persona"); false when there is none of that name. */
bool usage_write_man(struct buf *to, struct str page);
/* The names of the pages, a line each. */
void usage_write_man_list(struct buf *to);
void usage_write_bash(struct buf *to);
void usage_write_zsh(struct buf *to);
void usage_write_fish(struct buf *to);

#endif
