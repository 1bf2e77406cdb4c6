/* Server events of the Realtime API, read: those of the documentation, the beta's, and what is none. */
#include "../unit.h"

#include "engine/realtime_event.h"

static struct arena arena;

static struct rt_event read_event(const char *text)
{
    struct rt_event event;
    if (!rt_event_read(&arena, str_c(text), &event))
        fail_msg("not read: %s", text);
    return event;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rt_kind kind;
    } cases[] = {
        {"{\"type\":\"session.created\",\"session\":{\"expires_at\":1756324832}}", RT_SESSION_CREATED},
        {"{\"type\":\"session.updated\",\"session\":{}}", RT_OTHER},
        {"{\"type\":\"conversation.item.added\",\"item\":{\"id\":\"x\"}}", RT_OTHER},
        {"{\"type\":\"input_audio_buffer.committed\",\"item_id\":\"i\"}", RT_COMMITTED},
        {"{\"type\":\"response.created\",\"response\":{}}", RT_RESPONSE_CREATED},
        {"{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}", RT_TEXT},
        {"{\"type\":\"response.output_audio_transcript.delta\",\"delta\":\"a\"}", RT_TEXT},
        {"{\"type\":\"response.audio_transcript.delta\",\"delta\":\"a\"}", RT_TEXT},
        {"{\"type\":\"response.output_audio.delta\",\"delta\":\"AAA=\"}", RT_SOUND},
        {"{\"type\":\"response.output_audio.done\"}", RT_OTHER},
        {"{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{\"}", RT_OTHER},
        {"{\"type\":\"rate_limits.updated\",\"rate_limits\":[]}", RT_OTHER},
        {"{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"message\"}}", RT_OTHER},
        {"{\"type\":\"something.new\",\"delta\":7}", RT_OTHER},
        {"{\"type\":\"response.output_text.delta\",\"delta\":7}", RT_TEXT},
        {"{\"type\":\"response.done\"}", RT_DONE},
        {"{\"type\":\"error\"}", RT_ERROR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (read_event(cases[i].text).kind != cases[i].kind)
            fail_msg("%s", cases[i].text);
    }
    struct rt_event event;
    static const char *const bad[] = {"", "{", "[]", "7", "{\"type\":7}", "{\"type\":\"\"}", "{\"a\":1} x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(rt_event_read(&arena, str_c(bad[i]), &event));
}

static void test_fields(void **state)
{
    (void)state;
    struct rt_event e =
        read_event("{\"type\":\"response.output_item.done\",\"item\":{\"id\":\"i1\",\"type\":"
                   "\"function_call\",\"call_id\":\"c1\",\"name\":\"f\",\"arguments\":\"{}\"}}");
    assert_int_equal(e.kind, RT_CALL);
    assert_str(e.call_id, "c1");
    assert_str(e.name, "f");
    assert_str(e.text, "{}");

    e = read_event(
        "{\"type\":\"error\",\"event_id\":\"theirs\",\"error\":{\"type\":\"invalid_request_error\","
        "\"code\":\"invalid_value\",\"message\":\"no\",\"event_id\":\"sound_1\"}}");
    assert_str(e.event_id, "sound_1");
    assert_str(e.error_type, "invalid_request_error");
    assert_str(e.error_code, "invalid_value");

    e = read_event(
        "{\"type\":\"response.done\",\"response\":{\"status\":\"incomplete\",\"status_details\":{\"reason\":"
        "\"max_output_tokens\"},\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_audio\","
        "\"transcript\":\"Good "
        "\"},{\"type\":\"output_text\",\"text\":\"day\"}]}],\"usage\":{\"input_tokens\":9,"
        "\"output_tokens\":8,\"input_token_details\":{\"cached_tokens\":3,\"audio_tokens\":2},"
        "\"output_token_details\":{\"audio_tokens\":-5}}}}");
    assert_str(e.status, "incomplete");
    assert_str(e.reason, "max_output_tokens");
    assert_str(e.text, "Good day");
    assert_true(e.usage.known);
    assert_int_equal(e.usage.prompt_tokens, 9);
    assert_int_equal(e.usage.cached_tokens, 3);
    assert_int_equal(e.usage.prompt_audio_tokens, 2);
    assert_int_equal(e.usage.completion_audio_tokens, 0);

    e = read_event("{\"type\":\"conversation.item.input_audio_transcription.completed\",\"item_id\":\"i\","
                   "\"transcript\":\"hi there\"}");
    assert_str(e.text, "hi there");
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_fields)};
    return cmocka_run_group_tests(tests, NULL, release);
}
