/*
 * Rooms from end to end below the API: what is said is numbered and answered, readers get every number once
 * however slow they are, turns end whatever happens.
 */
#include "house.h"

enum { FRAMES_MAX = 4000 };

/* A reader that keeps what it was given; lives on loop 1. */
struct reader {
    struct sub sub;
    struct house *house;
    pthread_mutex_t lock;
    uint64_t after, seqs[FRAMES_MAX];
    struct str kinds[FRAMES_MAX];
    char *json[FRAMES_MAX];
    size_t count;
    bool stalled, failed, closed;
    unsigned flags;
    struct gate done;
};

static void on_joined(struct sub *sub, uint64_t head)
{
    (void)sub;
    (void)head;
}

static void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    struct reader *r = CONTAINER(sub, struct reader, sub);
    pthread_mutex_lock(&r->lock);
    if (r->count < FRAMES_MAX) {
        r->seqs[r->count] = frame->seq;
        r->kinds[r->count] = str_of(heap_cstr(frame->kind), frame->kind.n);
        r->json[r->count++] = heap_cstr(shared_str(frame->frame));
    }
    pthread_mutex_unlock(&r->lock);
}

static bool on_ready(struct sub *sub)
{
    struct reader *r = CONTAINER(sub, struct reader, sub);
    pthread_mutex_lock(&r->lock);
    bool ready = !r->stalled;
    pthread_mutex_unlock(&r->lock);
    return ready;
}

static void on_failed(struct sub *sub, const struct error *error)
{
    (void)error;
    CONTAINER(sub, struct reader, sub)->failed = true;
    sub_close(sub);
}

static const struct sub_events reader_events = {
    .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};

static void open_reader(void *arg)
{
    on_loop();
    struct reader *r = arg;
    sub_open(r->house->rooms, &r->sub, r->after, r->flags);
    gate_open(&r->done);
}

static void resume_reader(void *arg)
{
    on_loop();
    sub_resume(&((struct reader *)arg)->sub);
}

static void close_reader(void *arg)
{
    on_loop();
    struct reader *r = arg;
    sub_close(&r->sub);
    gate_open(&r->done);
}

static void reader_open(struct reader *r, struct house *h, struct id room, uint64_t after)
{
    *r = (struct reader){.house = h, .after = after, .lock = PTHREAD_MUTEX_INITIALIZER, .done = GATE};
    r->sub = (struct sub){.events = &reader_events, .who = principal_owner(CREDENTIAL_LOCAL), .room = room};
    loop_call(loops_get(h->loops, 1), open_reader, r);
    gate_wait(&r->done);
}

static void reader_stall(struct reader *r, bool stalled)
{
    pthread_mutex_lock(&r->lock);
    r->stalled = stalled;
    pthread_mutex_unlock(&r->lock);
    if (!stalled)
        loop_call(loops_get(r->house->loops, 1), resume_reader, r);
}

static void reader_close(struct reader *r)
{
    r->done.passed = false;
    loop_call(loops_get(r->house->loops, 1), close_reader, r);
    gate_wait(&r->done);
    for (size_t i = 0; i < r->count; i++) {
        free((char *)r->kinds[i].p);
        free(r->json[i]);
    }
}

/* Waits until the reader was given `n` events of the kind; the index of the last, or SIZE_MAX after 20 s. */
static size_t reader_wait(struct reader *r, const char *kind, size_t n)
{
    for (int tries = 0; tries < 2000; tries++) {
        size_t seen = 0, at = SIZE_MAX;
        pthread_mutex_lock(&r->lock);
        for (size_t i = 0; i < r->count && seen < n; i++) {
            if (str_eq(r->kinds[i], str_c(kind)) && ++seen == n)
                at = i;
        }
        pthread_mutex_unlock(&r->lock);
        if (at != SIZE_MAX)
            return at;
        usleep(10000);
    }
    fail_msg("the reader was not given %zu events '%s' within 20 s", n, kind);
    return SIZE_MAX;
}

/* Lasting numbers come in order, each once, from `first` on. */
static void check_numbers(const struct reader *r, uint64_t first)
{
    uint64_t expect = first;
    for (size_t i = 0; i < r->count; i++) {
        if (!r->seqs[i])
            continue;
        if (r->seqs[i] != expect)
            fail_msg("event %llu came where %llu was due", (unsigned long long)r->seqs[i],
                     (unsigned long long)expect);
        expect++;
    }
    assert_true(expect > first);
}

static struct id make_room(struct house *h, const char *const *slugs, size_t count)
{
    struct room_op *op = op_new(ROOM_CREATE, ID_NONE);
    op->personas = arena_array(&op->arena, struct str, count);
    op->persona_count = count;
    for (size_t i = 0; i < count; i++)
        op->personas[i] = str_c(slugs[i]);
    if (op_run(h, op) != ERR_OK)
        fail_msg("%s", op->error.message);
    struct id room = op->view.id;
    assert_int_equal(op->view.member_count, count + 1);
    room_op_free(op);
    return room;
}

