/* The room log, on every driver: numbers, pages, folds, dedupe, fences, consumers, erasure. */
#include "fixture.h"

static void numbers_without_holes(struct fixture *f)
{
    fixture_room(f);
    struct event_row bad = fixture_row(f, "", "{}");
    struct store_append *a = fixture_append(f, &bad, 1);
    RUN_EXPECT(f, a, ERR_INVALID);
    DONE(a);
    struct event_row rows[3] = {fixture_row(f, "message", "{\"text\":\"hi\"}"),
                                fixture_row(f, "turn.started", "{}"), fixture_row(f, "mood", "{}")};
    rows[1].turn = id_new();
    rows[1].cause = ROW_OF_APPEND(0);
    rows[2].of = ROW_OF_APPEND(0);
    a = fixture_append(f, rows, 3);
    RUN(f, a);
    assert_int_equal(rows[0].seq, 2);
    assert_int_equal(rows[2].seq, 4);
    assert_int_equal(rows[1].cause, 2);
    assert_int_equal(rows[2].of, 2);
    assert_int_equal(rows[2].pos, rows[0].pos + 2);
    assert_true(rows[0].at_ms > 0);
    assert_int_equal(a->head_seq, 4);
    DONE(a);
}

static void pages(struct fixture *f)
{
    fixture_room(f);
    for (int i = 0; i < 9; i++)
        fixture_say(f, i % 3 ? "mood" : "message", "{\"text\":\"x\"}", 0);
    struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = f->tenant, p->room = f->room, p->after = 2, p->limit = 3;
    RUN(f, p);
    assert_int_equal(p->count, 3);
    assert_int_equal(p->rows[0].seq, 3);
    assert_true(p->more);
    assert_int_equal(p->head_seq, 10);
    assert_str(p->rows[0].author_name, "Ann");
    assert_true(id_eq(p->rows[0].room, f->room) && id_eq(p->rows[0].author, f->owner));
    DONE(p);

    struct str kinds[] = {STR("message"), STR("room.created")};
    p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = f->tenant, p->room = f->room, p->before = 8, p->desc = true;
    p->kinds = kinds, p->kind_count = 2;
    RUN(f, p);
    assert_int_equal(p->count, 3);
    assert_int_equal(p->rows[0].seq, 5);
    assert_int_equal(p->rows[2].seq, 1);
    assert_false(p->more);
    DONE(p);

    p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = id_new(), p->room = f->room;
    RUN_EXPECT(f, p, ERR_NOT_FOUND);
    DONE(p);
}

static void client_ids_are_stored_once(struct fixture *f)
{
    fixture_room(f);
    struct event_row rows[2] = {fixture_row(f, "message", "{\"text\":\"one\"}"),
                                fixture_row(f, "mood", "{}")};
    rows[0].client_id = STR("c1");
    struct id ref = rows[0].ref;
    struct store_append *a = fixture_append(f, rows, 2);
    RUN(f, a);
    assert_false(a->deduped);
    uint64_t seq = rows[0].seq, pos = rows[0].pos;
    DONE(a);
    fixture_say(f, "mood", "{}", 0);

    struct event_row again[2] = {fixture_row(f, "message", "{\"text\":\"two\"}"),
                                 fixture_row(f, "mood", "{}")};
    again[0].client_id = STR("c1");
    a = fixture_append(f, again, 2);
    RUN(f, a);
    assert_true(a->deduped);
    assert_int_equal(again[0].seq, seq);
    assert_int_equal(again[0].pos, pos);
    assert_true(id_eq(again[0].ref, ref));
    assert_str(again[0].data, "{\"text\":\"one\"}");
    assert_int_equal(a->head_seq, 4);
    DONE(a);

    again[0] = fixture_row(f, "message", "{\"text\":\"of another\"}");
    again[0].client_id = STR("c1");
    again[0].author = id_new();
    a = fixture_append(f, again, 1);
    RUN(f, a);
    assert_false(a->deduped);
    assert_int_equal(again[0].seq, 5);
    DONE(a);
}

static void operations_are_done_once(struct fixture *f)
{
    fixture_room(f);
    struct id op = id_new();
    uint64_t first = 0;
    for (int i = 0; i < 3; i++) {
        struct event_row row = fixture_row(f, "message", "{\"text\":\"x\"}");
        struct store_append *a = fixture_append(f, &row, 1);
        a->op.op_id = op;
        RUN(f, a);
        first = first ? first : row.seq;
        assert_int_equal(row.seq, first);
        assert_int_equal(a->head_seq, 2);
        DONE(a);
        if (i == 1 && strcmp(f->driver, "sqlite") == 0)
            fixture_reopen(f);
    }
    assert_int_equal(fixture_say(f, "mood", "{}", 0), 3);
}

