/*
 * `eidolon chat`: the parts of the command and what they share.
 *
 *   chat.c           begins, reads lines, waits, ends
 *   chat_rooms.c     choosing, opening and following rooms; reconnecting
 *   chat_events.c    what an event does to the view
 *   chat_view.c      the screen: what is said for good, what still changes, the prompt
 *   chat_commands.c  /commands        chat_complete.c  Tab
 *   chat_once.c      pipes and -m: one message, one answer
 *
 * The screen has three parts, from the top: what is said for good, which scrolls; what still changes (running
 * answers, "is thinking"); the prompt. The first is only ever appended to. The second is taken off and drawn
 * again whenever something changes, together with the prompt. An answer that outgrows the screen moves from
 * the second to the first from its top; while it is in both, everything else waits in `held`.
 *
 * All of it is one plain thread; events come from client_pump().
 */
#ifndef EIDOLON_APP_CHAT_H
#define EIDOLON_APP_CHAT_H

#include "app/act.h"
#include "base/sse.h"
#include "term/line.h"

enum {
    CHAT_ROOMS = 16, /* followed at a time */
    CHAT_PERSONAS = 64,
    CHAT_ID = 64,
    CHAT_OWN = 32,
    CHAT_INDENT = 2,
    CHAT_COLUMNS = 100, /* lines longer than this are hard to read */
};

struct chat;

/* A running turn of the current room, oldest first. */
struct chat_turn {
    struct chat_turn *next;
    char id[CHAT_ID], persona[CHAT_ID], name[96];
    struct buf text;
    uint64_t next_index; /* of the next delta */
    size_t firm;         /* bytes of text whose lines are said for good */
    size_t lines;        /* lines of the rest that are as well */
    bool headed, over, plain_begun;
    struct buf after; /* lines that follow its end */
};

struct chat_persona {
    char id[CHAT_ID], name[96], slug[96], mood[48];
    double valence, arousal, dominance;
};

struct chat_room {
    struct chat *chat;
    char id[CHAT_ID], title[256], state[16];
    struct chat_persona personas[CHAT_PERSONAS];
    unsigned persona_count;
    uint64_t seq; /* of the last event that was seen */
    uint64_t stream, retry_at_us;
    unsigned retry_ms;
    bool lost, refused;
    struct sse sse;
    unsigned unread;
    struct buf last_turn; /* data of the last turn.ended, JSON */
    char last_answer[CHAT_ID], last_own[CHAT_ID];
};

struct chat {
    struct act act;
    struct term *term;
    struct line *line; /* NULL: plain reading */
    struct chat_room *rooms[CHAT_ROOMS];
    unsigned room_count;
    struct chat_room *room;
    struct chat_turn *turns;
    struct buf said, held;
    unsigned live_rows;
    bool changed, leaving;
    bool noted; /* a note was said */
    bool blank; /* what was said ends in an empty line */
    uint64_t drawn_us, spun_us;
    unsigned spin;
    char own[CHAT_OWN][CHAT_ID]; /* ids of our own messages, which the prompt shows already */
    unsigned own_next;
    bool posting;
    struct buf stash;  /* other people's messages that came while ours was posted: JSON lines */
    bool json, silent; /* silent: nothing is for people */
};

/* chat_view.c */
void view_say(struct chat *c, struct str lines); /* lines with their ends, for good */
void view_note(struct chat *c, const char *format, ...) __attribute__((format(printf, 2, 3))); /* dim */
void view_gap(struct chat *c);                        /* an empty line, unless there is one */
void view_wrong(struct chat *c, struct str sentence); /* a red one */
void view_message(struct chat *c, struct str name, struct str mood, struct str text, bool own);
void view_header(struct chat *c, struct buf *to, struct str name, struct str mood);
void view_draw(struct chat *c, bool now);
void view_take_line(struct chat *c, struct str text); /* what was typed becomes part of what is said */
void view_forget(struct chat *c);                     /* running turns and what is held: another room comes */
int view_wait_ms(const struct chat *c);
/* Columns for text. */
unsigned view_columns(void);
struct chat_turn *turn_of(struct chat *c, struct str id);
struct chat_turn *turn_begin(struct chat *c, struct str id, struct str persona, struct str name);
void turn_add(struct chat *c, struct chat_turn *t, struct str text);
/* The turn is over; its text is as given (empty: what came so far). `note` follows, in a style; may be empty.
 */
void turn_end(struct chat *c, struct chat_turn *t, struct str text, unsigned style, struct str note);

/* chat_events.c */
void chat_event(struct chat_room *room, const struct json *event);
void chat_unstash(struct chat *c);
void chat_remember_own(struct chat *c, struct str id);
struct chat_persona *chat_persona_of(struct chat_room *room, struct str id);

/* chat_rooms.c */
bool chat_choose(struct chat *c, const char *persona);
bool chat_open(struct chat *c, struct str id, unsigned history);
bool chat_create(struct chat *c, struct str title, struct str persona, char id[CHAT_ID]);
bool chat_history(struct chat *c, unsigned count);
bool chat_learn(struct chat_room *room); /* title, state, members anew */
void chat_follow(struct chat_room *room);
void chat_retry(struct chat *c); /* streams that were lost and are due */
void chat_close_rooms(struct chat *c);
void chat_room_path(struct buf *to, const struct chat_room *room, const char *rest);
/* The slug of a persona by slug, id or name. */
bool chat_find_persona(struct chat *c, struct str words, char slug[CHAT_ID], char id[CHAT_ID]);

/* chat.c */
bool chat_say(struct chat *c, struct str text);
void chat_cancel(struct chat *c);
/* One request about the current room; says what went wrong. */
bool chat_request(struct chat *c, const char *method, const char *rest, struct str body,
                  struct client_answer *out);

/* chat_commands.c, chat_complete.c, chat_once.c */
void chat_command(struct chat *c, struct str line);
size_t chat_command_names(size_t i, const char **name, char *takes); /* 0 past the end */
void chat_complete(void *arg, struct str before, struct line_completions *to);
int chat_once(struct chat *c, struct str text);

#endif
