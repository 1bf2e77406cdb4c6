/* Cards that are V2 and V3 at once: what each says alone comes back in it; V2 and V1 written from V3. */
#include "../unit.h"

#include "persona/persona.h"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct persona *read_both(const char *v3, const char *v2)
{
    struct persona *p = NULL;
    struct error e = {0};
    if (persona_card_read_both(&arena, str_c(v3), str_c(v2), &p, NULL, &e) != ERR_OK)
        fail_msg("%s", e.message);
    /* Through the store, as in life. */
    struct buf stored = BUF_INIT;
    p->id = p->owner = id_new();
    persona_stored_write(&stored, p);
    if (persona_stored_read(&arena, arena_str(&arena, buf_str(&stored)), &p, &e) != ERR_OK)
        fail_msg("%s", e.message);
    buf_release(&stored);
    return p;
}

static struct json *written(const struct persona *p, enum card_spec spec, bool paired)
{
    struct buf b = BUF_INIT;
    struct json *tree = NULL;
    struct error e = {0};
    persona_card_write_as(&b, p, &(struct card_writing){.spec = spec, .paired = paired});
    if (json_parse(&arena, arena_str(&arena, buf_str(&b)), &tree, &e) != ERR_OK)
        fail_msg("%s: %.*s", e.message, STR_ARG(buf_str(&b)));
    buf_release(&b);
    return tree;
}

static struct str raw_of(const struct json *card, const char *section, const char *name)
{
    const struct json *from = card;
    if (strcmp(section, "root") != 0)
        from = json_get(card, "data");
    if (!strcmp(section, "extensions"))
        from = json_get(from, "extensions");
    const struct json *member = json_get(from, name);
    return member ? member->raw : STR("(none)");
}

#define V3                                                                                                   \
    "{\"spec\":\"chara_card_v3\",\"spec_version\":\"3.0\",\"name\":\"Ana\",\"fav\":true,\"data\":{"          \
    "\"name\":\"Ana\",\"description\":\"V3 "                                                                 \
    "text\",\"first_mes\":\"hi\",\"tags\":[\"a\"],\"nickname\":\"An\","                                      \
    "\"group_only_greetings\":[\"g\"],\"only3\":1E400,\"both\":{\"a\": 1},\"differs\":3,"                    \
    "\"character_book\":{\"entries\":[],\"x\":3},"                                                           \
    "\"extensions\":{\"talkativeness\":\"0.5\",\"ext3\":[ 3 ],\"world\":\"\"}}}"
#define V2                                                                                                   \
    "{\"spec\":\"chara_card_v2\",\"spec_version\":\"2.0\",\"name\":\"Ana\",\"create_date\":\"2023\","        \
    "\"data\":{"                                                                                             \
    "\"name\":\"\\u0041na\",\"description\":\"V2 text\",\"first_mes\":\"hi\",\"tags\":[ \"a\" ],"            \
    "\"only2\":-0.10e+5,\"both\":{\"a\": 1},\"differs\":2,"                                                  \
    "\"extensions\":{\"talkativeness\":\"0.5\",\"ext2\":{\"deep\":[[]]},\"world\":\"\"}}}"

