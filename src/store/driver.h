/*
 * What a store driver implements. store.c owns threads, queues, groups and health; a driver owns the data.
 *
 * A driver opens a database and gives sessions: one that writes, used by the writer thread only, and several
 * that read, each used by one thread. The writer thread brackets a group of operations with begin() and
 * commit(); write() carries out one operation inside the group and, if it fails, leaves no trace of it.
 * read() carries out one operation on one consistent snapshot, which holds every commit made before.
 *
 * Errors: ERR_IO, ERR_READ_ONLY and ERR_CORRUPT from begin, write or commit mean that the data cannot be
 * written any more: the whole group is void and store.c turns read-only, for good. Any other error belongs to
 * the one operation.
 *
 * One driver a file (with helpers of its prefix), listed in drivers.c. All pass tests/unit/store/suite.h.
 */
#ifndef EIDOLON_STORE_DRIVER_H
#define EIDOLON_STORE_DRIVER_H

#include "store/store.h"

struct driver_db;
struct driver_session;

struct driver_opened {
    uint64_t epoch;    /* of this opening */
    uint64_t head_pos; /* newest position */
    bool unclean;      /* the last opening did not end with close(clean) */
};

enum { DRIVER_WRITES = 1 << 0 };

/* Blocking; plain thread. */
typedef enum err driver_open_fn(const struct store_options *options, struct driver_db **out,
                                struct driver_opened *opened, struct error *e);
/* No sessions are left. clean: everything that was committed may be folded in and the stop noted. */
typedef void driver_close_fn(struct driver_db *db, bool clean);
typedef enum err driver_session_fn(struct driver_db *db, unsigned flags, struct driver_session **out,
                                   struct error *e);
typedef void driver_session_close_fn(struct driver_session *s);
typedef enum err driver_step_fn(struct driver_session *s, struct error *e);
typedef void driver_abort_fn(struct driver_session *s);
typedef enum err driver_run_fn(struct driver_session *s, struct store_op *op, struct error *e);
typedef void driver_sizes_fn(struct driver_db *db, uint64_t *file_bytes, uint64_t *wal_bytes);
typedef enum err driver_backup_fn(struct driver_db *db, struct str path,
                                  void (*progress)(void *arg, uint64_t done, uint64_t all), void *arg,
                                  struct error *e);
typedef enum err driver_check_fn(struct driver_db *db, struct error *e);

struct store_driver {
    const char *name;
    bool lasting; /* lies in the data folder: wants the folder, its lock and free space */
    driver_open_fn *open;
    driver_close_fn *close;
    driver_session_fn *session;
    driver_session_close_fn *session_close;
    driver_step_fn *begin, *commit; /* writer thread */
    driver_abort_fn *abort;         /* writer thread: gives the group up */
    driver_run_fn *write, *read;
    driver_step_fn *tidy;  /* writer thread, between groups: bounded upkeep (a checkpoint, if due) */
    driver_step_fn *scrub; /* writer thread: after a forget, gets the old bytes off the disk */
    driver_sizes_fn *sizes;
    driver_backup_fn *backup; /* plain or worker thread */
    driver_check_fn *check;   /* plain or worker thread */
};

extern const struct store_driver store_driver_sqlite, store_driver_memory;

/* NULL if there is none of this name. */
const struct store_driver *store_driver_find(struct str name);
/* "sqlite, memory": for sentences. */
const char *store_driver_names(void);

static inline bool store_op_writes(enum store_op_kind kind)
{
    switch (kind) {
    case STORE_APPEND:
    case STORE_CURSOR_SET:
    case STORE_FORGET:
    case STORE_DOC_PUT:
    case STORE_DOC_DELETE:
    case STORE_DOC_RELIST:
    case STORE_PURGE:
        return true;
    default:
        return false;
    }
}

static inline bool store_machine_failed(enum err err)
{
    return err == ERR_IO || err == ERR_READ_ONLY || err == ERR_CORRUPT;
}

#endif
