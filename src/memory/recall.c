/*
 * A recall, from question to hits: three things are asked at once (the index, the tail, the block); the
 * index's best hits then bring their neighbours; when all is here the candidates are scored and the best are
 * chosen (choose.c).
 *
 * The inner state outlives a cancelled op: answers that come later find it, and the last of them frees it.
 */
#include "memory/recall.h"

#include "base/clock.h"

#include <stdlib.h>

static LOOP void free_inner(struct recall *r)
{
    if (r->search)
        index_op_free(&r->search->op);
    if (r->around)
        index_op_free(&r->around->op);
    if (r->block)
        store_op_free(&r->block->op);
    arena_release(&r->tail.arena);
    arena_release(&r->arena);
    free(r);
}

static void answer(void *arg)
{
    on_loop();
    struct recall *r = arg;
    struct memory_recall *op = r->op;
    r->op = NULL;
    op->inner = NULL;
    op->took_us = clock_mono_us() - r->began_us;
    atomic_fetch_add(&r->m->recalls, 1);
    atomic_fetch_add(&r->m->recall_us, op->took_us);
    if (!r->open)
        free_inner(r);
    op->done(op);
}

static void ask_index(struct recall *r) LOOP;

/* The index was asked before something reached it that had left the tail when that was asked: neither holds
 * it. */
static bool fell_between(const struct recall *r)
{
    return r->search && r->search->op.err == ERR_OK && r->search->cursor < r->tail.indexed_pos && !r->again;
}

static LOOP void search_again(struct recall *r)
{
    index_op_free(&r->search->op);
    if (r->around)
        index_op_free(&r->around->op);
    r->search = NULL;
    r->around = NULL;
    r->again = true;
    ask_index(r);
}

/* One of the answers is here. */
static LOOP void one_less(struct recall *r)
{
    r->open--;
    if (r->open)
        return;
    if (!r->op) {
        free_inner(r);
        return;
    }
    if (r->answering) /* cancelled: answer() is on its way, and frees */
        return;
    if (fell_between(r)) {
        search_again(r);
        return;
    }
    recall_choose(r);
    answer(r);
}

static LOOP void take_blocks(struct recall *r)
{
    struct memory_recall *op = r->op;
    struct memory_block found[BLOCKS_MAX];
    if (!r->block || r->block->op.err != ERR_OK || op->block_count)
        return;
    size_t n = blocks_read(op->arena, r->block->doc.data, found);
    op->blocks = arena_array(op->arena, struct memory_block, n);
    if (n)
        memcpy(op->blocks, found, n * sizeof *found);
    op->block_count = n;
}

static void block_here(struct store_op *op)
{
    on_loop();
    struct recall *r = op->arg;
    r->block = (struct store_doc_get *)op;
    if (r->op && !r->answering)
        take_blocks(r);
    one_less(r);
}

static void tail_here(struct tail_ask *ask)
{
    on_loop();
    one_less(CONTAINER(ask, struct recall, tail));
}

static void neighbours_here(struct index_op *op)
{
    on_loop();
    struct recall *r = op->arg;
    r->around = (struct index_neighbours *)op;
    one_less(r);
}

static LOOP void ask_neighbours(struct recall *r)
{
    struct index_neighbours *n = INDEX_NEW(neighbours, NEIGHBOURS);
    struct index_place *at = arena_array(&n->op.arena, struct index_place, RECALL_NEIGHBOURS_OF);
    n->owner = r->op->person;
    n->persona = r->op->persona;
    for (size_t i = 0; i < r->search->hit_count && n->at_count < RECALL_NEIGHBOURS_OF; i++)
        at[n->at_count++] = (struct index_place){r->search->hits[i].room, r->search->hits[i].seq};
    n->at = at;
    n->radius = RECALL_RADIUS;
    n->op.done = neighbours_here;
    n->op.arg = r;
    r->open++;
    index_submit(r->m->index, &n->op);
}

static void search_here(struct index_op *op)
{
    on_loop();
    struct recall *r = op->arg;
    r->search = (struct index_search *)op;
    if (op->err != ERR_OK && r->op && !r->answering) {
        r->op->err = op->err;
        r->op->error = op->error;
    }
    if (op->err == ERR_OK && r->op && !r->answering && r->search->hit_count)
        ask_neighbours(r);
    one_less(r);
}

static void ask_index(struct recall *r)
{
    struct index_search *s = INDEX_NEW(search, SEARCH);
    struct str *words = arena_array(&s->op.arena, struct str, r->query.count);
    for (size_t i = 0; i < r->query.count; i++)
        words[i] = arena_str(&s->op.arena, r->query.words[i].as_said);
    s->owner = r->op->person;
    s->persona = r->op->persona;
    s->words = words;
    s->word_count = r->query.count;
    s->limit = r->m->options.candidates;
    s->posting_budget = RECALL_POSTINGS;
    s->op.done = search_here;
    s->op.arg = r;
    r->open++;
    index_submit(r->m->index, &s->op);
}

static LOOP void ask_tail(struct recall *r)
{
    r->tail.m = r->m;
    r->tail.person = r->op->person;
    r->tail.persona = r->op->persona;
    r->tail.done = tail_here;
    r->open++;
    tail_ask(&r->tail);
}

static LOOP void ask_block(struct recall *r)
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = BLOCK_DOC_TYPE;
    get->tenant = r->m->options.tenant;
    get->id = block_id(r->op->person, r->op->persona);
    get->op.done = block_here;
    get->op.arg = r;
    r->open++;
    store_submit(r->m->store, &get->op);
}

void memory_recall(struct memory *m, struct memory_recall *op)
{
    struct recall *r = heap_alloc(sizeof *r);
    r->m = m;
    r->op = op;
    r->began_us = clock_mono_us();
    op->inner = r;
    op->err = ERR_OK;
    op->error = (struct error){0};
    op->hits = NULL;
    op->blocks = NULL;
    op->hit_count = op->block_count = 0;
    /* The question's strings are the op's, and the inner state may outlive it. */
    struct str *words = arena_array(&r->arena, struct str, op->word_count);
    for (size_t i = 0; i < op->word_count; i++)
        words[i] = arena_str(&r->arena, op->words[i]);
    struct str text = arena_str(&r->arena, op->text);
    query_of(&r->arena, text, words, op->word_count, &r->query);
    r->about = about_of(&r->arena, text);
    ask_block(r);
    if (op->budget_tokens && r->query.count) {
        ask_index(r);
        ask_tail(r);
    }
}

void memory_recall_cancel(struct memory_recall *op)
{
    struct recall *r = op->inner;
    if (!r || r->answering)
        return;
    r->answering = true;
    op->err =
        error_set(&op->error, ERR_CANCELLED, "Recalling was given up; the turn goes on without memories.");
    loop_defer(loop_self(), answer, r);
}

size_t memory_tokens(struct str text)
{
    enum { BYTES_A_TOKEN = 4, A_MESSAGE = 4 };
    return (text.n + BYTES_A_TOKEN - 1) / BYTES_A_TOKEN + A_MESSAGE;
}
