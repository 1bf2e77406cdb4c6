/*
 * Files kept by their SHA-256: portraits, assets, and later recordings. One file a content,
 * DATA/blobs/xx/HEX.
 *
 * A blob is immutable: putting the same bytes twice keeps one file. A put is durable when it returns: written
 * beside its place, synced, renamed, the folder synced. Whoever needs a blob says so by its hash, as 64
 * lower-case hexadecimal digits, in a document of the store (any type, any member) or in an event that names
 * media; what nothing names is removed by blobs_sweep() once it is older than a grace time. A blob is
 * therefore put before the document that names it is written, and a put of what is there already makes it
 * young again.
 *
 * Media that are served are opened (blob_open) and sent as files, with ranges. Backups carry all blobs in
 * their one file (blobs_pack), and restoring puts them back, each checked by its hash (blobs_unpack).
 *
 * Everything here blocks: workers, store threads and plain threads, never loops. Any number of threads at one
 * time. It does not: count references, know what is in a file.
 */
#ifndef EIDOLON_STORE_BLOB_H
#define EIDOLON_STORE_BLOB_H

#include "base/arena.h"
#include "base/error.h"

struct blobs;

enum { BLOB_HEX = 64 };

struct blob_hash {
    uint8_t b[32];
};

/* 64 hexadecimal digits and a NUL. */
struct blob_text {
    char c[BLOB_HEX + 1];
};
struct blob_text blob_text(const struct blob_hash *hash);
bool blob_parse(struct str hex, struct blob_hash *out); /* 64 lower-case digits, nothing else */
void blob_hash_of(struct str bytes, struct blob_hash *out);

/* `folder` is the data folder; blobs/ in it is made at the first put. */
enum err blobs_open(struct str folder, struct blobs **out, struct error *e);
void blobs_close(struct blobs *blobs);

enum err blob_put(struct blobs *blobs, struct str bytes, struct blob_hash *out, struct error *e);
/* Takes a file that lies on the same file system (an upload's temporary file): it is renamed into place, or
 * removed where the blob is there already. ERR_IO leaves it where it was. */
enum err blob_adopt(struct blobs *blobs, const char *path, struct blob_hash *out, struct error *e);
bool blob_exists(struct blobs *blobs, const struct blob_hash *hash);
/* A descriptor for reading, close-on-exec; the caller closes it. ERR_NOT_FOUND. */
enum err blob_open(struct blobs *blobs, const struct blob_hash *hash, int *fd, uint64_t *size,
                   struct error *e);
/* The whole of it into `a`. ERR_TOO_BIG above max; ERR_CORRUPT where it is not what its name says. */
enum err blob_read(struct blobs *blobs, const struct blob_hash *hash, struct arena *a, size_t max,
                   struct str *out, struct error *e);

/* Removes one that nothing names, unless it was put again since before_ms. Not there: nothing to do. */
void blob_remove(struct blobs *blobs, const struct blob_hash *hash, int64_t before_ms, struct error *e);

/* A set of hashes. */
struct blob_set {
    struct blob_hash *v;
    size_t n, cap;
    bool sorted;
};
void blob_set_release(struct blob_set *set);
void blob_set_add(struct blob_set *set, const struct blob_hash *hash);
/* Every run of exactly 64 lower-case hexadecimal digits in the text. */
void blob_set_add_text(struct blob_set *set, struct str text);
/* Its hashes, sorted, into an array of the arena; the set is empty after. */
void blob_set_move(struct blob_set *set, struct arena *a, struct blob_hash **out, size_t *count);
bool blob_set_has(struct blob_set *set, const struct blob_hash *hash);

struct blobs_swept {
    uint64_t kept, removed, removed_bytes;
};
/* Removes what `named` does not have and nobody touched for grace_ms, and unfinished files of that age. The
 * set must have been gathered after the call's caller decided to sweep; what was put since then is young. */
enum err blobs_sweep(struct blobs *blobs, struct blob_set *named, int64_t grace_ms, struct blobs_swept *out,
                     struct error *e);

struct conn; /* store/sqlite.h */
/* Writes every blob of a data folder into the database's table `blobs`, and back out of it: then the table is
 * dropped. ERR_CORRUPT where a backup's blob is not what its hash says. */
enum err blobs_pack(struct str folder, struct conn *to, struct error *e);
enum err blobs_unpack(struct str folder, struct conn *from, struct error *e);

#endif
