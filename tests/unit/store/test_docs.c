/* Documents, room heads, idempotency and purging, on every driver. */
#include "fixture.h"

static struct store_doc_put *put(struct fixture *f, struct id id, const char *slug, const char *sort,
                                 const char *data)
{
    struct store_doc_put *p = STORE_NEW(doc_put, DOC_PUT);
    p->doc = (struct doc_row){.type = STR("persona"),
                              .id = id,
                              .tenant = f->tenant,
                              .owner = f->owner,
                              .slug = str_c(slug),
                              .sort = str_c(sort),
                              .data = str_c(data)};
    return p;
}

static struct id made(struct fixture *f, const char *slug, const char *sort)
{
    static int64_t born = 1000;
    struct store_doc_put *p = put(f, ID_NONE, slug, sort, "{}");
    p->create = true;
    p->doc.created_ms = born++; /* two in one millisecond have no order */
    RUN(f, p);
    struct id id = p->doc.id;
    assert_false(id_none(id));
    assert_int_equal(p->doc.version, 1);
    DONE(p);
    return id;
}

static struct store_doc_get *get(struct fixture *f, struct id id, const char *slug, bool deleted)
{
    struct store_doc_get *g = STORE_NEW(doc_get, DOC_GET);
    g->type = STR("persona"), g->tenant = f->tenant, g->id = id, g->slug = str_c(slug), g->deleted = deleted;
    return g;
}

static void versions(struct fixture *f)
{
    struct id id = made(f, "mia", "Mia");
    struct store_doc_put *p = put(f, id, "mia", "Mia", "{\"a\":1}");
    p->expect_version = 2;
    RUN_EXPECT(f, p, ERR_PRECONDITION);
    DONE(p);
    p = put(f, id, "mia", "Mia B", "{\"a\":1}");
    p->expect_version = 1;
    RUN(f, p);
    assert_int_equal(p->doc.version, 2);
    assert_true(p->doc.created_ms > 0 && p->doc.updated_ms >= p->doc.created_ms);
    DONE(p);
    p = put(f, id, "mia", "Mia", "{}");
    p->create = true;
    RUN_EXPECT(f, p, ERR_CONFLICT);
    DONE(p);
    p = put(f, ID_NONE, "mia", "Other", "{}");
    p->create = true;
    RUN_EXPECT(f, p, ERR_CONFLICT);
    assert_string_equal(p->op.error.param, "slug");
    DONE(p);
    struct store_doc_get *g = get(f, ID_NONE, "mia", false);
    RUN(f, g);
    assert_str(g->doc.data, "{\"a\":1}");
    assert_str(g->doc.sort, "Mia B");
    assert_true(id_eq(g->doc.id, id));
    DONE(g);
    g = get(f, ID_NONE, "nobody", false);
    RUN_EXPECT(f, g, ERR_NOT_FOUND);
    DONE(g);
}

static enum err drop(struct fixture *f, struct id id, bool erase)
{
    struct store_doc_delete *d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = id, d->erase = erase;
    enum err err = store_wait(f->store, &d->op);
    DONE(d);
    return err;
}

static void deletion_and_return(struct fixture *f)
{
    struct id id = made(f, "mia", "Mia");
    assert_int_equal(drop(f, id, false), ERR_OK);
    assert_int_equal(drop(f, id, false), ERR_OK);
    struct store_doc_get *g = get(f, id, "", false);
    RUN_EXPECT(f, g, ERR_GONE);
    DONE(g);
    g = get(f, ID_NONE, "mia", false);
    RUN_EXPECT(f, g, ERR_NOT_FOUND);
    DONE(g);
    g = get(f, ID_NONE, "mia", true);
    RUN(f, g);
    assert_true(g->doc.deleted_ms > 0);
    DONE(g);
    struct id second = made(f, "mia", "Mia the second");
    struct store_doc_put *p = put(f, id, "mia", "Mia", "{}");
    RUN_EXPECT(f, p, ERR_GONE);
    DONE(p);
    p = put(f, id, "mia", "Mia", "{}");
    p->undelete = true;
    RUN_EXPECT(f, p, ERR_CONFLICT);
    DONE(p);
    assert_int_equal(drop(f, second, true), ERR_OK);
    assert_int_equal(drop(f, second, true), ERR_NOT_FOUND);
    p = put(f, id, "mia", "Mia", "{}");
    p->undelete = true;
    RUN(f, p);
    DONE(p);
    g = get(f, id, "", false);
    RUN(f, g);
    assert_int_equal(g->doc.deleted_ms, 0);
    DONE(g);
}

