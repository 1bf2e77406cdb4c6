/*
 * /v1/realtime: OpenAI's Realtime protocol (the GA shape), with a persona as the model. Private to
 * realtime*.c; what there is and what not: docs/REALTIME.md.
 *
 * A session is a WebSocket, a configuration, a list of items and, behind it, a room of the house: items that
 * somebody says are messages of the room, a response is a turn there, and what the room's subscription tells
 * of that turn (text, sound, mouth shapes, calls of tools) becomes the response's events. Sessions of an
 * engine (`engine/NAME`), and responses outside the conversation or to other items than the room has, are
 * asked of their engine directly, and a voice of the session's own speaks.
 *
 *   realtime.c           the socket, the order of steps     realtime_secret.c    ek_..., who comes in
 *   realtime_config.c    session.update                     realtime_tell.c      the session as JSON
 *   realtime_check.c     members by themselves              realtime_event.c     events, ids, errors
 *   realtime_item.c      items: list, shapes                realtime_talk.c      create, delete, truncate
 *   realtime_ask.c       response.create                    realtime_response.c  responses: begin and end
 *   realtime_output.c    their events                       realtime_room.c      a turn of the room
 *   realtime_heard.c     how much was heard                 realtime_direct.c    an engine without a room
 *   realtime_voice.c     sound out                          realtime_speak.c     the session's own voice
 *   realtime_hear.c      sound in                           realtime_turns.c     turns, interruptions
 *   realtime_said.c      transcripts                        realtime_recording.c sound in items
 *   realtime_picture.c   pictures in items
 *
 * Order: what the client sends is carried out one after the other. A step that waits for the room or the ears
 * holds back those behind it (`waits`), but for sound, which always flows, and cancel.
 *
 * All of a session lives on its socket's loop. Operations that are under way keep the struct alive
 * (`pending`) after the socket closed.
 */
#ifndef EIDOLON_API_REALTIME_H
#define EIDOLON_API_REALTIME_H

#include "api/call.h"
#include "engine/provider.h"
#include "net/ws.h"
#include "room/sub.h"
#include "voice/speech.h"

enum {
    REALTIME_ID = 40,                   /* bytes of an id of ours, with its NUL */
    REALTIME_ITEM_ID_MAX = 128,         /* bytes of an item's id that a client chose */
    REALTIME_RATE = 24000,              /* audio/pcm */
    REALTIME_G711_RATE = 8000,          /* audio/pcmu, audio/pcma */
    REALTIME_APPEND_MAX = 15 << 20,     /* bytes of sound in one append */
    REALTIME_MESSAGE_MAX = 40 << 20,    /* bytes of one event: larger ones close the socket (1009) */
    REALTIME_QUEUED_MAX = 48 << 20,     /* bytes of events that wait for their turn */
    REALTIME_ITEMS_MAX = 2000,          /* of one conversation */
    REALTIME_PARTS_MAX = 64,            /* content parts of one item */
    REALTIME_TEXT_MAX = 256 << 10,      /* bytes of one item's text, of instructions, of tools */
    REALTIME_PICTURES_MAX = 10,         /* of one item */
    REALTIME_PICTURES_BYTES = 20 << 20, /* of their addresses, together */
    REALTIME_PICTURE_TOLD = 256 << 10,  /* bytes of an address that is told back */
    REALTIME_TOOLS_MAX = 128,
    REALTIME_RESPONSES_MAX = 8,     /* at one time; one of them in the conversation */
    REALTIME_DELTA_MS = 100,        /* of sound in one delta, at most */
    REALTIME_COMMIT_LEAST_MS = 100, /* of sound that can be committed */
    REALTIME_OUTPUT_TOKENS_MAX = 4096,
};

enum rt_format { RT_PCM, RT_PCMU, RT_PCMA, RT_FORMATS };
extern const char *const rt_format_names[RT_FORMATS];
unsigned rt_format_rate(enum rt_format format);

enum rt_turns { RT_TURNS_MANUAL, RT_TURNS_SERVER, RT_TURNS_SEMANTIC };

/* realtime_config.c: a session's configuration. Strings lie in its own arena; raw ones are JSON. */
struct rt_config {
    struct arena arena;
    const struct config *house; /* the settings, while it is changed */
    struct str own;             /* the model: as a voice it is the persona's own. Not the arena's */
    bool audio;                 /* output_modalities: audio, else text */
    struct str instructions, voice /* empty: the persona's */, tools, tool_choice, truncation, tracing,
        include;
    struct str transcription, noise_reduction; /* raw; empty: null */
    struct str language;                       /* of transcription */
    enum rt_format in, out;
    double speed, threshold;
    enum rt_turns turns;
    struct str eagerness;
    unsigned prefix_ms, silence_ms, idle_ms;
    bool create_response, interrupt_response;
    unsigned max_tokens; /* 0: inf */
};
void rt_config_init(struct rt_config *c);
void rt_config_release(struct rt_config *c);
void rt_config_copy(struct rt_config *to, const struct rt_config *from);
/* Puts the members of a session object over what is there; on an error nothing is changed. `voice_fixed`: the
 * voice cannot change any more. */
