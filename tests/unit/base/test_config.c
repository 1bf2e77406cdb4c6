/* Settings: every source and its precedence, every type and its refusals, what is shown. */
#include "../unit.h"

#include "base/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct config c;

static int setup(void **state)
{
    (void)state;
    config_init(&c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_release(&c);
    return 0;
}

static void read_ok(const char *text)
{
    struct error e = {0};
    if (config_read_text(&c, str_c(text), "test.ini", &e) != ERR_OK)
        fail_msg("%s", e.message);
}

static void read_fails(const char *text, enum err err, const char *sentence)
{
    struct error e = {0};
    assert_int_equal(config_read_text(&c, str_c(text), "test.ini", &e), err);
    if (!strstr(e.message, sentence))
        fail_msg("got '%s', expected '%s' in it", e.message, sentence);
}

/* Every default of the table is one its own row allows: set again, it must be accepted. */
static void defaults_are_allowed(void **state)
{
    (void)state;
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        char name[128];
        struct error e = {0};
        snprintf(name, sizeof name, "%s.%s", rows[i].section, rows[i].key);
        if (config_set(&c, str_c(name), str_c(rows[i].fallback), CONFIG_FROM_FLAG, "test", &e) != ERR_OK)
            fail_msg("%s", e.message);
        size_t n = strlen(rows[i].doc);
        assert_true(n > 0 && rows[i].doc[n - 1] == '.');
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        rows = config_kind(kind)->rows;
        count = config_kind(kind)->count;
        for (size_t i = 0; i < count; i++) {
            char name[128];
            struct error e = {0};
            snprintf(name, sizeof name, "%s.x.%s", rows[i].section, rows[i].key);
            if (config_set(&c, str_c(name), str_c(rows[i].fallback), CONFIG_FROM_FLAG, "test", &e) != ERR_OK)
                fail_msg("%s", e.message);
        }
    }
}

static void types_are_read(void **state)
{
    (void)state;
    assert_str(c.server.data, "data");
    assert_int_equal(c.server.listen.n, 1);
    read_ok("\xef\xbb\xbf# a comment\r\n[server]\r\ndata = /srv/x \r\nlisten = 127.0.0.1:1, [::1]:2\n"
            "listen = 0.0.0.0:3\nlog_level = WARN\n; more\n\n[net]\nhead_timeout=250ms\nbody_timeout = 2\n"
            "max_header_bytes=64KiB\nbody_max = 10M\necho = yes\nmax_connections = 7\n"
            "[user]\nname = \"Ann B\"\n");
    assert_str(c.server.data, "/srv/x");
    assert_int_equal(c.server.listen.n, 3);
    assert_str(c.server.listen.v[1], "[::1]:2");
    assert_str(c.server.listen.v[2], "0.0.0.0:3");
    assert_str(c.server.log_level, "warn");
    assert_int_equal(c.net.head_timeout, 250);
    assert_int_equal(c.net.body_timeout, 2000);
    assert_int_equal(c.net.max_header_bytes, 65536);
    assert_int_equal(c.net.body_max, 10 << 20);
    assert_true(c.net.echo);
    assert_int_equal(c.net.max_connections, 7);
    assert_str(c.user.name, "Ann B");
}

/* What speaks and hears: a service's own address needs no base_url, a server's does; chains name what is
 * there. */
