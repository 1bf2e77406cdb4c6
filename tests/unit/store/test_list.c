/* Listings of documents (search, tags, orders, cursors) and their earlier versions, on every driver. */
#include "fixture.h"

struct sample {
    const char *name, *words;
    const char *tags[3];
    bool favourite;
};

static const struct sample samples[] = {
    {"Zoé", "zoe sailor of the north", {"Sea", "Calm", NULL}, true},
    {"adam", "adam baker bread", {"bread", NULL, NULL}, false},
    {"Élise", "elise painter sea light", {"Sea", "art", NULL}, false},
    {"Bruno", "bruno sailor baker", {"SEA", "bread", "Sea"}, true},
    {"東", "東 sea", {"art", NULL, NULL}, false},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static struct store_doc_put *put_new(struct fixture *f, struct id id, const struct sample *s)
{
    struct store_doc_put *p = STORE_NEW(doc_put, DOC_PUT);
    struct arena *a = &p->op.arena;
    struct doc_listing *l = arena_new(a, struct doc_listing);
    struct str *tags = arena_array(a, struct str, 3);
    for (; l->tag_count < 3 && s->tags[l->tag_count]; l->tag_count++)
        tags[l->tag_count] = str_c(s->tags[l->tag_count]);
    l->name = str_c(s->name), l->words = str_c(s->words), l->favourite = s->favourite, l->tags = tags;
    l->brief = arena_printf(a, "{\"name\":\"%s\"}", s->name);
    l->form = 1;
    p->doc = (struct doc_row){
        .type = STR("persona"), .id = id, .tenant = f->tenant, .owner = f->owner, .data = STR("{\"d\":1}")};
    p->doc.sort = str_c(s->name);
    p->listing = l;
    return p;
}

static struct id ids[SAMPLES];

static void fill(struct fixture *f)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct store_doc_put *p = put_new(f, ID_NONE, &samples[i]);
        p->create = true;
        p->doc.created_ms = 1000 + (int64_t)i;
        RUN(f, p);
        ids[i] = p->doc.id;
        DONE(p);
    }
}

static struct store_docs_find *find_new(struct fixture *f, const char *words, const char *tags)
{
    struct store_docs_find *p = STORE_NEW(docs_find, DOCS_FIND);
    struct str rest = str_c(words), one, *list = arena_array(&p->op.arena, struct str, 8);
    p->type = STR("persona"), p->tenant = f->tenant;
    p->words = list;
    while (str_cut(&rest, ' ', &one))
        list[p->word_count++] = one;
    rest = str_c(tags);
    p->tags = list = arena_array(&p->op.arena, struct str, 8);
    while (str_cut(&rest, ' ', &one))
        list[p->tag_count++] = one;
    return p;
}

/* The briefs' names in their order, "a b c". */
static void expect_names(struct fixture *f, struct store_docs_find *p, const char *want, uint64_t total)
{
    char got[512] = "";
    RUN(f, p);
    for (size_t i = 0; i < p->count; i++) {
        struct str name = str_from(p->rows[i].brief, strlen("{\"name\":\""));
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "", (int)name.n - 2,
                 name.p);
    }
    assert_string_equal(got, want);
    assert_int_equal(p->total, total);
    DONE(p);
}