enum err rt_config_change(struct rt_config *c, const struct json *session, bool voice_fixed, struct error *e);
/* realtime_tell.c. The members of a session object that the configuration has; `own` is the voice of one that
 * names none. */
void rt_config_write(struct jw *w, const struct rt_config *c, struct str own);
/* Tools as chat completions want them; empty where there are none. */
struct str rt_tools_chat(struct arena *a, struct str tools);
struct str rt_tool_choice_chat(struct arena *a, struct str choice);

/* realtime_check.c: members by themselves; `param` is how refusals name them. */
enum err rt_wrong_type(struct error *e, const char *param, const char *wanted);
enum err rt_wrong_value(struct error *e, const char *param, const char *wanted);
/* Every member must be one of `names` (parted by spaces). */
enum err rt_known(const struct json *object, const char *at, const char *names, struct error *e);
enum err rt_check_tools(const struct json *tools, const char *param, struct error *e);
enum err rt_check_tool_choice(const struct json *choice, const char *param, struct error *e);
enum err rt_check_metadata(const struct json *metadata, const char *param, struct error *e);
enum err rt_read_modalities(const struct json *list, bool *audio, const char *param, struct error *e);
enum err rt_read_max_tokens(const struct json *value, const char *param, unsigned *out, struct error *e);
enum err rt_read_format(const struct json *format, const char *param, enum rt_format *out, struct error *e);

/* realtime_item.c */
enum rt_item_type { RT_MESSAGE, RT_CALL, RT_CALL_OUTPUT };
enum rt_role { RT_SYSTEM, RT_USER, RT_ASSISTANT };
struct rt_spoken_part { /* where a sentence lies in a message's sound */
    uint16_t index;
    uint32_t from_ms;
};
enum { RT_SENTENCES_MAX = 512 };
struct rt_picture {
    struct str url;   /* heap; data:image/... */
    struct id medium; /* in a persona's session */
};
struct rt_item {
    struct rt_item *next, *before; /* the list */
    char id[REALTIME_ITEM_ID_MAX + 1];
    enum rt_item_type type;
    enum rt_role role;
    const char *status; /* "in_progress", "completed", "incomplete" */
    struct id message, turn;
    struct buf text;             /* what was said, all parts; a call's arguments; a call's output */
    struct str content;          /* heap: the content array as it is told; empty: made of text. With
                                    sound: its other parts, without the array's brackets */
    size_t typed;                /* bytes of text that stand before the transcript of its sound */
    bool audio, heard_pending;   /* it has sound; its transcript is on its way */
    struct str sound;            /* heap: of a client's item, base64, until it is heard */
    struct rt_picture *pictures; /* heap */
    size_t picture_count;
    struct str name, call_id;         /* heap: of calls */
    uint32_t sound_ms;                /* of its sound that was sent */
    struct rt_spoken_part *sentences; /* heap */
    size_t sentence_count;
    bool listed, gone;
};
struct rt_item *rt_item_new(enum rt_item_type type, enum rt_role role);
void rt_item_free(struct rt_item *item);
void rt_item_write(struct jw *w, const struct rt_item *item);
struct str rt_item_transcript(const struct rt_item *item); /* of its sound */
/* An item as a client describes it. */
enum err rt_item_read(const struct json *from, struct rt_item **out, struct error *e);

/* realtime_picture.c */
enum err rt_picture_read(struct rt_item *item, const struct json *part, struct error *e);
void rt_picture_tell(struct jw *w, const struct json *part); /* as content tells it back */
void rt_pictures_free(struct rt_item *item);

/* realtime_voice.c: sound on its way out of one response. */
struct rt_voice;

enum rt_source { RT_ROOM, RT_DIRECT };
struct rt_response {
    struct rt_response *next;
    struct realtime *session;
    char id[REALTIME_ID];
    struct arena arena;
    enum rt_source source;
    bool in_conversation, audio, done;
    struct str instructions, tools, tool_choice, metadata,
        input; /* input: raw array; empty: the conversation */
    struct str voice;
    enum rt_format out;
    unsigned max_tokens;
    double speed;

    struct id turn; /* of the room */
    uint64_t gen;   /* of the engine */
    uint64_t next_index;
    size_t told;               /* bytes of the turn's text */
    struct rt_item *items[16]; /* those outside the conversation are its own */
    size_t item_count;
    struct rt_item *message; /* the one that is being said */
    bool text_over, sound_over, cancelling;
    struct timer guard;
    const char *cancel_reason;
    enum gen_finish finish;
    struct gen_usage usage;
    struct error error; /* failed */
    struct rt_voice *voice_out;
    uint64_t first_sound_us, sent_samples;
    void *direct, *speak; /* realtime_direct.c, realtime_speak.c */
};

