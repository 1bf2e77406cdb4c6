/* Personas as values: bodies that are refused by name, stored documents and cards that come back as they
 * went. */
#include "persona/persona.h"

#include "base/share.h"

#include "../unit.h"

static struct json *parse(struct arena *a, const char *text)
{
    struct json *v = NULL;
    struct error e = {0};
    if (json_parse(a, str_c(text), &v, &e) != ERR_OK)
        fail_msg("%s", e.message);
    return v;
}

static enum err apply(struct arena *a, struct persona *p, const char *body, enum persona_change how,
                      struct error *e)
{
    return persona_apply(a, p, parse(a, body), how, e);
}

static void refuses_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum err err;
        const char *param;
    } cases[] = {
        {"{}", ERR_MISSING_FIELD, "name"},
        {"{\"name\":\"  \"}", ERR_MISSING_FIELD, "name"},
        {"{\"name\":7}", ERR_WRONG_TYPE, "name"},
        {"{\"name\":\"A\",\"nmae\":1}", ERR_UNKNOWN_FIELD, "nmae"},
        {"{\"name\":\"A\",\"traits\":{\"openness\":1.01}}", ERR_REFUSED, "traits.openness"},
        {"{\"name\":\"A\",\"traits\":{\"humour\":1}}", ERR_UNKNOWN_FIELD, "traits.humour"},
        {"{\"name\":\"A\",\"traits\":{\"humor\":1e400}}", ERR_REFUSED, "traits.humor"},
        {"{\"name\":\"A\",\"voice\":{\"rate\":\"fast\"}}", ERR_WRONG_TYPE, "voice.rate"},
        {"{\"name\":\"A\",\"goals\":[1]}", ERR_WRONG_TYPE, "goals"},
        {"{\"name\":\"A\",\"slug\":\"A b\"}", ERR_REFUSED, "slug"},
        {"{\"name\":\"A\",\"slug\":\"import\"}", ERR_REFUSED, "slug"},
        {"{\"name\":\"A\",\"id\":\"x\"}", ERR_REFUSED, "id"},
        {"{\"name\":\"A\",\"version\":9}", ERR_REFUSED, "version"},
        {"[]", ERR_WRONG_TYPE, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena a = ARENA_INIT;
        struct persona p;
        struct error e = {0};
        persona_init(&p);
        enum err err = apply(&a, &p, cases[i].body, PERSONA_CREATE, &e);
        if (err != cases[i].err || strcmp(e.param, cases[i].param) != 0 || !e.message[0] || p.name.n)
            fail_msg("%s: error %d, param '%s', '%s'", cases[i].body, err, e.param, e.message);
        arena_release(&a);
    }
}

static void limits_are_named(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona p;
    struct error e = {0};
    CLEANUP_BUF struct buf b = BUF_INIT;
    persona_init(&p);
    buf_printf(&b, "{\"name\":\"%0*d\"}", PERSONA_NAME_MAX + 1, 0);
    assert_int_equal(persona_apply(&a, &p, parse(&a, buf_str(&b).p), PERSONA_CREATE, &e), ERR_TEXT_TOO_LONG);
    assert_string_equal(e.param, "name");
    arena_release(&a);
}

static void patches_and_replaces(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona p;
    persona_init(&p);
    p.version = 3;
    assert_int_equal(apply(&a, &p,
                           "{\"name\":\"Ana\",\"slug\":\"ana\",\"scenario\":\"s\",\"goals\":[\"g\"],"
                           "\"sampling\":{\"temperature\":0.3},\"traits\":{\"humor\":0.9,\"openness\":0.1}}",
                           PERSONA_CREATE, NULL),
                     ERR_OK);
    assert_int_equal(
        apply(&a, &p, "{\"traits\":{\"humor\":null},\"goals\":null,\"version\":3}", PERSONA_PATCH, NULL),
        ERR_OK);
    assert_str(p.scenario, "s");
    assert_int_equal(p.goals.n, 0);
    assert_true(p.traits[TRAIT_HUMOR] == 0.5 && p.traits[TRAIT_OPENNESS] == 0.1);
    assert_int_equal(apply(&a, &p, "{\"name\":\"Eva\"}", PERSONA_REPLACE, NULL), ERR_OK);
    assert_str(p.slug, "ana");
    assert_str(p.scenario, "");
    assert_int_equal(p.version, 3);
    assert_true(p.traits[TRAIT_OPENNESS] == 0.5 && p.sampling.temperature != p.sampling.temperature);
    arena_release(&a);
}