static void epochs_fence(struct fixture *f)
{
    fixture_room(f);
    struct event_row row = fixture_row(f, "mood", "{}");
    struct store_append *a = fixture_append(f, &row, 1);
    a->epoch += 5;
    RUN(f, a);
    DONE(a);
    row = fixture_row(f, "mood", "{}");
    a = fixture_append(f, &row, 1);
    RUN_EXPECT(f, a, ERR_FENCED);
    DONE(a);
    struct store_forget *g = STORE_NEW(forget, FORGET);
    g->tenant = f->tenant, g->room = f->room, g->epoch = store_epoch(f->store);
    RUN_EXPECT(f, g, ERR_FENCED);
    DONE(g);
}

static void races_are_told(struct fixture *f)
{
    fixture_room(f);
    struct event_row row = fixture_row(f, "mood", "{}");
    struct store_append *a = fixture_append(f, &row, 1);
    a->expect_head = true, a->expect_seq = 7;
    RUN_EXPECT(f, a, ERR_CONFLICT);
    DONE(a);
    struct room_row head = fixture_head(f, "New title");
    a = fixture_append(f, NULL, 0);
    a->head = &head, a->expect_version = 9;
    RUN_EXPECT(f, a, ERR_PRECONDITION);
    DONE(a);
    a = fixture_append(f, NULL, 0);
    a->head = &head, a->expect_version = 1;
    RUN(f, a);
    assert_int_equal(a->version, 2);
    DONE(a);
    a = fixture_append(f, NULL, 0);
    a->head = &head, a->create = true;
    RUN_EXPECT(f, a, ERR_CONFLICT);
    DONE(a);
    a = fixture_append(f, &row, 1);
    a->room = id_new();
    RUN_EXPECT(f, a, ERR_NOT_FOUND);
    DONE(a);
}

static struct store_messages_page *messages(struct fixture *f, bool deleted, bool cleared, bool desc)
{
    struct store_messages_page *p = STORE_NEW(messages_page, MESSAGES_PAGE);
    p->tenant = f->tenant, p->room = f->room;
    p->deleted = deleted, p->cleared = cleared, p->desc = desc;
    RUN(f, p);
    return p;
}

static void messages_fold(struct fixture *f)
{
    fixture_room(f);
    uint64_t a = fixture_say(f, "message", "{\"text\":\"a\"}", 0);
    uint64_t b = fixture_say(f, "message", "{\"text\":\"b\"}", 0);
    fixture_say(f, "message", "{\"text\":\"c\"}", 0);
    fixture_say(f, "message.edited", "{\"text\":\"a2\"}", a);
    uint64_t edit = fixture_say(f, "message.edited", "{\"text\":\"a3\"}", a);
    fixture_say(f, "message.deleted", "{}", b);
    struct store_messages_page *p = messages(f, false, false, false);
    assert_int_equal(p->count, 2);
    assert_str(p->rows[0].row.data, "{\"text\":\"a\"}");
    assert_str(p->rows[0].edited_data, "{\"text\":\"a3\"}");
    assert_int_equal(p->rows[0].edited_seq, edit);
    assert_true(p->rows[0].edited_ms > 0);
    assert_int_equal(p->rows[1].edited_seq, 0);
    DONE(p);
    p = messages(f, true, false, true);
    assert_int_equal(p->count, 3);
    assert_true(p->rows[1].deleted && !p->rows[0].deleted);
    assert_int_equal(p->rows[1].row.seq, b);
    DONE(p);

    struct room_row head = fixture_head(f, "First");
    head.cleared_seq = b;
    struct store_append *clear = fixture_append(f, NULL, 0);
    clear->head = &head;
    RUN(f, clear);
    DONE(clear);
    p = messages(f, false, false, false);
    assert_int_equal(p->count, 1);
    DONE(p);
    p = messages(f, false, true, false);
    assert_int_equal(p->count, 2);
    DONE(p);

    struct store_events_about *about = STORE_NEW(events_about, EVENTS_ABOUT);
    uint64_t seqs[] = {b, a};
    about->tenant = f->tenant, about->room = f->room, about->seqs = seqs, about->seq_count = 2;
    RUN(f, about);
    assert_int_equal(about->count, 3);
    assert_int_equal(about->rows[0].of, a);
    assert_int_equal(about->rows[2].of, b);
    DONE(about);
}

