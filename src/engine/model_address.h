/*
 * Where a model is downloaded from: what a person typed, as addresses.
 *
 *   https://host/path/x.gguf                         as it is
 *   https://huggingface.co/ORG/REPO/blob/REV/x.gguf  a page there: its file is .../resolve/REV/x.gguf
 *   hf:ORG/REPO[:QUANT]                              the repository's file of that quantization (Q4_K_M where
 *                                                    none is named), looked up in the hub's list of files
 *   ...-00001-of-00003.gguf                          the first of several; the others are fetched too
 *
 * Pure functions, any thread. HUB is llama.hub, https://huggingface.co by default.
 */
#ifndef EIDOLON_ENGINE_MODEL_ADDRESS_H
#define EIDOLON_ENGINE_MODEL_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"

enum { MODEL_SHA256 = 65 /* 64 hexadecimal digits and a NUL */ };

struct model_address {
    struct str url;               /* of the file; empty: ask `list` first */
    struct str list, repo, quant; /* hf: the address of the list of files */
    struct str file;              /* "x.gguf"; empty until the list was read */
};

/* ERR_REFUSED with a sentence for what names no model. */
enum err model_address_read(struct arena *a, struct str typed, struct str hub, struct model_address *out,
                            struct error *e);
/* Chooses from the hub's list of files (JSON of GET /api/models/ORG/REPO/tree/main): fills url, file, and the
 * checksum and size that the hub knows. */
enum err model_address_choose(struct arena *a, struct str json, struct str hub, struct model_address *address,
                              char sha256[MODEL_SHA256], struct error *e);
/* The same address for another part of a split file. */
struct str model_address_part(struct arena *a, struct str url, unsigned part, unsigned parts);
/* A file name that may lie in the models folder: NAME.gguf, no path, no leading dot. */
enum err model_file_name_check(struct str file, struct error *e);
/* 64 hexadecimal digits, perhaps with "sha256:" before and quotes around; lower case. False: none. */
bool model_sha256(struct str text, char to[MODEL_SHA256]);

#endif
