/*
 * The files of a persona: its portrait, its card's assets, and what else lay in its CHARX. The bytes are
 * blobs (store/blob.h); which they are stands in persona.files, a JSON array of
 *   {"role":"portrait|asset|kept","uri":…,"sha256":…,"size":…,"type":…,"clean":…,"head":…}
 * where uri is the asset's as data.assets says it, or a kept file's path. A portrait with a uri is that
 * asset; one without is the card's own picture, or one that somebody gave it.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_PERSONA_FILES_H
#define EIDOLON_PERSONA_FILES_H

#include "persona/persona.h"
#include "store/blob.h"

enum persona_file_role { FILE_PORTRAIT, FILE_ASSET, FILE_KEPT, FILE_ROLES };

struct persona_file {
    enum persona_file_role role;
    struct str uri, head; /* head: "data:image/png;base64," of what was one */
    const char *type;     /* media type, of card_media_type()'s */
    struct blob_hash hash;
    uint64_t size;
    bool clean; /* a PNG that chunks can be put into before its last twelve bytes */
};

/* An asset of data.assets. */
struct persona_asset {
    struct str type, name, ext, uri;
    const struct persona_file *file; /* NULL: it lies elsewhere (http:, ccdefault:) or is missing */
};

struct persona_files {
    struct persona_file *v;
    size_t n;
    const struct persona_file *portrait; /* NULL: none */
    struct persona_asset *assets;
    size_t asset_count;
};

/* Reads persona.files and extras; everything lies in `a`. */
void persona_files_read(struct arena *a, const struct persona *p, struct persona_files *out);
/* Sets persona.files, in `a`. */
void persona_files_write(struct arena *a, struct persona *p, const struct persona_file *files, size_t n);
/* Sets or removes (NULL) the portrait; other files stay. */
void persona_set_portrait(struct arena *a, struct persona *p, const struct persona_file *portrait);
/* "/api/personas/ID/portrait?v=…", or empty where there is none. */
struct str persona_portrait_address(struct arena *a, const struct persona *p);

#endif