static void each_world_comes_back(void **state)
{
    (void)state;
    struct persona *p = read_both(V3, V2);
    struct json *v3 = written(p, CARD_V3, true), *v2 = written(p, CARD_V2, true);
    assert_str(raw_of(v3, "root", "spec"), "\"chara_card_v3\"");
    assert_str(raw_of(v2, "root", "spec"), "\"chara_card_v2\"");
    assert_str(raw_of(v3, "data", "description"), "\"V3 text\"");
    assert_str(raw_of(v2, "data", "description"), "\"V2 text\"");
    assert_str(raw_of(v3, "data", "only3"), "1E400");
    assert_str(raw_of(v3, "data", "only2"), "(none)");
    assert_str(raw_of(v2, "data", "only2"), "-0.10e+5");
    assert_str(raw_of(v2, "data", "only3"), "(none)");
    assert_str(raw_of(v2, "data", "both"), "{\"a\": 1}");
    assert_str(raw_of(v3, "data", "both"), "{\"a\": 1}");
    assert_str(raw_of(v2, "data", "differs"), "2");
    assert_str(raw_of(v3, "data", "differs"), "3");
    assert_str(raw_of(v2, "extensions", "ext2"), "{\"deep\":[[]]}");
    assert_str(raw_of(v2, "extensions", "ext3"), "(none)");
    assert_str(raw_of(v3, "extensions", "ext3"), "[ 3 ]");
    assert_str(raw_of(v3, "extensions", "ext2"), "(none)");
    assert_str(raw_of(v2, "extensions", "talkativeness"), "\"0.5\"");
    assert_str(raw_of(v2, "root", "create_date"), "\"2023\"");
    assert_str(raw_of(v2, "root", "fav"), "(none)");
    assert_str(raw_of(v3, "root", "fav"), "true");
    assert_str(raw_of(v3, "data", "nickname"), "\"An\"");
    assert_str(raw_of(v2, "data", "nickname"), "(none)");
    assert_str(raw_of(v2, "data", "group_only_greetings"), "(none)");
    assert_str(raw_of(v2, "data", "character_book"), "(none)");
    assert_str(raw_of(v3, "data", "character_book"), "{\"entries\":[],\"x\":3}");
    assert_str(raw_of(v2, "data", "creator_notes"), "\"\"");
    assert_str(raw_of(v2, "data", "name"), "\"Ana\""); /* the same value, so the same text */
}

static void edits_count_in_both(void **state)
{
    (void)state;
    struct persona *p = read_both(V3, V2);
    p->description = STR("new text");
    struct json *v2 = written(p, CARD_V2, true);
    assert_str(raw_of(v2, "data", "description"), "\"new text\"");
    assert_str(raw_of(v2, "data", "only2"), "-0.10e+5");
}

static void v3_alone_carries_v2(void **state)
{
    (void)state;
    struct persona *p = read_both(V3, V2);
    struct buf b = BUF_INIT;
    persona_card_write(&b, p);
    struct persona *again = read_both(arena_cstr(&arena, buf_str(&b)), "");
    struct json *v2 = written(again, CARD_V2, true);
    assert_str(raw_of(v2, "data", "description"), "\"V2 text\"");
    assert_str(raw_of(v2, "extensions", "ext2"), "{\"deep\":[[]]}");
    assert_str(raw_of(v2, "data", "only3"), "(none)");
    buf_release(&b);
}

static void v2_alone_carries_v3(void **state)
{
    (void)state;
    struct persona *p = read_both(V3, "");
    struct buf b = BUF_INIT;
    persona_card_write_as(&b, p, &(struct card_writing){.spec = CARD_V2});
    struct json *v2 = NULL;
    assert_int_equal(json_parse(&arena, arena_str(&arena, buf_str(&b)), &v2, NULL), ERR_OK);
    assert_str(raw_of(v2, "data", "only3"), "(none)"); /* a true V2 card */
    assert_str(raw_of(v2, "data", "character_book"), "{\"entries\":[],\"x\":3}");
    struct persona *again = read_both(arena_cstr(&arena, buf_str(&b)), "");
    struct json *v3 = written(again, CARD_V3, true);
    assert_str(raw_of(v3, "data", "only3"), "1E400");
    assert_str(raw_of(v3, "data", "nickname"), "\"An\"");
    assert_str(raw_of(v3, "data", "group_only_greetings"), "[\"g\"]");
    assert_str(raw_of(v3, "extensions", "ext3"), "[ 3 ]");
    assert_str(raw_of(v3, "root", "fav"), "true");
    buf_release(&b);
}

static void a_v2_card_stays_one(void **state)
{
    (void)state;
    struct persona *p = read_both(V2, "");
    struct json *v2 = written(p, CARD_V2, false);
    assert_str(raw_of(v2, "data", "only2"), "-0.10e+5");
    assert_str(raw_of(v2, "data", "differs"), "2");
    assert_str(raw_of(v2, "root", "create_date"), "\"2023\"");
    assert_str(raw_of(v2, "extensions", "ext2"), "{\"deep\":[[]]}");
    struct json *v3 = written(p, CARD_V3, false);
    assert_str(raw_of(v3, "data", "only2"), "-0.10e+5");
}

