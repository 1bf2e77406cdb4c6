/*
 * The data folder: made where it is missing, held by one server at a time.
 *
 * The lock is flock() on the file "lock" in it, which the kernel gives up when the process ends, however it
 * ends; the holder's process number in the file is only for the sentence.
 */
#ifndef EIDOLON_STORE_FOLDER_H
#define EIDOLON_STORE_FOLDER_H

#include "base/error.h"

#include <limits.h>

struct store_folder {
    char path[PATH_MAX];
    int lock_fd; /* -1: not held */
};

/* Makes the folder (0700, and its parents) and takes the lock. ERR_CONFLICT: another server has it. */
enum err store_folder_take(struct store_folder *f, struct str path, struct error *e);
void store_folder_release(struct store_folder *f);
/* "FOLDER/NAME", cut never: ERR_INVALID where the path would be too long. */
enum err store_folder_file(const struct store_folder *f, const char *name, char to[PATH_MAX],
                           struct error *e);
/* Free bytes for unprivileged writers there; UINT64_MAX where it cannot be told. */
uint64_t store_folder_free(const struct store_folder *f);
/* Makes a rename or a new name in the folder that holds `path` durable. */
enum err store_sync_folder_of(const char *path, struct error *e);

#endif