static void stored_and_api_shapes_round_trip(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona p, *q = NULL;
    CLEANUP_BUF struct buf one = BUF_INIT, two = BUF_INIT, api = BUF_INIT;
    persona_init(&p);
    p.id = id_new();
    p.owner = id_new();
    p.version = 4;
    p.created_ms = 1795000000123;
    p.updated_ms = 1795000000124;
    p.extras = STR("{\"data\":{\"x\":1E400}}");
    assert_int_equal(
        apply(&a, &p,
              "{\"name\":\"Zo\\u00eb \\ud83d\\ude00\",\"greetings\":[\"a\",\"\"],\"avatar\":\"z.vrm\","
              "\"voice\":{\"name\":\"v\",\"pitch\":1.2},\"sampling\":{\"top_p\":0.1,\"max_tokens\":9}}",
              PERSONA_CREATE, NULL),
        ERR_OK);
    p.slug = STR("zoe");
    persona_stored_write(&one, &p);
    assert_int_equal(persona_stored_read(&a, buf_str(&one), &q, NULL), ERR_OK);
    persona_stored_write(&two, persona_copy(&a, q));
    assert_true(str_eq(buf_str(&one), buf_str(&two)));
    struct jw w = JW(&api);
    persona_write_json(&w, q);
    /* What was read may be sent back as it is. */
    struct persona again = *q;
    struct error e = {0};
    if (persona_apply(&a, &again, parse(&a, arena_cstr(&a, buf_str(&api))), PERSONA_REPLACE, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_str(again.name, "Zo\xc3\xab \xf0\x9f\x98\x80");
    assert_str(json_get_str(parse(&a, arena_cstr(&a, buf_str(&api))), "created_at", STR_NONE),
               "2026-11-18T11:06:40.123Z");
    assert_int_equal(persona_stored_read(&a, STR("{\"id\":1}"), &q, NULL), ERR_CORRUPT);
    arena_release(&a);
}

static struct persona *card(struct arena *a, const char *text)
{
    struct persona *p = NULL;
    struct error e = {0};
    if (persona_card_read(a, str_c(text), &p, &e) != ERR_OK)
        fail_msg("%s", e.message);
    return p;
}

static const struct json *card_out(struct arena *a, const struct persona *p)
{
    struct buf b = BUF_INIT;
    persona_card_write(&b, p);
    const struct json *v = parse(a, arena_cstr(a, buf_str(&b)));
    buf_release(&b);
    return v;
}

static void cards_keep_what_is_unknown(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona *p = card(
        &a,
        "{\"spec\":\"chara_card_v2\",\"spec_version\":\"2.0\",\"name\":\"Old\",\"fav\":true,"
        "\"data\":{\"name\":\"N\\u00e9\",\"first_mes\":\"hi\",\"tags\":\"wrong\",\"creator_notes\":\"c\\/d\","
        "\"character_book\":{\"entries\":[ {\"id\":1E400} ]},\"alternate_greetings\":[\"x\"],"
        "\"extensions\":{\"depth_prompt\":{\"depth\" : 4},"
        "\"eidolon\":{\"traits\":{\"humor\":0.7},\"future\":[ 1,2]}}}}");
    assert_str(p->name, "N\xc3\xa9");
    assert_str(p->greeting, "hi");
    assert_true(p->traits[TRAIT_HUMOR] == 0.7);
    assert_int_equal(p->greetings.n, 1);
    const struct json *out = card_out(&a, p), *data = json_get(out, "data"),
                      *ext = json_get(data, "extensions");
    assert_str(json_get_str(out, "spec", STR_NONE), "chara_card_v3");
    assert_str(json_get(out, "name")->string, "N\xc3\xa9");
    assert_str(json_get(out, "fav")->raw, "true");
    assert_str(json_get(data, "character_book")->raw, "{\"entries\":[ {\"id\":1E400} ]}");
    assert_str(json_get(data, "creator_notes")->raw, "\"c\\/d\"");
    assert_str(json_get(data, "tags")->raw, "\"wrong\"");
    assert_str(json_get(ext, "depth_prompt")->raw, "{\"depth\" : 4}");
    assert_str(json_get(json_get(ext, "eidolon"), "future")->raw, "[ 1,2]");
    assert_int_equal(json_get(data, "group_only_greetings")->type, JSON_ARRAY);
    /* Once the field says something, it wins over what could not be read. */
    assert_int_equal(apply(&a, p, "{\"tags\":[\"new\"]}", PERSONA_PATCH, NULL), ERR_OK);
    assert_str(json_get(json_get(card_out(&a, p), "data"), "tags")->raw, "[\"new\"]");
    arena_release(&a);
}

static void v1_cards_and_refusals(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct persona *p = card(&a, "\xef\xbb\xbf{\"name\":\"V\",\"mes_example\":\"<START>\",\"odd\":[1]}");
    assert_str(p->examples, "<START>");
    assert_str(json_get(card_out(&a, p), "odd")->raw, "[1]");
    static const struct {
        const char *text;
        enum err err;
    } bad[] = {
        {"{", ERR_MALFORMED_JSON},
        {"[]", ERR_INVALID},
        {"{\"description\":\"x\"}", ERR_INVALID},
        {"{\"spec\":\"lorebook_v3\",\"data\":{}}", ERR_REFUSED},
        {"{\"spec\":\"other\",\"data\":{}}", ERR_INVALID},
        {"{\"spec\":\"chara_card_v3\"}", ERR_INVALID},
        {"{\"spec\":\"chara_card_v3\",\"data\":{\"name\":5}}", ERR_INVALID},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        if (persona_card_read(&a, str_c(bad[i].text), &p, &e) != bad[i].err || !e.message[0])
            fail_msg("%s: %s", bad[i].text, e.message);
    }
    arena_release(&a);
}

static void second_export_equals_the_first(void **state)
{
    (void)state;
    size_t seen = 0;
    struct share_file file;
    for (size_t at = 0; share_next(&at, STR("personas/"), &file);) {
        struct arena a = ARENA_INIT;
        CLEANUP_BUF struct buf one = BUF_INIT, two = BUF_INIT;
        struct persona *p = NULL, *q = NULL;
        struct error e = {0};
        if (persona_card_read(&a, file.bytes, &p, &e) != ERR_OK)
            fail_msg("%.*s: %s", STR_ARG(file.path), e.message);
        persona_card_write(&one, p);
        assert_int_equal(persona_card_read(&a, buf_str(&one), &q, NULL), ERR_OK);
        persona_card_write(&two, q);
        assert_true(str_eq(buf_str(&one), buf_str(&two)));
        assert_true(p->starters.n >= 4 && p->starters.n <= 6 && p->boundaries.n >= 3 && p->goals.n >= 2);
        assert_true(p->greeting.n > 40 && p->greetings.n == 2 &&
                    p->sampling.temperature == p->sampling.temperature);
        assert_true(str_find(p->examples, STR("<START>")) == 0);
        seen++;
        arena_release(&a);
    }
    assert_int_equal(seen, 7);
}

static void slugs(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned attempt;
        const char *slug;
    } cases[] = {
        {"The Philosopher", 0, "the-philosopher"},
        {"  Zo\xc3\xab & \xc3\x85se! ", 0, "zoe-ase"},
        {"Stra\xc3\x9f"
         "e",
         1, "strasse-2"},
        {"\xd0\x96\xd0\xb5\xd0\xbd\xd1\x8f", 0, "zhenya"},
        {"\xce\x95\xce\xbb\xce\xad\xce\xbd\xce\xb7", 0, "eleni"},
        {"\xe7\xbe\x8e\xe4\xba\x9c", 0, "persona"},
        {"\xe7\xbe\x8e\xe4\xba\x9c", 2, "persona-3"},
        {"O\xe2\x80\x99Neill", 0, "oneill"},
        {"import", 0, "persona"},
        {"", 0, "persona"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_str(persona_slug(&a, str_c(cases[i].name), cases[i].attempt), cases[i].slug);
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    assert_int_equal(persona_slug(&a, str_of(long_name, 300), 11).n, PERSONA_SLUG_MAX);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_by_name),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(patches_and_replaces),
        cmocka_unit_test(stored_and_api_shapes_round_trip),
        cmocka_unit_test(cards_keep_what_is_unknown),
        cmocka_unit_test(v1_cards_and_refusals),
        cmocka_unit_test(second_export_equals_the_first),
        cmocka_unit_test(slugs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