static void events_are_found(struct fixture *f)
{
    fixture_room(f);
    struct event_row row = fixture_row(f, "message", "{\"text\":\"a\"}");
    struct store_append *a = fixture_append(f, &row, 1);
    RUN(f, a);
    DONE(a);
    fixture_say(f, "message.edited", "{\"text\":\"b\"}", row.seq);
    for (int i = 0; i < 3; i++) {
        struct store_event_find *q = STORE_NEW(event_find, EVENT_FIND);
        q->tenant = f->tenant;
        q->room = i == 1 ? ID_NONE : f->room;
        q->ref = i < 2 ? row.ref : ID_NONE;
        q->seq = i < 2 ? 0 : row.seq;
        RUN(f, q);
        assert_int_equal(q->found.row.seq, row.seq);
        assert_true(id_eq(q->found.row.room, f->room));
        assert_str(q->found.edited_data, "{\"text\":\"b\"}");
        assert_int_equal(q->about_count, 1);
        DONE(q);
    }
    struct store_event_find *q = STORE_NEW(event_find, EVENT_FIND);
    q->tenant = id_new(), q->ref = row.ref;
    RUN_EXPECT(f, q, ERR_NOT_FOUND);
    DONE(q);
    q = STORE_NEW(event_find, EVENT_FIND);
    q->tenant = f->tenant, q->room = f->room, q->seq = 99;
    RUN_EXPECT(f, q, ERR_NOT_FOUND);
    DONE(q);
}

static void consumers_follow(struct fixture *f)
{
    struct id rooms[2] = {f->room, id_new()};
    fixture_room(f);
    f->room = rooms[1];
    fixture_room(f);
    for (int i = 0; i < 6; i++) {
        f->room = rooms[i % 2];
        fixture_say(f, "message", "{\"text\":\"0123456789\"}", 0);
    }
    struct store_consume *p = STORE_NEW(consume, CONSUME);
    p->consumer = STR("index"), p->limit = 100;
    RUN(f, p);
    assert_int_equal(p->count, 8);
    assert_int_equal(p->cursor, 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(p->rows[i].pos, i + 1);
        assert_true(id_eq(p->rows[i].room, rooms[i % 2]) && id_eq(p->rows[i].tenant, f->tenant));
    }
    assert_int_equal(p->head_pos, 8);
    DONE(p);
    struct store_cursor_set *c = STORE_NEW(cursor_set, CURSOR_SET);
    c->consumer = STR("index"), c->pos = 5;
    RUN(f, c);
    DONE(c);
    p = STORE_NEW(consume, CONSUME);
    p->consumer = STR("index"), p->limit = 100, p->limit_bytes = 1;
    RUN(f, p);
    assert_int_equal(p->cursor, 5);
    assert_int_equal(p->count, 1);
    assert_int_equal(p->rows[0].pos, 6);
    DONE(p);
    p = STORE_NEW(consume, CONSUME);
    p->consumer = STR("index");
    RUN(f, p);
    assert_int_equal(p->count, 0);
    assert_int_equal(p->cursor, 5);
    assert_int_equal(p->head_pos, 8);
    DONE(p);
}

static void open_turns(struct fixture *f)
{
    fixture_room(f);
    struct event_row rows[3] = {fixture_row(f, "turn.started", "{}"), fixture_row(f, "turn.started", "{}"),
                                fixture_row(f, "turn.ended", "{}")};
    rows[0].turn = rows[2].turn = id_new();
    rows[1].turn = id_new();
    struct store_append *a = fixture_append(f, rows, 3);
    RUN(f, a);
    DONE(a);
    struct store_open_turns *t = STORE_NEW(open_turns, OPEN_TURNS);
    t->tenant = f->tenant;
    RUN(f, t);
    assert_int_equal(t->count, 1);
    assert_true(id_eq(t->rows[0].turn, rows[1].turn) && id_eq(t->rows[0].room, f->room));
    DONE(t);
    t = STORE_NEW(open_turns, OPEN_TURNS);
    t->tenant = f->tenant, t->room = id_new();
    RUN(f, t);
    assert_int_equal(t->count, 0);
    DONE(t);
}

