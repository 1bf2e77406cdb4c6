/* Lorebooks in and out: what we know is read and written, what we do not know goes out as it came in. */
#include "persona/lore.h"

#include "../unit.h"

static struct lore_book *read_book(struct arena *a, struct str text)
{
    struct lore_book *book = NULL;
    struct error e = {0};
    if (lore_file_read(a, text, &book, &e))
        fail_msg("%s", e.message);
    return book;
}

static struct str written(struct arena *a, const struct lore_book *book)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    lore_book_write(&w, book);
    return arena_str(a, buf_str(&b));
}

static const char v2[] =
    "{\"name\":\"Isles\",\"x\":[1e400, "
    "0.10],\"scan_depth\":3,\"token_budget\":200,\"recursive_scanning\":false,"
    "\"extensions\":{\"tool\":{\"a\" : 1}},\"entries\":["
    "{\"keys\":[\"sea\"],\"content\":\"wet\",\"enabled\":true,\"insertion_order\":7,\"my_own\":1.50,"
    "\"extensions\":{\"position\":4,\"depth\":2,\"role\":2,\"selectiveLogic\":3,\"probability\":40,"
    "\"useProbability\":true,"
    "\"display_index\":9,\"scan_depth\":null,\"odd\":\"\\u00e9\"},\"case_sensitive\":null,\"name\":\"Sea\","
    "\"priority\":3,"
    "\"id\":12,\"comment\":\"\",\"selective\":true,\"secondary_keys\":[\"x\"],\"constant\":false,"
    "\"position\":\"after_char\"}]}";

static void an_untouched_book_goes_out_as_it_came(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    assert_str(written(&a, read_book(&a, str_c(v2))), v2);
    arena_release(&a);
}

static void fields_are_read_from_both_their_places(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct lore_book *book = read_book(&a, str_c(v2));
    const struct lore_entry *e = &book->entries[0];
    assert_int_equal(book->scan_depth, 3);
    assert_int_equal(book->token_budget, 200);
    assert_int_equal(book->recursive, 0);
    assert_str(e->id, "12");
    assert_int_equal(e->position, LORE_AT_DEPTH);
    assert_int_equal(e->depth, 2);
    assert_int_equal(e->role, LORE_ASSISTANT);
    assert_int_equal(e->logic, LORE_AND_ALL);
    assert_int_equal(e->probability, 40);
    assert_int_equal(e->scan_depth, LORE_UNSET);
    assert_int_equal(e->case_sensitive, LORE_UNSET);
    assert_int_equal(e->priority, 3);
    assert_int_equal(e->order, 7);
    arena_release(&a);
}

static struct lore_book *change(struct arena *a, const struct lore_book *old, const char *body, enum err want)
{
    struct json *json = NULL;
    struct lore_book *book = NULL;
    struct error e = {0};
    assert_int_equal(json_parse(a, str_c(body), &json, &e), ERR_OK);
    enum err err = lore_book_apply(a, old, json, true, &book, &e);
    if (err != want)
        fail_msg("%s: %d %s", body, err, e.message);
    return book;
}

static void a_change_touches_only_what_it_names(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct lore_book *book = read_book(&a, str_c(v2));
    book = change(&a, book,
                  "{\"name\":\"Islands\",\"entries\":[{\"id\":\"12\",\"content\":\"very wet\",\"depth\":5},"
                  "{\"keys\":[\"new\"],\"content\":\"n\",\"note\":{\"k\":1}}]}",
                  ERR_OK);
    struct str text = written(&a, book);
    static const char *const kept[] = {
        "\"x\":[1e400, 0.10]",
        "\"tool\":{\"a\" : 1}",
        "\"my_own\":1.50",
        "\"odd\":\"\\u00e9\"",
        "\"scan_depth\":null",
        "\"name\":\"Islands\"",
        "\"content\":\"very wet\"",
        "\"depth\":5",
        "\"note\":{\"k\":1}",
        "\"keys\":[\"new\"]",
        "\"id\":13",
        "\"useProbability\":true",
        "\"selective\":true",
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        if (str_find(text, str_c(kept[i])) == SIZE_MAX)
            fail_msg("%s is missing in %.*s", kept[i], STR_ARG(text));
    }
    struct lore_book *again = read_book(&a, text);
    assert_int_equal(again->count, 2);
    assert_int_equal(again->entries[0].depth, 5);
    assert_true(again->entries[1].selective);
    assert_str(written(&a, again), arena_cstr(&a, text));
    /* From the position in extensions to one that V2 has a word for, and the probability from its default. */
    book = change(&a, again,
                  "{\"entries\":[{\"id\":\"12\",\"position\":\"before_char\"},{\"id\":\"13\",\"probability\":"
                  "20,\"logic\":\"not_any\",\"position\":\"top_note\"}]}",
                  ERR_OK);
    again = read_book(&a, written(&a, book));
    assert_int_equal(again->entries[0].position, LORE_BEFORE_CHAR);
    assert_int_equal(again->entries[1].position, LORE_TOP_NOTE);
    assert_int_equal(again->entries[1].probability, 20);
    assert_int_equal(again->entries[1].logic, LORE_NOT_ANY);
    arena_release(&a);
}

