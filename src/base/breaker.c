/* A circuit breaker; see breaker.h. */
#include "base/breaker.h"

void breaker_init(struct breaker *b)
{
    *b = (struct breaker){.state = BREAKER_CLOSED};
    pthread_mutex_init(&b->lock, NULL);
}

bool breaker_allow(struct breaker *b, uint64_t now_us, bool *probe, uint64_t *wait_ms)
{
    pthread_mutex_lock(&b->lock);
    *probe = b->state == BREAKER_OPEN && now_us >= b->open_until_us;
    *wait_ms = b->open_until_us > now_us ? (b->open_until_us - now_us) / 1000 + 1 : 0;
    bool allowed = b->state == BREAKER_CLOSED || *probe;
    if (*probe)
        b->state = BREAKER_PROBING;
    pthread_mutex_unlock(&b->lock);
    return allowed;
}

static void open_until(struct breaker *b, uint64_t us)
{
    b->state = BREAKER_OPEN;
    b->open_until_us = us;
}

void breaker_report(struct breaker *b, enum breaker_verdict verdict, bool probe, unsigned failures,
                    uint64_t cooldown_ms, uint64_t now_us)
{
    pthread_mutex_lock(&b->lock);
    if (verdict == BREAKER_HEALTHY) {
        b->in_a_row = 0;
        b->state = BREAKER_CLOSED;
    } else if (verdict == BREAKER_SICK) {
        b->in_a_row++;
        if (probe || (b->state == BREAKER_CLOSED && b->in_a_row >= failures)) {
            b->opened_count += !probe;
            open_until(b, now_us + cooldown_ms * 1000);
        }
    } else if (probe) {
        open_until(b, now_us);
    }
    pthread_mutex_unlock(&b->lock);
}
