/*
 * The store under failing disks: whatever happens, what was acknowledged is there afterwards, numbers have no
 * holes, nothing crashes, and the store says why it stopped writing.
 *
 * The power-loss test runs one workload again and again and cuts the power at its 1st, 2nd, 3rd, ... changing
 * operation on the disk (a write, a truncation or a sync, opening and migration included), twice each: once
 * the disk keeps nothing that was not synced, once a random part of it. FAULT_STEP=1 in the environment cuts
 * at every one; without, at all of the first 40 and every 29th after.
 */
#include "unit/store/fixture.h"

#include "fault/vfs.h"
#include "store/sqlite.h"

enum { ACKS_MAX = 512, ROOMS = 3, DENSE = 40, STEP = 29 };

/* What the workload was told: everything in here must be there after the power is back. */
struct ack {
    int room;
    uint64_t seq, pos;
    bool erased;
    char data[48];
};

struct told {
    struct id tenant, owner, rooms[ROOMS], doc;
    bool room_made[ROOMS];
    struct ack acks[ACKS_MAX];
    size_t count;
    uint64_t doc_version, cursor, epoch;
    bool doc_tried;
};

static enum err open_store(const char *folder, const char *vfs, struct store **out, struct error *e)
{
    struct store_options o = {.driver = STR("sqlite"),
                              .folder = str_c(folder),
                              .vfs = vfs,
                              .readers = 1,
                              .checkpoint_pages = 24}; /* often, so that it is cut too */
    return store_open(&o, out, e);
}

static struct event_row row_of(const struct told *t, const char *data)
{
    return (struct event_row){.kind = STR("message"),
                              .v = 1,
                              .author_type = AUTHOR_USER,
                              .author = t->owner,
                              .author_name = STR("Ann"),
                              .ref = id_new(),
                              .data = str_c(data)};
}

static enum err say(struct store *s, struct told *t, int room, int number)
{
    struct store_append *a = STORE_NEW(append, APPEND);
    char data[2][48];
    struct event_row rows[2];
    for (int i = 0; i < 2; i++) {
        snprintf(data[i], sizeof data[i], "{\"text\":\"%d/%d/%d\"}", room, number, i);
        rows[i] = row_of(t, data[i]);
    }
    struct room_row head = {.owner = t->owner,
                            .title = STR("Room"),
                            .state = STR("idle"),
                            .members = STR("[]"),
                            .settings = STR("{}")};
    a->tenant = t->tenant, a->room = t->rooms[room], a->epoch = store_epoch(s);
    a->rows = rows, a->count = 2;
    if (!t->room_made[room]) {
        a->head = &head;
        a->create = true;
    }
    enum err err = store_wait(s, &a->op);
    for (int i = 0; i < 2 && !err; i++) {
        struct ack *ack = &t->acks[t->count++];
        *ack = (struct ack){.room = room, .seq = rows[i].seq, .pos = rows[i].pos};
        memcpy(ack->data, data[i], sizeof ack->data);
    }
    t->room_made[room] = t->room_made[room] || !err;
    DONE(a);
    return err;
}

static enum err put_doc(struct store *s, struct told *t)
{
    struct store_doc_put *p = STORE_NEW(doc_put, DOC_PUT);
    p->doc = (struct doc_row){.type = STR("persona"),
                              .id = t->doc,
                              .tenant = t->tenant,
                              .owner = t->owner,
                              .slug = STR("mia"),
                              .sort = STR("Mia"),
                              .data = STR("{}")};
    enum err err = store_wait(s, &p->op);
    if (!err)
        t->doc_version = p->doc.version;
    DONE(p);
    return err;
}

static enum err set_cursor(struct store *s, struct told *t, uint64_t pos)
{
    struct store_cursor_set *c = STORE_NEW(cursor_set, CURSOR_SET);
    c->consumer = STR("index"), c->pos = pos;
    enum err err = store_wait(s, &c->op);
    if (!err)
        t->cursor = pos;
    DONE(c);
    return err;
}

static enum err forget(struct store *s, struct told *t, size_t which)
{
    struct ack *ack = &t->acks[which];
    struct store_forget *g = STORE_NEW(forget, FORGET);
    g->tenant = t->tenant, g->room = t->rooms[ack->room], g->epoch = store_epoch(s);
    g->seqs = &ack->seq, g->seq_count = 1;
    enum err err = store_wait(s, &g->op);
    if (!err)
        ack->erased = true;
    else
        ack->data[0] = '\0'; /* either way is right */
    DONE(g);
    return err;
}

/* Until the first failure. */
static enum err work(struct store *s, struct told *t)
{
    enum err err = ERR_OK;
    for (int i = 0; i < 30 && !err; i++) {
        err = say(s, t, i % ROOMS, i);
        if (!err && i % 4 == 1)
            err = put_doc(s, t);
        if (!err && i % 5 == 2)
            err = set_cursor(s, t, (uint64_t)i);
        if (!err && i % 10 == 7)
            err = forget(s, t, (size_t)i);
    }
    return err;
}

/* ---- looking ------------------------------------------------------------------------------------------- */

static void check_room(struct store *s, const struct told *t, int room)
{
    struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = t->tenant, p->room = t->rooms[room];
    enum err err = store_wait(s, &p->op);
    if (t->room_made[room])
        assert_int_equal(err, ERR_OK);
    if (err) {
        DONE(p);
        return;
    }
    assert_int_equal(p->head_seq, p->count);
    for (size_t i = 0; i < p->count; i++)
        assert_int_equal(p->rows[i].seq, i + 1);
    assert_int_equal(p->count % 2, 0); /* two by two: a transaction is whole */
    for (size_t i = 0; i < t->count; i++) {
        const struct ack *a = &t->acks[i];
        if (a->room != room)
            continue;
        assert_true(a->seq <= p->count);
        const struct event_row *r = &p->rows[a->seq - 1];
        assert_int_equal(r->pos, a->pos);
        if (a->data[0])
            assert_str(r->data, a->erased ? STORE_ERASED : a->data);
    }
    DONE(p);
}

