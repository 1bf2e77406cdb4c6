/*
 * Personas as card files: JSON (V1, V2, V3), PNG (V2 and V3 chunks) and CHARX, with their files. Workers: it
 * reads blobs and compresses.
 *
 * Reading what was written gives the same persona (card_file.h, persona_card_read_both). Each form says where
 * its assets' bytes lie in its own way: as data: addresses, as chunks `chara-ext-asset_:N`, as files of the
 * zip.
 */
#ifndef EIDOLON_PERSONA_CARD_PACK_H
#define EIDOLON_PERSONA_CARD_PACK_H

#include "persona/card_file.h"
#include "persona/files.h"

struct card_packing {
    enum card_form form; /* CARD_JSON, CARD_PNG, CARD_CHARX */
    enum card_spec spec; /* of CARD_JSON */
    bool without_files;  /* CARD_JSON: assets keep the addresses they came with, and no portrait goes along */
    struct blobs *blobs;
};

/* Appends the file. ERR_NOT_FOUND or ERR_CORRUPT where a blob is; ERR_TOO_BIG past to->max. */
enum err card_pack(struct buf *to, const struct persona *p, const struct card_packing *how, struct error *e);

#endif