static void wrong_values_are_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err err;
    } cases[] = {
        {"{\"entries\":{}}", ERR_WRONG_TYPE},
        {"{\"entries\":[1]}", ERR_WRONG_TYPE},
        {"{\"entries\":[{\"keys\":\"a\"}]}", ERR_WRONG_TYPE},
        {"{\"entries\":[{\"keys\":[1]}]}", ERR_WRONG_TYPE},
        {"{\"entries\":[{\"probability\":101}]}", ERR_REFUSED},
        {"{\"entries\":[{\"depth\":-1}]}", ERR_REFUSED},
        {"{\"entries\":[{\"depth\":1.5}]}", ERR_REFUSED},
        {"{\"entries\":[{\"position\":\"nowhere\"}]}", ERR_REFUSED},
        {"{\"entries\":[{\"role\":3}]}", ERR_WRONG_TYPE},
        {"{\"entries\":[{\"enabled\":1}]}", ERR_WRONG_TYPE},
        {"{\"scan_depth\":\"2\"}", ERR_WRONG_TYPE},
        {"{\"name\":5}", ERR_WRONG_TYPE},
        {"{\"recursive_scanning\":3}", ERR_WRONG_TYPE},
        {"{\"entries\":[{\"scan_depth\":null,\"sticky\":null,\"delay_until_recursion\":true}]}", ERR_OK},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        change(&a, NULL, cases[i].body, cases[i].err);
    arena_release(&a);
}

static const char world[] =
    "{\"entries\":{\"0\":{\"uid\":0,\"key\":[\"sea\"],\"keysecondary\":[],\"comment\":\"Sea\",\"content\":"
    "\"wet\",\"constant\":false,"
    "\"vectorized\":false,\"selective\":true,\"selectiveLogic\":0,\"addMemo\":true,\"order\":100,"
    "\"position\":0,\"disable\":false,"
    "\"excludeRecursion\":false,\"preventRecursion\":true,\"delayUntilRecursion\":false,\"probability\":70,"
    "\"useProbability\":false,"
    "\"depth\":4,\"group\":\"\",\"groupOverride\":false,\"groupWeight\":100,\"scanDepth\":null,"
    "\"caseSensitive\":null,"
    "\"matchWholeWords\":null,\"useGroupScoring\":null,\"automationId\":\"a1\",\"role\":null,\"sticky\":0,"
    "\"cooldown\":0,\"delay\":0,"
    "\"displayIndex\":3,\"characterFilter\":{\"isExclude\":false, \"names\":[]},\"newThing\":1.0},"
    "\"5\":{\"uid\":5,\"key\":[],\"content\":\"bare\",\"disable\":true}},\"originalData\":{\"k\":[1, 2]}}";

static void same_member(struct arena *a, const char *text, const char *entry, const char *name)
{
    struct json *one = NULL, *two = NULL;
    struct str rest = str_c(text);
    assert_int_equal(json_parse(a, str_c(world), &one, NULL), ERR_OK);
    assert_int_equal(json_parse(a, rest, &two, NULL), ERR_OK);
    const struct json *x = json_get(json_get(json_get(one, "entries"), entry), name),
                      *y = json_get(json_get(json_get(two, "entries"), entry), name);
    if (!x || !y || !str_eq(x->raw, y->raw))
        fail_msg("%s: '%.*s' became '%.*s'", name, STR_ARG(x ? x->raw : STR_NONE),
                 STR_ARG(y ? y->raw : STR_NONE));
}

