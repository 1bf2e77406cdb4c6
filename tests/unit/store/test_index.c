/* The search index: finding, scopes, windows, replacing, erasing for good, damage. */
#include "fixture.h"

#include "base/buf.h"
#include "store/index.h"

struct place {
    char folder[64];
    struct index *index;
    struct id owner, persona, room;
};

static void open_index(struct place *p)
{
    struct error e = {0};
    struct index_options o = {.folder = p->folder};
    if (index_open(&o, &p->index, &e) != ERR_OK)
        fail_msg("%s", e.message);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    *p = (struct place){.owner = id_new(), .persona = id_new(), .room = id_new()};
    snprintf(p->folder, sizeof p->folder, "/tmp/eidolon-index-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    open_index(p);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    index_close(p->index);
    remove_tree(p->folder);
    free(p);
    return 0;
}

static void put_many(struct place *p, const char *const *texts, size_t n, uint64_t from, uint64_t pos)
{
    struct index_put *op = INDEX_NEW(put, PUT);
    struct index_doc *docs = arena_array(&op->op.arena, struct index_doc, n);
    for (size_t i = 0; i < n; i++)
        docs[i] = (struct index_doc){.room = p->room,
                                     .seq = from + i,
                                     .at_ms = 1000 + (int64_t)i,
                                     .owner = p->owner,
                                     .persona = p->persona,
                                     .author_type = AUTHOR_USER,
                                     .author = p->owner,
                                     .text = str_c(texts[i])};
    op->docs = docs, op->doc_count = n, op->pos = pos;
    assert_int_equal(index_wait(p->index, &op->op), ERR_OK);
    index_op_free(&op->op);
}

static struct index_search *find(struct place *p, const char *text)
{
    struct index_search *op = INDEX_NEW(search, SEARCH);
    op->owner = p->owner, op->persona = p->persona, op->text = str_c(text);
    assert_int_equal(index_wait(p->index, &op->op), ERR_OK);
    return op;
}

static size_t hits(struct place *p, const char *text)
{
    struct index_search *op = find(p, text);
    size_t n = op->hit_count;
    index_op_free(&op->op);
    return n;
}

static const char *const talk[] = {
    "My sister lives in Porto",   "She works at the library there", "What a lovely day",
    "I visited my sisters twice", "The train to Porto was late",    "Crème brûlée is the best dessert",
};
enum { TALK = sizeof talk / sizeof *talk };

static void finds(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 1, 77);
    struct index_search *op = find(p, "Where does my SISTER live? Porto?");
    assert_int_equal(op->hit_count, 3);
    assert_str(op->hits[0].text, "My sister lives in Porto");
    assert_true(op->hits[0].score > op->hits[1].score);
    assert_int_equal(op->hits[0].seq, 1);
    assert_true(id_eq(op->hits[0].room, p->room));
    assert_int_equal(op->cursor, 77);
    assert_int_equal(op->scope_docs, TALK);
    bool sister = false;
    for (size_t i = 0; i < op->term_count; i++)
        if (str_eq(op->terms[i], STR("sister"))) {
            sister = true;
            assert_int_equal(op->term_docs[i], 2);
            assert_true(op->hits[0].matched >> i & 1);
        }
    assert_true(sister);
    index_op_free(&op->op);
    assert_int_equal(hits(p, "creme BRULEE"), 1);
    assert_int_equal(hits(p, "nothing of that"), 0);
    assert_int_equal(hits(p, ""), 0);
    assert_int_equal(hits(p, "\"(*:^ OR NEAR"), 0);
}

static void scopes_are_apart(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 1, 1);
    struct id persona = p->persona;
    p->persona = id_new();
    assert_int_equal(hits(p, "sister"), 0);
    put_many(p, talk + 2, 1, 3, 2);
    assert_int_equal(hits(p, "sister"), 0);
    assert_int_equal(hits(p, "lovely"), 1);
    p->persona = persona;
    assert_int_equal(hits(p, "lovely"), 1);
}

static void windows(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 10, 1);
    struct index_place at[] = {{p->room, 12}, {p->room, 10}, {id_new(), 12}};
    struct index_neighbours *op = INDEX_NEW(neighbours, NEIGHBOURS);
    op->owner = p->owner, op->persona = p->persona, op->at = at, op->at_count = 3, op->radius = 2;
    assert_int_equal(index_wait(p->index, &op->op), ERR_OK);
    assert_int_equal(op->windows[0].turn_count, 4);
    uint64_t want[] = {10, 11, 13, 14};
    for (int i = 0; i < 4; i++)
        assert_int_equal(op->windows[0].turns[i].seq, want[i]);
    assert_str(op->windows[0].turns[0].text, talk[0]);
    assert_int_equal(op->windows[1].turn_count, 2);
    assert_int_equal(op->windows[2].turn_count, 0);
    index_op_free(&op->op);
}