static struct store_docs_list *list(struct fixture *f, struct str after, bool newest, const char *find)
{
    struct store_docs_list *l = STORE_NEW(docs_list, DOCS_LIST);
    l->type = STR("persona"), l->tenant = f->tenant, l->limit = 2;
    l->after = arena_str(&l->op.arena, after), l->newest_first = newest, l->find = str_c(find);
    return l;
}

static void lists(struct fixture *f)
{
    const char *names[] = {"delta", "Alpha", "charlie", "Bravo", "echo"};
    struct id last = ID_NONE;
    for (int i = 0; i < 5; i++)
        last = made(f, names[i], names[i]);
    struct store_docs_list *a = list(f, STR_NONE, false, "");
    RUN(f, a);
    assert_int_equal(a->count, 2);
    assert_str(a->rows[0].sort, "Alpha");
    assert_str(a->rows[1].sort, "Bravo");
    struct store_docs_list *b = list(f, a->next, false, "");
    RUN(f, b);
    assert_str(b->rows[0].sort, "charlie");
    struct store_docs_list *c = list(f, b->next, false, "");
    RUN(f, c);
    assert_int_equal(c->count, 1);
    assert_str(c->rows[0].sort, "echo");
    assert_true(str_empty(c->next));
    DONE(a);
    DONE(b);
    DONE(c);
    a = list(f, STR_NONE, true, "");
    RUN(f, a);
    assert_true(id_eq(a->rows[0].id, last));
    b = list(f, a->next, true, "");
    RUN(f, b);
    assert_int_equal(b->count, 2);
    DONE(a);
    DONE(b);
    a = list(f, STR_NONE, false, "RAV");
    RUN(f, a);
    assert_int_equal(a->count, 1);
    DONE(a);
    a = list(f, STR("rubbish"), false, "");
    RUN_EXPECT(f, a, ERR_INVALID);
    DONE(a);
    a = list(f, STR_NONE, false, "");
    a->owner = id_new();
    RUN(f, a);
    assert_int_equal(a->count, 0);
    DONE(a);
    assert_int_equal(drop(f, last, false), ERR_OK);
    a = list(f, STR_NONE, false, "");
    a->deleted = true;
    RUN(f, a);
    assert_int_equal(a->count, 1);
    DONE(a);
}

static void idempotency(struct fixture *f)
{
    struct store_idem idem = {.principal = f->owner,
                              .route = STR("POST /api/personas"),
                              .key = STR("k1"),
                              .hash = {1, 2, 3},
                              .result = STR("the id")};
    struct store_doc_put *p = put(f, ID_NONE, "a", "A", "{}");
    p->create = true, p->idem = &idem;
    RUN(f, p);
    DONE(p);
    p = put(f, ID_NONE, "b", "B", "{}");
    p->create = true, p->idem = &idem;
    RUN_EXPECT(f, p, ERR_CONFLICT);
    DONE(p);
    struct store_doc_get *g = get(f, ID_NONE, "b", false);
    RUN_EXPECT(f, g, ERR_NOT_FOUND);
    DONE(g);
    struct store_idem_get *i = STORE_NEW(idem_get, IDEM_GET);
    i->idem.principal = f->owner, i->idem.route = idem.route, i->idem.key = idem.key;
    RUN(f, i);
    assert_str(i->idem.result, "the id");
    assert_memory_equal(i->idem.hash, idem.hash, sizeof idem.hash);
    DONE(i);
    i = STORE_NEW(idem_get, IDEM_GET);
    i->idem.principal = id_new(), i->idem.route = idem.route, i->idem.key = idem.key;
    RUN_EXPECT(f, i, ERR_NOT_FOUND);
    DONE(i);
}

