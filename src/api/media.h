/*
 * What the files of the media routes share: media.c (listing, one of them, changing), media_upload.c,
 * media_transcribe.c; and what others need of them: messages that show media, pictures from data: addresses.
 */
#ifndef EIDOLON_API_MEDIA_H
#define EIDOLON_API_MEDIA_H

#include "api/call.h"
#include "media/hub.h"

enum { MEDIA_A_MESSAGE_MAX = 10 };

/* A deed of the hub whose end comes back to the call, where it is still there; its failure is answered with
 * its error unless `failures`. */
struct media_call {
    struct media_deed *deed;
    struct http_ref ref;
    void (*then)(struct call *, struct media_deed *);
    bool failures;
};
struct media_deed *media_call_new(struct call *call, void (*then)(struct call *, struct media_deed *)) LOOP;
/* The same on the medium that the path names; NULL: answered. */
struct media_deed *media_call_on(struct call *call, void (*then)(struct call *, struct media_deed *)) LOOP;

void media_send(struct call *call, const struct media *m, int status) LOOP;
/* Sends a blob as a file with ranges. */
void media_send_blob(struct call *call, const struct blob_hash *hash, const char *type, struct str name) LOOP;

/* media_blob.c: what an event names by its hash (the sound of a sentence, its words and mouth shapes): true
 * where the path has one, and then it is answered. */
bool media_blob_answer(struct call *call) LOOP;

/* Whether a transcription of it runs, and how far it is. Any thread. */
bool media_is_transcribing(struct id media, double *progress);

/*
 * The media that a message is to show: ids become the JSON array of its data, once all were found. `then`
 * runs with the array ("" for none) in the call's arena, or the call was answered.
 */
void media_of_message(struct call *call, const struct json *ids,
                      void (*then)(struct call *, struct str media)) LOOP;
/* A message of a room shows these now (a JSON array as above). */
void media_named(struct media_hub *hub, struct str media, struct id room, struct id message) LOOP;
/* It was erased: what it alone showed, and nobody keeps, goes. */
void media_unnamed(struct media_hub *hub, struct str media, struct id message) LOOP;

#endif
