/*
 * The openai driver against a server in this process that speaks the wire format well and badly: each
 * scenario is a base_url, http://127.0.0.1:PORT/SCENARIO/v1.
 */
#include "../peer.h"
#include "../unit.h"

#include "base/clock.h"
#include "engine/provider.h"
#include "loop/fetch.h"

#include <semaphore.h>

static struct peer peer;
static struct loops *loops;

struct talk {
    struct config_provider config;
    struct gen_request request;
    struct provider *provider;
    uint64_t gen;
    struct buf text, thoughts, calls, raw;
    int ends, raws;
    struct gen_end end;
    char raw_error[256];
    bool cancel_at_text, close_at_text, pause_at_text, other_form;
    sem_t done;
    char url[128];
    struct config defaults;
    struct gen_message message;
};

static void on_text(void *arg, struct str text)
{
    on_loop();
    struct talk *t = arg;
    assert_true(text.n > 0);
    assert_int_equal(t->ends, 0);
    buf_add(&t->text, text);
    if (t->pause_at_text) {
        t->pause_at_text = false;
        t->provider->driver->pause(t->provider, t->gen, true);
        sem_post(&t->done);
    }
    if (t->cancel_at_text)
        t->provider->driver->cancel(t->provider, t->gen);
    if (t->close_at_text) {
        t->provider->driver->close(t->provider);
        t->provider = NULL;
    }
    if (t->cancel_at_text || t->close_at_text)
        sem_post(&t->done);
}

static void on_thought(void *arg, struct str text)
{
    buf_add(&((struct talk *)arg)->thoughts, text);
}

static void on_call(void *arg, struct str json)
{
    buf_add(&((struct talk *)arg)->calls, json);
    buf_add_char(&((struct talk *)arg)->calls, '\n');
}

static void on_raw(void *arg, struct str json)
{
    struct talk *t = arg;
    t->raws++;
    buf_add(&t->raw, json);
    buf_add_char(&t->raw, '\n');
}

static void on_end(void *arg, const struct gen_end *end)
{
    on_loop();
    struct talk *t = arg;
    t->ends++;
    t->end = *end;
    str_copy(t->raw_error, sizeof t->raw_error, end->raw_error);
    t->end.raw_error = STR_NONE;
    t->provider->driver->cancel(t->provider, t->gen);
    sem_post(&t->done);
}

static const struct gen_emit emit = {
    .delta = on_text, .reasoning = on_thought, .tool_call = on_call, .raw = on_raw, .end = on_end};

static void talk_init(struct talk *t, const char *scenario)
{
    struct error e = {0};
    memset(t, 0, sizeof *t);
    config_init(&t->defaults);
    snprintf(t->url, sizeof t->url, "http://127.0.0.1:%d/%s/v1/", peer.port, scenario);
    assert_int_equal(
        config_set(&t->defaults, STR("provider.t.base_url"), str_c(t->url), CONFIG_FROM_FILE, "t", &e),
        ERR_OK);
    t->config = t->defaults.providers[0];
    t->config.api_key = STR("sk-hush-hush");
    t->config.retries = 0;
    t->message = (struct gen_message){.role = GEN_USER, .content = STR("Hello")};
    t->request.model = STR("tiny");
    gen_sampling_init(&t->request.sampling);
    t->request.messages = &t->message;
    t->request.message_count = 1;
    t->request.stream = true;
    sem_init(&t->done, 0, 0);
}

static void talk_release(struct talk *t)
{
    buf_release(&t->text);
    buf_release(&t->thoughts);
    buf_release(&t->calls);
    buf_release(&t->raw);
    config_release(&t->defaults);
    sem_destroy(&t->done);
}

static void open_and_start(void *arg)
{
    on_loop();
    struct talk *t = arg;
    struct error e = {0};
    const struct provider_driver *driver = provider_driver(STR("openai"));
    if (driver->open(loop_self(), &t->config, &t->provider, &e) != ERR_OK)
        fail_msg("%s", e.message);
    t->gen = driver->start(t->provider, &t->request, &emit, t, &t->end);
    if (!t->gen)
        sem_post(&t->done);
}