static void rooms(struct fixture *f)
{
    struct id ids[5];
    for (int i = 0; i < 5; i++) {
        char title[16];
        snprintf(title, sizeof title, "Room %d", i);
        ids[i] = f->room = id_new();
        struct room_row head = fixture_head(f, title);
        head.external = i == 0 ? STR("user-1") : STR_NONE;
        struct event_row row = fixture_row(f, "message", "{\"text\":\"hello there\"}");
        row.at_ms = 1000 + i;
        struct store_append *a = fixture_append(f, &row, 1);
        a->head = &head, a->create = true;
        RUN(f, a);
        assert_int_equal(head.version, 1);
        DONE(a);
    }
    struct store_rooms_list *l = STORE_NEW(rooms_list, ROOMS_LIST);
    l->tenant = f->tenant, l->owner = f->owner, l->limit = 3;
    RUN(f, l);
    assert_int_equal(l->count, 3);
    assert_str(l->rows[0].title, "Room 4");
    assert_str(l->rows[0].last_text, "hello there");
    assert_int_equal(l->rows[0].last_ms, 1004);
    struct store_rooms_list *m = STORE_NEW(rooms_list, ROOMS_LIST);
    m->tenant = f->tenant, m->limit = 3, m->after = l->next;
    RUN(f, m);
    assert_int_equal(m->count, 2);
    assert_str(m->rows[1].title, "Room 0");
    assert_true(str_empty(m->next));
    DONE(l);
    DONE(m);
    struct store_room_get *g = STORE_NEW(room_get, ROOM_GET);
    g->tenant = f->tenant, g->external = STR("user-1");
    RUN(f, g);
    assert_true(id_eq(g->row.id, ids[0]));
    assert_int_equal(g->row.head_seq, 1);
    DONE(g);

    f->room = id_new();
    struct room_row head = fixture_head(f, "Twin");
    head.external = STR("user-1");
    struct store_append *a = fixture_append(f, NULL, 0);
    a->head = &head, a->create = true;
    RUN_EXPECT(f, a, ERR_CONFLICT);
    assert_string_equal(a->op.error.param, "external");
    DONE(a);
}

static void purging(struct fixture *f)
{
    fixture_room(f);
    fixture_say(f, "message", "{\"text\":\"x\"}", 0);
    struct id doc = made(f, "a", "A");
    made(f, "b", "B");
    assert_int_equal(drop(f, doc, false), ERR_OK);
    struct room_row head = fixture_head(f, "First");
    head.deleted_ms = 5;
    struct store_append *a = fixture_append(f, NULL, 0);
    a->head = &head;
    RUN(f, a);
    DONE(a);
    struct store_purge *p = STORE_NEW(purge, PURGE);
    p->deleted_before_ms = clock_wall_ms() + 10, p->idem_before_ms = 0;
    RUN(f, p);
    assert_int_equal(p->removed, 2);
    DONE(p);
    struct store_room_get *g = STORE_NEW(room_get, ROOM_GET);
    g->tenant = f->tenant, g->room = f->room;
    RUN_EXPECT(f, g, ERR_NOT_FOUND);
    DONE(g);
    if (strcmp(f->driver, "sqlite") == 0)
        fixture_reopen(f);
    f->room = id_new();
    struct event_row row = fixture_row(f, "room.created", "{}");
    head = fixture_head(f, "After");
    a = fixture_append(f, &row, 1);
    a->head = &head, a->create = true;
    RUN(f, a);
    assert_int_equal(row.pos, 3); /* positions 1 and 2 are never given again */
    DONE(a);
}

STORE_TESTS({"versions", versions}, {"deletion and return", deletion_and_return}, {"lists", lists},
            {"idempotency", idempotency}, {"rooms", rooms}, {"purging", purging})
