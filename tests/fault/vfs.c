/* The failing VFS; see vfs.h. */
#include "fault/vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES_MAX = 16, SECTOR = 512 };

struct pending {
    struct pending *next;
    bool truncate;
    sqlite3_int64 offset; /* truncate: the new size */
    int n;
    unsigned char bytes[];
};

struct image {
    char path[512];
    unsigned char *bytes;
    sqlite3_int64 size, cap;
    struct pending *first, **last;
};

struct fault_file {
    sqlite3_file base;
    struct image *image; /* NULL: a temporary file, left alone */
    sqlite3_file *real;
};

const char fault_vfs_name[] = "fault";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fault_plan plan;
static uint64_t operations, syncs;
static bool happened;
static struct image images[FILES_MAX];
static int image_count;
static sqlite3_vfs *system_vfs;

/* ---- images -------------------------------------------------------------------------------------------- */

static void image_resize(struct image *im, sqlite3_int64 size)
{
    if (size > im->cap) {
        im->cap = size * 2;
        im->bytes = realloc(im->bytes, (size_t)im->cap);
        if (!im->bytes)
            abort();
    }
    if (size > im->size)
        memset(im->bytes + im->size, 0, (size_t)(size - im->size));
    im->size = size;
}

static void image_apply(struct image *im, const struct pending *p, sqlite3_int64 from, sqlite3_int64 n)
{
    if (p->truncate) {
        if (p->offset < im->size)
            image_resize(im, p->offset);
        return;
    }
    if (p->offset + from + n > im->size)
        image_resize(im, p->offset + from + n);
    memcpy(im->bytes + p->offset + from, p->bytes + from, (size_t)n);
}

static void forget_pending(struct image *im)
{
    while (im->first) {
        struct pending *p = im->first;
        im->first = p->next;
        free(p);
    }
    im->last = &im->first;
}

static void image_sync(struct image *im)
{
    for (const struct pending *p = im->first; p; p = p->next)
        image_apply(im, p, 0, p->n);
    forget_pending(im);
}

static void image_note(struct image *im, bool truncate, sqlite3_int64 offset, const void *bytes, int n)
{
    struct pending *p = malloc(sizeof *p + (size_t)n);
    if (!p)
        abort();
    *p = (struct pending){.truncate = truncate, .offset = offset, .n = n};
    if (n)
        memcpy(p->bytes, bytes, (size_t)n);
    *im->last = p;
    im->last = &p->next;
}

/* The image of a path; at first sight, what lies there is durable. */
static struct image *image_of(const char *path)
{
    for (int i = 0; i < image_count; i++)
        if (strcmp(images[i].path, path) == 0)
            return &images[i];
    if (image_count == FILES_MAX)
        abort();
    struct image *im = &images[image_count++];
    memset(im, 0, sizeof *im);
    snprintf(im->path, sizeof im->path, "%s", path);
    im->last = &im->first;
    FILE *f = fopen(path, "rb");
    if (f) {
        fseek(f, 0, SEEK_END);
        long size = ftell(f);
        rewind(f);
        image_resize(im, size);
        if (size && fread(im->bytes, 1, (size_t)size, f) != (size_t)size)
            abort();
        fclose(f);
    }
    return im;
}

/* ---- faults -------------------------------------------------------------------------------------------- */

/* What this changing operation meets; SQLITE_OK: it goes through. Under the lock. */
static int meet(bool sync)
{
    operations++;
    syncs += sync;
    if (plan.kind == FAULT_SYNC && sync && syncs == plan.at) {
        happened = true;
        return SQLITE_IOERR_FSYNC;
    }
    if (plan.kind == FAULT_NONE || plan.kind == FAULT_SYNC || operations < plan.at)
        return SQLITE_OK;
    if (plan.kind == FAULT_POWER) {
        happened = true;
        return sync ? SQLITE_IOERR_FSYNC : SQLITE_IOERR_WRITE;
    }
    if (sync)
        return SQLITE_OK;
    happened = true;
    return plan.kind == FAULT_FULL ? SQLITE_FULL : SQLITE_READONLY;
}

static bool dark(void)
{
    pthread_mutex_lock(&lock);
    bool is = happened && plan.kind == FAULT_POWER;
    pthread_mutex_unlock(&lock);
    return is;
}

/* ---- file methods -------------------------------------------------------------------------------------- */

static struct fault_file *of(sqlite3_file *f)
{
    return (struct fault_file *)f;
}

static int on_close(sqlite3_file *f)
{
    return of(f)->real->pMethods->xClose(of(f)->real);
}

static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    if (dark())
        return SQLITE_IOERR_READ;
    return of(f)->real->pMethods->xRead(of(f)->real, to, n, at);
}

