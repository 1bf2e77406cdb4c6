/*
 * Rooms from end to end below the API: what is said is numbered and answered, readers get every number once
 * however slow they are, turns end whatever happens.
 */
#include "reader.h"

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
