/* Memory over a real SQLite store and index: what is found, across rooms and restarts, and what is forgotten.
 */
#include "recall_world.h"

static struct recall_world r;

static int setup(void **state)
{
    (void)state;
    r = (struct recall_world){.mia = id_of_name(STR("p"), STR("mia")),
                              .kimi = id_of_name(STR("p"), STR("kimi"))};
    world_new(&r.w);
    memory_open(&r);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    memory_shut(&r);
    world_free(&r.w);
    memory_free(r.memory);
    return 0;
}

static void finds_across_rooms_at_once_and_later(void **state)
{
    (void)state;
    struct id first = new_room(&r, r.mia), second = new_room(&r, r.mia);
    struct asking a;
    say(&r, first, "The weather was dull all week.");
    say(&r, first, "My sister Eva moved to Porto last spring.");
    say_as(&r, first, r.mia, "How lovely, is she happy there?");
    for (int i = 0; i < 3; i++) { /* unindexed, indexed, after a restart */
        recall(&r, &a, r.mia, second, "Where does my sister live?");
        assert_int_equal(a.op.err, ERR_OK);
        const struct memory_hit *hit = hit_of(&a, "Porto");
        assert_non_null(hit);
        assert_true(str_find(hit->reason, STR("shares 'sister'")) != SIZE_MAX);
        assert_true(str_find(hit->reason, STR("said just now in another room")) != SIZE_MAX);
        assert_true(id_eq(hit->room, first));
        assert_null(hit_of(&a, "weather"));
        assert_str(hit->after[0].text, "How lovely, is she happy there?");
        asking_release(&a);
        if (i == 0)
            wait_indexed(&r);
        if (i == 1)
            recall_restart(&r);
    }
}

static void a_persona_knows_what_it_heard(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia), with_kimi = new_room(&r, r.kimi);
    struct asking a;
    say(&r, room, "The marmalade is hidden in the piano.");
    for (int i = 0; i < 2; i++) {
        recall(&r, &a, r.kimi, with_kimi, "Where is the marmalade?");
        assert_int_equal(a.op.hit_count, 0);
        asking_release(&a);
        wait_indexed(&r);
    }
    joins(&r, room, "persona", r.kimi, false);
    say(&r, room, "The spoon for the marmalade is in the tuba.");
    joins(&r, room, "persona", r.kimi, true);
    say(&r, room, "The bread for the marmalade is in the horn.");
    for (int i = 0; i < 2; i++) {
        recall(&r, &a, r.kimi, with_kimi, "Where is the marmalade?");
        assert_int_equal(a.op.hit_count, 1);
        assert_non_null(hit_of(&a, "tuba"));
        asking_release(&a);
        recall(&r, &a, r.mia, with_kimi, "Where is the marmalade?");
        assert_non_null(hit_of(&a, "piano"));
        asking_release(&a);
        recall_restart(&r);
        wait_indexed(&r);
    }
}

static void edits_replace_and_deletions_forget(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia), other = new_room(&r, r.mia);
    struct asking a;
    for (int late = 0; late < 2; late++) {
        uint64_t kept = say(&r, room, late ? "The zeppelin leaves Monday." : "The tractor leaves Monday.");
        uint64_t gone = say(&r, room, late ? "The zeppelin is stolen." : "The tractor is stolen.");
        if (late)
            wait_indexed(&r);
        change(&r, room, kept, late ? "The zeppelin leaves Friday." : "The tractor leaves Friday.");
        if (late)
            forget(&r, room, gone);
        else
            change(&r, room, gone, NULL);
        for (int i = 0; i < 2; i++) {
            recall(&r, &a, r.mia, other,
                   late ? "When does the zeppelin leave?" : "When does the tractor leave?");
            assert_non_null(hit_of(&a, "Friday"));
            assert_null(hit_of(&a, "Monday"));
            assert_null(hit_of(&a, "stolen"));
            asking_release(&a);
            wait_indexed(&r);
        }
    }
    assert_int_equal(memory_state(r.memory).forgotten, 2);
}

static const char *block(struct asking *a, struct id persona, struct id room)
{
    recall(&r, a, persona, room, "hello");
    return a->op.block_count ? arena_cstr(&a->arena, a->op.blocks[0].text) : "";
}

static void core_blocks_follow_what_was_said(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia), other = new_room(&r, r.kimi);
    struct asking a;
    say(&r, room, "Hi! My name is Ana.");
    uint64_t home = say(&r, room, "I live in Lisbon.");
    wait_indexed(&r);
    recall_restart(&r);
    const char *text = block(&a, r.mia, room);
    if (!strstr(text, "name: Ana") || !strstr(text, "I live in Lisbon"))
        fail_msg("the block says: %s", text);
    assert_str(a.op.blocks[0].reason, "core");
    asking_release(&a);
    assert_string_equal(block(&a, r.kimi, other), ""); /* told to Mia, not to Kimi */
    asking_release(&a);
    uint64_t eva = say(&r, room, "Actually, my name is Zora.");
    wait_indexed(&r);
    text = block(&a, r.mia, room);
    if (!strstr(text, "name: Zora") || strstr(text, "Ana"))
        fail_msg("the block says: %s", text);
    asking_release(&a);
    forget(&r, room, eva);
    change(&r, room, home, "I live in Braga.");
    wait_indexed(&r);
    text = block(&a, r.mia, room);
    if (!strstr(text, "name: Ana") || strstr(text, "Zora") || !strstr(text, "Braga") ||
        strstr(text, "Lisbon"))
        fail_msg("the block says: %s", text);
    asking_release(&a);
    struct index_rebuild *rebuild = INDEX_NEW(rebuild, REBUILD);
    memory_shut(&r);
    assert_int_equal(index_wait(r.w.index, &rebuild->op), ERR_OK);
    index_op_free(&rebuild->op);
    memory_free(r.memory);
    memory_open(&r);
    wait_indexed(&r);
    text = block(&a, r.mia, room);
    if (!strstr(text, "name: Ana") || strstr(text, "Zora") || !strstr(text, "Braga") ||
        strstr(text, "Lisbon"))
        fail_msg("after a rebuild the block says: %s", text);
    asking_release(&a);
}