static int on_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct image *im = of(f)->image;
    if (im && !plan.really_sync) {
        pthread_mutex_lock(&lock);
        int rc = meet(false);
        /* The write that the power cut hits may still reach the disk in part. */
        if (rc == SQLITE_OK || plan.kind == FAULT_POWER)
            image_note(im, false, at, from, n);
        pthread_mutex_unlock(&lock);
        if (rc != SQLITE_OK)
            return rc;
    }
    return of(f)->real->pMethods->xWrite(of(f)->real, from, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct image *im = of(f)->image;
    if (im && !plan.really_sync) {
        pthread_mutex_lock(&lock);
        int rc = meet(false);
        if (rc == SQLITE_OK)
            image_note(im, true, size, NULL, 0);
        pthread_mutex_unlock(&lock);
        if (rc != SQLITE_OK)
            return rc;
    }
    return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    struct image *im = of(f)->image;
    if (!im)
        return SQLITE_OK;
    if (plan.sync_delay_us)
        usleep(plan.sync_delay_us);
    if (plan.really_sync)
        return of(f)->real->pMethods->xSync(of(f)->real, flags);
    pthread_mutex_lock(&lock);
    int rc = meet(true);
    if (rc == SQLITE_OK)
        image_sync(im);
    pthread_mutex_unlock(&lock);
    return rc;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return of(f)->real->pMethods->xFileSize(of(f)->real, size);
}

static int on_lock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int on_unlock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int on_check_lock(sqlite3_file *f, int *held)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, held);
}

static int on_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int on_sector(sqlite3_file *f)
{
    (void)f;
    return SECTOR;
}

static int on_character(sqlite3_file *f)
{
    if (plan.really_sync)
        return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
    return 0; /* promises nothing: writes may be torn */
}

static int on_shm_map(sqlite3_file *f, int region, int size, int extend, void volatile **p)
{
    return of(f)->real->pMethods->xShmMap(of(f)->real, region, size, extend, p);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return of(f)->real->pMethods->xShmLock(of(f)->real, offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f)
{
    of(f)->real->pMethods->xShmBarrier(of(f)->real);
}

static int on_shm_unmap(sqlite3_file *f, int remove_it)
{
    return of(f)->real->pMethods->xShmUnmap(of(f)->real, remove_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_character,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* ---- the VFS ------------------------------------------------------------------------------------------- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct fault_file *file = of(f);
    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(file + 1);
    file->image = NULL;
    if (dark())
        return SQLITE_CANTOPEN;
    int rc = system_vfs->xOpen(system_vfs, name, file->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    if (name && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) {
        pthread_mutex_lock(&lock);
        file->image = plan.really_sync ? NULL : image_of(name);
        pthread_mutex_unlock(&lock);
    }
    if (plan.really_sync && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) {
        static struct image none;
        none.last = &none.first;
        file->image = &none; /* only so that on_sync() sees it; nothing is noted */
    }
    file->base.pMethods = &methods;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    if (dark())
        return SQLITE_IOERR_DELETE;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < image_count; i++) {
        if (strcmp(images[i].path, name) == 0) {
            forget_pending(&images[i]);
            images[i].size = 0;
        }
    }
    pthread_mutex_unlock(&lock);
    return system_vfs->xDelete(system_vfs, name, sync);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    return system_vfs->xAccess(system_vfs, name, flags, out);
}

static int on_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    (void)vfs;
    return system_vfs->xFullPathname(system_vfs, name, n, out);
}

void fault_begin(const struct fault_plan *new_plan)
{
    static sqlite3_vfs vfs;
    if (!system_vfs) {
        system_vfs = sqlite3_vfs_find(NULL);
        vfs = *system_vfs;
        vfs.szOsFile = (int)sizeof(struct fault_file) + system_vfs->szOsFile;
        vfs.zName = fault_vfs_name;
        vfs.pNext = NULL;
        vfs.xOpen = on_open;
        vfs.xDelete = on_delete;
        vfs.xAccess = on_access;
        vfs.xFullPathname = on_full_path;
        sqlite3_vfs_register(&vfs, 0);
    }
    for (int i = 0; i < image_count; i++) {
        forget_pending(&images[i]);
        free(images[i].bytes);
    }
    image_count = 0;
    plan = *new_plan;
    operations = syncs = 0;
    happened = false;
}

uint64_t fault_count(void)
{
    return operations;
}

bool fault_happened(void)
{
    return happened;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Each unsynced write reaches the disk whole, in part, or not at all. */
static void apply_some(struct image *im, uint64_t *state)
{
    for (const struct pending *p = im->first; p; p = p->next) {
        uint64_t dice = next_random(state) % 4;
        if (dice == 0)
            continue;
        if (dice < 3 || p->truncate) {
            image_apply(im, p, 0, p->n);
            continue;
        }
        for (int from = 0; from < p->n; from += SECTOR)
            if (next_random(state) & 1)
                image_apply(im, p, from, p->n - from < SECTOR ? p->n - from : SECTOR);
    }
}

void fault_power_back(uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < image_count; i++) {
        struct image *im = &images[i];
        char shm[600];
        if (seed)
            apply_some(im, &state);
        forget_pending(im);
        FILE *f = fopen(im->path, "wb");
        if (!f || (im->size && fwrite(im->bytes, 1, (size_t)im->size, f) != (size_t)im->size))
            abort();
        fclose(f);
        snprintf(shm, sizeof shm, "%s-shm", im->path);
        unlink(shm);
    }
}
