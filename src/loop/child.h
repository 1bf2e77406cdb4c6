/*
 * Child processes: what parses foreign files or runs models, kept out of the server's own memory.
 *
 * A child is an exec'd program (this one again, with a hidden command, or one from lib/), joined by one
 * socket pair on its descriptor 3. Both sides speak frames: a length of 4 bytes, little-endian, then that
 * many bytes. The child's standard error goes line by line to the log, its standard input and output to
 * /dev/null; it dies with the server (parent-death signal), and inherits no other descriptor.
 *
 * Parent's side (LOOP): child_open() starts it; frames come to events->frame on the same loop; when the
 * process is gone, for whatever reason but child_close(), events->lost says why in a sentence. It is started
 * again by child_start(), which keeps to a back-off (100 ms doubling to 30 s, forgotten after a minute of
 * health): a start asked for too early happens when its time has come, and frames sent meanwhile wait. What
 * the lost process had not answered is lost: the owner sends it again, or tells its asker.
 *
 * Child's side (child_side.c): child_confine() first, before any foreign byte is read, then child_read() and
 * child_write(), which block.
 *
 * It does not: know what frames say; choose when to start again; run on Windows.
 */
#ifndef EIDOLON_LOOP_CHILD_H
#define EIDOLON_LOOP_CHILD_H

#include "base/buf.h"
#include "loop/loop.h"

enum {
    CHILD_FRAME_MAX = 96 << 20,  /* bytes of one frame, either way; a longer one ends the child */
    CHILD_QUEUE_MAX = 256 << 20, /* bytes that may wait to be written to it; above it ERR_BUSY */
    CHILD_FILE_FRAME_MAX = 4096, /* of a frame that comes with a file */
    CHILD_BACKOFF_FIRST_MS = 100,
    CHILD_BACKOFF_MAX_MS = 30 * 1000,
    CHILD_HEALTHY_MS = 60 * 1000,
};

struct child;

struct child_options {
    const char *name;        /* for the log: "cards", "llama" */
    const char *program;     /* a path; NULL: this very program (/proc/self/exe) */
    const char *const *args; /* argv[1..], ended by NULL */
    int nice;                /* added to the server's own */
};

struct child_events {
    /* One frame; valid during the call. */
    void (*frame)(void *arg, struct str frame);
    /* The process is gone, or could not be started; `sentence` says why ("The llama child was ended by signal
     * 11 (segmentation fault)."). It may call child_start() or child_close(). */
    void (*lost)(void *arg, const char *sentence);
};

/* Makes and starts it. Options and args are copied. lost() is never called from inside. */
struct child *child_open(struct loop *loop, const struct child_options *options,
                         const struct child_events *events, void *arg) LOOP;
/* Starts it again after it was lost; nothing if it runs or waits for its time. */
void child_start(struct child *child) LOOP;
bool child_running(const struct child *child) LOOP;
int child_pid(const struct child *child) LOOP; /* 0: not running */
/* Queues a frame (copied). ERR_TOO_BIG, ERR_BUSY, or ERR_UNAVAILABLE where it is lost and not started again.
 */
enum err child_send(struct child *child, struct str frame, struct error *e) LOOP;
/* The same with an open file for the child to read (child_read_file): for what is too long to be carried. The
 * descriptor is duplicated. `frame` has at most CHILD_FILE_FRAME_MAX bytes. */
enum err child_send_file(struct child *child, struct str frame, int file, struct error *e) LOOP;
/* Kills it (SIGKILL) as if it had crashed: lost() follows. For what takes too long. */
void child_kill(struct child *child) LOOP;
/* Kills and frees it; no event follows. Allowed inside events. */
void child_close(struct child *child) LOOP;

/* ---- the child's side; plain threads ---- */
enum child_confine_flags {
    CHILD_NO_FILES = 1 << 0,   /* nothing can be opened, made or removed any more */
    CHILD_KEEP_FILES = 1 << 1, /* descriptors above 3 that are open already stay so */
    CHILD_READ_FILES = 1 << 2, /* files can be opened for reading, and nothing be made or changed */
};
/*
 * From here on only what lies in these folders can be read, and nothing be written (Landlock). Before
 * child_confine(). False where the kernel has no Landlock, or the folder is not there: nothing has changed
 * then, and CHILD_READ_FILES is what is left.
 */
bool child_read_beneath(const char *const *folders, size_t count);
/*
 * Gives up what the child does not need, for good: no sockets, no exec, no new processes, no tracing, no new
 * privileges; memory up to `memory_max` bytes of address space (0: no limit; ignored under sanitizers, which
 * need far more). Descriptors above 3 are closed unless CHILD_KEEP_FILES says otherwise. ERR_UNAVAILABLE if
 * the kernel refuses: then the child must not go on. A confined child ends by _exit(): what a sanitizer does
 * at exit() is not allowed any more.
 */
enum err child_confine(unsigned flags, uint64_t memory_max, struct error *e);
/* The next frame into `to` (cleared first). False: the server is gone, or said nonsense; exit. */
bool child_read(struct buf *to);
/* The same, taking the file that came with it: the caller closes *file, which is -1 where there is none. */
bool child_read_file(struct buf *to, int *file);
/* False: the server is gone. Any thread of the child, one at a time per frame. */
bool child_write(struct str frame);

#endif
