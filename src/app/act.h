/*
 * What the commands that talk to a server have in common: reading their arguments, reaching the server, lists
 * of many pages, output as a table or as JSON, exit codes.
 *
 * A command is act_begin(), its work, act_end(). Plain thread.
 */
#ifndef EIDOLON_APP_ACT_H
#define EIDOLON_APP_ACT_H

#include "app/home.h"
#include "term/table.h"

enum { EXIT_INTERRUPTED = 130 }; /* 128 + SIGINT, as shells have it */

struct act {
    struct options options;
    struct home home;
    struct client *client;
    struct term term;
    bool json, open;
    int code;
    /* Who says what went wrong; NULL: standard error. */
    void (*tell)(void *arg, struct str sentence);
    void *tell_arg;
};

/* Reads the arguments and reaches the server. False: the command ends with act_end(), all was said. `least`
 * operands are needed; `want` says what they are ("the name of a persona"). */
bool act_begin(struct act *a, const char *command, int argc, char **argv, size_t least, const char *want);
/* Closes everything and gives the exit code. */
int act_end(struct act *a);
/* Says what went wrong, sets the exit code; returns false, so that a step can end with it. */
bool act_fail(struct act *a, const struct error *e);
/* A sentence about what went wrong; returns false. */
bool act_say(struct act *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
int act_code(enum err err);

/* Calls fn for every item of a list, page by page; path has its query already or none. Stops when fn says
 * false. False after act_fail(). The items live during the call. */
bool act_each(struct act *a, struct str path, bool (*fn)(void *arg, const struct json *item), void *arg);
/* Prints a whole list as {"data":[...],"next":null}. */
bool act_print_list(struct act *a, struct str path);
void act_print(struct act *a, const struct buf *text);
/* The table, then releases it. */
void act_print_table(struct act *a, struct table *t);
/* Prints the answer's body and a line end. */
void act_print_answer(struct act *a, const struct client_answer *answer);

/* Asks on the terminal; true without asking where --yes was given. Without a terminal it refuses. */
bool act_confirm(struct act *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The room that the words mean: its id, the beginning of it (at least 6), its title, or a part of one title.
 */
bool act_find_room(struct act *a, struct str words, char id[64]);

/* "1.5 GB"; "3 hours ago" of an RFC 3339 time. */
const char *show_size(char to[32], double bytes);
const char *show_ago(char to[48], struct str at);

/* Opens the file for writing ("-" and NULL: standard output), whole or not at all: what is written goes
 * beside it and is renamed by file_done(). */
struct out_file {
    FILE *file;
    char path[4096], temporary[4110];
};
bool out_open(struct act *a, struct out_file *f, const char *path);
bool out_close(struct act *a, struct out_file *f, bool keep);
/* The body of a GET, into a file. */
bool act_save(struct act *a, struct str path, const char *file);

#endif