static void close_talk(void *arg)
{
    on_loop();
    struct talk *t = arg;
    if (t->provider)
        t->provider->driver->close(t->provider);
    sem_post(&t->done);
}

static void cancel_talk(void *arg)
{
    on_loop();
    struct talk *t = arg;
    t->provider->driver->cancel(t->provider, t->gen);
    sem_post(&t->done);
}

static void resume_talk(void *arg)
{
    on_loop();
    struct talk *t = arg;
    t->provider->driver->pause(t->provider, t->gen, false);
}

static void start(struct talk *t)
{
    loop_call(loops_get(loops, 0), open_and_start, t);
}

static void close_it(struct talk *t)
{
    loop_call(loops_get(loops, 0), close_talk, t);
    sem_wait(&t->done);
}

static void run(struct talk *t)
{
    start(t);
    sem_wait(&t->done);
    close_it(t);
}

/* The server's part. */

static void stream_head(int fd)
{
    peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
}

static void chunk(int fd, const char *bytes, size_t n)
{
    char size[32];
    snprintf(size, sizeof size, "%zx\r\n", n);
    peer_text(fd, size);
    peer_send(fd, bytes, n);
    peer_text(fd, "\r\n");
}

static void say(int fd, const char *text)
{
    chunk(fd, text, strlen(text));
}

static void token(int fd, const char *text)
{
    char line[512];
    snprintf(line, sizeof line,
             "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{"
             "\"content\":\"%s\"},\"finish_reason\":null}]}\n\n",
             text);
    say(fd, line);
}

#define FINISH "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE                                                                                                \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,"                          \
    "\"prompt_tokens_details\":{\"cached_tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":1}" \
    "}}\n\n"
#define DONE "data: [DONE]\n\n"

static bool end_chunks(int fd)
{
    peer_text(fd, "0\r\n\r\n");
    return true;
}

static void status(int fd, const char *line, const char *headers, const char *body)
{
    char head[1024];
    snprintf(head, sizeof head,
             "HTTP/1.1 %s\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", line, headers,
             strlen(body));
    peer_text(fd, head);
    peer_text(fd, body);
}

static void json(int fd, const char *body)
{
    status(fd, "200 OK", "", body);
}

static atomic_int attempts;
static char last_body[4096], last_head[4096];
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;

static bool good(int fd)
{
    stream_head(fd);
    say(fd, "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n");
    token(fd, "Hello");
    token(fd, ", \\u00e4\\n");
    say(fd, FINISH USAGE DONE);
    return end_chunks(fd);
}

/* Every byte a TCP segment and a chunk of its own: \r\n, comments, UTF-8 and JSON are cut everywhere. */
static bool drip(int fd)
{
    static const char text[] =
        "\xef\xbb\xbf: hi\r\n\r\nevent: message\r\ndata: {\"choices\":[{\"index\":0,\r\n"
        "data: \"delta\":{\"content\":\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80\"}}]}\r\n\r\n"
        ": keep-alive\r\rdata:{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\r\r"
        "id: 4\nretry: 10\ndata: [DONE]\n\n";
    stream_head(fd);
    for (size_t i = 0; i + 1 < sizeof text; i++)
        chunk(fd, text + i, 1);
    return end_chunks(fd);
}

