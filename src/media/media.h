/*
 * Media: pictures and recordings that people and personas keep here, as documents of the type "media" whose
 * bytes are blobs.
 *
 * A document names up to four blobs: the file, a preview (WebP), what engines are shown (JPEG), and a
 * transcript with the times of its words (JSON). Beside it lies a listing (store/store.h) by which it is
 * found: the words of its name and of its transcript, and the tags "room:ID", "kind:image", "source:upload".
 *
 * `named` lists the messages that show it. What only messages named, and nobody keeps, goes when the last of
 * them is erased.
 *
 * This file: the document, read and written; pure. hub.h keeps them.
 */
#ifndef EIDOLON_MEDIA_MEDIA_H
#define EIDOLON_MEDIA_MEDIA_H

#include "base/json.h"
#include "store/store.h"

#define MEDIA_DOC_TYPE STR("media")
enum {
    MEDIA_LISTING_FORM = 1,
    MEDIA_WORDS_MAX = 64 * 1024, /* bytes of words that one is found by */
    MEDIA_NAME_MAX = 200,        /* bytes of a name */
    MEDIA_NAMED_MAX = 100,       /* messages that show it */
    MEDIA_EXCERPT = 280,         /* bytes of a transcript in lists */
};

enum media_source { MEDIA_UPLOAD, MEDIA_GENERATED, MEDIA_RECORDING, MEDIA_SPEECH, MEDIA_SOURCES };
extern const char *const media_source_names[MEDIA_SOURCES]; /* "upload" "generated" "recording" "speech" */
bool media_source_parse(struct str name, enum media_source *out);

/* All strings in somebody's arena. */
struct media {
    struct id id, owner, room; /* room none: of no room */
    enum media_source source;
    bool image; /* else audio */
    bool animated, places;
    bool keep; /* neither retention nor the erasing of messages takes it */
    struct str type, name;
    uint64_t bytes; /* of all its blobs */
    uint64_t duration_ms;
    uint32_t width, height, rate, channels;
    struct blob_hash file, preview, seen, words;
    bool has_preview, has_seen, has_words;
    struct str peaks;      /* JSON array of 0..100, or empty */
    struct str state;      /* "ready", "transcribing", "failed" (the transcription) */
    struct str transcript; /* the text, or empty; of what has_words */
    struct str language;
    struct str prompt; /* of a generated picture, or empty */
    struct id *named;  /* messages */
    size_t named_count;
    int64_t created_ms;
    uint64_t version;
};

enum err media_of_doc(struct arena *a, const struct doc_row *doc, struct media *out, struct error *e);
/* As GET /api/media shows it. `whole`: with the whole transcript, else its beginning. */
void media_write(struct jw *w, const struct media *m, bool whole);
/* As a message's data names it: {id,type,name,width?,height?,duration_ms?}. */
void media_write_short(struct jw *w, const struct media *m);
/* Fills type, id, data, listing of a put (of its arena) from `m`. */
void media_fill_put(struct store_doc_put *put, const struct media *m, struct id tenant);
/* The tag of a room, kind or source, for docs_find. */
struct str media_tag(struct arena *a, const char *what, struct str value);

#endif