struct rt_step;
struct rt_ear; /* realtime_hear.c */

struct realtime {
    struct api *api;
    struct ws *ws; /* NULL: closed */
    struct principal who;
    char id[REALTIME_ID], conversation[REALTIME_ID];
    struct str model;        /* heap */
    struct persona *persona; /* in `arena`; NULL: an engine's session */
    struct str engine;       /* in `arena` */
    struct arena arena;
    struct rt_config config;
    int64_t expires_s;
    struct timer expiry, idle;

    unsigned pending; /* operations under way: they keep the struct */
    unsigned waits;   /* what holds back the steps behind it */
    bool running;
    struct rt_step *steps, **steps_tail;
    size_t queued;

    struct id room; /* none: not made yet */
    bool room_ready, subscribed, sub_open, ear_open;
    struct sub sub, ear_sub; /* what is said; what is heard of it */

    struct rt_item *first, *last;
    size_t item_count;
    struct rt_response *responses;
    bool reordered;     /* items stand in another order than in the room's log */
    bool answer_wanted; /* as soon as the running response is over */
    bool audio_sent;    /* the voice is fixed */

    struct id held_turn; /* cancelled; the room is not told yet (realtime_heard.c) */
    uint64_t held_since_us, held_at_us;
    struct timer held;

    struct rt_ear *ear;
    struct room_spoken spoken; /* of the newest turn that came by voice; without its texts */
    bool spoken_new;
    bool prompted;           /* by idle_timeout_ms; nobody has said anything since */
    uint64_t plays_until_us; /* the client plays the last answer until then, by the clock */
};