static bool bad_streams(struct peer *at, int fd, const char *head)
{
    stream_head(fd);
    if (strstr(head, "/cut/")) {
        token(fd, "half");
        return false;
    }
    if (strstr(head, "/cut-early/")) {
        atomic_fetch_add(&attempts, 1);
        return false;
    }
    if (strstr(head, "/no-done/")) {
        token(fd, "all");
        say(fd, FINISH);
        return end_chunks(fd);
    }
    if (strstr(head, "/no-finish/")) {
        token(fd, "some");
        say(fd, DONE);
        return end_chunks(fd);
    }
    if (strstr(head, "/wordless/")) {
        say(fd, DONE);
        return end_chunks(fd);
    }
    if (strstr(head, "/stall/")) {
        say(fd, ": keep-alive\n\n");
        for (int i = 0; i < 100 && !atomic_load(&at->stopping); i++) {
            peer_sleep(at, 20);
            say(fd, ": keep-alive\n\n");
        }
        return false;
    }
    if (strstr(head, "/stall-later/")) {
        token(fd, "one");
        peer_sleep(at, 3000);
        return false;
    }
    if (strstr(head, "/endless/")) {
        for (int i = 0; i < 300 && !atomic_load(&at->stopping); i++) {
            token(fd, "x");
            peer_sleep(at, 10);
        }
        return false;
    }
    if (strstr(head, "/error-object/")) {
        token(fd, "begun");
        say(fd, "data: {\"error\":{\"message\":\"The server is overloaded\",\"code\":529}}\n\n");
    } else if (strstr(head, "/error-event/"))
        say(fd, "event: error\ndata: {\"message\":\"CUDA out of memory for sk-hush-hush\"}\n\n");
    else if (strstr(head, "/error-string/"))
        say(fd, "data: {\"error\":\"Trying to keep the first 9000 tokens when context length is 4096\"}\n\n");
    else if (strstr(head, "/error-bare/"))
        say(fd, "{\"error\":{\"message\":\"model crashed\"}}\n");
    else if (strstr(head, "/error-finish/"))
        say(fd,
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"insufficient_system_resource\"}]}\n\n");
    else if (strstr(head, "/garbage/"))
        say(fd, "data: <<<not json>>>\n\n");
    else if (strstr(head, "/huge-line/")) {
        char *line = malloc(1 << 20);
        memset(line, 'y', 1 << 20);
        for (int i = 0; i < 6; i++)
            chunk(fd, line, 1 << 20);
        free(line);
    }
    return end_chunks(fd);
}

static bool refusals(int fd, const char *head)
{
    atomic_fetch_add(&attempts, 1);
    if (strstr(head, "/401/"))
        status(fd, "401 Unauthorized", "", "{\"error\":{\"message\":\"Incorrect API key sk-hush-hush\"}}");
    else if (strstr(head, "/404/"))
        status(fd, "404 Not Found", "", "{\"error\":{\"message\":\"model 'tiny' not found\"}}");
    else if (strstr(head, "/429/"))
        status(fd, "429 Too Many Requests", "retry-after: 30\r\n",
               "{\"error\":{\"message\":\"Slow down.\"}}");
    else if (strstr(head, "/quota/"))
        status(
            fd, "429 Too Many Requests", "",
            "{\"error\":{\"message\":\"You exceeded your current quota\",\"code\":\"insufficient_quota\"}}");
    else if (strstr(head, "/context/"))
        status(fd, "400 Bad Request", "",
               "{\"error\":{\"message\":\"This model's maximum context length is 4096 tokens\"}}");
    else if (strstr(head, "/filter/"))
        status(fd, "400 Bad Request", "", "{\"error\":{\"code\":\"content_policy_violation\"}}");
    else if (strstr(head, "/400/"))
        status(fd, "400 Bad Request", "", "{\"error\":{\"message\":\"temperature must be less than 2\"}}");
    else if (strstr(head, "/503/"))
        status(fd, "503 Service Unavailable", "", "{\"error\":\"server busy\"}");
    else if (strstr(head, "/html/"))
        status(fd, "502 Bad Gateway", "", "<html><h1>Bad gateway</h1></html>");
    else if (strstr(head, "/moved/"))
        status(fd, "308 Permanent Redirect", "Location: https://elsewhere/\r\n", "");
    else if (strstr(head, "/never-retry/"))
        status(fd, "500 Oops", "x-should-retry: false\r\n", "{\"error\":{\"message\":\"no\"}}");
    else if (strstr(head, "/third-time/")) {
        if (atomic_load(&attempts) < 3)
            status(fd, "429 Too Many Requests", "retry-after-ms: 20\r\n", "{\"error\":{\"message\":\"no\"}}");
        else
            return good(fd);
    } else
        return false;
    return true;
}

