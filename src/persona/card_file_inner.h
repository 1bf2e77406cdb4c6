/*
 * What the readers of card files share: card_file.c chooses, card_png.c, card_zip.c and card_jpeg.c take
 * apart.
 */
#ifndef EIDOLON_PERSONA_CARD_FILE_INNER_H
#define EIDOLON_PERSONA_CARD_FILE_INNER_H

#include "base/base64.h"
#include "persona/card_file.h"

struct card_reader {
    struct arena *arena;
    const struct card_limits *limits;
    struct card_file *out;
    struct error *error;
    uint64_t inflated; /* of limits->inflated_max */
    size_t part_cap;
    unsigned depth; /* a card inside a zip */
};

/* Counts bytes that came out of the file; ERR_TOO_BIG past the limits. */
enum err card_count(struct card_reader *r, uint64_t bytes, uint64_t packed, const char *what);
enum err card_add_part(struct card_reader *r, enum card_role role, struct str uri, struct str bytes);
/* zlib (window 15) or raw deflate (-15), bounded by what is left of the limits. */
enum err card_inflate(struct card_reader *r, struct str packed, int window, const char *what,
                      struct str *out);
/* A card's JSON from what a chunk or tag holds: base64 or the JSON itself. ERR_INVALID if neither. */
enum err card_text_of(struct card_reader *r, struct str value, const char *where, struct str *out);
/* Whether it calls itself a V3 card, near its beginning. */
bool card_is_v3(struct str text);
/* Could be a card: an object with the members of one. For choosing among a zip's files. */
bool card_looks_like(struct arena *a, struct str text);

enum err card_json_read(struct card_reader *r, struct str bytes);
enum err card_png_read(struct card_reader *r, struct str bytes);
enum err card_jpeg_read(struct card_reader *r, struct str bytes);
enum err card_webp_read(struct card_reader *r, struct str bytes);
enum err card_zip_read(struct card_reader *r, struct str bytes);
/* Whether these bytes end with a zip: `base` is what its offsets count from, `first` its first byte. */
bool card_zip_find(struct str bytes, size_t *base, size_t *first);
/* The picture of a PNG without its card chunks; found[] may be NULL. */
enum err card_png_strip(struct card_reader *r, struct str bytes, struct str *picture);
/* A file of any form. */
enum err card_any_read(struct card_reader *r, struct str bytes);

static inline uint32_t card_be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}
static inline uint16_t card_be16(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint16_t)(u[0] << 8 | u[1]);
}
static inline uint32_t card_le32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[3] << 24 | (uint32_t)u[2] << 16 | (uint32_t)u[1] << 8 | u[0];
}
static inline uint16_t card_le16(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint16_t)(u[1] << 8 | u[0]);
}

#define PNG_MARK "\x89PNG\r\n\x1a\n"
/* The tEXt chunk with which a painted portrait says so. */
#define CARD_PAINTED_KEY "eidolon-portrait"

#endif
