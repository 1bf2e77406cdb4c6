/*
 * A circuit breaker for one endpoint, shared by all loops.
 *
 * Closed: calls go through. After `failures` of them in a row it opens: calls are refused at once, so that
 * one dead endpoint takes no turn's time. When `cooldown_ms` have passed, one call is let through as a probe;
 * its success closes the breaker, its failure opens it for another cooldown, and a probe that was cancelled
 * lets the next call probe.
 *
 * Only what speaks against the endpoint's health counts as sick: a refused key, a rate limit or an empty
 * account do not, as waiting does not mend them. Any thread.
 */
#ifndef EIDOLON_BASE_BREAKER_H
#define EIDOLON_BASE_BREAKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBING };
enum breaker_verdict { BREAKER_HEALTHY, BREAKER_SICK, BREAKER_UNKNOWN /* cancelled, or not its fault */ };

struct breaker {
    pthread_mutex_t lock;
    enum breaker_state state;
    unsigned in_a_row;
    uint64_t open_until_us; /* monotonic */
    uint64_t opened_count;  /* for metrics */
};

void breaker_init(struct breaker *b);

/* Whether a call may begin; *probe says that it is the one that tries the endpoint again, *wait_ms how long
 * it will be left alone. Every allowed call must be followed by one breaker_report() with the same probe. */
bool breaker_allow(struct breaker *b, uint64_t now_us, bool *probe, uint64_t *wait_ms);
void breaker_report(struct breaker *b, enum breaker_verdict verdict, bool probe, unsigned failures,
                    uint64_t cooldown_ms, uint64_t now_us);

#endif
