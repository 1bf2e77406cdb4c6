/*
 * A SQLite VFS that fails on purpose: power loss, failing syncs, a full or read-only disk, slow syncs.
 *
 * It lies over the system's VFS. Of every database and write-ahead log it keeps the durable image: what was
 * there at the last sync, beside the list of writes since. Operations that change a file (write, truncate,
 * sync) are counted; at number `at` the fault begins. After a power cut everything fails; fault_power_back()
 * then leaves in the real files what a disk might hold: the durable image, and of the later writes none, or
 * some, each cut to some of its sectors.
 *
 * Nothing is really synced (the images know better, and tests are quick), unless `really_sync` is set.
 */
#ifndef EIDOLON_TESTS_FAULT_VFS_H
#define EIDOLON_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault_kind {
    FAULT_NONE,
    FAULT_POWER,     /* from `at` on nothing works */
    FAULT_SYNC,      /* sync number `at` (counted alone) fails, once */
    FAULT_FULL,      /* from `at` on writes find no space */
    FAULT_READ_ONLY, /* from `at` on writes are refused */
};

struct fault_plan {
    enum fault_kind kind;
    uint64_t at;
    bool really_sync;
    unsigned sync_delay_us; /* each sync takes so much longer */
};

extern const char fault_vfs_name[];

/* Registers the VFS (once) and begins: forgets all files, sets the plan, counts from 0. No database may be
 * open through it. */
void fault_begin(const struct fault_plan *plan);
/* Operations counted since, and whether the fault came. */
uint64_t fault_count(void);
bool fault_happened(void);
/* After a power cut, all connections closed: writes what the disk holds now. seed 0: of unsynced writes
 * nothing; else a random part. */
void fault_power_back(uint64_t seed);

#endif
