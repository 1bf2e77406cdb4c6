/*
 * A room between two languages, with an engine that translates well and badly: what is shown to personas,
 * what is kept, and that a turn ends whatever the translation does.
 */
#include "reader.h"

#include "../peer.h"
#include "room/translate.h"

enum { PATIENCE_MS = 400 };

/* What the peer was asked last by a persona, and whether it may answer what is held. */
static struct {
    pthread_mutex_t lock;
    char asked[1 << 16];
    atomic_int translations;
    atomic_bool free;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void answer(int fd, const char *text, const char *finish)
{
    char body[1024], head[256];
    snprintf(body, sizeof body,
             "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":"
             "null}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}\n\n"
             "data: [DONE]\n\n",
             text, finish);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %zu\r\n\r\n",
             strlen(body));
    peer_text(fd, head);
    peer_text(fd, body);
}

static bool translator(struct peer *peer, int fd, const char *head, const char *body)
{
    (void)head;
    if (!strstr(body, "Translate what the user writes")) {
        pthread_mutex_lock(&seen.lock);
        str_copy(seen.asked, sizeof seen.asked, str_c(body));
        pthread_mutex_unlock(&seen.lock);
        answer(fd, "Ja.", "stop");
        return true;
    }
    atomic_fetch_add(&seen.translations, 1);
    if (strstr(body, "STALL"))
        peer_sleep(peer, 5000);
    while (strstr(body, "HOLD") && !atomic_load(&seen.free) && !atomic_load(&peer->stopping))
        peer_sleep(peer, 5);
    if (strstr(body, "BROKEN")) {
        peer_text(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        return true;
    }
    if (strstr(body, "CUT")) {
        peer_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n");
        return false;
    }
    answer(fd, strstr(body, "into German") ? "Guten Tag." : "Good day.",
           strstr(body, "LONG") ? "length" : "stop");
    return true;
}

static bool was_asked(const char *words)
{
    pthread_mutex_lock(&seen.lock);
    bool found = strstr(seen.asked, words) != NULL;
    pthread_mutex_unlock(&seen.lock);
    return found;
}

static void open_two(struct house *h, struct peer *peer)
{
    char address[96], patience[64];
    snprintf(address, sizeof address, "provider.fake.base_url=http://127.0.0.1:%d/v1", peer->port);
    snprintf(patience, sizeof patience, "room.translate_timeout=%dms", PATIENCE_MS);
    const char *const set[] = {"engine.scripted_delay=0ms",
                               "provider.fake.type=openai",
                               address,
                               "provider.fake.retries=0",
                               "provider.fake.breaker_failures=100",
                               "engine.model.provider=fake",
                               "engine.model.model=m",
                               "engine.weak.provider=fake",
                               "engine.weak.model=BROKEN",
                               "engine.weak.fallback=scripted",
                               patience,
                               NULL};
    atomic_store(&seen.free, false);
    atomic_store(&seen.translations, 0);
    house_open(h, set);
}

#define TO_GERMAN "{\"translate\":{\"to\":\"de\",\"mine\":\"en\",\"engine\":\"model\"}}"

static struct id room_of(struct house *h, const char *settings)
{
    struct room_op *op = op_new(ROOM_CREATE, ID_NONE);
    op->personas = arena_array(&op->arena, struct str, 1);
    op->personas[0] = STR("mia");
    op->persona_count = 1;
    op->settings = str_c(settings);
    if (op_run(h, op) != ERR_OK)
        fail_msg("%s", op->error.message);
    struct id room = op->view.id;
    room_op_free(op);
    return room;
}

static struct id say_it(struct house *h, struct id room, const char *text, struct id *turn)
{
    struct room_op *op = say(h, room, text, "");
    assert_int_equal(op->err, ERR_OK);
    struct id message = op->event.ref;
    if (turn)
        *turn = op->turns[0];
    room_op_free(op);
    return message;
}

/* How many of the events that the reader has hold these words. */
static size_t count_of(struct reader *r, const char *kind, const char *words)
{
    size_t n = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->count; i++)
        n += str_eq(r->kinds[i], str_c(kind)) && strstr(r->json[i], words);
    pthread_mutex_unlock(&r->lock);
    return n;
}