static struct room_op *say(struct house *h, struct id room, const char *text, const char *client_id)
{
    struct room_op *op = op_new(ROOM_SAY, room);
    op->text = str_c(text);
    op->client_id = str_c(client_id);
    op_run(h, op);
    return op;
}

static const char *const mia[] = {"mia"};
static const char *const quick[] = {"engine.scripted_delay=0ms", NULL};

static void a_message_is_numbered_and_answered(void **state)
{
    (void)state;
    struct house h = {0};
    struct reader r;
    house_open(&h, NULL);
    struct id room = make_room(&h, mia, 1);
    reader_open(&r, &h, room, 0);
    struct room_op *op = say(&h, room, "Hello Mia, I am Sam.", "c1");
    assert_int_equal(op->err, ERR_OK);
    assert_int_equal(op->turn_count, 1);
    assert_false(op->deduped);
    uint64_t seq = op->event.seq;
    size_t ended = reader_wait(&r, "turn.ended", 1);
    struct room_op *again = say(&h, room, "Hello Mia, I am Sam.", "c1");
    assert_true(again->deduped);
    assert_int_equal(again->event.seq, seq);
    assert_int_equal(again->turn_count, 0);
    assert_non_null(strstr(r.json[ended], "\"outcome\":\"done\""));
    assert_non_null(strstr(r.json[ended], "\"perceive_ms\":"));
    reader_wait(&r, "delta", 1);
    reader_wait(&r, "mood", 1);
    check_numbers(&r, 1);
    room_op_free(op);
    room_op_free(again);
    reader_close(&r);
    house_close(&h);
    house_remove(&h);
}

static void slow_readers_lose_nothing_lasting(void **state)
{
    (void)state;
    struct house h = {0};
    struct reader slow, late;
    house_open(&h, NULL);
    struct id room = make_room(&h, mia, 1);
    reader_open(&slow, &h, room, 0);
    room_op_free(say(&h, room, "One.", ""));
    reader_wait(&slow, "turn.ended", 1);
    reader_stall(&slow, true);
    for (int i = 0; i < 150; i++) {
        struct room_op *op = op_new(ROOM_UPDATE, room);
        op->title = STR("another title");
        op->title_set = true;
        assert_int_equal(op_run(&h, op), ERR_OK);
        room_op_free(op);
    }
    reader_open(&late, &h, room, 2);
    reader_wait(&late, "room.updated", 150);
    check_numbers(&late, 3);
    reader_stall(&slow, false);
    reader_wait(&slow, "room.updated", 150);
    reader_wait(&slow, "gap", 1);
    check_numbers(&slow, 1);
    reader_close(&slow);
    reader_close(&late);
    house_close(&h);
    house_remove(&h);
}

static void a_turn_can_be_cancelled_and_retried(void **state)
{
    (void)state;
    struct house h = {0};
    struct reader r;
    house_open(&h, NULL);
    struct id room = make_room(&h, mia, 1);
    reader_open(&r, &h, room, 0);
    struct room_op *op = say(&h, room, "Tell me a long story, please.", "");
    struct id turn = op->turns[0];
    room_op_free(op);
    reader_wait(&r, "delta", 1);
    op = op_new(ROOM_CANCEL, room);
    op->turn = turn;
    assert_int_equal(op_run(&h, op), ERR_OK);
    room_op_free(op);
    size_t ended = reader_wait(&r, "turn.ended", 1);
    assert_non_null(strstr(r.json[ended], "\"outcome\":\"cancelled\""));

    room_op_free(say(&h, room, "Then a short one.", ""));
    reader_wait(&r, "turn.ended", 2);
    size_t answer = reader_wait(&r, "message", 4); /* greeting, story, short one, answer */
    struct arena a = ARENA_INIT;
    struct json *event = NULL;
    assert_int_equal(json_parse(&a, str_c(r.json[answer]), &event, NULL), ERR_OK);
    op = op_new(ROOM_RETRY, room);
    assert_true(id_parse(json_get_str(json_get(event, "data"), "id", STR_NONE), &op->message));
    assert_int_equal(op_run(&h, op), ERR_OK);
    room_op_free(op);
    size_t other = reader_wait(&r, "message", 5);
    struct json *second = NULL;
    assert_int_equal(json_parse(&a, str_c(r.json[other]), &second, NULL), ERR_OK);
    assert_int_equal(json_get_i64(event, "parent", -1), json_get_i64(second, "parent", -2));
    assert_true(str_eq(json_get_str(json_get(second, "data"), "retry_of", STR("none")),
                       json_get_str(json_get(event, "data"), "id", STR_NONE)));
    check_numbers(&r, 1);
    arena_release(&a);
    reader_close(&r);
    house_close(&h);
    house_remove(&h);
}

