/*
 * Model files: what lies in the models folder, and which file an engine means by a name.
 *
 * A model is a file NAME.gguf, or the parts NAME-00001-of-00003.gguf ... of a split one, which count as one
 * and are named NAME. An engine's `model` is such a name (with or without .gguf), or a path: absolute, or
 * relative to the folder. Beside a downloaded file lies .NAME.gguf.json, which says where it came from.
 *
 * Functions that look at the disk block: WORKER.
 */
#ifndef EIDOLON_ENGINE_MODEL_FILE_H
#define EIDOLON_ENGINE_MODEL_FILE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/thread.h"

struct model_file {
    struct str name, path; /* path: of the first part; both NUL-terminated */
    uint64_t bytes;        /* all parts */
    int64_t changed_ms;    /* of the first part */
    unsigned parts, there; /* parts it has, and how many of them lie there */
    struct str origin;     /* the text of .NAME.gguf.json, or empty */
};

enum { MODEL_PARTS_MAX = 999, MODEL_NAME_MAX = 200 };

/* The parts of a split file's name: false when the name is not NAME-00001-of-00003.gguf. */
bool model_split(struct str file, struct str *name, unsigned *part, unsigned *parts);

/* Every model of the folder, by name. A folder that is not there is empty. */
enum err model_files_scan(struct arena *a, const char *folder, struct model_file **out, size_t *count,
                          struct error *e) WORKER;
/* The one that is meant. ERR_NOT_FOUND with what is there instead. */
enum err model_file_find(struct arena *a, const char *folder, struct str asked, struct model_file *out,
                         struct error *e) WORKER;
/* Removes a model's parts and what lies beside them. `file` must come from model_files_scan(). */
enum err model_file_delete(const struct model_file *file, struct error *e) WORKER;

#endif