/* Scripts without spaces: what was said is found by a part of it, from the tail and from the index. */
static void finds_chinese_and_japanese_by_their_parts(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia), other = new_room(&r, r.mia);
    say(&r, room, "我妹妹住在香港，她喜欢茉莉花茶。");
    say(&r, room, "昨日は京都の古い寺を見ました。");
    for (int i = 0; i < 2; i++) {
        struct asking a;
        recall(&r, &a, r.mia, other, "你记得谁在香港吗？");
        assert_non_null(hit_of(&a, "香港"));
        assert_null(hit_of(&a, "京都"));
        asking_release(&a);
        recall(&r, &a, r.mia, other, "京都で何をしましたか");
        assert_non_null(hit_of(&a, "古い寺"));
        asking_release(&a);
        wait_indexed(&r);
    }
}

static void rebuilds_to_the_same(void **state)
{
    (void)state;
    struct id other = new_room(&r, r.mia);
    struct asking a;
    recall(&r, &a, r.mia, other, "Who moved to Porto, and when does the zeppelin leave?");
    assert_non_null(hit_of(&a, "Porto"));
    assert_non_null(hit_of(&a, "Friday"));
    assert_null(hit_of(&a, "stolen"));
    assert_null(hit_of(&a, "Monday"));
    asking_release(&a);
}

static void leaves_out_what_the_prompt_holds(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia);
    uint64_t seen = say(&r, room, "The accordion is broken."),
             older = say(&r, room, "The accordion was a gift.");
    for (int i = 0; i < 2; i++) {
        struct asking a = {.op = {.person = r.w.person,
                                  .persona = r.mia,
                                  .room = room,
                                  .text = STR("accordion"),
                                  .exclude = &seen,
                                  .exclude_count = 1}};
        recall_with(&r, &a);
        assert_null(hit_of(&a, "broken"));
        assert_non_null(hit_of(&a, "gift"));
        assert_true(str_find(a.op.hits[0].reason, STR("in this room")) != SIZE_MAX);
        asking_release(&a);
        a = (struct asking){.op = {.person = r.w.person,
                                   .persona = r.mia,
                                   .room = room,
                                   .text = STR("accordion"),
                                   .exclude_from = seen}};
        recall_with(&r, &a);
        assert_int_equal(a.op.hit_count, 0);
        asking_release(&a);
        wait_indexed(&r);
    }
    assert_true(older > seen);
}

static void says_the_same_once_and_keeps_the_budget(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia), other = new_room(&r, r.mia);
    uint64_t last = 0;
    for (int i = 0; i < 12; i++) {
        last = say(&r, room, "Saxophones are loud.");
        char text[64];
        snprintf(text, sizeof text, "Saxophones, remark number %d of a dozen.", i);
        say(&r, room, text);
    }
    wait_indexed(&r);
    for (size_t budget = 20; budget < 400; budget *= 2) {
        struct asking a = {.op = {.person = r.w.person,
                                  .persona = r.mia,
                                  .room = other,
                                  .text = STR("saxophones loud"),
                                  .budget_tokens = budget}};
        recall_with(&r, &a);
        size_t tokens = 0, same = 0;
        for (size_t i = 0; i < a.op.hit_count; i++) {
            const struct memory_hit *h = &a.op.hits[i];
            const struct memory_turn *turns[] = {&h->turn, &h->before[0], &h->before[1], &h->after[0],
                                                 &h->after[1]};
            for (size_t k = 0; k < 5; k++)
                tokens += turns[k]->text.n ? memory_tokens(turns[k]->text) : 0;
            if (str_eq(h->turn.text, STR("Saxophones are loud."))) {
                same++;
                assert_int_equal(h->turn.seq, last);
            }
        }
        assert_true(tokens <= budget && a.op.hit_count > 0);
        assert_int_equal(same, 1);
        asking_release(&a);
    }
}

static void nothing_asked_nothing_found(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia);
    static const char *const texts[] = {"", "what is it", "\"*:^()-AND OR NOT NEAR", "\xff\xfe", "Xyzzyqux?"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct asking a;
        recall(&r, &a, r.mia, room, texts[i]);
        assert_int_equal(a.op.err, ERR_OK);
        assert_int_equal(a.op.hit_count, 0);
        asking_release(&a);
    }
}

static void cancels(void **state)
{
    (void)state;
    struct id room = new_room(&r, r.mia);
    for (int i = 0; i < 50; i++) {
        struct asking a = {
            .cancel = true,
            .op = {.person = r.w.person, .persona = r.mia, .room = room, .text = STR("sister Porto")}};
        recall_with(&r, &a);
        assert_int_equal(a.op.err, ERR_CANCELLED);
        asking_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_across_rooms_at_once_and_later),
        cmocka_unit_test(a_persona_knows_what_it_heard),
        cmocka_unit_test(edits_replace_and_deletions_forget),
        cmocka_unit_test(core_blocks_follow_what_was_said),
        cmocka_unit_test(finds_chinese_and_japanese_by_their_parts),
        cmocka_unit_test(rebuilds_to_the_same),
        cmocka_unit_test(leaves_out_what_the_prompt_holds),
        cmocka_unit_test(says_the_same_once_and_keeps_the_budget),
        cmocka_unit_test(nothing_asked_nothing_found),
        cmocka_unit_test(cancels),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