static void states_hold_turns_back(void **state)
{
    (void)state;
    struct house h = {0};
    house_open(&h, quick);
    struct id room = make_room(&h, mia, 1);
    struct room_op *op = op_new(ROOM_SET_STATE, room);
    op->state = ROOM_PAUSED;
    assert_int_equal(op_run(&h, op), ERR_OK);
    assert_int_equal(op->view.state, ROOM_PAUSED);
    room_op_free(op);
    op = say(&h, room, "Are you there?", "");
    assert_int_equal(op->err, ERR_OK);
    assert_int_equal(op->turn_count, 0);
    room_op_free(op);
    op = say(&h, room, "   \n", "");
    assert_int_equal(op->err, ERR_REFUSED);
    room_op_free(op);
    op = say(&h, id_new(), "Nobody here?", "");
    assert_int_equal(op->err, ERR_NOT_FOUND);
    room_op_free(op);
    house_close(&h);
    house_remove(&h);
}

static void edit_delete_forget(void **state)
{
    (void)state;
    struct house h = {0};
    struct reader r;
    house_open(&h, quick);
    struct id room = make_room(&h, mia, 1);
    reader_open(&r, &h, room, 0);
    struct room_op *op = say(&h, room, "My secret is a purple walrus.", "");
    struct id message = op->event.ref;
    room_op_free(op);
    reader_wait(&r, "turn.ended", 1);
    op = op_new(ROOM_EDIT, room);
    op->message = message;
    op->text = STR("My secret is a green walrus.");
    assert_int_equal(op_run(&h, op), ERR_OK);
    room_op_free(op);
    op = op_new(ROOM_FORGET, room);
    op->message = message;
    assert_int_equal(op_run(&h, op), ERR_OK);
    room_op_free(op);
    size_t deleted = reader_wait(&r, "message.deleted", 1);
    assert_non_null(strstr(r.json[deleted], "\"erased\":true"));
    struct reader after;
    reader_open(&after, &h, room, 0);
    reader_wait(&after, "message.deleted", 1);
    check_numbers(&after, 1);
    for (size_t i = 0; i < after.count; i++) {
        if (str_eq(after.kinds[i], STR("message.edited")) || strstr(after.json[i], id_text(message).c))
            assert_null(strstr(after.json[i], "walrus"));
    }
    reader_close(&after);
    reader_close(&r);
    house_close(&h);
    house_remove(&h);
}

/* A turn.started that the last process left behind ends as failed. */
static void open_turns_end_after_a_crash(void **state)
{
    (void)state;
    struct house h = {0};
    house_open(&h, quick);
    struct id room = make_room(&h, mia, 1);
    struct store_append *append = STORE_NEW(append, APPEND);
    struct event_row row = {
        .author_type = AUTHOR_PERSONA, .author = id_new(), .turn = id_new(), .data = STR("{}")};
    event_set_kind(&row, EVENT_TURN_STARTED);
    append->tenant = tenant_local();
    append->room = room;
    append->epoch = store_epoch(h.store);
    append->rows = &row;
    append->count = 1;
    assert_int_equal(store_wait(h.store, &append->op), ERR_OK);
    store_op_free(&append->op);
    house_close(&h);

    house_open(&h, quick);
    struct gate recovered = GATE;
    struct reader r;
    rooms_recover(h.rooms, loops_get(h.loops, 0), gate_open, &recovered);
    gate_wait(&recovered);
    reader_open(&r, &h, room, 0);
    size_t ended = reader_wait(&r, "turn.ended", 1);
    assert_non_null(strstr(r.json[ended], "\"outcome\":\"failed\""));
    assert_non_null(strstr(r.json[ended], "\"code\":\"interrupted\""));
    check_numbers(&r, 1);
    reader_close(&r);
    house_close(&h);
    house_remove(&h);
}

static void those_who_are_named_answer(void **state)
{
    (void)state;
    static const char *const three[] = {"philosopher", "kimi", "lyra"};
    struct house h = {0};
    struct reader r;
    house_open(&h, quick);
    struct id room = make_room(&h, three, 3);
    reader_open(&r, &h, room, 0);
    struct room_op *op = say(&h, room, "Lyra, and then you, Kimi: what is a river?", "");
    assert_int_equal(op->turn_count, 2);
    room_op_free(op);
    reader_wait(&r, "turn.ended", 2);
    size_t first = reader_wait(&r, "message", 2), second = reader_wait(&r, "message", 3);
    assert_non_null(strstr(r.json[first], "\"name\":\"Lyra\""));
    assert_non_null(strstr(r.json[second], "\"name\":\"Kimi\""));
    op = say(&h, room, "And anyone else?", "");
    assert_int_equal(op->turn_count, 1);
    room_op_free(op);
    reader_wait(&r, "turn.ended", 3);
    check_numbers(&r, 1);
    reader_close(&r);
    house_close(&h);
    house_remove(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_numbered_and_answered),
        cmocka_unit_test(slow_readers_lose_nothing_lasting),
        cmocka_unit_test(a_turn_can_be_cancelled_and_retried),
        cmocka_unit_test(states_hold_turns_back),
        cmocka_unit_test(edit_delete_forget),
        cmocka_unit_test(open_turns_end_after_a_crash),
        cmocka_unit_test(those_who_are_named_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