static void speech_sections(void **state)
{
    (void)state;
    struct error e = {0};
    read_ok("[speech.Eleven]\ntype = elevenlabs\napi_key = s3cret\n"
            "[speech.pi]\ntype = piper\nbase_url = http://127.0.0.1:5000\nstream_timeout = 3s\n"
            "[voice]\nchain = eleven, pi, flite\n");
    assert_int_equal(config_check(&c, &e), ERR_OK);
    assert_int_equal(c.speech_count, 2);
    assert_int_equal(c.voice.chain.n, 3);
    assert_int_equal(config_speech(&c, STR("PI"))->stream_timeout, 3000);
    assert_false(config_named_locked(CONFIG_SPEECH_PROVIDERS, &(struct config_named){.name = STR("x")}));
    assert_true(
        config_named_locked(CONFIG_SPEECH_PROVIDERS, config_named(&c, CONFIG_SPEECH_PROVIDERS, STR("pi"))));
    read_ok("[voice]\nchain = nobody\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
    assert_non_null(strstr(e.message, "nobody"));
    config_release(&c);
    config_init(&c);
    read_ok("[speech.x]\ntype = xtts\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
    assert_string_equal(e.param, "base_url");
}

static void named_sections(void **state)
{
    (void)state;
    read_ok("[provider.LM-Studio]\nbase_url = http://127.0.0.1:1234/v1\napi_key = s3cret\n"
            "[engine.fast]\nprovider = lm-studio\nmodel = qwen\nstop = \"\\n\\n\", END, \"a,b\"\n"
            "[engine.gpt-4.1]\nprovider = lm-studio\ntemperature = 0.5\nfallback = fast, scripted\n"
            "[engine]\ndefault = fast\n");
    struct error e = {0};
    assert_int_equal(config_check(&c, &e), ERR_OK);
    const struct config_provider *p = config_provider(&c, STR("lm-studio"));
    assert_non_null(p);
    assert_str(p->api_key, "s3cret");
    assert_int_equal(p->connect_timeout, 5000);
    const struct config_engine *fast = config_engine(&c, STR("fast"));
    assert_non_null(fast);
    assert_true(isnan(fast->temperature));
    assert_true(fast->max_tokens == CONFIG_NO_INT);
    assert_int_equal(fast->stop.n, 3);
    assert_str(fast->stop.v[0], "\n\n");
    assert_str(fast->stop.v[2], "a,b");
    const struct config_engine *dotted = config_engine(&c, STR("gpt-4.1"));
    assert_non_null(dotted);
    assert_true(dotted->temperature == 0.5);
    assert_int_equal(dotted->fallback.n, 2);
    assert_str(c.engine.default_name, "fast");
}

static void lists_read_back(void **state)
{
    (void)state;
    static const char *const items[] = {"\n\n",        "a,b", " spaced ", "say \"x\"",
                                        "back\\slash", "\t",  "\\n",      "plain"};
    enum { COUNT = sizeof items / sizeof(char *) };
    CLEANUP_BUF struct buf text = BUF_INIT;
    for (size_t i = 0; i < COUNT; i++)
        config_list_add(&text, str_c(items[i]));
    assert_int_equal(config_set(&c, STR("engine.x.stop"), buf_str(&text), CONFIG_FROM_STORED, "t", NULL),
                     ERR_OK);
    const struct config_engine *x = config_engine(&c, STR("x"));
    assert_int_equal(x->stop.n, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_str(x->stop.v[i], items[i]);
}

static void precedence(void **state)
{
    (void)state;
    struct error e = {0};
    bool used = false;
    char *environment[] = {"EIDOLON_USER_NAME=Env",
                           "EIDOLON_ROOM_MAX_MEMBERS=11",
                           "HOME=/x",
                           "EIDOLON_PROVIDER_LM_STUDIO_API_KEY=k",
                           "EIDOLON_ENGINE_DEFAULT=scripted",
                           "EIDOLON_CONFIG=/etc/x",
                           "EIDOLON_SERVER_SERVICE_HOST=10.0.0.1",
                           "EIDOLON_COLOUR=1",
                           NULL};
    assert_int_equal(config_read_flag(&c, "--user.name=Flag", &used, &e), ERR_OK);
    assert_true(used);
    read_ok("[user]\nname=File\n[room]\nmax_members=10\nmax_running_turns=3\n[provider.lm-studio]\n"
            "base_url=http://h/v1\n");
    if (config_read_environment(&c, environment, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_int_equal(config_set(&c, STR("room.max_members"), STR("12"), CONFIG_FROM_STORED, "page", &e),
                     ERR_OK);
    assert_str(c.user.name, "Flag");
    assert_int_equal(c.room.max_members, 11);
    assert_int_equal(c.room.max_running_turns, 3);
    assert_int_equal(c.provider_count, 1);
    assert_str(c.providers[0].api_key, "k");
    assert_str(c.engine.default_name, "scripted");
    assert_int_equal(c.warnings.n, 2);
    /* Even a value that is overruled is judged. */
    assert_int_equal(config_set(&c, STR("user.name"), STR("x"), CONFIG_FROM_FILE, "f", &e), ERR_OK);
    assert_int_equal(config_set(&c, STR("room.max_members"), STR("x"), CONFIG_FROM_FILE, "f", &e),
                     ERR_INVALID);
}

static void refusals(void **state)
{
    (void)state;
    read_fails("[server]\ndatta = x\n", ERR_NOT_FOUND,
               "test.ini:2: there is no setting 'server.datta'. Did you mean 'data'?");
    read_fails("[servr]\ndata = x\n", ERR_NOT_FOUND, "Did you mean 'server'?");
    read_fails("\n[net]\nhead_timeout = soon\n", ERR_INVALID,
               "test.ini:3: 'net.head_timeout' must be a duration");
    read_fails("[net]\nhead_timeout = 1ms\n", ERR_INVALID, "within 100ms..10m");
    read_fails("[net]\nmax_header_bytes = 2M\n", ERR_INVALID, "1K..1M");
    read_fails("[net]\nmax_connections = 0\n", ERR_INVALID, "not '0'");
    read_fails("[net]\nmax_connections =\n", ERR_INVALID, "a whole number");
    read_fails("[net]\necho = perhaps\n", ERR_INVALID, "on or off");
    read_fails("[server]\nlog_level = loud\n", ERR_INVALID, "debug|info|warn|error");
    read_fails("[server\n", ERR_INVALID, "a section is written");
    read_fails("[server]\ndata\n", ERR_INVALID, "key = value");
    read_fails("data = x\n", ERR_NOT_FOUND, "section.key");
    read_fails("[engine.x]\ntemperature = nan\n", ERR_INVALID, "a number");
    read_fails("[engine.x]\nmodle = a\n", ERR_NOT_FOUND, "Did you mean 'model'?");
    read_fails("[provider.a b]\ntype = openai\n", ERR_INVALID, "letters, digits");
    read_fails("[engine.scripted]\nmodel = a\n", ERR_INVALID, "built-in");
    read_fails("[net]\nidle_timeout = 99999999999999999999s\n", ERR_INVALID, "a duration");
    read_fails("[net]\nbody_max = 18446744073709551615T\n", ERR_INVALID, "a size");

    struct error e = {0};
    bool used = false;
    char *environment[] = {"EIDOLON_SERVER_LOPS=2", NULL};
    assert_int_equal(config_read_environment(&c, environment, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.message, "EIDOLON_SERVER_LOOPS"));
    assert_int_equal(config_read_flag(&c, "--server.data", &used, &e), ERR_INVALID);
    assert_int_equal(config_read_flag(&c, "--help", &used, &e), ERR_OK);
    assert_false(used);
    assert_int_equal(config_read_file(&c, "/nonexistent/eidolon.ini", &e), ERR_NOT_FOUND);
}

static void checks(void **state)
{
    (void)state;
    struct error e = {0};
    read_ok("[engine.a]\nprovider = lm\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
    assert_non_null(strstr(e.message, "[provider.lm]"));
    read_ok("[provider.lm]\nbase_url = ftp://x\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
    assert_non_null(strstr(e.message, "http://"));
    config_release(&c);
    config_init(&c);
    read_ok("[engine.alpha]\nprovider = scripted\nfallback = alpa\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
    assert_non_null(strstr(e.message, "Did you mean 'alpha'?"));
    config_release(&c);
    config_init(&c);
    read_ok("[net]\ntls_cert = /x.pem\n");
    assert_int_equal(config_check(&c, &e), ERR_INVALID);
}

static void secrets_stay_inside(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf out = BUF_INIT;
    read_ok("[server]\ntoken = hush-hush\n[provider.lm]\nbase_url = http://h/v1\napi_key = hush-hush\n"
            "headers = X-Key: hush-hush\n");
    struct jw w = JW(&out);
    config_write_json(&w, &c);
    struct jw w2 = JW(&out);
    config_write_schema(&w2, &c);
    assert_true(str_find(buf_str(&out), STR("hush-hush")) == SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"token\":{\"set\":true}")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"api_key\":{\"set\":true}")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"head_timeout\":\"10s\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("\"max_header_bytes\":\"32K\"")) != SIZE_MAX);
}

static void json_is_json(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    struct error e = {0};
    read_ok("[engine.e]\nprovider = scripted\n");
    struct jw w = JW(&out);
    config_write_json(&w, &c);
    if (json_parse(&a, buf_str(&out), &json, &e) != ERR_OK)
        fail_msg("%s", e.message);
    assert_int_equal(json_get_i64(json_get(json, "net"), "max_connections", 0), 20000);
    const struct json *engine = json_get(json, "engines")->child;
    assert_int_equal(json_get(engine, "temperature")->type, JSON_NULL);
    arena_release(&a);
}

static void documents(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf out = BUF_INIT;
    config_write_help(&out);
    assert_true(str_find(buf_str(&out), STR("--net.head_timeout=VALUE  (default 10s; 100ms..10m)")) !=
                SIZE_MAX);
    buf_clear(&out);
    config_write_markdown(&out);
    assert_true(str_find(buf_str(&out), STR("debug\\|info")) != SIZE_MAX);
    buf_clear(&out);
    config_write_typescript(&out);
    assert_true(str_find(buf_str(&out), STR("log_format: 'text' | 'json';")) != SIZE_MAX);
    assert_true(str_find(buf_str(&out), STR("token: { set: boolean };")) != SIZE_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_allowed), TEST(types_are_read), TEST(named_sections), TEST(speech_sections),
        TEST(lists_read_back),      TEST(precedence),     TEST(refusals),       TEST(checks),
        TEST(secrets_stay_inside),  TEST(json_is_json),   TEST(documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
