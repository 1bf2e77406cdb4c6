/*
 * What the files of the media routes share: media.c (listing, one of them, changing), media_upload.c,
 * media_transcribe.c, media_jobs.c, images.c.
 */
#ifndef EIDOLON_API_MEDIA_H
#define EIDOLON_API_MEDIA_H

#include "api/call.h"
#include "media/hub.h"

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

/* media_jobs.c: whether a transcription of it runs, and how far it is. Any thread. */
bool media_is_transcribing(struct id media, double *progress);
/* What becomes of a job that runs; e with JOB_FAILED. Any thread. */
enum media_job_state { JOB_NONE, JOB_RUNNING, JOB_DONE, JOB_FAILED };
void media_job_tell(struct id media, enum media_job_state state, double progress, const struct error *e);
/* media_transcribe.c: begins the job of a recording; it tells how it goes. */
void media_transcribe(struct api *api, const struct media *m) LOOP;
/* Ends on this loop what the ears have of such jobs; before ears_stop(). */
void media_transcribe_stop(void) LOOP;

#endif
