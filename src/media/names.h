/*
 * Media that messages show: ids become what a message's data says of them; a medium knows the messages that
 * show it, so that what only erased messages showed goes with them; and pictures as data: addresses, for
 * engines that see.
 */
#ifndef EIDOLON_MEDIA_NAMES_H
#define EIDOLON_MEDIA_NAMES_H

#include "media/hub.h"

enum { MEDIA_A_MESSAGE_MAX = 10 };

/* The media that a message is to show: each id is looked up. */
struct media_list {
    struct arena *arena;               /* the caller's */
    struct str ids;                    /* a JSON array of ids */
    void (*done)(struct media_list *); /* on the same loop, never from inside */
    enum err err;
    struct error error; /* param "media" */
    struct str json;    /* [{id,type,name,...}] */

    struct media_hub *hub; /* its own */
    const struct json *at;
    struct buf made;
    struct jw w;
};
void media_list_resolve(struct media_hub *hub, struct media_list *list) LOOP;

/* A message shows these (a message's `media`) from now on; or is erased. Nobody waits for it. */
void media_named(struct media_hub *hub, struct str media, struct id room, struct id message) LOOP;
void media_unnamed(struct media_hub *hub, struct str media, struct id message) LOOP;

/* A picture as engines are shown it. */
struct media_sight {
    struct arena *arena; /* the caller's, nobody else's until done() */
    struct id id;
    void (*done)(struct media_sight *); /* on the same loop */
    enum err err;
    struct error error;
    struct str address; /* "data:image/jpeg;base64,..." */

    struct media_deed *deed; /* its own */
};
void media_see(struct media_hub *hub, struct media_sight *sight) LOOP;

/* What stands for media where they cannot be shown: "[an image: harbour.png, 640x480]", a line each. */
void media_in_words(struct str media, struct buf *to);

#endif
