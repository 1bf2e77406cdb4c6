/*
 * Character cards as files: a picture, a zip or a text, taken apart into the card's JSON and what lies
 * beside.
 *
 * Pure: bytes in, views and copies in an arena out. It reads bytes of strangers, so the server runs it in a
 * child process (card_child.h), and it is fuzzed. What is read:
 *   JSON   UTF-8 with or without a byte order mark, UTF-16 with one
 *   PNG    tEXt, zTXt or iTXt chunks `ccv3` and `chara` (any case; base64 or plain), `chara-ext-asset_:N`
 *   CHARX  a zip with card.json at its root; every other file comes along under its path
 *   JPEG   with a zip behind its end, or the card in EXIF (UserComment, ImageDescription), XMP or a comment
 *   WebP   with EXIF or XMP chunks
 *   zip    with one card in it, as any of the above
 * Assets that are `data:` addresses in the JSON become files too, and their address a name (card_file_part).
 *
 * The card's text is checked for being JSON (base/json.h's limits) when there are data: addresses to take
 * out, and else left to persona_card_read(). It does not: know a persona's fields, decode pictures.
 */
#ifndef EIDOLON_PERSONA_CARD_FILE_H
#define EIDOLON_PERSONA_CARD_FILE_H

#include "base/arena.h"
#include "base/error.h"

/* All in bytes but for the numbers. A zip's limits also stand for a PNG's compressed chunks. */
struct card_limits {
    uint64_t file_max;     /* the file itself */
    uint64_t inflated_max; /* all that comes out of it together */
    uint64_t asset_max;    /* one file that comes out of it */
    uint64_t text_max;     /* the card's JSON, without its data: addresses */
    uint32_t entries_max;  /* files of a zip, asset chunks of a PNG, assets of a card */
    uint32_t ratio_max;    /* inflated to packed, for what inflates to more than CARD_RATIO_FREE */
};
extern const struct card_limits card_limits_default;
enum {
    CARD_RATIO_FREE = 1 << 20,
    CARD_CHUNKS_MAX = 100000, /* chunks of a PNG, segments of a JPEG */
    CARD_PATH_MAX = 512,      /* bytes of a path in a zip */
    CARD_PATH_DEPTH = 32,
};

enum card_form { CARD_JSON, CARD_PNG, CARD_CHARX, CARD_JPEG, CARD_WEBP, CARD_FORMS };
extern const char *const card_form_names[CARD_FORMS];

enum card_role {
    CARD_ASSET, /* the file of the asset whose uri is `uri` */
    CARD_KEPT,  /* a file that the card does not name; `uri` is its path */
};

struct card_part {
    enum card_role role;
    struct str uri;  /* as in the text; CARD_KEPT: the path in the zip */
    struct str head; /* of what was a data: address: "data:image/png;base64,"; else empty */
    struct str bytes;
    bool clean; /* a PNG that is whole, without card chunks, and ends with its IEND */
};

struct card_file {
    enum card_form form;
    struct str text;    /* the card: V3 where there is one */
    struct str other;   /* the V2 card beside a V3 one, or empty */
    struct str picture; /* the picture without the card, or empty */
    bool own_picture;   /* that picture was painted by Eidolon for want of one: not the card's */
    struct card_part *parts;
    size_t part_count;
};

/* ERR_UNSUPPORTED_TYPE, ERR_INVALID (broken), ERR_REFUSED (hostile, or no card in it), ERR_TOO_BIG. */
enum err card_file_read(struct arena *a, struct str bytes, const struct card_limits *limits,
                        struct card_file *out, struct error *e);
/* A picture that somebody gives a persona: PNG, JPEG, GIF, WebP or AVIF, looked over but not decoded; a PNG
 * comes back without card chunks. */
enum err card_image_read(struct arena *a, struct str bytes, const struct card_limits *limits,
                         struct str *picture, struct error *e);

/* "image/png" by its first bytes; "application/octet-stream" where they say nothing. Of text formats none is
 * ever named, so that nothing of a stranger's is shown as a page. */
const char *card_media_type(struct str bytes);
/* A path that may be written into a zip or be looked up in one: relative, no "..", backslashes, control
 * characters or drive letters, and not too long. */
bool card_path_safe(struct str path);

#endif