static void replaces(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 1, 1);
    put_many(p, talk, TALK, 1, 2);
    assert_int_equal(hits(p, "porto"), 2);
    const char *edited[] = {"My brother lives in Lisbon"};
    put_many(p, edited, 1, 1, 3);
    assert_int_equal(hits(p, "porto"), 1);
    assert_int_equal(hits(p, "lisbon"), 1);
    struct index_search *op = find(p, "brother");
    assert_int_equal(op->scope_docs, TALK);
    assert_int_equal(op->cursor, 3);
    index_op_free(&op->op);
}

/* True if any file of the folder holds these bytes. */
static bool on_disk(const struct place *p, const char *word)
{
    static const char *const files[] = {"index.db", "index.db-wal"};
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", p->folder, files[i]);
        FILE *f = fopen(path, "rb");
        if (!f)
            continue;
        struct buf b = BUF_INIT;
        char part[4096];
        size_t n;
        while ((n = fread(part, 1, sizeof part, f)) > 0)
            buf_add(&b, str_of(part, n));
        fclose(f);
        found = found || str_find(buf_str(&b), str_c(word)) != SIZE_MAX;
        buf_release(&b);
    }
    return found;
}

static void erases_for_good(void **state)
{
    struct place *p = *state;
    enum { MANY = 600 };
    char texts[MANY][64];
    const char *list[MANY];
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "common words number%d %s", i, i == 300 ? "xyzzyplugh" : "");
        list[i] = texts[i];
    }
    put_many(p, list, MANY, 1, 1);
    assert_int_equal(hits(p, "xyzzyplugh"), 1);
    assert_true(on_disk(p, "xyzzyplugh"));
    struct index_erase *op = INDEX_NEW(erase, ERASE);
    uint64_t seqs[] = {301, 9999};
    op->room = p->room, op->seqs = seqs, op->seq_count = 2;
    assert_int_equal(index_wait(p->index, &op->op), ERR_OK);
    assert_int_equal(op->removed, 1);
    index_op_free(&op->op);
    assert_int_equal(hits(p, "xyzzyplugh"), 0);
    assert_int_equal(hits(p, "number300"), 0);
    assert_int_equal(hits(p, "number299"), 1);
    assert_false(on_disk(p, "xyzzyplugh"));
}

static void lasts_and_rebuilds(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 1, 42);
    index_close(p->index);
    open_index(p);
    assert_int_equal(hits(p, "porto"), 2);
    struct index_stats stats;
    index_stats(p->index, &stats);
    assert_false(stats.rebuilt);
    assert_int_equal(stats.cursor, 42);
    struct index_rebuild *op = INDEX_NEW(rebuild, REBUILD);
    assert_int_equal(index_wait(p->index, &op->op), ERR_OK);
    index_op_free(&op->op);
    struct index_cursor *c = INDEX_NEW(cursor, CURSOR);
    assert_int_equal(index_wait(p->index, &c->op), ERR_OK);
    assert_int_equal(c->pos, 0);
    assert_int_equal(c->docs, 0);
    index_op_free(&c->op);
    put_many(p, talk, TALK, 1, 42);
    assert_int_equal(hits(p, "porto"), 2);
}

static void damage(struct place *p, long at, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/index.db", p->folder);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    for (size_t i = 0; i < n; i++)
        fputc(0xa5, f);
    fclose(f);
}

static void damage_is_healed(void **state)
{
    struct place *p = *state;
    put_many(p, talk, TALK, 1, 42);
    index_close(p->index);
    damage(p, 0, 100);
    open_index(p);
    struct index_stats stats;
    index_stats(p->index, &stats);
    assert_true(stats.rebuilt);
    assert_int_equal(stats.cursor, 0);
    put_many(p, talk, TALK, 1, 42);
    index_close(p->index);
    damage(p, 8192, 16384);
    open_index(p);
    for (int i = 0; i < 3; i++) {
        struct index_search *op = INDEX_NEW(search, SEARCH);
        op->owner = p->owner, op->persona = p->persona, op->text = STR("porto sister");
        index_wait(p->index, &op->op); /* fails once at most; the writer then begins a new file */
        index_op_free(&op->op);
        struct index_put *put = INDEX_NEW(put, PUT);
        put->pos = 1;
        index_wait(p->index, &put->op);
        index_op_free(&put->op);
    }
    put_many(p, talk, TALK, 1, 42);
    assert_int_equal(hits(p, "porto"), 2);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(finds),           CASE(scopes_are_apart),   CASE(windows),          CASE(replaces),
        CASE(erases_for_good), CASE(lasts_and_rebuilds), CASE(damage_is_healed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