static void world_info_survives_both_ways(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct lore_book *book = read_book(&a, str_c(world));
    assert_int_equal(book->count, 2);
    assert_true(book->entries[0].prevent_recursion);
    assert_int_equal(book->entries[0].position, LORE_BEFORE_CHAR);
    assert_int_equal(book->entries[0].probability, 100); /* switched off */
    assert_false(book->entries[1].enabled);
    assert_true(book->entries[1].selective);
    assert_int_equal(book->entries[1].position, LORE_BEFORE_CHAR);
    /* Through our own store and out again. */
    struct lore_book *again = read_book(&a, written(&a, book));
    CLEANUP_BUF struct buf out = BUF_INIT;
    lore_book_write_world(&out, again);
    char *text = arena_cstr(&a, buf_str(&out));
    struct json *entries = NULL;
    json_parse(&a, str_c(world), &entries, NULL);
    json_each (member, json_get(json_get(entries, "entries"), "0"))
        same_member(&a, text, "0", arena_cstr(&a, member->key));
    same_member(&a, text, "5", "content");
    same_member(&a, text, "5", "disable");
    assert_true(str_find(str_c(text), STR("\"originalData\":{\"k\":[1, 2]}")) != SIZE_MAX);
    /* And what came from V3 comes back from world info. */
    struct lore_book *card = read_book(&a, str_c(v2));
    buf_clear(&out);
    lore_book_write_world(&out, card);
    struct lore_book *back = read_book(&a, buf_str(&out));
    assert_str(back->entries[0].id, "12");
    assert_str(back->entries[0].name, "Sea");
    assert_int_equal(back->entries[0].priority, 3);
    assert_int_equal(back->entries[0].position, LORE_AT_DEPTH);
    assert_true(str_find(written(&a, back), STR("\"my_own\":1.50")) != SIZE_MAX);
    arena_release(&a);
}

static void books_are_found_in_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int entries; /* -1: refused */
    } cases[] = {
        {"{\"spec\":\"lorebook_v3\",\"data\":{\"entries\":[{\"keys\":[]}]}}", 1},
        {"{\"entries\":[]}", 0},
        {"{\"spec\":\"chara_card_v2\",\"data\":{\"name\":\"x\",\"character_book\":{\"entries\":[{},{}]}}}",
         2},
        {"\xef\xbb\xbf{\"entries\":{}}", 0},
        {"{\"spec\":\"chara_card_v2\",\"data\":{\"name\":\"x\"}}", -1},
        {"{}", -1},
        {"[]", -1},
        {"{\"entries\":5}", -1},
        {"nonsense", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = ARENA_INIT;
        struct lore_book *book = NULL;
        struct error e = {0};
        enum err err = lore_file_read(&a, str_c(cases[i].text), &book, &e);
        if (cases[i].entries < 0) {
            assert_int_not_equal(err, ERR_OK);
            assert_true(e.message[0]);
        } else {
            assert_int_equal(err, ERR_OK);
            assert_int_equal((int)book->count, cases[i].entries);
        }
        arena_release(&a);
    }
}

static void ids_are_unique(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct lore_book *book =
        read_book(&a, STR("{\"entries\":[{\"id\":3},{},{\"id\":3},{\"id\":\"a\"},{\"id\":\"a\"}]}"));
    static const char *const want[] = {"3", "4", "5", "a", "6"};
    for (size_t i = 0; i < 5; i++)
        assert_str(book->entries[i].id, want[i]);
    arena_release(&a);
}

static void a_persona_carries_its_book(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona *p = NULL;
    struct lore_book *book = NULL;
    CLEANUP_BUF struct buf card = BUF_INIT, out = BUF_INIT;
    buf_printf(&card,
               "{\"spec\":\"chara_card_v3\",\"spec_version\":\"3.0\",\"data\":{\"name\":\"Mia\",\"character_"
               "book\":%s,\"other\":[1 ,2]}}",
               v2);
    assert_int_equal(persona_card_read(&a, buf_str(&card), &p, NULL), ERR_OK);
    assert_int_equal(lore_of_persona(&a, p, &book, NULL), ERR_OK);
    assert_non_null(book);
    persona_card_write(&out, p);
    assert_true(str_find(buf_str(&out), str_c(v2)) != SIZE_MAX);
    book = change(&a, book, "{\"description\":\"d\"}", ERR_OK);
    lore_set_persona(&a, p, book);
    buf_clear(&out);
    persona_card_write(&out, p);
    assert_true(str_find(buf_str(&out), STR("\"description\":\"d\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"my_own\":1.50")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"other\":[1 ,2]")) != SIZE_MAX);
    lore_set_persona(&a, p, NULL);
    assert_int_equal(lore_of_persona(&a, p, &book, NULL), ERR_OK);
    assert_null(book);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_untouched_book_goes_out_as_it_came),
        cmocka_unit_test(fields_are_read_from_both_their_places),
        cmocka_unit_test(a_change_touches_only_what_it_names),
        cmocka_unit_test(wrong_values_are_refused_in_words),
        cmocka_unit_test(world_info_survives_both_ways),
        cmocka_unit_test(books_are_found_in_files),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(a_persona_carries_its_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
