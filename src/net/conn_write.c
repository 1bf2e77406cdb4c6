/*
 * Writing to a connection: directly first, then a queue of references; see conn.h.
 *
 * The queue is one block that exists only while something waits. Plain sockets are flushed with one sendmsg
 * of up to 64 pieces; under TLS pieces are gathered into records. When a TLS write would block, OpenSSL wants
 * the same bytes again: they are, because they stay at the front of the queue until they are gone.
 */
#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { FIRST_PIECES = 8 };

struct outq {
    unsigned head, count, cap;
    struct piece pieces[];
};

struct shared piece_static;

static void piece_done(struct piece *p)
{
    if (p->ref != PIECE_STATIC)
        shared_unref(p->ref);
}

void outq_free(struct outq *q)
{
    for (unsigned i = 0; q && i < q->count; i++)
        piece_done(&q->pieces[(q->head + i) % q->cap]);
    free(q);
}

static struct outq *outq_grow(struct outq *q)
{
    unsigned cap = q ? q->cap * 2 : FIRST_PIECES;
    struct outq *bigger = heap_alloc(sizeof *bigger + cap * sizeof(struct piece));
    bigger->cap = cap;
    for (unsigned i = 0; q && i < q->count; i++)
        bigger->pieces[bigger->count++] = q->pieces[(q->head + i) % q->cap];
    free(q);
    return bigger;
}

static void enqueue(struct conn *c, struct piece p)
{
    if (!c->out || c->out->count == c->out->cap)
        c->out = outq_grow(c->out);
    if (!p.ref) {
        p.ref = shared_new(str_of(p.p, p.n));
        p.p = p.ref->p;
    } else if (p.ref != PIECE_STATIC) {
        shared_ref(p.ref);
    }
    struct outq *q = c->out;
    q->pieces[(q->head + q->count++) % q->cap] = p;
    c->queued += p.n;
}

static ssize_t send_plain(struct conn *c, const struct iovec *iov, unsigned count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = count};
    for (;;) {
        /* send() is the cheaper call for the one piece of a broadcast. */
        ssize_t n = count == 1 ? send(c->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                               : sendmsg(c->fd, &msg, MSG_NOSIGNAL);
        if (n >= 0)
            return n;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return IO_AGAIN;
        if (errno != EINTR)
            return IO_ERROR;
    }
}

static ssize_t send_tls(struct conn *c, const struct iovec *iov, unsigned count)
{
    if (count == 1)
        return tls_write(c, iov->iov_base, iov->iov_len < TLS_RECORD ? iov->iov_len : TLS_RECORD);
    char *record = c->nl->tls_record;
    size_t n = 0;
    for (unsigned i = 0; i < count && n < TLS_RECORD; i++) {
        size_t take = iov[i].iov_len < TLS_RECORD - n ? iov[i].iov_len : TLS_RECORD - n;
        memcpy(record + n, iov[i].iov_base, take);
        n += take;
    }
    return tls_write(c, record, n);
}

static ssize_t send_some(struct conn *c, const struct iovec *iov, unsigned count)
{
    ssize_t n = c->ssl ? send_tls(c, iov, count) : send_plain(c, iov, count);
    if (n > 0)
        COUNT(c->nl, bytes_out, n);
    return n;
}

/* Cuts n bytes off the front of iov; returns how many entries are wholly gone. */
static unsigned advance(struct iovec *iov, unsigned count, size_t n)
{
    unsigned i = 0;
    while (i < count && n >= iov[i].iov_len)
        n -= iov[i++].iov_len;
    if (i < count) {
        iov[i].iov_base = (char *)iov[i].iov_base + n;
        iov[i].iov_len -= n;
    }
    return i;
}

static bool queue_limits(struct conn *c) LOOP
{
    if (c->queued > conn_limits(c)->queue_bytes) {
        COUNT(c->nl, slow_cut, 1);
        conn_kill(c);
        return false;
    }
    if (c->queued > conn_limits(c)->drain_bytes)
        c->above_drain = true;
    if (c->queued && !c->write_deadline) {
        c->write_deadline = conn_now(c) + conn_limits(c)->write_ms;
        wheel_look(c);
    }
    conn_update(c);
    return true;
}

bool conn_write(struct conn *c, const struct piece *pieces, unsigned count)
{
    if (conn_dead(c) || c->state == CONN_LINGER)
        return false;
    struct iovec iov[8];
    unsigned given = 0, done = 0;
    if (!c->out) {
        for (; given < count && given < 8; given++)
            iov[given] = (struct iovec){(char *)(uintptr_t)pieces[given].p, pieces[given].n};
        while (done < given) {
            ssize_t n = send_some(c, iov + done, given - done);
            if (n == IO_ERROR) {
                conn_kill(c);
                return false;
            }
            if (n < 0)
                break;
            done += advance(iov + done, given - done, (size_t)n);
        }
        if (done == count)
            return true;
    }
    for (unsigned i = done; i < count; i++) {
        struct piece p = pieces[i];
        if (i < given) {
            p.p = iov[i].iov_base;
            p.n = iov[i].iov_len;
        }
        if (p.n)
            enqueue(c, p);
    }
    return queue_limits(c);
}

/* True while the socket takes more. */
static bool flush_once(struct conn *c) LOOP
{
    struct outq *q = c->out;
    struct iovec iov[FLUSH_PIECES];
    unsigned count = 0;
    for (; count < q->count && count < FLUSH_PIECES; count++) {
        struct piece *p = &q->pieces[(q->head + count) % q->cap];
        iov[count] = (struct iovec){(char *)(uintptr_t)p->p, p->n};
    }
    ssize_t n = send_some(c, iov, count);
    if (n == IO_ERROR)
        conn_kill(c);
    if (n <= 0)
        return false;
    c->queued -= (size_t)n;
    c->write_deadline = conn_now(c) + conn_limits(c)->write_ms;
    size_t left = (size_t)n;
    while (left) {
        struct piece *p = &q->pieces[q->head];
        if (left < p->n) {
            p->p += left;
            p->n -= left;
            break;
        }
        left -= p->n;
        piece_done(p);
        q->head = (q->head + 1) % q->cap;
        q->count--;
    }
    return q->count > 0;
}

void conn_flush(struct conn *c)
{
    while (c->out && flush_once(c))
        ;
    if (conn_dead(c))
        return;
    if (c->out && !c->out->count) {
        free(c->out);
        c->out = NULL;
        c->write_deadline = 0;
    }
    bool drained = c->above_drain && c->queued <= conn_limits(c)->drain_bytes;
    if (drained)
        c->above_drain = false;
    if (c->state == CONN_HTTP && (drained || !c->out))
        http_drained(c, drained);
    else if (c->state == CONN_WS && drained)
        ws_drained(c);
    if (conn_dead(c))
        return;
    if (!c->out && c->finishing)
        conn_finish(c);
    conn_update(c);
}