static void both_ways(void **state)
{
    (void)state;
    struct house h = {0};
    struct peer peer;
    struct reader r;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, TO_GERMAN);
    reader_open(&r, &h, room, 0);
    size_t greeting = reader_wait(&r, "translation", 1);
    assert_non_null(strstr(r.json[greeting], "\"text\":\"Good day.\",\"from\":\"de\",\"to\":\"en\""));
    say_it(&h, room, "Hello you.", NULL);
    size_t mine = reader_wait(&r, "translation", 2), hers = reader_wait(&r, "translation", 3);
    assert_non_null(strstr(r.json[mine], "\"text\":\"Guten Tag.\",\"from\":\"en\",\"to\":\"de\""));
    assert_non_null(strstr(r.json[hers], "\"text\":\"Good day.\""));
    assert_int_equal(count_of(&r, "message", "\"text\":\"Hello you.\""), 1);
    assert_int_equal(count_of(&r, "message", "\"text\":\"Ja.\""), 1);
    assert_true(was_asked("Guten Tag."));
    assert_false(was_asked("Hello you."));
    assert_true(was_asked("Write in German."));
    reader_close(&r);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

static void failures_keep_the_original(void **state)
{
    (void)state;
    static const char *const texts[] = {"STALL", "CUT", "BROKEN", "LONG"};
    struct house h = {0};
    struct peer peer;
    struct reader r;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, TO_GERMAN);
    reader_open(&r, &h, room, 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        say_it(&h, room, texts[i], NULL);
        size_t ended = reader_wait(&r, "turn.ended", i + 1);
        assert_non_null(strstr(r.json[ended], "\"outcome\":\"done\""));
        assert_true(was_asked(texts[i]));
        if (count_of(&r, "translation", "\"error\":\"") != i + 1)
            fail_msg("%s: no event says why", texts[i]);
    }
    assert_int_equal(count_of(&r, "translation", "room.translate_timeout"), 1);
    reader_close(&r);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

static void nobody_plays_a_translator(void **state)
{
    (void)state;
    struct house h = {0};
    struct peer peer;
    struct reader r;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, "{\"translate\":{\"to\":\"de\",\"mine\":\"en\",\"engine\":\"weak\"}}");
    reader_open(&r, &h, room, 0);
    say_it(&h, room, "Hello.", NULL);
    reader_wait(&r, "turn.ended", 1);
    assert_int_equal(count_of(&r, "translation", "\"text\":"), 0);
    assert_true(count_of(&r, "translation", "scripted responder") >= 1);
    room = room_of(&h, "{\"translate\":{\"to\":\"de\",\"mine\":\"en\",\"engine\":\"scripted\"}}");
    reader_close(&r);
    reader_open(&r, &h, room, 0);
    say_it(&h, room, "Hello.", NULL);
    reader_wait(&r, "turn.ended", 1);
    assert_true(count_of(&r, "translation", "scripted responder cannot translate") >= 1);
    reader_close(&r);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

static void change(struct house *h, enum room_verb verb, struct id room, struct id message, const char *text)
{
    struct room_op *op = op_new(verb, room);
    op->message = message;
    op->text = str_c(text);
    if (op_run(h, op) != ERR_OK)
        fail_msg("%s", op->error.message);
    room_op_free(op);
}

static void await_translations(int count)
{
    for (int tries = 0; tries < 2000 && atomic_load(&seen.translations) < count; tries++)
        usleep(5000);
    assert_true(atomic_load(&seen.translations) >= count);
}

static void what_goes_takes_its_translation_along(void **state)
{
    (void)state;
    struct house h = {0};
    struct peer peer;
    struct reader r;
    struct id turn;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, TO_GERMAN);
    reader_open(&r, &h, room, 0);
    await_translations(1); /* the greeting's */

    struct id message = say_it(&h, room, "HOLD the first.", NULL);
    await_translations(2);
    change(&h, ROOM_EDIT, room, message, "The second.");
    reader_wait(&r, "turn.ended", 1);
    assert_true(was_asked("Guten Tag."));
    assert_int_equal(count_of(&r, "translation", id_text(message).c), 1);

    message = say_it(&h, room, "HOLD what is deleted.", NULL);
    await_translations(4);
    change(&h, ROOM_DELETE_MESSAGE, room, message, "");
    reader_wait(&r, "turn.ended", 2);
    struct id forgotten = say_it(&h, room, "HOLD the secret.", NULL);
    change(&h, ROOM_FORGET, room, forgotten, "");
    atomic_store(&seen.free, true);
    reader_wait(&r, "turn.ended", 3);
    assert_int_equal(count_of(&r, "translation", id_text(message).c), 0);
    assert_int_equal(count_of(&r, "translation", id_text(forgotten).c), 0);

    atomic_store(&seen.free, false);
    say_it(&h, room, "HOLD on.", &turn);
    struct room_op *op = op_new(ROOM_CANCEL, room);
    op->turn = turn;
    assert_int_equal(op_run(&h, op), ERR_OK);
    room_op_free(op);
    size_t ended = reader_wait(&r, "turn.ended", 4);
    assert_non_null(strstr(r.json[ended], "\"outcome\":\"cancelled\""));
    reader_close(&r);
    house_close(&h); /* while it still translates */
    peer_stop(&peer);
    house_remove(&h);
}

