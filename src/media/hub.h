/*
 * The media hub: takes pictures and recordings in, changes and erases them, counts them, lets old ones go.
 *
 * Taking in: a file that lies on the data folder's file system is looked into by the media child, becomes a
 * blob (freed of what it tells about its maker) with its preview, and then a document. Whatever refuses it
 * leaves nothing behind. What is erased frees its blobs as soon as no other document names them: they wait in
 * a short queue (MEDIA_DROP_MS), since another upload of the same bytes may be on its way to its document.
 *
 * Usage is counted in memory from the start on. Quota and limits are asked for before a file is looked into.
 *
 * All functions on loops; what they start ends on the same loop. It does not: transcribe (api does, with the
 * ears), draw (api does, with providers).
 */
#ifndef EIDOLON_MEDIA_HUB_H
#define EIDOLON_MEDIA_HUB_H

#include "base/config.h"
#include "loop/workers.h"
#include "media/look.h"
#include "media/media.h"

struct media_hub;

enum { MEDIA_DROP_MS = 3000 };

struct media_hub_options {
    struct loops *loops;
    struct workers *workers;
    struct store *store;
    struct blobs *blobs;
    struct id tenant;
    struct str folder; /* the data folder */
};
/* Plain thread. */
struct media_hub *media_hub_new(const struct media_hub_options *options);
void media_hub_start(struct media_hub *hub) LOOP; /* on loop 0: begins to count */
void media_hub_stop(struct media_hub *hub) LOOP;  /* on every loop, before they stop */
void media_hub_free(struct media_hub *hub);
void media_hub_set_config(struct media_hub *hub, const struct config *config); /* any thread */

struct looks *media_hub_looks(struct media_hub *hub);
/* A path for a new file beside the uploads; the file is the caller's. Any thread. */
struct str media_hub_new_path(struct media_hub *hub, struct arena *a);

/* One deed: make it, fill it, give it to a function; done() frees it with media_deed_free(). */
struct media_deed {
    struct arena arena;
    void (*done)(struct media_deed *);
    void *arg;
    /* media_add */
    struct str path;  /* taken over in every case */
    struct str bytes; /* instead of a path: the deed's own copy */
    bool keep_places;
    bool image_only;
    struct store_idem *idem;
    /* media_change: `change` runs between reading and writing, and says whether to write. */
    bool (*change)(struct media_deed *);
    uint64_t expect_version; /* 0: any */
    struct str words;        /* change may set it: a transcript, put as a blob */
    /* in (add: name, room, source, owner, keep, prompt; others: id) and out */
    struct media media;
    enum err err;
    struct error error;

    /* the hub's own */
    struct media_hub *hub;
    struct job job;
    struct look look;
    int fd;
    bool reserved;
    uint64_t reserved_bytes;
    unsigned tries; /* of a change that met another */
};
struct media_deed *media_deed_new(void);
void media_deed_free(struct media_deed *deed);

void media_add(struct media_hub *hub, struct media_deed *deed) LOOP;
void media_get(struct media_hub *hub, struct media_deed *deed) LOOP;
void media_change(struct media_hub *hub, struct media_deed *deed) LOOP;
void media_erase(struct media_hub *hub, struct media_deed *deed) LOOP;
/* Forgets what is past its time (settings media.keep_*), a page at a time; housekeeping. */
void media_hub_clean(struct media_hub *hub) LOOP;

struct media_usage {
    struct {
        uint64_t count, bytes;
    } of[MEDIA_SOURCES];
    uint64_t quota, file_max;
};
void media_hub_usage(struct media_hub *hub, struct media_usage *out); /* any thread */

#endif