static bool documents(int fd, const char *head)
{
    if (strstr(head, "/json/"))
        json(fd, "\n\n{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"whole\","
                 "\"reasoning_content\":\"hm\"},\"finish_reason\":\"stop\"}],"
                 "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}");
    else if (strstr(head, "/json-error/"))
        json(fd, "{\"error\":\"no model is loaded\"}");
    else if (strstr(head, "/json-odd/"))
        json(fd, "{\"hello\":\"world\"}");
    else if (strstr(head, "/json-html/")) {
        peer_text(fd,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>");
    } else if (strstr(head, "/json-surrogate/"))
        json(fd, "{\"choices\":[{\"message\":{\"content\":\"a\\ud83db \\ud83d\\ude00 \\u0000\"},"
                 "\"finish_reason\":\"stop\"}]}");
    else if (strstr(head, "/tools/")) {
        stream_head(fd);
        say(fd, "data: "
                "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":"
                "\"f\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n");
        say(fd,
            "data: "
            "{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}"
            "}]}\n\n");
        say(fd, "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" DONE);
        return end_chunks(fd);
    } else
        return false;
    return true;
}

static bool handle(struct peer *at, int fd, const char *head, const char *body)
{
    pthread_mutex_lock(&last_lock);
    snprintf(last_body, sizeof last_body, "%s", body);
    snprintf(last_head, sizeof last_head, "%s", head);
    pthread_mutex_unlock(&last_lock);
    char line[256]; /* "/json" is also in the Accept header */
    snprintf(line, sizeof line, "%.*s", (int)strcspn(head, "\r"), head);
    head = line;
    if (!strstr(head, "/v1/chat/completions HTTP/1.1"))
        return false;
    if (strstr(head, "/good/"))
        return good(fd);
    if (strstr(head, "/drip/"))
        return drip(fd);
    if (strstr(head, "/json") || strstr(head, "/tools/"))
        return documents(fd, head);
    for (const char *const *s =
             (const char *const[]){"/401/", "/404/", "/429/", "/quota/", "/context/", "/filter/", "/400/",
                                   "/503/", "/html/", "/moved/", "/never-retry/", "/third-time/", NULL};
         *s; s++) {
        if (strstr(head, *s))
            return refusals(fd, head);
    }
    return bad_streams(at, fd, head);
}

/* The tests. */

static void streams(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "good");
    t.request.sampling.temperature = 0.5;
    t.request.sampling.max_tokens = 64;
    t.request.sampling.stop = &STR("END");
    t.request.sampling.stop_count = 1;
    run(&t);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.end.code, GEN_OK);
    assert_int_equal(t.end.finish, GEN_STOP);
    assert_true(t.end.began);
    assert_str(buf_str(&t.text), "Hello, \xc3\xa4\n");
    assert_true(t.end.usage.known);
    assert_int_equal(t.end.usage.prompt_tokens, 7);
    assert_int_equal(t.end.usage.completion_tokens, 3);
    assert_int_equal(t.end.usage.cached_tokens, 2);
    assert_int_equal(t.end.usage.reasoning_tokens, 1);
    assert_int_equal(t.raws, 0);
    assert_string_equal(last_body,
                        "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}],"
                        "\"temperature\":0.5,\"max_tokens\":64,\"stop\":[\"END\"],\"stream\":true,"
                        "\"stream_options\":{\"include_usage\":true}}");
    assert_non_null(strstr(last_head, "POST /good/v1/chat/completions HTTP/1.1"));
    assert_non_null(strstr(last_head, "Authorization: Bearer sk-hush-hush\r\n"));
    talk_release(&t);

    talk_init(&t, "drip");
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_int_equal(t.end.finish, GEN_LENGTH);
    assert_str(buf_str(&t.text), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
    talk_release(&t);
}

