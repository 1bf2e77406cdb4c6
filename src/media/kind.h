/*
 * What a file is, by its own bytes: its name and what the sender calls it count for nothing.
 *
 * media_kind_of() looks at the beginning; media_foreign_tail() at what stands after the end of a picture, or
 * at the end of any file: a file that is also an archive or a page of HTML is two things at once, and such
 * files are refused. Pure; any thread.
 *
 * It does not: decode (picture.h, sound.h do, and may still say no).
 */
#ifndef EIDOLON_MEDIA_KIND_H
#define EIDOLON_MEDIA_KIND_H

#include "base/error.h"

enum media_form {
    MEDIA_UNKNOWN,
    MEDIA_PNG,
    MEDIA_JPEG,
    MEDIA_WEBP,
    MEDIA_GIF,
    MEDIA_WAV,
    MEDIA_FLAC,
    MEDIA_OGG,
    MEDIA_MP3,
    MEDIA_AIFF,
    MEDIA_WEBM,
    MEDIA_FORMS
};

struct media_form_info {
    const char *type; /* "image/png" */
    bool image;
};
const struct media_form_info *media_form_info(enum media_form form);

/* MEDIA_UNKNOWN with a sentence (ERR_UNSUPPORTED_TYPE) that says what it is where that is known, and what to
 * send instead. */
enum media_form media_form_of(struct str bytes, struct error *e);

/* What foreign thing begins at the start of these bytes, or NULL: "a zip archive". */
const char *media_foreign(struct str bytes);
/* A zip's directory at the very end, wherever the archive begins. */
bool media_ends_as_zip(struct str bytes);

#endif
