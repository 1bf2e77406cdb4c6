/*
 * A host as sherpa.c (which there are) and sherpa_host.c (what one does) share it. Private to these two.
 */
#ifndef EIDOLON_VOICE_SHERPA_INNER_H
#define EIDOLON_VOICE_SHERPA_INNER_H

#include "voice/sherpa.h"

#include <stdatomic.h>

struct sherpa_task; /* sherpa_host.c */

struct sherpa_host {
    struct sherpa_host *next;
    char *open_frame; /* what a child is told first; two hosts differ in it */
    char *name;       /* the provider's that was the first to use it: for sentences */
    struct loop *home;
    atomic_uint users;   /* drivers that have it open */
    struct child *child; /* the rest is home's */
    bool loaded, busy, stopped;
    struct sherpa_task *first; /* the child has it where `busy` */
    unsigned waiting;
    struct timer timer; /* of the task, or of the idle child */
    uint64_t idle_ms;
};

/* On its home: the child ends, and what waits ends with ERR_CLOSED. */
void sherpa_host_stop(struct sherpa_host *host) LOOP;

#endif