static void names_are_found_and_ordered(struct fixture *f)
{
    fill(f);
    expect_names(f, find_new(f, "", ""), "adam Bruno Élise Zoé 東", 5);
    expect_names(f, find_new(f, "sail", ""), "Bruno Zoé", 2);
    expect_names(f, find_new(f, "ba sa", ""), "Bruno", 1);
    expect_names(f, find_new(f, "ailor", ""), "", 0);
    expect_names(f, find_new(f, "", "sea"), "Bruno Élise Zoé", 3);
    expect_names(f, find_new(f, "", "SEA bread"), "Bruno", 1);
    expect_names(f, find_new(f, "elise", "séa"), "Élise", 1);
    expect_names(f, find_new(f, "東", ""), "東", 1);
    expect_names(f, find_new(f, "", "nothing"), "", 0);
    struct store_docs_find *p = find_new(f, "", "");
    p->descending = true;
    expect_names(f, p, "東 Zoé Élise Bruno adam", 5);
    p = find_new(f, "", "");
    p->favourites = true;
    expect_names(f, p, "Bruno Zoé", 2);
    p = find_new(f, "", "");
    p->order = DOCS_BY_CREATED, p->descending = true;
    expect_names(f, p, "東 Bruno Élise adam Zoé", 5);
    p = find_new(f, "b", "");
    p->order = DOCS_BY_CREATED;
    expect_names(f, p, "adam Bruno", 2);
    p = find_new(f, "", "");
    p->whole = true;
    RUN(f, p);
    assert_str(p->rows[0].data, "{\"d\":1}");
    DONE(p);
    p = find_new(f, "", "");
    p->tenant = id_new();
    expect_names(f, p, "", 0);
}

/* Every page one row; what is added or removed behind the cursor changes nothing before it. */
static void cursors_are_stable(struct fixture *f)
{
    static const char *const want[] = {"adam", "Bruno", "Élise", "Zoé"};
    fill(f);
    for (int down = 0; down < 2; down++) {
        char after[256] = "";
        for (int i = 0; i < 4; i++) {
            struct store_docs_find *p = find_new(f, down ? "" : "", "");
            p->limit = 1;
            p->after = str_c(after);
            RUN(f, p);
            assert_int_equal(p->count, 1);
            assert_non_null(strstr(arena_cstr(&p->op.arena, p->rows[0].brief), want[i]));
            str_copy(after, sizeof after, p->next);
            DONE(p);
        }
    }
    struct store_docs_find *p = find_new(f, "", "");
    p->limit = 2;
    RUN(f, p);
    char after[256];
    str_copy(after, sizeof after, p->next);
    DONE(p);
    struct store_doc_put *early = put_new(f, ID_NONE, &(struct sample){"Abel", "abel", {NULL}, false});
    RUN(f, early);
    DONE(early);
    struct store_doc_delete *d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = ids[3]; /* Bruno: the row of the cursor itself */
    RUN(f, d);
    DONE(d);
    p = find_new(f, "", "");
    p->after = str_c(after);
    expect_names(f, p, "Élise Zoé 東", 5);
    p = find_new(f, "", "");
    p->after = STR("rubbish");
    RUN_EXPECT(f, p, ERR_INVALID);
    DONE(p);
}

static void expect_tags(struct fixture *f, const char *want)
{
    struct store_doc_tags *p = STORE_NEW(doc_tags, DOC_TAGS);
    char got[256] = "";
    p->type = STR("persona"), p->tenant = f->tenant;
    RUN(f, p);
    for (size_t i = 0; i < p->count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s:%d", i ? " " : "",
                 STR_ARG(p->tags[i].tag), (int)p->tags[i].count);
    assert_string_equal(got, want);
    DONE(p);
}

static void tags_are_counted(struct fixture *f)
{
    expect_tags(f, "");
    fill(f);
    expect_tags(f, "Sea:3 art:2 bread:2 Calm:1");
    struct store_doc_delete *d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = ids[3];
    RUN(f, d);
    DONE(d);
    expect_tags(f, "art:2 Sea:2 bread:1 Calm:1");
    expect_names(f, find_new(f, "sail", ""), "Zoé", 1);
    struct store_doc_put *p = put_new(f, ids[3], &(struct sample){"Bruno", "bruno cook", {"food"}, false});
    p->undelete = true;
    RUN(f, p);
    DONE(p);
    expect_tags(f, "art:2 Sea:2 bread:1 Calm:1 food:1");
    expect_names(f, find_new(f, "", "food"), "Bruno", 1);
    expect_names(f, find_new(f, "baker", ""), "adam", 1);
    d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = ids[0], d->erase = true;
    RUN(f, d);
    DONE(d);
    expect_tags(f, "art:2 bread:1 food:1 Sea:1");
    expect_names(f, find_new(f, "", ""), "adam Bruno Élise 東", 4);
}