static void forgetting(struct fixture *f)
{
    fixture_room(f);
    uint64_t secret = fixture_say(f, "message", "{\"text\":\"xyzzyplugh\"}", 0);
    uint64_t kept = fixture_say(f, "message", "{\"text\":\"kept\"}", 0);
    uint64_t edit = fixture_say(f, "message.edited", "{\"text\":\"xyzzyplugh edited\"}", secret);
    struct event_row note = fixture_row(f, "message.deleted", "{\"forgotten\":true}");
    note.of = secret;
    uint64_t seqs[] = {secret, 999};
    struct store_forget *g = STORE_NEW(forget, FORGET);
    g->tenant = f->tenant, g->room = f->room, g->epoch = store_epoch(f->store);
    g->seqs = seqs, g->seq_count = 2, g->note = &note;
    RUN(f, g);
    assert_int_equal(g->erased_count, 2);
    assert_int_equal(g->erased[0], secret);
    assert_int_equal(g->erased[1], edit);
    assert_int_equal(note.seq, edit + 1);
    assert_int_equal(g->head_seq, note.seq);
    DONE(g);
    struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = f->tenant, p->room = f->room;
    RUN(f, p);
    assert_int_equal(p->count, 5);
    assert_str(p->rows[1].data, STORE_ERASED);
    assert_str(p->rows[1].author_name, "");
    assert_str(p->rows[2].data, "{\"text\":\"kept\"}");
    assert_str(p->rows[3].data, STORE_ERASED);
    assert_str(p->rows[4].data, "{\"forgotten\":true}");
    DONE(p);
    struct store_messages_page *m = messages(f, false, false, false);
    assert_int_equal(m->count, 1);
    assert_int_equal(m->rows[0].row.seq, kept);
    DONE(m);
}

/* Many threads, several rooms: each gets its own numbers, in the order of its own submissions. */
struct crowd {
    struct fixture *f;
    int index;
    uint64_t last;
};

static void *shout(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 50; i++) {
        struct event_row row = fixture_row(c->f, "message", "{\"text\":\"x\"}");
        struct store_append *a = fixture_append(c->f, &row, 1);
        enum err err = store_wait(c->f->store, &a->op);
        if (err || row.seq <= c->last)
            abort();
        c->last = row.seq;
        DONE(a);
    }
    return NULL;
}

static void a_crowd(struct fixture *f)
{
    enum { PEOPLE = 8 };
    pthread_t threads[PEOPLE];
    struct crowd crowd[PEOPLE];
    fixture_room(f);
    for (int i = 0; i < PEOPLE; i++) {
        crowd[i] = (struct crowd){.f = f, .index = i};
        pthread_create(&threads[i], NULL, shout, &crowd[i]);
    }
    for (int i = 0; i < PEOPLE; i++)
        pthread_join(threads[i], NULL);
    struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = f->tenant, p->room = f->room, p->limit = 1000;
    RUN(f, p);
    assert_int_equal(p->count, PEOPLE * 50 + 1);
    for (size_t i = 0; i < p->count; i++)
        assert_int_equal(p->rows[i].seq, i + 1);
    DONE(p);
    struct store_stats stats;
    store_stats(f->store, &stats);
    assert_int_equal(stats.appended, PEOPLE * 50 + 1);
    assert_int_equal(stats.head_pos, PEOPLE * 50 + 1);
}

static size_t named(struct fixture *f)
{
    struct store_blob_names *names = STORE_NEW(blob_names, BLOB_NAMES);
    RUN(f, names);
    size_t count = names->count;
    DONE(names);
    return count;
}

/* Files that events name stay; when the message they are about is forgotten, nothing names them any more. */
static void events_name_files(struct fixture *f)
{
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char data[200];
    fixture_room(f);
    uint64_t said = fixture_say(f, "message", "{\"text\":\"hello\"}", 0);
    snprintf(data, sizeof data, "{\"text\":\"%s\"}", hash);
    fixture_say(f, "message", data, 0); /* words of somebody, no file */
    assert_int_equal(named(f), 0);
    snprintf(data, sizeof data, "{\"media\":\"%s\",\"visemes\":\"%.63sf\"}", hash, hash + 1);
    fixture_say(f, "speech", data, said);
    assert_int_equal(named(f), 2);
    struct store_forget *g = STORE_NEW(forget, FORGET);
    g->tenant = f->tenant, g->room = f->room, g->epoch = store_epoch(f->store);
    g->seqs = &said, g->seq_count = 1;
    RUN(f, g);
    DONE(g);
    assert_int_equal(named(f), 0);
}

STORE_TESTS({"numbers without holes", numbers_without_holes}, {"pages", pages},
            {"client ids are stored once", client_ids_are_stored_once},
            {"operations are done once", operations_are_done_once}, {"epochs fence", epochs_fence},
            {"races are told", races_are_told}, {"messages fold", messages_fold},
            {"events are found", events_are_found}, {"consumers follow", consumers_follow},
            {"open turns", open_turns}, {"forgetting", forgetting}, {"events name files", events_name_files},
            {"a crowd", a_crowd})
