/* The models folder; see model_file.h. */
#include "engine/model_file.h"

#include "base/buf.h"
#include "base/nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 4096, ORIGIN_MAX = 16384, DIGITS = 5 };

static bool digits(struct str s, unsigned *out)
{
    uint64_t n;
    if (s.n != DIGITS || !str_to_u64(s, &n))
        return false;
    *out = (unsigned)n;
    return true;
}

bool model_split(struct str file, struct str *name, unsigned *part, unsigned *parts)
{
    enum { TAIL = sizeof "-00001-of-00003.gguf" - 1 };
    if (file.n <= TAIL || !str_ends(file, STR(".gguf")))
        return false;
    struct str tail = str_from(file, file.n - TAIL);
    if (tail.p[0] != '-' || !str_eq(str_sub(tail, 6, 4), STR("-of-")) || !digits(str_sub(tail, 1, 5), part) ||
        !digits(str_sub(tail, 10, 5), parts))
        return false;
    *name = str_sub(file, 0, file.n - TAIL);
    return *part >= 1 && *part <= *parts && *parts <= MODEL_PARTS_MAX;
}

static struct str join(struct arena *a, const char *folder, struct str file)
{
    return arena_printf(a, "%s/%.*s", folder, STR_ARG(file));
}

/* The base name of a path and the folder before it. */
static struct str base_of(struct str path)
{
    size_t at = path.n;
    while (at && path.p[at - 1] != '/')
        at--;
    return str_from(path, at);
}

static struct str read_origin(struct arena *a, struct str path)
{
    struct str base = base_of(path);
    struct str beside = arena_printf(a, "%.*s.%.*s.json", (int)(path.n - base.n), path.p, STR_ARG(base));
    char *text = arena_alloc(a, ORIGIN_MAX);
    int fd = open(beside.p, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, ORIGIN_MAX);
    if (fd >= 0)
        close(fd);
    return n > 0 ? str_of(text, (size_t)n) : STR_NONE;
}

/* Size, time and the other parts of the file at file->path. */
static bool look(struct arena *a, struct model_file *file)
{
    struct stat st;
    struct str base = base_of(file->path), name = STR_NONE;
    unsigned part = 1, parts = 1;
    bool split = model_split(base, &name, &part, &parts);
    if (stat(file->path.p, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    file->changed_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    file->bytes = (uint64_t)st.st_size;
    file->parts = split ? parts : 1;
    file->there = 1;
    struct str stem = str_ends(base, STR(".gguf")) ? str_sub(base, 0, base.n - 5) : base;
    file->name = arena_str(a, split ? name : stem);
    for (unsigned i = 2; split && i <= parts; i++) {
        struct str other = arena_printf(a, "%.*s%.*s-%05u-of-%05u.gguf", (int)(file->path.n - base.n),
                                        file->path.p, STR_ARG(name), i, parts);
        if (stat(other.p, &st) != 0)
            continue;
        file->there++;
        file->bytes += (uint64_t)st.st_size;
    }
    file->origin = read_origin(a, file->path);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct model_file *)a)->name, ((const struct model_file *)b)->name);
}

enum err model_files_scan(struct arena *a, const char *folder, struct model_file **out, size_t *count,
                          struct error *e)
{
    DIR *dir = opendir(folder);
    struct model_file *files = arena_array(a, struct model_file, FILES_MAX);
    *out = files;
    *count = 0;
    if (!dir && errno == ENOENT)
        return ERR_OK;
    if (!dir)
        return error_set(e, ERR_IO, "The models folder %s cannot be read: %s.", folder, strerror(errno));
    for (struct dirent *entry; (entry = readdir(dir)) && *count < FILES_MAX;) {
        struct str file = str_c(entry->d_name), name;
        unsigned part, parts;
        if (file.p[0] == '.' || !str_ends(file, STR(".gguf")))
            continue;
        if (model_split(file, &name, &part, &parts) && part != 1)
            continue;
        struct model_file *f = &files[*count];
        *f = (struct model_file){.path = join(a, folder, file)};
        if (look(a, f))
            (*count)++;
    }
    closedir(dir);
    qsort(files, *count, sizeof *files, by_name);
    return ERR_OK;
}

enum err model_file_find(struct arena *a, const char *folder, struct str asked, struct model_file *out,
                         struct error *e)
{
    struct model_file *files = NULL;
    size_t count = 0;
    asked = str_trim(asked);
    if (!asked.n)
        return error_set_param(e, ERR_NOT_FOUND, "model",
                               "The engine names no model: choose a GGUF file on the Models page.");
    if (str_find_char(asked, '/') != SIZE_MAX) {
        *out = (struct model_file){.path = asked.p[0] == '/' ? arena_str(a, asked) : join(a, folder, asked)};
        if (look(a, out))
            return ERR_OK;
        return error_set_param(e, ERR_NOT_FOUND, "model", "There is no model file at %.*s.",
                               STR_ARG(str_sub(out->path, 0, 250)));
    }
    enum err err = model_files_scan(a, folder, &files, &count, e);
    if (err)
        return err;
    struct nearest near = NEAREST(asked);
    for (size_t i = 0; i < count; i++) {
        if (str_ieq(files[i].name, asked) || str_ieq(base_of(files[i].path), asked)) {
            *out = files[i];
            return ERR_OK;
        }
        nearest_offer(&near, files[i].name);
    }
    return error_set_param(
        e, ERR_NOT_FOUND, "model",
        "There is no model called '%.*s' in the models folder.%s Get one on the Models page.",
        STR_ARG(str_sub(asked, 0, 100)), nearest_hint(&near));
}

enum err model_file_delete(const struct model_file *file, struct error *e)
{
    struct str base = base_of(file->path), name = STR_NONE;
    size_t folder = file->path.n - base.n;
    unsigned part, parts;
    struct arena a = ARENA_INIT;
    bool split = model_split(base, &name, &part, &parts);
    enum err err = ERR_OK;
    for (unsigned i = 1; i <= file->parts; i++) {
        struct str one =
            split ? arena_printf(&a, "%s-%05u-of-%05u.gguf", arena_cstr(&a, name), i, parts) : base;
        struct str path = arena_printf(&a, "%.*s%.*s", (int)folder, file->path.p, STR_ARG(one));
        if (unlink(path.p) != 0 && errno != ENOENT)
            err = error_set(e, ERR_IO, "The file %.*s cannot be deleted: %s.", STR_ARG(one), strerror(errno));
        unlink(arena_printf(&a, "%.*s.%.*s.json", (int)folder, file->path.p, STR_ARG(one)).p);
    }
    arena_release(&a);
    return err;
}