/* More than one bitmap word, more than the sparse way takes, and both agree. */
static void many_are_found(struct fixture *f)
{
    char name[32], words[64];
    enum { MANY = 1500 };
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "p%04d", (i * 7919) % MANY);
        snprintf(words, sizeof words, "%s all %s", name, i % 3 ? "some" : "few");
        struct store_doc_put *p =
            put_new(f, ID_NONE, &(struct sample){name, words, {i % 2 ? "odd" : "even"}, false});
        RUN(f, p);
        DONE(p);
    }
    static const struct {
        const char *words, *tags;
        int total;
    } cases[] = {{"", "", MANY},
                 {"all", "", MANY},
                 {"few", "", MANY / 3},
                 {"few", "odd", MANY / 6},
                 {"p", "even", MANY / 2}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int down = 0; down < 2; down++) {
            char after[128] = "", last[32] = "";
            int seen = 0;
            do {
                struct store_docs_find *p = find_new(f, cases[c].words, cases[c].tags);
                p->limit = 200, p->after = str_c(after), p->descending = down;
                RUN(f, p);
                assert_int_equal(p->total, cases[c].total);
                for (size_t i = 0; i < p->count; i++) {
                    char now[32];
                    str_copy(now, sizeof now, p->rows[i].brief);
                    assert_true(seen == 0 || (down ? strcmp(now, last) < 0 : strcmp(now, last) > 0));
                    strcpy(last, now);
                    seen++;
                }
                str_copy(after, sizeof after, p->next);
                DONE(p);
            } while (after[0]);
            assert_int_equal(seen, cases[c].total);
        }
    }
}

/* ---- versions ---- */

static uint64_t change(struct fixture *f, struct id *id, const char *data, const char *note, unsigned keep,
                       int64_t after_ms)
{
    struct store_doc_put *p = put_new(f, *id, &samples[0]);
    struct doc_change c = {.author = f->owner,
                           .author_name = STR("Ann"),
                           .note = str_c(note),
                           .fields = STR("[\"name\"]"),
                           .keep = keep,
                           .keep_after_ms = after_ms};
    p->doc.data = str_c(data);
    p->change = note ? &c : NULL;
    RUN(f, p);
    uint64_t version = p->doc.version;
    *id = p->doc.id;
    DONE(p);
    return version;
}

static struct store_doc_version *version_new(struct fixture *f, struct id id, uint64_t version)
{
    struct store_doc_version *v = STORE_NEW(doc_version, DOC_VERSION);
    v->type = STR("persona"), v->tenant = f->tenant, v->id = id, v->version = version;
    return v;
}

static void expect_versions(struct fixture *f, struct id id, const char *want)
{
    struct store_doc_versions *p = STORE_NEW(doc_versions, DOC_VERSIONS);
    char got[256] = "";
    p->type = STR("persona"), p->tenant = f->tenant, p->id = id;
    RUN(f, p);
    for (size_t i = 0; i < p->count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d%s%.*s", i ? " " : "",
                 (int)p->rows[i].version, p->rows[i].note.n ? "=" : "", STR_ARG(p->rows[i].note));
    assert_string_equal(got, want);
    DONE(p);
}