/* However the end of its translation and the order to forget it cross: nothing of it is in the log. */
static void nothing_comes_after_forgetting(void **state)
{
    (void)state;
    enum { TIMES = 60, STEP_US = 60 };
    struct house h = {0};
    struct peer peer;
    struct reader r;
    struct id secrets[TIMES];
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, TO_GERMAN);
    reader_open(&r, &h, room, 0);
    for (int i = 0; i < TIMES; i++) {
        secrets[i] = say_it(&h, room, "A secret.", NULL);
        usleep((unsigned)i * STEP_US);
        change(&h, ROOM_FORGET, room, secrets[i], "");
        reader_wait(&r, "turn.ended", (size_t)i + 1);
    }
    reader_close(&r);
    reader_open(&r, &h, room, 0);
    reader_wait(&r, "turn.ended", TIMES);
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(count_of(&r, "translation", id_text(secrets[i]).c), 0);
    reader_close(&r);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

static void a_room_remembers_its_translations(void **state)
{
    (void)state;
    struct house h = {0};
    struct peer peer;
    struct reader r;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct id room = room_of(&h, TO_GERMAN);
    say_it(&h, room, "Hello there.", NULL);
    reader_open(&r, &h, room, 0);
    reader_wait(&r, "translation", 3);
    reader_close(&r);
    house_close(&h);
    open_two(&h, &peer);
    say_it(&h, room, "STALL again.", NULL);
    reader_open(&r, &h, room, 0);
    reader_wait(&r, "turn.ended", 2);
    assert_true(was_asked("Guten Tag.")); /* of the message before */
    assert_false(was_asked("Hello there."));
    assert_true(was_asked("STALL again."));
    reader_close(&r);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

struct checking {
    struct house *house;
    struct gate gate;
};

static void check(void *arg)
{
    on_loop();
    struct checking *c = arg;
    static const struct {
        const char *setting, *why;
    } cases[] = {
        {"{\"to\":\"de\",\"mine\":\"en\"}", NULL}, /* the default engine is a model's */
        {"{\"to\":\"pt-BR\",\"mine\":\"en\",\"engine\":\"model\"}", NULL},
        {"{\"to\":\"en\",\"mine\":\"en-GB\"}", "the same"},
        {"{\"to\":\"German\",\"mine\":\"en\"}", "'German' is not a language"},
        {"{\"to\":\"de\",\"mine\":\"\"}", "translate.mine"},
        {"{\"to\":\"de\",\"mine\":\"en\",\"engine\":\"scripted\"}", "cannot translate"},
        {"{\"to\":\"de\",\"mine\":\"en\",\"engine\":\"x\"}", "no engine 'x'"},
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *setting = NULL;
        struct error e = {0};
        assert_int_equal(json_parse(&a, str_c(cases[i].setting), &setting, NULL), ERR_OK);
        enum err err = translate_check(c->house->engines, setting, &e);
        assert_int_equal(err, cases[i].why ? ERR_REFUSED : ERR_OK);
        if (cases[i].why && !strstr(e.message, cases[i].why))
            fail_msg("'%s' does not say '%s'", e.message, cases[i].why);
    }
    arena_release(&a);
    gate_open(&c->gate);
}

static void the_setting_is_checked(void **state)
{
    (void)state;
    struct house h = {0};
    struct peer peer;
    peer_start(&peer, translator);
    open_two(&h, &peer);
    struct checking c = {.house = &h, .gate = GATE};
    loop_call(loops_get(h.loops, 0), check, &c);
    gate_wait(&c.gate);
    house_close(&h);
    peer_stop(&peer);
    house_remove(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(failures_keep_the_original),
        cmocka_unit_test(nobody_plays_a_translator),
        cmocka_unit_test(what_goes_takes_its_translation_along),
        cmocka_unit_test(nothing_comes_after_forgetting),
        cmocka_unit_test(a_room_remembers_its_translations),
        cmocka_unit_test(the_setting_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