static void system_texts_can_be_merged(void **state)
{
    (void)state;
    struct talk t;
    const struct gen_message messages[] = {
        {.role = GEN_SYSTEM, .content = STR("Be kind.")},
        {.role = GEN_ASSISTANT, .content = STR("Hi")},
        {.role = GEN_USER, .name = STR("Ann"), .content = STR("Hello")},
        {.role = GEN_SYSTEM, .content = STR("Be brief.")},
    };
    talk_init(&t, "good");
    t.request.messages = messages;
    t.request.message_count = 4;
    t.request.merge_system = true;
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_non_null(strstr(last_body,
                           "\"messages\":[{\"role\":\"assistant\",\"content\":\"Hi\"},{\"role\":\"user\","
                           "\"name\":\"Ann\",\"content\":\"Be kind.\\n\\nBe brief.\\n\\nHello\"}]"));
    talk_release(&t);
}

static void whole_documents(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "json");
    t.request.stream = false;
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_str(buf_str(&t.text), "whole");
    assert_str(buf_str(&t.thoughts), "hm");
    assert_int_equal(t.end.usage.prompt_tokens, 5);
    assert_non_null(strstr(last_body, "\"stream\":false}"));
    talk_release(&t);

    talk_init(&t, "json-surrogate");
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_str(buf_str(&t.text), "a\xef\xbf\xbd"
                                 "b \xf0\x9f\x98\x80 \xef\xbf\xbd");
    talk_release(&t);

    talk_init(&t, "tools");
    run(&t);
    assert_int_equal(t.end.finish, GEN_TOOL_CALLS);
    assert_str(buf_str(&t.calls),
               "{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\"\"}}\n"
               "{\"index\":0,\"function\":{\"arguments\":\":1}\"}}\n");
    talk_release(&t);
}