static void versions_are_kept(struct fixture *f)
{
    struct id id = ID_NONE;
    change(f, &id, "{\"a\":1}", "first", 100, 0);
    change(f, &id, "{\"a\":2}", "second", 100, 0);
    change(f, &id, "{\"a\":2}", NULL, 0, 0); /* version 3 says nothing new */
    change(f, &id, "{\"a\":4}", "fourth", 100, 0);
    expect_versions(f, id, "4=fourth 3=second 1=first");
    struct store_doc_version *v = version_new(f, id, 1);
    RUN(f, v);
    assert_str(v->row.data, "{\"a\":1}");
    assert_str(v->row.author_name, "Ann");
    assert_str(v->row.fields, "[\"name\"]");
    assert_true(id_eq(v->row.author, f->owner));
    DONE(v);
    v = version_new(f, id, 3);
    RUN(f, v);
    assert_str(v->row.data, "{\"a\":2}");
    DONE(v);
    v = version_new(f, id, 4);
    RUN(f, v);
    assert_str(v->row.data, "{\"a\":4}");
    DONE(v);
    v = version_new(f, id, 2);
    RUN_EXPECT(f, v, ERR_NOT_FOUND);
    DONE(v);
    struct store_doc_versions *p = STORE_NEW(doc_versions, DOC_VERSIONS);
    p->type = STR("persona"), p->tenant = f->tenant, p->id = id, p->before = 4, p->limit = 1;
    RUN(f, p);
    assert_int_equal(p->count, 1);
    assert_int_equal(p->rows[0].version, 3);
    assert_true(p->more);
    DONE(p);
    /* Deleted and back: the versions stay. Erased: they go. */
    struct store_doc_delete *d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = id;
    RUN(f, d);
    DONE(d);
    expect_versions(f, id, "5=fourth 3=second 1=first");
    d = STORE_NEW(doc_delete, DOC_DELETE);
    d->type = STR("persona"), d->tenant = f->tenant, d->id = id, d->erase = true;
    RUN(f, d);
    DONE(d);
    v = version_new(f, id, 1);
    RUN_EXPECT(f, v, ERR_NOT_FOUND);
    DONE(v);
    struct store_doc_put *again = put_new(f, id, &samples[0]);
    RUN(f, again);
    DONE(again);
    expect_versions(f, id, "1");
}

static void documents_from_before_get_a_first_version(struct fixture *f)
{
    struct id id = ID_NONE;
    change(f, &id, "{\"a\":1}", NULL, 0, 0);
    expect_versions(f, id, "1");
    change(f, &id, "{\"a\":2}", "changed", 100, 0);
    expect_versions(f, id, "2=changed 1");
    struct store_doc_version *v = version_new(f, id, 1);
    RUN(f, v);
    assert_str(v->row.data, "{\"a\":1}");
    DONE(v);
}

static void versions_are_bounded(struct fixture *f)
{
    struct id id = ID_NONE;
    char data[64];
    /* Nothing is young: two are kept beside the present one. */
    for (int i = 1; i <= 6; i++) {
        snprintf(data, sizeof data, "{\"a\":%d}", i);
        change(f, &id, data, "x", 2, INT64_MAX);
    }
    expect_versions(f, id, "6=x 5=x 4=x");
    /* All are young: five times as many. */
    id = ID_NONE;
    for (int i = 1; i <= 14; i++) {
        snprintf(data, sizeof data, "{\"a\":%d}", i);
        change(f, &id, data, "x", 2, 0);
    }
    expect_versions(f, id, "14=x 13=x 12=x 11=x 10=x 9=x 8=x 7=x 6=x 5=x 4=x");
    /* However young, not more than this many bytes. */
    id = ID_NONE;
    enum { LARGE = 5 << 20 };
    char *large = malloc(LARGE + 1);
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (int i = 1; i <= 6; i++)
        change(f, &id, large, "x", 100, 0);
    expect_versions(f, id, "6=x 5=x 4=x 3=x");
    free(large);
}

STORE_TESTS({"names are found and ordered", names_are_found_and_ordered},
            {"cursors are stable", cursors_are_stable}, {"tags are counted", tags_are_counted},
            {"many are found", many_are_found}, {"versions are kept", versions_are_kept},
            {"documents from before get a first version", documents_from_before_get_a_first_version},
            {"versions are bounded", versions_are_bounded})