/* realtime_event.c */
void rt_id(char to[REALTIME_ID], const char *prefix);
struct rt_event {
    struct buf b;
    struct jw w;
};
/* An event of ours: type and event_id are written. rt_send() closes the object and frees. */
void rt_begin(struct rt_event *ev, const char *type);
void rt_send(struct realtime *s, struct rt_event *ev) LOOP;
/* `event_id` is the client's; empty: none. */
void rt_error(struct realtime *s, const struct error *e, struct str event_id) LOOP;
enum err rt_refuse(struct error *e, const char *code, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void rt_session_write(struct jw *w, const struct realtime *s);

/* realtime.c */
/* Runs when nothing before it waits; frees itself. */
struct rt_step {
    struct rt_step *next;
    void (*run)(struct realtime *s, struct rt_step *step);
    struct str text; /* heap, or empty */
    void *arg;       /* heap, or NULL; freed with the step */
};
void rt_step_add(struct realtime *s, void (*run)(struct realtime *, struct rt_step *), struct str text,
                 void *arg, bool first) LOOP;
void rt_go_on(struct realtime *s) LOOP; /* something that held back steps is over */
struct room_op *rt_op(struct realtime *s, enum room_verb verb) LOOP;
/* done(op): op->arg is the session; it calls rt_op_over() first, and stops if that is false. `waits`: steps
 * behind it wait for it. */
void rt_submit(struct realtime *s, struct room_op *op, void (*done)(struct room_op *), bool waits) LOOP;
/* False: the session is gone (and was perhaps freed); the op is the caller's to free in any case. */
bool rt_op_over(struct realtime *s, bool waited) LOOP;

/* realtime_talk.c: what clients do with the conversation. */
void rt_item_create(struct realtime *s, const struct json *event) LOOP;
void rt_item_delete(struct realtime *s, const struct json *event) LOOP;
void rt_item_enter(struct realtime *s, struct rt_item *after, struct rt_item *item) LOOP; /* a client's */
void rt_item_retrieve(struct realtime *s, const struct json *event) LOOP;
void rt_item_truncate(struct realtime *s, const struct json *event) LOOP;
struct rt_item *rt_item_find(const struct realtime *s, struct str id);
void rt_item_add(struct realtime *s, struct rt_item *item) LOOP; /* at the end of the list */
void rt_item_tell(struct realtime *s, const char *type, const struct rt_item *item) LOOP; /* with its place */
/* Into the room, as its author; then the item has its message. `spoken` as in ROOM_SAY, or NULL. */
void rt_item_say(struct realtime *s, struct rt_item *item, const struct room_spoken *spoken) LOOP;

void rt_item_truncated(struct realtime *s, struct rt_item *item, uint32_t at_ms) LOOP;

/* realtime_picture.c: refused if the engine does not see them; made media, then the item enters; as the room
 * and as chat completions have them. */
enum err rt_pictures_seen(const struct realtime *s, const struct rt_item *item, struct error *e) LOOP;
void rt_pictures_keep(struct realtime *s, struct rt_item *after, struct rt_item *item,
                      struct str event_id) LOOP;
struct str rt_pictures_ids(struct arena *a, const struct rt_item *item);
struct str rt_pictures_parts(struct arena *a, const struct rt_item *item);

/* realtime_response.c */
void rt_response_create(struct realtime *s, const struct json *event) LOOP;
void rt_response_cancel(struct realtime *s, const struct json *event) LOOP;
struct rt_response *rt_response_active(const struct realtime *s); /* in the conversation; or NULL */
void rt_answer(struct realtime *s) LOOP; /* a response as the session has it, now or after the running one */
void rt_response_stop(struct rt_response *r, const char *reason) LOOP;
void rt_responses_drop(struct realtime *s) LOOP; /* the session ends */
/* What the sources tell. */
void rt_response_text(struct rt_response *r, struct str text) LOOP;
void rt_response_call(struct rt_response *r, const struct json *piece) LOOP;
/* The text is over: `outcome` as turns have it. */
void rt_response_text_over(struct rt_response *r) LOOP;
void rt_response_sound_over(struct rt_response *r) LOOP;
void rt_response_guard(struct rt_response *r) LOOP; /* there was sound, or the text is over */
void rt_response_sound(struct rt_response *r, struct str bytes) LOOP; /* in the response's format */
/* `number` is the place among the fifteen, from 0 (sil). */
void rt_response_viseme(struct rt_response *r, uint32_t at_ms, struct str viseme, unsigned number) LOOP;
void rt_response_fail(struct rt_response *r, const struct error *e) LOOP;

/* realtime_room.c */
void rt_room_need(struct realtime *s, void (*then)(struct realtime *, struct rt_step *), void *arg) LOOP;
void rt_room_answer(struct rt_response *r) LOOP;
void rt_room_cancel(struct rt_response *r) LOOP;
/* Of the item's sound so much was heard: into the log; its text becomes that. rt_item_truncated() follows. */
void rt_room_truncate(struct realtime *s, struct rt_item *item, uint32_t at_ms) LOOP;
void rt_room_close(struct realtime *s) LOOP;

/* The voice that the response asks for, where it is not the persona's own. */
void rt_ask_voice(const struct rt_response *r, struct room_asked *to, struct arena *a);

/* realtime_direct.c */
void rt_direct_answer(struct rt_response *r) LOOP;
void rt_direct_cancel(struct rt_response *r) LOOP;
/* JSON: calls of tools and what they gave, behind the last message; empty: none. */
struct str rt_exchange(struct arena *a, const struct realtime *s);

/* realtime_voice.c */
void rt_voice_sound(struct rt_response *r, unsigned rate, const int16_t *samples, size_t count) LOOP;
void rt_voice_end(struct rt_response *r) LOOP; /* rt_response_sound_over() follows when all is out */
void rt_voice_drop(struct rt_response *r) LOOP;
/* Milliseconds of sound that were given in. */
uint32_t rt_voice_ms(const struct rt_response *r) LOOP;

/* realtime_speak.c: the session's own voice says a response's text. */
void rt_speak_text(struct rt_response *r, struct str text) LOOP;
void rt_speak_end(struct rt_response *r) LOOP;
void rt_speak_drop(struct rt_response *r) LOOP;

/* realtime_hear.c */
void rt_hear_append(struct realtime *s, const struct json *event) LOOP;
void rt_hear_commit(struct realtime *s, const struct json *event) LOOP;
void rt_hear_clear(struct realtime *s, const struct json *event) LOOP;
void rt_hear_config(struct realtime *s) LOOP; /* the configuration changed */
/* Sound has to stand in line: it is for another listener than the one whose transcripts are on their way. */
bool rt_hear_stale(const struct realtime *s);
/* Whether an item's own sound can be heard. */
enum err rt_sound_check(const struct realtime *s, const struct rt_item *item, struct error *e);
/* Text of an item's own sound; the item is said when it is there. */
void rt_hear_item(struct realtime *s, struct rt_item *item) LOOP;
void rt_hear_idle(struct realtime *s, uint32_t after_ms) LOOP; /* arms idle_timeout_ms */
/* How the newest item was said, if it was by voice and is not answered yet; or NULL. */
const struct room_spoken *rt_last_spoken(struct realtime *s, struct arena *a) LOOP;
void rt_hear_close(struct realtime *s) LOOP;

/* realtime_secret.c */
struct realtime_secrets;
struct realtime_secrets *realtime_secrets_new(void);
void realtime_secrets_free(struct realtime_secrets *secrets);
/* Who opens this socket: by client secret, by key, or as everybody does. From a secret come `session` (raw)
 * and, where none is named, `model`. */
enum err rt_authenticate(struct call *call, struct str *model, struct str *session, struct error *e) LOOP;

#endif