static void pass_through(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "good");
    t.request.raw_body = STR("{\"messages\":[], \"model\" : \"engine/x\",\"odd\":1e400,\"stream\":true}");
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_int_equal(t.raws, 5);
    assert_true(
        str_starts(buf_str(&t.raw), STR("{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"")));
    assert_true(str_find(buf_str(&t.raw), STR("\"object\":\"chat.completion.chunk\"")) != SIZE_MAX);
    assert_string_equal(last_body, "{\"model\":\"tiny\",\"messages\":[],\"odd\":1e400,\"stream\":true}");
    talk_release(&t);

    talk_init(&t, "429");
    t.request.raw_body = STR("{\"messages\":[]}");
    run(&t);
    assert_int_equal(t.end.code, GEN_RATE_LIMIT);
    assert_string_equal(t.raw_error, "{\"error\":{\"message\":\"Slow down.\"}}");
    talk_release(&t);

    talk_init(&t, "good");
    t.request.raw_body = STR("[1]");
    run(&t);
    assert_int_equal(t.gen, 0);
    assert_int_equal(t.end.code, GEN_REFUSED);
    talk_release(&t);
}

struct failure {
    const char *scenario;
    enum gen_code code;
    const char *sentence;
    bool began;
};

static void failures(void **state)
{
    (void)state;
    static const struct failure table[] = {
        {"cut", GEN_CUT, "before its answer was complete", true},
        {"cut-early", GEN_CUT, "before its answer was complete", false},
        {"no-done", GEN_CUT, "closed the connection in the middle", true},
        {"no-finish", GEN_CUT, "without saying that it was finished", true},
        {"wordless", GEN_MALFORMED, "without a word", false},
        {"error-object", GEN_OVERLOADED, "is overloaded: The server is overloaded.", true},
        {"error-event", GEN_UNAVAILABLE, "CUDA out of memory for ***.", false},
        {"error-string", GEN_CONTEXT_TOO_LONG, "Lower the engine's context_tokens", false},
        {"error-bare", GEN_UNAVAILABLE, "model crashed", false},
        {"error-finish", GEN_OVERLOADED, "overloaded", false},
        {"garbage", GEN_MALFORMED, "<<<not json>>>", false},
        {"huge-line", GEN_MALFORMED, "a line of more than", false},
        {"401", GEN_AUTH, "answered 401: the API key was refused. Check the key in Settings", false},
        {"404", GEN_UNAVAILABLE, "knows no model 'tiny'", false},
        {"429", GEN_RATE_LIMIT, "no more requests for now: Slow down.", false},
        {"quota", GEN_QUOTA, "out of budget", false},
        {"context", GEN_CONTEXT_TOO_LONG, "longer than the model 'tiny'", false},
        {"filter", GEN_REFUSED, "Rephrase", false},
        {"400", GEN_REFUSED, "temperature must be less than 2", false},
        {"503", GEN_OVERLOADED, "server busy", false},
        {"html", GEN_UNAVAILABLE, "failed. See its log", false},
        {"moved", GEN_MALFORMED, "it has moved", false},
        {"json-error", GEN_UNAVAILABLE, "no model is loaded", false},
        {"json-odd", GEN_MALFORMED, "no chat completion", false},
        {"json-html", GEN_MALFORMED, "Check base_url", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct talk t;
        talk_init(&t, table[i].scenario);
        run(&t);
        assert_int_equal(t.ends, 1);
        if (t.end.code != table[i].code || !strstr(t.end.sentence, table[i].sentence))
            fail_msg("%s: %s, '%s'", table[i].scenario, gen_code_name(t.end.code), t.end.sentence);
        assert_int_equal(t.end.finish, GEN_ERROR);
        assert_int_equal(t.end.began, table[i].began);
        if (strstr(t.end.sentence, "hush"))
            fail_msg("the key is in '%s'", t.end.sentence);
        assert_true(t.end.sentence[strlen(t.end.sentence) - 1] == '.');
        talk_release(&t);
    }
}

static void lenient_end(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "no-done");
    t.config.lenient_end = true;
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    talk_release(&t);
}

static void unreachable(void **state)
{
    (void)state;
    struct peer gone;
    struct talk t;
    peer_start(&gone, handle);
    peer_stop(&gone);
    talk_init(&t, "x");
    snprintf(t.url, sizeof t.url, "http://127.0.0.1:%d/v1", gone.port);
    t.config.base_url = str_c(t.url);
    t.config.retries = 5;
    uint64_t before = clock_mono_us();
    run(&t);
    assert_int_equal(t.end.code, GEN_UNAVAILABLE);
    assert_non_null(strstr(t.end.sentence, "Nothing answers at http://127.0.0.1:"));
    assert_true(clock_mono_us() - before < 400000); /* not retried: a fallback is better */
    talk_release(&t);
}

static void retries(void **state)
{
    (void)state;
    struct talk t;
    atomic_store(&attempts, 0);
    talk_init(&t, "third-time");
    t.config.retries = 2;
    run(&t);
    assert_int_equal(t.end.code, GEN_OK);
    assert_int_equal(atomic_load(&attempts), 3);
    assert_str(buf_str(&t.text), "Hello, \xc3\xa4\n");
    talk_release(&t);

    atomic_store(&attempts, 0);
    talk_init(&t, "never-retry");
    t.config.retries = 2;
    run(&t);
    assert_int_equal(atomic_load(&attempts), 1);
    talk_release(&t);

    /* Asked to wait longer than is sensible: left to the caller, who learns for how long. */
    atomic_store(&attempts, 0);
    talk_init(&t, "429");
    t.config.retries = 2;
    run(&t);
    assert_int_equal(atomic_load(&attempts), 1);
    assert_int_equal(t.end.retry_after_ms, 30000);
    talk_release(&t);

    atomic_store(&attempts, 0);
    talk_init(&t, "cut-early");
    t.config.retries = 1;
    run(&t);
    assert_int_equal(t.end.code, GEN_CUT);
    assert_int_equal(atomic_load(&attempts), 2);
    talk_release(&t);
}

static void timeouts(void **state)
{
    (void)state;
    static const struct {
        const char *scenario;
        uint64_t first, gap, total;
        enum gen_code code;
    } table[] = {
        {"stall", 100, 5000, 5000, GEN_TIMEOUT_FIRST_TOKEN}, /* though comments keep coming */
        {"stall-later", 5000, 100, 5000, GEN_TIMEOUT_STREAM},
        {"endless", 5000, 5000, 150, GEN_TIMEOUT_TOTAL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct talk t;
        talk_init(&t, table[i].scenario);
        t.config.first_token_timeout = table[i].first;
        t.config.stream_timeout = table[i].gap;
        t.config.total_timeout = table[i].total;
        uint64_t before = clock_mono_us();
        run(&t);
        if (t.end.code != table[i].code)
            fail_msg("%s: %s, '%s'", table[i].scenario, gen_code_name(t.end.code), t.end.sentence);
        assert_true(clock_mono_us() - before < 1500000);
        talk_release(&t);
    }
}

static void cancelling(void **state)
{
    (void)state;
    struct talk t;
    for (int i = 0; i < 2; i++) {
        talk_init(&t, "endless");
        t.cancel_at_text = i == 0;
        t.close_at_text = i == 1;
        start(&t);
        sem_wait(&t.done);
        usleep(60000);
        close_it(&t);
        assert_int_equal(t.ends, 0);
        assert_str(buf_str(&t.text), "x");
        talk_release(&t);
    }
    /* Before anything came, and while it waits for its next attempt. */
    for (int i = 0; i < 2; i++) {
        talk_init(&t, i ? "503" : "stall");
        t.config.retries = 2;
        start(&t);
        usleep(60000);
        loop_call(loops_get(loops, 0), cancel_talk, &t);
        sem_wait(&t.done);
        usleep(20000);
        close_it(&t);
        assert_int_equal(t.ends, 0);
        talk_release(&t);
    }
}

static void pausing(void **state)
{
    (void)state;
    struct talk t;
    talk_init(&t, "endless");
    t.pause_at_text = true;
    t.config.stream_timeout = 100; /* must not fire while we are the slow one */
    t.config.total_timeout = 600;
    start(&t);
    sem_wait(&t.done);
    usleep(250000);
    loop_call(loops_get(loops, 0), resume_talk, &t);
    sem_wait(&t.done);
    close_it(&t);
    assert_int_equal(t.end.code, GEN_TIMEOUT_TOTAL);
    assert_true(t.text.n > 10);
    talk_release(&t);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(gen_code_name(GEN_TIMEOUT_FIRST_TOKEN), "timeout_first_token");
    assert_string_equal(gen_finish_name(GEN_CONTENT_FILTER), "content_filter");
    assert_null(provider_driver(STR("nonesuch")));
}

static void stop_fetching(void *arg)
{
    on_loop();
    fetch_stop(loop_self());
    sem_post(arg);
}

static int setup(void **state)
{
    struct error e;
    (void)state;
    peer_start(&peer, handle);
    assert_int_equal(loops_new(1, &loops, &e), ERR_OK);
    loops_start(loops);
    return 0;
}

static int teardown(void **state)
{
    sem_t done;
    (void)state;
    sem_init(&done, 0, 0);
    loop_call(loops_get(loops, 0), stop_fetching, &done);
    sem_wait(&done);
    loops_stop(loops);
    peer_stop(&peer);
    sem_destroy(&done);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams),         cmocka_unit_test(system_texts_can_be_merged),
        cmocka_unit_test(whole_documents), cmocka_unit_test(pass_through),
        cmocka_unit_test(failures),        cmocka_unit_test(lenient_end),
        cmocka_unit_test(unreachable),     cmocka_unit_test(retries),
        cmocka_unit_test(timeouts),        cmocka_unit_test(cancelling),
        cmocka_unit_test(pausing),         cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
