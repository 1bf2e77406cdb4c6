/*
 * Which kind of thread may run a function, said in the code and checked twice.
 *
 * LOOP, WORKER and STORE annotate functions bound to one kind of thread: clang's thread-safety analysis
 * checks direct calls (`make lint`), gcc sees nothing. Function pointers escape that analysis, so a callback
 * asserts its kind on entry: `on_loop();`. An unannotated function runs anywhere.
 */
#ifndef EIDOLON_BASE_THREAD_H
#define EIDOLON_BASE_THREAD_H

#include <stdbool.h>

#if defined(__clang__)
#define THREAD_ATTR(x) __attribute__((x))
#else
#define THREAD_ATTR(x)
#endif

struct THREAD_ATTR(capability("thread kind")) thread_role {
    char unused;
};

extern struct thread_role role_loop, role_worker, role_store;

#define LOOP THREAD_ATTR(requires_capability(role_loop))
#define WORKER THREAD_ATTR(requires_capability(role_worker))
#define STORE THREAD_ATTR(requires_capability(role_store))

enum thread_kind { THREAD_PLAIN, THREAD_LOOP, THREAD_WORKER, THREAD_STORE };

/* Declares what the calling thread is; once, at its start (tests: before calling bound functions). */
void thread_become(enum thread_kind kind, const char *name);
enum thread_kind thread_kind(void);

/* Assert the kind, aborting with a message; for clang they also grant it to the rest of the function. */
void on_loop(void) THREAD_ATTR(assert_capability(role_loop));
void on_worker(void) THREAD_ATTR(assert_capability(role_worker));
void on_store(void) THREAD_ATTR(assert_capability(role_store));

#endif
