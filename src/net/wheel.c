/*
 * Deadlines of connections: a hashed wheel of 512 slots of 100 ms, one timer per loop; see conn.h.
 *
 * Setting a later deadline, the usual case on a busy connection, only stores a number: the wheel looks at the
 * connection at the old time, sees that nothing is due, and files it again. Deadlines past the wheel's span
 * are filed at its far end and looked at once per turn.
 */
#include "net/conn.h"

void wheel_remove(struct conn *c)
{
    if (!c->wheel_prev)
        return;
    *c->wheel_prev = c->wheel_next;
    if (c->wheel_next)
        c->wheel_next->wheel_prev = c->wheel_prev;
    c->wheel_prev = NULL;
}

static uint64_t earliest(const struct conn *c)
{
    if (!c->deadline || (c->write_deadline && c->write_deadline < c->deadline))
        return c->write_deadline;
    return c->deadline;
}

void wheel_look(struct conn *c)
{
    struct net_loop *nl = c->nl;
    uint64_t due = earliest(c);
    if (!due || conn_dead(c))
        return; /* a conn may die while a callback that will set its deadline is on the stack */
    wheel_start(nl);
    uint64_t at = due / WHEEL_TICK_MS + 1;
    if (c->wheel_prev && c->wheel_at <= at)
        return;
    if (at <= nl->wheel_now)
        at = nl->wheel_now + 1;
    if (at >= nl->wheel_now + WHEEL_SLOTS)
        at = nl->wheel_now + WHEEL_SLOTS - 1;
    wheel_remove(c);
    struct conn **slot = &nl->wheel[at % WHEEL_SLOTS];
    c->wheel_at = at;
    c->wheel_next = *slot;
    if (*slot)
        (*slot)->wheel_prev = &c->wheel_next;
    c->wheel_prev = slot;
    *slot = c;
}

void wheel_set(struct conn *c, uint64_t after_ms)
{
    c->deadline = after_ms ? conn_now(c) + after_ms : 0;
    wheel_look(c);
}

static void fire(struct conn *c) LOOP
{
    uint64_t now = conn_now(c);
    if (c->write_deadline && c->write_deadline <= now) {
        COUNT(c->nl, timeouts, 1);
        conn_kill(c);
        return;
    }
    if (!c->deadline || c->deadline > now)
        return;
    c->deadline = 0;
    switch ((enum conn_state)c->state) {
    case CONN_HTTP:
        http_deadline(c);
        break;
    case CONN_WS:
        ws_deadline(c);
        break;
    case CONN_HANDSHAKE:
        COUNT(c->nl, timeouts, 1);
        conn_kill(c);
        break;
    case CONN_LINGER:
        conn_kill(c);
        break;
    case CONN_DEAD:
        break;
    }
}

static void on_tick(uv_timer_t *timer)
{
    on_loop();
    struct net_loop *nl = timer->data;
    uint64_t target = uv_now(nl->uv) / WHEEL_TICK_MS;
    /* After a long pause one turn of the wheel visits everybody. */
    if (target > nl->wheel_now + WHEEL_SLOTS)
        nl->wheel_now = target - WHEEL_SLOTS;
    while (nl->wheel_now < target) {
        nl->wheel_now++;
        struct conn *c;
        while ((c = nl->wheel[nl->wheel_now % WHEEL_SLOTS])) {
            wheel_remove(c);
            fire(c);
            if (!conn_dead(c))
                wheel_look(c);
        }
    }
    if (!nl->open) {
        uv_timer_stop(&nl->tick);
        nl->tick_on = false;
    }
}

void wheel_start(struct net_loop *nl)
{
    if (nl->tick_on)
        return;
    if (!nl->tick_made) {
        uv_timer_init(nl->uv, &nl->tick);
        nl->tick.data = nl;
        nl->tick_made = true;
    }
    nl->tick_on = true;
    nl->wheel_now = uv_now(nl->uv) / WHEEL_TICK_MS;
    uv_timer_start(&nl->tick, on_tick, WHEEL_TICK_MS, WHEEL_TICK_MS);
}

void wheel_close(struct net_loop *nl)
{
    if (nl->tick_made)
        uv_close((uv_handle_t *)&nl->tick, NULL);
    nl->tick_made = nl->tick_on = false;
}