static void v1_has_six_fields(void **state)
{
    (void)state;
    struct persona *p =
        read_both("{\"name\":\"Bo\",\"description\":\"d\",\"first_mes\":\"f\",\"chat\":\"c\"}", "");
    struct json *v1 = written(p, CARD_V1, false);
    assert_str(raw_of(v1, "root", "name"), "\"Bo\"");
    assert_str(raw_of(v1, "root", "mes_example"), "\"\"");
    assert_str(raw_of(v1, "root", "chat"), "\"c\"");
    assert_int_equal(v1->count, 7);
    struct json *v2 = written(p, CARD_V2, false);
    assert_str(raw_of(v2, "root", "chat"), "\"c\"");
    assert_str(raw_of(v2, "root", "name"), "(none)");
}

#define ICON_CARD                                                                                            \
    "{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"A\",\"assets\":[{\"type\":\"x\",\"uri\":\"embeded://"  \
    "a\",\"z\":1e0},"                                                                                        \
    "{\"type\":\"icon\",\"name\":\"main\",\"uri\":\"ccdefault:\",\"ext\":\"png\"}]}}"
#define EMPTY_CARD "{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"A\",\"assets\":[]}}"
#define WEB_CARD                                                                                             \
    "{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"A\",\"assets\":["                                      \
    "{\"type\":\"icon\",\"name\":\"main\",\"uri\":\"http://x\"}]}}"

static void portraits_are_put_in_and_taken_out(void **state)
{
    (void)state;
    static const char *const cards[] = {V3, ICON_CARD, EMPTY_CARD, WEB_CARD};
    for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
        struct persona *p = read_both(cards[i], ""), *again = NULL;
        struct buf b = BUF_INIT;
        struct str portrait = STR_NONE;
        persona_card_write_as(&b, p,
                              &(struct card_writing){.spec = CARD_V3,
                                                     .portrait = STR("embeded://p.png"),
                                                     .portrait_ext = STR("png")});
        assert_true(str_find(buf_str(&b), STR("embeded://p.png")) != SIZE_MAX);
        assert_int_equal(
            persona_card_read_both(&arena, arena_str(&arena, buf_str(&b)), STR_NONE, &again, &portrait, NULL),
            ERR_OK);
        assert_str(portrait, "embeded://p.png");
        struct str before = raw_of(written(p, CARD_V3, true), "data", "assets");
        struct str after = raw_of(written(again, CARD_V3, true), "data", "assets");
        assert_true(str_eq(before, after));
        buf_release(&b);
    }
}

static void deep_cards_are_refused(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct persona *p;
    struct error e = {0};
    for (int depth = 50; depth <= 63; depth++) {
        buf_clear(&b);
        buf_add(&b, STR("{\"spec\":\"chara_card_v3\",\"data\":{\"name\":\"A\",\"x\":"));
        for (int i = 0; i < depth - 2; i++)
            buf_add_char(&b, '[');
        for (int i = 0; i < depth - 2; i++)
            buf_add_char(&b, ']');
        buf_add(&b, STR("}}"));
        if (persona_card_read(&arena, buf_str(&b), &p, &e) == ERR_OK)
            read_both(arena_cstr(&arena, buf_str(&b)),
                      arena_cstr(&arena, buf_str(&b))); /* through the store */
        else
            assert_true(depth > 50 && strstr(e.message, "nested"));
    }
    assert_int_equal(e.err, ERR_MALFORMED_JSON);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_world_comes_back, teardown),
        cmocka_unit_test_teardown(edits_count_in_both, teardown),
        cmocka_unit_test_teardown(v3_alone_carries_v2, teardown),
        cmocka_unit_test_teardown(v2_alone_carries_v3, teardown),
        cmocka_unit_test_teardown(a_v2_card_stays_one, teardown),
        cmocka_unit_test_teardown(v1_has_six_fields, teardown),
        cmocka_unit_test_teardown(portraits_are_put_in_and_taken_out, teardown),
        cmocka_unit_test_teardown(deep_cards_are_refused, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