static void check_rest(struct store *s, const struct told *t)
{
    struct store_consume *c = STORE_NEW(consume, CONSUME);
    c->consumer = STR("index"), c->limit = 1000;
    assert_int_equal(store_wait(s, &c->op), ERR_OK);
    assert_true(c->cursor >= t->cursor);
    for (size_t i = 1; i < c->count; i++)
        assert_true(c->rows[i].pos > c->rows[i - 1].pos);
    DONE(c);
    struct store_doc_get *d = STORE_NEW(doc_get, DOC_GET);
    d->type = STR("persona"), d->tenant = t->tenant, d->id = t->doc;
    enum err err = store_wait(s, &d->op);
    if (t->doc_version) {
        assert_int_equal(err, ERR_OK);
        assert_true(d->doc.version >= t->doc_version);
    }
    DONE(d);
}

/* Opens with the system's own VFS: everything told is there, and the store works. */
static void look(const char *folder, struct told *t)
{
    struct store *s;
    struct error e = {0};
    if (open_store(folder, NULL, &s, &e) != ERR_OK)
        fail_msg("after the fault: %s", e.message);
    assert_true(store_epoch(s) > t->epoch);
    if (store_check(s, &e) != ERR_OK)
        fail_msg("after the fault: %s", e.message);
    for (int i = 0; i < ROOMS; i++)
        check_room(s, t, i);
    check_rest(s, t);
    for (int i = 0; i < ROOMS; i++) {
        struct store_room_get *g = STORE_NEW(room_get, ROOM_GET);
        g->tenant = t->tenant, g->room = t->rooms[i];
        t->room_made[i] = store_wait(s, &g->op) == ERR_OK;
        DONE(g);
        assert_int_equal(say(s, t, i, 1000), ERR_OK);
    }
    store_close(s);
}

static void new_told(struct told *t)
{
    *t = (struct told){.tenant = id_new(), .owner = id_new(), .doc = id_new()};
    for (int i = 0; i < ROOMS; i++)
        t->rooms[i] = id_new();
}

/* One run under a plan; false if the fault did not come. `why` is what the store said. */
static bool run(const struct fault_plan *plan, struct told *t, char folder[64], struct error *why)
{
    struct store *s = NULL;
    snprintf(folder, 64, "/tmp/eidolon-fault-XXXXXX");
    assert_non_null(mkdtemp(folder));
    new_told(t);
    fault_begin(plan);
    memset(why, 0, sizeof *why);
    enum err err = open_store(folder, fault_vfs_name, &s, why);
    if (err) {
        assert_true(fault_happened());
        assert_true(strlen(why->message) > 10);
        return true;
    }
    t->epoch = store_epoch(s);
    err = work(s, t);
    bool came = fault_happened();
    if (err) {
        assert_true(came);
        assert_int_equal(err, ERR_READ_ONLY);
        assert_int_equal(store_health(s, why), STORE_READ_ONLY);
        assert_int_equal(say(s, t, 0, 99), ERR_READ_ONLY); /* and stays so */
    }
    store_close(s);
    return came || fault_happened();
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static uint64_t step_of(uint64_t at)
{
    const char *step = getenv("FAULT_STEP");
    if (step && atoi(step) > 0)
        return (uint64_t)atoi(step);
    return at < DENSE ? 1 : STEP;
}

static void power_loss_at_every_write(void **state)
{
    (void)state;
    static struct told t;
    char folder[64];
    struct error why;
    uint64_t cuts = 0;
    for (uint64_t at = 1;; at += step_of(at)) {
        bool came = false;
        for (uint64_t variant = 0; variant < 2; variant++) {
            struct fault_plan plan = {.kind = FAULT_POWER, .at = at};
            came = run(&plan, &t, folder, &why);
            if (came)
                fault_power_back(variant ? at : 0);
            look(folder, &t);
            remove_tree(folder);
            cuts += came;
        }
        if (!came)
            break;
    }
    print_message("           %llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 100);
}

/* The sentence names the trouble, reads go on, and opening again heals. */
static void ends_read_only(enum fault_kind kind, uint64_t from, uint64_t step, const char *word)
{
    static struct told t;
    char folder[64];
    struct error why;
    uint64_t faults = 0;
    for (uint64_t at = from;; at += step) {
        struct fault_plan plan = {.kind = kind, .at = at};
        bool came = run(&plan, &t, folder, &why);
        if (came && why.err)
            assert_non_null(strstr(why.message, word));
        faults += came;
        if (came && kind == FAULT_SYNC) /* what was not synced is as good as lost */
            fault_power_back(at % 2 ? at : 0);
        look(folder, &t);
        remove_tree(folder);
        if (!came)
            break;
    }
    assert_true(faults > 3);
}

static void a_sync_that_fails_is_not_retried(void **state)
{
    (void)state;
    ends_read_only(FAULT_SYNC, 1, 1, "disk");
}

static void a_full_disk(void **state)
{
    (void)state;
    ends_read_only(FAULT_FULL, 1, 13, "full");
}

static void a_disk_that_turns_read_only(void **state)
{
    (void)state;
    ends_read_only(FAULT_READ_ONLY, 1, 13, "writable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_loss_at_every_write),
        cmocka_unit_test(a_sync_that_fails_is_not_retried),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_disk_that_turns_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
