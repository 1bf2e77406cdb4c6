/* Thread kinds; see thread.h. */
#include "base/thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct thread_role role_loop, role_worker, role_store;

static _Thread_local enum thread_kind mine = THREAD_PLAIN;

void thread_become(enum thread_kind kind, const char *name)
{
    mine = kind;
    if (name)
        pthread_setname_np(pthread_self(), name);
}

enum thread_kind thread_kind(void)
{
    return mine;
}

static void expect(enum thread_kind kind, const char *name)
{
    if (mine == kind)
        return;
    fprintf(stderr, "eidolon: a function bound to a %s thread was called on another kind (%d).\n", name,
            mine);
    abort();
}

void on_loop(void)
{
    expect(THREAD_LOOP, "loop");
}

void on_worker(void)
{
    expect(THREAD_WORKER, "worker");
}

void on_store(void)
{
    expect(THREAD_STORE, "store");
}
