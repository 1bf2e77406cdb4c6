/*
 * What the files of blob.h share: blob.c (putting and reading), blob_sweep.c (removing), blob_pack.c
 * (backups).
 */
#ifndef EIDOLON_STORE_BLOB_INNER_H
#define EIDOLON_STORE_BLOB_INNER_H

#include "store/blob.h"

#include <limits.h>
#include <pthread.h>

#define BLOB_FOLDER "blobs"
#define BLOB_NEW "new"                    /* what is being written, beside the places */
enum { BLOB_PATHS_MAX = PATH_MAX - 128 }; /* so that "/xx/HEX" fits behind it */

struct blobs {
    pthread_mutex_t lock; /* between making young and removing what is old */
    char folder[BLOB_PATHS_MAX];
};

void blob_path(const struct blobs *blobs, const struct blob_hash *hash, char to[PATH_MAX]);
void blob_new_path(const struct blobs *blobs, char to[PATH_MAX]);
/* Makes the folder and what is in it, but for the 256 of the blobs. */
enum err blobs_make(const struct blobs *blobs, struct error *e);
enum err blob_hash_fd(int fd, struct blob_hash *out);

/* Calls each() for every blob there is, in any order, until it does not return ERR_OK. */
enum err blobs_each(const struct blobs *blobs,
                    enum err (*each)(void *arg, const char *path, const struct blob_hash *hash), void *arg);

#endif
