/*
 * Chats as files: what is written for people cannot become markup, and what SillyTavern wrote comes back as
 * it was, swipes in their order, whatever was said here since.
 */
#include "../unit.h"

#include "chat/write.h"

static const char *written(enum chat_file file, const struct chat_line *lines, size_t count, struct str extra)
{
    static char text[20000];
    struct buf b = BUF_INIT;
    struct chat_writer w = {.file = file, .to = &b};
    const struct chat_about about = {.title = STR("<Tea> & \"cake\""),
                                     .user = STR("Ana"),
                                     .character = STR("Mia"),
                                     .others = STR("Mia and Kai"),
                                     .created_ms = 1677940000123,
                                     .exported_ms = 1677940000123,
                                     .extra = extra};
    chat_write_head(&w, &about);
    for (size_t i = 0; i < count; i++)
        chat_write_line(&w, &lines[i]);
    chat_write_end(&w, &about);
    assert_true(str_copy(text, sizeof text, buf_str(&b)));
    buf_release(&b);
    return text;
}

static const struct chat_line plain = {.by = CHAT_BY_USER,
                                       .name = STR_INIT("A<b>"),
                                       .text = STR_INIT("<i>\"x\"</i> &amp;\nline"),
                                       .at_ms = 1677940000123};

static void html_is_escaped(void **state)
{
    (void)state;
    const char *page = written(CHAT_FILE_HTML, &plain, 1, STR_NONE);
    assert_non_null(strstr(page, "<title>&lt;Tea&gt; &amp; &quot;cake&quot;</title>"));
    assert_non_null(strstr(page, "<h2>A&lt;b&gt;</h2>"));
    assert_non_null(strstr(page, "<p>&lt;i&gt;&quot;x&quot;&lt;/i&gt; &amp;amp;\nline</p>"));
    assert_non_null(strstr(page, "<p class=\"day\">Saturday, 4 March 2023</p>"));
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "http://"));
}

static void text_and_markdown(void **state)
{
    (void)state;
    assert_string_equal(written(CHAT_FILE_TEXT, &plain, 1, STR_NONE),
                        "[2023-03-04 14:26:40] A<b>: <i>\"x\"</i> &amp;\nline\n");
    assert_non_null(
        strstr(written(CHAT_FILE_MARKDOWN, &plain, 1, STR_NONE), "## 4 March 2023\n\n**A<b>** · 14:26\n\n"));
}

static void tavern_as_it_was(void **state)
{
    (void)state;
    const struct chat_other others[] = {{STR_INIT("third"), STR_INIT("{\"sillytavern\":{\"swipe\":2}}")},
                                        {STR_INIT("first"), STR_INIT("{\"sillytavern\":{\"swipe\":0}}")},
                                        {STR_INIT("said here"), STR_NONE}};
    const struct chat_line line = {
        .by = CHAT_BY_PERSONA,
        .name = STR("Mia now"),
        .text = STR("second"),
        .extra = STR("{\"sillytavern\":{\"name\":\"Mia\",\"is_user\":false,\"swipe_id\":1,\"x\":[1, 2],"
                     "\"send_date\":\"odd\",\"extra\":{\"n\":1.50}}}"),
        .others = others,
        .other_count = 3};
    assert_string_equal(
        written(CHAT_FILE_SILLYTAVERN, &line, 1, STR("{\"sillytavern\":{\"user_name\":\"A\",\"y\": 1}}")),
        "{\"user_name\":\"A\",\"y\": 1}\n"
        "{\"name\":\"Mia\",\"is_user\":false,\"x\":[1, 2],\"send_date\":\"odd\",\"extra\":{\"n\":1.50},"
        "\"is_system\":false,\"mes\":\"second\",\"swipes\":[\"first\",\"second\",\"third\",\"said here\"],"
        "\"swipe_id\":1}\n");
}

static void tavern_from_here(void **state)
{
    (void)state;
    assert_string_equal(
        written(CHAT_FILE_SILLYTAVERN, &plain, 1, STR("{\"openai\":{}}")),
        "{\"user_name\":\"Ana\",\"character_name\":\"Mia\",\"create_date\":\"2023-03-04T14:26:40.123Z\","
        "\"chat_metadata\":{}}\n"
        "{\"name\":\"A<b>\",\"is_user\":true,\"is_system\":false,\"send_date\":\"2023-03-04T14:26:40.123Z\","
        "\"mes\":\"<i>\\\"x\\\"</i> &amp;\\nline\",\"extra\":{}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(html_is_escaped), cmocka_unit_test(text_and_markdown),
                                       cmocka_unit_test(tavern_as_it_was),
                                       cmocka_unit_test(tavern_from_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
