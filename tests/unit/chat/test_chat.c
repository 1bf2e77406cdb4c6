/*
 * Chats of other programs: every format in the forms that programs write it, in one piece and byte by byte,
 * and what is broken about real files: cut, empty, too long, not UTF-8.
 */
#include "../unit.h"

#include "chat/chat.h"
#include "chat/wire.h"

#include "base/buf.h"
#include "base/clock.h"

#include <zlib.h>

/* What was told, a line each: "begin title|user|character", "1<0~0 C Mia 2023-... text", "skip 3 reason". */
static void told_begin(void *arg, const struct chat_head *h)
{
    buf_printf(arg, "begin %.*s|%.*s|%.*s\n", STR_ARG(h->title), STR_ARG(h->user), STR_ARG(h->character));
    for (size_t i = 0; i < h->member_count; i++)
        buf_printf(arg, "member %.*s %.*s\n", STR_ARG(h->members[i].name), STR_ARG(h->members[i].slug));
}

static void told_message(void *arg, const struct chat_message *m)
{
    char at[CLOCK_TEXT] = "-";
    if (m->at_ms)
        clock_format(at, m->at_ms);
    if (m->kind == CHAT_SAID)
        buf_printf(arg, "%llu<%llu~%llu %c %.*s %s %.*s\n", (unsigned long long)m->number,
                   (unsigned long long)m->parent, (unsigned long long)m->retry_of, "SUCN"[m->role],
                   STR_ARG(m->name), at, STR_ARG(m->text));
    else
        buf_printf(arg, "%s %llu %s %.*s\n", m->kind == CHAT_EDITED ? "edit" : "delete",
                   (unsigned long long)m->number, at, STR_ARG(m->text));
}

static void told_end(void *arg)
{
    buf_add(arg, STR("end\n"));
}

static void told_skip(void *arg, uint64_t line, const char *reason)
{
    buf_printf(arg, "skip %llu %s\n", (unsigned long long)line, reason);
}

static const struct chat_sink teller = {told_begin, told_message, told_end, told_skip};

static struct buf last;
static enum chat_format last_format;
static struct error last_error;

static enum err read_in(const struct chat_options *options, struct str bytes, size_t piece, struct buf *out)
{
    struct chat_reader *r = chat_reader_new(options, &teller, out);
    enum err err = ERR_OK;
    last_error = (struct error){0};
    for (size_t i = 0; i < bytes.n && !err; i += piece)
        err = chat_feed(r, str_sub(bytes, i, piece), &last_error);
    if (!err)
        err = chat_finish(r, &last_error);
    last_format = chat_reader_format(r);
    chat_reader_free(r);
    return err;
}

/* Reads it whole, then byte by byte, and once through the wire: all must say the same. */
static const char *read_with(const struct chat_options *options, struct str bytes, enum err expected)
{
    struct buf again = BUF_INIT;
    buf_release(&last);
    assert_int_equal(read_in(options, bytes, bytes.n ? bytes.n : 1, &last), expected);
    assert_int_equal(read_in(options, bytes, 1, &again), expected);
    buf_add_char(&last, '\0');
    buf_add_char(&again, '\0');
    assert_string_equal(last.p, again.p);
    buf_release(&again);
    if (expected)
        return last.p;
    struct wire_out out = {0};
    struct chat_reader *r = chat_reader_new(options, &wire_sink, &out);
    assert_int_equal(chat_feed(r, bytes, NULL), ERR_OK);
    assert_int_equal(chat_finish(r, NULL), ERR_OK);
    chat_reader_free(r);
    assert_int_equal(wire_read_found(buf_str(&out.frame), &teller, &again, NULL), ERR_OK);
    buf_add_char(&again, '\0');
    assert_string_equal(last.p, again.p);
    for (size_t n = 1; n < out.frame.n;
         n += 7) { /* a frame that was cut is nonsense or shorter, never more */
        struct buf less = BUF_INIT;
        wire_read_found(str_sub(buf_str(&out.frame), 0, n), &teller, &less, NULL);
        assert_true(less.n < last.n && memcmp(less.p ? less.p : "", last.p, less.n) == 0);
        buf_release(&less);
    }
    buf_release(&again);
    buf_release(&out.frame);
    return last.p;
}

static const char *read_as(enum chat_format format, const char *text)
{
    return read_with(&(struct chat_options){.format = format, .title = STR("file")}, str_c(text), ERR_OK);
}

static const char *read_auto(const char *text)
{
    return read_as(CHAT_AUTO, text);
}

/* ---- times ---- */

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text, *at;
        enum chat_order order;
    } cases[] = {
        {"2023-11-04T14:22:33.012Z", "2023-11-04T14:22:33.012Z", 0},
        {"2023-11-04T14:22:33+02:00", "2023-11-04T12:22:33.000Z", 0},
        {"2023-11-4 @14h 22m 33s 12ms", "2023-11-04T14:22:33.012Z", 0},
        {"2024-7-12@01h31m37s", "2024-07-12T01:31:37.000Z", 0},
        {"2024-07-12@01h31m37s456ms", "2024-07-12T01:31:37.456Z", 0},
        {"January 3, 2024 5:04pm", "2024-01-03T17:04:00.000Z", 0},
        {"June 19, 2023 12:20am", "2023-06-19T00:20:00.000Z", 0},
        {"3 January 2024 17:04", "2024-01-03T17:04:00.000Z", 0},
        {"1699107753012", "2023-11-04T14:22:33.012Z", 0},
        {"1699107753", "2023-11-04T14:22:33.000Z", 0},
        {"1699107753.25", "2023-11-04T14:22:33.250Z", 0},
        {"31.12.23, 21:41", "2023-12-31T21:41:00.000Z", 0},
        {"31/12/2023, 21:41:05", "2023-12-31T21:41:05.000Z", 0},
        {"12/31/23, 9:41\xE2\x80\xAFPM", "2023-12-31T21:41:00.000Z", 0},
        {"3/4/2023 9:41 AM", "2023-03-04T09:41:00.000Z", 0},
        {"3/4/2023 9:41 AM", "2023-04-03T09:41:00.000Z", CHAT_DAY_FIRST},
        {"3.4.2023 09:41", "2023-04-03T09:41:00.000Z", 0},
        {"31-Dec-23 09:41 PM", "2023-12-31T21:41:00.000Z", 0},
        {"2023-12-31 21:41:05", "2023-12-31T21:41:05.000Z", 0},
        {"29 February 2024", "2024-02-29T00:00:00.000Z", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct chat_clock clock = {.order = cases[i].order};
        int64_t at_ms = 0;
        size_t used = 0;
        char at[CLOCK_TEXT];
        if (!chat_when(str_c(cases[i].text), &clock, &at_ms, &used))
            fail_msg("'%s' is no time", cases[i].text);
        clock_format(at, at_ms);
        if (strcmp(at, cases[i].at) != 0 || used != strlen(cases[i].text))
            fail_msg("'%s' is %s after %zu bytes, not %s", cases[i].text, at, used, cases[i].at);
    }
    static const char *const none[] = {"",
                                       "yesterday",
                                       "3/4 of it",
                                       "12",
                                       "25:99",
                                       "2023-13-01 10:00",
                                       "January",
                                       "31/31/2023 10:00",
                                       "13/4/2023 13:00 PM",
                                       "1234567890123456"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        int64_t at_ms;
        size_t used;
        if (chat_when(str_c(none[i]), &(struct chat_clock){0}, &at_ms, &used))
            fail_msg("'%s' is taken for a time", none[i]);
    }
    int64_t at_ms;
    size_t used;
    assert_true(chat_when(STR("2023-11-4 @14h 22m 33s 12ms"), &(struct chat_clock){.zone_minutes = 120},
                          &at_ms, &used));
    assert_int_equal(at_ms, 1699107753012 - 120 * 60000);
}

/* ---- SillyTavern ---- */

static void tavern(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto(
            "{\"user_name\":\"Ana\",\"character_name\":\"Mia\",\"create_date\":\"2023-11-4 @14h 22m 33s "
            "12ms\","
            "\"chat_metadata\":{\"note_prompt\":\"x\"}}\r\n"
            "{\"name\":\"Mia\",\"is_user\":false,\"mes\":\"Hey\\nyou\",\"send_date\":\"November 4, 2023 "
            "2:22pm\"}\r\n"
            "\r\n"
            "{\"name\":\"Ana\",\"is_user\":true,\"mes\":\"My sister Eva lives in "
            "Porto\",\"send_date\":1699107753012}\n"
            "not json\n"
            "{\"name\":\"Mia\",\"is_user\":false,\"mes\":\"\",\"send_date\":\"2023-11-04T14:25:00.000Z\"}\n"
            "{\"name\":\"Mia\",\"is_user\":false,\"is_system\":true,\"mes\":\"hidden\",\"send_date\":"
            "\"junk\"}"),
        "begin file|Ana|Mia\n"
        "1<0~0 C Mia 2023-11-04T14:22:00.000Z Hey\nyou\n"
        "2<1~0 U Ana 2023-11-04T14:22:33.012Z My sister Eva lives in Porto\n"
        "skip 5 The line is no JSON: The JSON is malformed at line 1, column 1: a value was expected.\n"
        "skip 6 The message is empty.\n"
        "3<2~0 N Mia - hidden\n"
        "end\n");
    assert_int_equal(last_format, CHAT_SILLYTAVERN);
}

static void tavern_swipes(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto(
            "{\"chat_metadata\":{},\"user_name\":\"unused\",\"character_name\":\"unused\"}\n"
            "{\"name\":\"Mia\",\"is_user\":false,\"mes\":\"b\",\"swipe_id\":1,\"swipes\":[\"a\",\"b\",\"\","
            "\"d\"]}\n"
            "{\"name\":\"Ana\",\"is_user\":true,\"mes\":\"to b\"}\n"
            "{\"name\":\"Kai\",\"is_user\":false,\"mes\":\"only\",\"swipe_id\":9,\"swipes\":[\"only\"]}\n"),
        "begin file||\n"
        "1<0~0 C Mia - a\n"
        "skip 2 Swipe 3 of the message is empty.\n"
        "2<0~1 C Mia - d\n"
        "3<0~1 C Mia - b\n"
        "4<3~0 U Ana - to b\n"
        "5<4~0 C Kai - only\n"
        "end\n");
}

static struct buf extras;

static void keep_extra(void *arg, const struct chat_message *m)
{
    (void)arg;
    buf_add(&extras, m->extra);
    buf_add_char(&extras, '\n');
}

static void keep_nothing(void *arg, const struct chat_head *h)
{
    (void)arg;
    (void)h;
}

static void tavern_extras(void **state)
{
    (void)state;
    static const struct chat_sink sink = {keep_nothing, keep_extra, told_end, told_skip};
    struct buf ends = BUF_INIT;
    struct chat_reader *r = chat_reader_new(&(struct chat_options){0}, &sink, &ends);
    assert_int_equal(
        chat_feed(
            r,
            STR("{\"name\":\"Mia\",\"is_user\":false,\"mes\":\"a\",\"extra\":{\"reasoning\":\"hm \\u00e9\","
                "\"n\":1.50},\"swipes\":[\"a\",\"b\"],\"swipe_id\":0,\"x\":[1, 2]}\n"),
            NULL),
        ERR_OK);
    assert_int_equal(chat_finish(r, NULL), ERR_OK);
    chat_reader_free(r);
    buf_add_char(&extras, '\0');
    assert_string_equal(
        extras.p,
        "{\"sillytavern\":{\"swipe\":1}}\n"
        "{\"sillytavern\":{\"name\":\"Mia\",\"is_user\":false,\"extra\":{\"reasoning\":\"hm \\u00e9\","
        "\"n\":1.50},\"swipe_id\":0,\"x\":[1, 2]}}\n");
    buf_release(&extras);
    buf_release(&ends);
}

static void mended(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto("{\"name\":\"Mia\",\"is_user\":false,\"mes\":\"half \\ud83d of \\ud83d\\ude00 \\u0000 "
                  "\\\\ud83d\"}\n"),
        "begin file||\n1<0~0 C Mia - half \xEF\xBF\xBD of \xF0\x9F\x98\x80 \xEF\xBF\xBD \\ud83d\nend\n");
    assert_string_equal(read_auto("\xEF\xBB\xBF"
                                  "Ana: ol\xE9\nMia: hi\n"),
                        "begin file||\n1<0~0 S Ana - ol\xEF\xBF\xBD\n2<1~0 S Mia - hi\nend\n");
}

/* ---- text ---- */

static void plain(void **state)
{
    (void)state;
    assert_string_equal(read_auto("A talk\n\nAna: Hello there\nhow are you?\n\nRemember: this is text.\nMia: "
                                  "Well.\nAna: https://x.y\n"
                                  "**Mia:** bold\nAna:\n"),
                        "skip 1 Nobody says this line.\n"
                        "begin file||\n"
                        "1<0~0 S Ana - Hello there\nhow are you?\n\nRemember: this is text.\n"
                        "2<1~0 S Mia - Well.\n"
                        "3<2~0 S Ana - https://x.y\n"
                        "4<3~0 S Mia - bold\n"
                        "skip 10 The message is empty.\n"
                        "end\n");
    assert_int_equal(last_format, CHAT_TEXT);
}

static void whatsapp(void **state)
{
    (void)state;
    assert_string_equal(read_auto("12/30/23, 9:40\xE2\x80\xAFPM - Messages are end-to-end encrypted.\n"
                                  "12/31/23, 9:41\xE2\x80\xAFPM - Ana: Happy\nnew: year\n"
                                  "1/2/24, 12:02\xE2\x80\xAF"
                                  "AM - Mia B.: You too!\n"),
                        "skip 1 The log itself says this, nobody else.\n"
                        "begin file||\n"
                        "1<0~0 S Ana 2023-12-31T21:41:00.000Z Happy\nnew: year\n"
                        "2<1~0 S Mia B. 2024-01-02T00:02:00.000Z You too!\n"
                        "end\n");
    assert_string_equal(
        read_auto(
            "\xE2\x80\x8E[31/12/2023, 21:41:05] Ana: Ol\xC3\xA1\n[01/02/2024, 08:00:00] Mia: \xE2\x80\x8E"
            "bem\n"),
        "begin file||\n"
        "1<0~0 S Ana 2023-12-31T21:41:05.000Z Ol\xC3\xA1\n"
        "2<1~0 S Mia 2024-02-01T08:00:00.000Z \xE2\x80\x8E"
        "bem\n"
        "end\n");
}

static void telegram_and_discord(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto("Ana, [31.12.2023 21:41]\nfirst\n\nMia, [31.12.2023 21:42]\nsecond\nline: two\n"),
        "begin file||\n"
        "1<0~0 S Ana 2023-12-31T21:41:00.000Z first\n"
        "2<1~0 S Mia 2023-12-31T21:42:00.000Z second\nline: two\n"
        "end\n");
    assert_string_equal(
        read_auto(
            "Ana \xE2\x80\x94 12/31/2023 9:41 PM\nfirst\nMia \xE2\x80\x94 12/31/2023 9:42 PM\nsecond\n"),
        "begin file||\n"
        "1<0~0 S Ana 2023-12-31T21:41:00.000Z first\n"
        "2<1~0 S Mia 2023-12-31T21:42:00.000Z second\n"
        "end\n");
    assert_string_equal(read_auto("[31-Dec-23 09:41 PM] Ana\nfirst\n\n[31-Dec-23 09:42 PM] Mia\nsecond\n"),
                        "begin file||\n"
                        "1<0~0 S Ana 2023-12-31T21:41:00.000Z first\n"
                        "2<1~0 S Mia 2023-12-31T21:42:00.000Z second\n"
                        "end\n");
    assert_string_equal(read_auto("2023-12-31 21:41 <ana> first\n2023-12-31 21:42 <mia> second\n"),
                        "begin file||\n"
                        "1<0~0 S ana 2023-12-31T21:41:00.000Z first\n"
                        "2<1~0 S mia 2023-12-31T21:42:00.000Z second\n"
                        "end\n");
}

/* ---- OpenAI ---- */

#define NODE(id, parent, role, text, at)                                                                     \
    "\"" id "\":{\"id\":\"" id "\",\"parent\":" parent ",\"children\":[],\"message\":{\"id\":\"" id          \
    "\",\"author\":{\"role\":\"" role "\"},\"create_time\":" at                                              \
    ",\"content\":{\"content_type\":\"text\",\"parts\":[\"" text "\"]}}}"

static void openai(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto(
            "[{\"title\":\"Porto\",\"create_time\":1699107753.5,\"mapping\":{"
            "\"root\":{\"id\":\"root\",\"message\":null,\"parent\":null,\"children\":[\"s\"]}"
            "," NODE("s", "\"root\"", "system", "", "null") "," NODE("u1", "\"s\"", "user", "hello", "1699107753") "," NODE(
                "a1", "\"u1\"", "assistant", "first answer",
                "1699107760") "," NODE("a2", "\"u1\"", "assistant", "second answer",
                                       "1699107770") "," NODE("u2", "\"a1\"", "user", "on from the first",
                                                              "1699107780") "},\"current_"
                                                                            "node\":\"u2\","
                                                                            "\"gizmo_id\":"
                                                                            "null},\n"
                                                                            "{\"title\":"
                                                                            "\"Empty\","
                                                                            "\"mapping\":{}},"
                                                                            "\n"
                                                                            "{\"title\":"
                                                                            "\"Two\","
                                                                            "\"mapping\":"
                                                                            "{" NODE("x", "null", "user",
                                                                                     "again",
                                                                                     "1699200"
                                                                                     "000") "},\"current_"
                                                                                            "node\":\"x\"}]"),
        "begin Porto||\n"
        "1<0~0 U  2023-11-04T14:22:33.000Z hello\n"
        "2<1~0 C ChatGPT 2023-11-04T14:22:50.000Z second answer\n"
        "3<1~2 C ChatGPT 2023-11-04T14:22:40.000Z first answer\n"
        "4<3~0 U  2023-11-04T14:23:00.000Z on from the first\n"
        "end\n"
        "begin Two||\n"
        "1<0~0 U  2023-11-05T16:00:00.000Z again\n"
        "end\n");
    assert_int_equal(last_format, CHAT_OPENAI);
}

static void openai_hidden(void **state)
{
    (void)state;
    assert_string_equal(read_auto("[{\"title\":\"T\",\"mapping\":{" NODE(
                            "u", "\"loop\"", "user", "hi",
                            "1699107753") ","
                                          "\"loop\":{\"id\":\"loop\",\"parent\":\"u\",\"message\":{"
                                          "\"author\":{\"role\":\"tool\"},\"content\":{\"content_type\":"
                                          "\"code\",\"text\":\"print(1)\"}}},"
                                          "\"p\":{\"id\":\"p\",\"parent\":\"u\",\"message\":{\"author\":{"
                                          "\"role\":\"assistant\"},\"content\":{\"content_type\":"
                                          "\"multimodal_text\",\"parts\":[{\"content_type\":\"image_asset_"
                                          "pointer\",\"asset_pointer\":\"file://x\"},\"see\"]}}}}}]"),
                        "skip 1 The message is a tool's, not somebody's.\n"
                        "begin T||\n"
                        "1<0~0 U  2023-11-04T14:22:33.000Z hi\n"
                        "2<1~0 C ChatGPT - [image]\n\nsee\n"
                        "end\n");
}

static void plain_lists(void **state)
{
    (void)state;
    assert_string_equal(read_auto("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":"
                                  "\"assistant\",\"content\":[{\"type\":\"text\","
                                  "\"text\":\"b\"}]}]}"),
                        "begin file||\n1<0~0 U  - a\n2<1~0 C ChatGPT - b\nend\n");
    assert_string_equal(
        read_auto("[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]"),
        "begin file||\n1<0~0 U  - a\n2<1~0 C ChatGPT - b\nend\n");
    assert_string_equal(read_auto("[{\"name\":\"N\",\"chat_messages\":[{\"sender\":\"human\",\"text\":\"a\","
                                  "\"created_at\":\"2024-01-01T00:00:00Z\"},"
                                  "{\"sender\":\"assistant\",\"text\":\"b\"}]}]"),
                        "begin N||\n1<0~0 U  2024-01-01T00:00:00.000Z a\n2<1~0 C Assistant - b\nend\n");
}

/* ---- our own ---- */

static void own(void **state)
{
    (void)state;
    assert_string_equal(
        read_auto(
            "{\"eidolon\":\"chat\",\"version\":1,\"room\":{\"id\":\"r\",\"title\":\"Tea\"},\"members\":[{"
            "\"type\":\"user\",\"id\":\"u\","
            "\"name\":\"Ana\"},{\"type\":\"persona\",\"id\":\"p\",\"name\":\"Mia\",\"slug\":\"mia\"}]}\n"
            "{\"seq\":1,\"kind\":\"room.created\",\"data\":{}}\n"
            "{\"seq\":4,\"at\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"message\",\"author\":{\"type\":"
            "\"user\",\"id\":\"u\",\"name\":\"Ana\"},"
            "\"parent\":null,\"data\":{\"id\":\"m1\",\"text\":\"hi\",\"reply_to\":null}}\n"
            "{\"seq\":7,\"at\":\"2026-01-01T00:00:01.000Z\",\"kind\":\"message\",\"author\":{\"type\":"
            "\"persona\",\"id\":\"p\",\"name\":\"Mia\"},"
            "\"parent\":4,\"data\":{\"id\":\"m2\",\"text\":\"hey\"}}\n"
            "{\"seq\":8,\"at\":\"2026-01-01T00:00:02.000Z\",\"kind\":\"message\",\"author\":{\"type\":"
            "\"persona\",\"id\":\"p\",\"name\":\"Mia\"},"
            "\"parent\":4,\"data\":{\"id\":\"m3\",\"text\":\"ho\",\"retry_of\":\"m2\"}}\n"
            "{\"seq\":9,\"at\":\"2026-01-01T00:00:03.000Z\",\"kind\":\"message.edited\",\"author\":{\"type\":"
            "\"user\",\"id\":\"u\",\"name\":\"Ana\"},"
            "\"data\":{\"of\":\"m1\",\"text\":\"hello\"}}\n"
            "{\"seq\":10,\"kind\":\"message.deleted\",\"data\":{\"of\":\"m2\",\"erased\":false}}\n"
            "{\"seq\":11,\"kind\":\"message.deleted\",\"data\":{\"of\":\"nobody\"}}\n"),
        "begin Tea|Ana|\nmember Mia mia\n"
        "1<0~0 U Ana 2026-01-01T00:00:00.000Z hi\n"
        "2<1~0 C Mia 2026-01-01T00:00:01.000Z hey\n"
        "3<1~2 C Mia 2026-01-01T00:00:02.000Z ho\n"
        "edit 1 2026-01-01T00:00:03.000Z hello\n"
        "delete 2 - \n"
        "skip 8 The deletion names no message of this file.\n"
        "skip 0 1 events of other kinds (members, turns, moods, ...) are no messages; they were left out.\n"
        "end\n");
}

/* ---- zips ---- */

static void put_le(struct buf *b, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        buf_add_char(b, i < 8 ? (char)(value >> 8 * i) : 0);
}

static void put_file(struct buf *zip, const char *name, struct str bytes, bool deflated, bool size_after)
{
    unsigned char packed[70000];
    z_stream z = {0};
    uLong n = bytes.n;
    if (deflated) {
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        z.next_in = (Bytef *)(uintptr_t)bytes.p;
        z.avail_in = (uInt)bytes.n;
        z.next_out = packed;
        z.avail_out = sizeof packed;
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        n = z.total_out;
        deflateEnd(&z);
    }
    put_le(zip, 0x04034b50, 4);
    put_le(zip, 20, 2);
    put_le(zip, size_after ? 8 : 0, 2);
    put_le(zip, deflated ? 8 : 0, 2);
    put_le(zip, 0, 8);
    put_le(zip, size_after ? 0 : n, 4);
    put_le(zip, size_after ? 0 : bytes.n, 4);
    put_le(zip, strlen(name), 2);
    put_le(zip, 0, 2);
    buf_add(zip, str_c(name));
    buf_add(zip, deflated ? str_of((char *)packed, n) : bytes);
    if (size_after) {
        put_le(zip, 0x08074b50, 4);
        put_le(zip, 0, 12);
    }
}

static void zips(void **state)
{
    (void)state;
    struct buf zip = BUF_INIT;
    put_file(&zip, "chat.html", STR("<html>"), true, false);
    put_file(&zip, "dir/", STR(""), false, false);
    put_file(&zip, "export/conversations.json",
             STR("[{\"title\":\"Z\",\"messages\":[{\"role\":\"user\",\"content\":\"deep\"}]}]"), true, true);
    put_file(&zip, "Ana.txt", STR("Ana: stored\nMia: yes\n"), false, false);
    put_file(&zip, "__MACOSX/x.txt", STR("Ana: no\n"), false, false);
    put_le(&zip, 0x02014b50, 4);
    buf_add(&zip, STR("the directory"));
    const struct chat_options options = {.title = STR("file")};
    assert_string_equal(read_with(&options, buf_str(&zip), ERR_OK),
                        "begin Z||\n1<0~0 U  - deep\nend\n"
                        "begin Ana||\n1<0~0 S Ana - stored\n2<1~0 S Mia - yes\nend\n");
    read_with(&options, str_sub(buf_str(&zip), 0, 60), ERR_INVALID);
    buf_clear(&zip);
    static char zeros[1 << 16];
    memset(zeros, 'a', sizeof zeros);
    put_file(&zip, "bomb.txt", str_of(zeros, sizeof zeros), true, true);
    struct chat_options small = {.total_max = 1000};
    read_with(&small, buf_str(&zip), ERR_TOO_BIG);
    buf_release(&zip);
}

/* ---- limits and rubbish ---- */

static void limits(void **state)
{
    (void)state;
    struct chat_options options = {.message_max = 8};
    assert_string_equal(
        read_with(&options, STR("Ana: 12345678\nMia: 123456789\nAna: two\nMia: lines\nof it all\n"), ERR_OK),
        "begin ||\n1<0~0 S Ana - 12345678\n"
        "skip 2 The message is longer than 8 bytes.\n"
        "2<1~0 S Ana - two\n"
        "skip 4 The message is longer than 8 bytes.\nend\n");
    options = (struct chat_options){.messages_max = 2};
    read_with(&options, STR("Ana: 1\nMia: 2\nAna: 3\n"), ERR_TOO_BIG);
    options = (struct chat_options){.chats_max = 1};
    read_with(&options,
              STR("[{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]},{\"messages\":[{\"role\":\"user\","
                  "\"content\":\"b\"}]}]"),
              ERR_TOO_BIG);
}

static void rubbish(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "   \n",
                                        "Just prose, without anybody.",
                                        "{",
                                        "[{\"title\":\"x\",\"mapping\":{\"a\":",
                                        "{\"user_name\":\"a\",\"chat_metadata\":{}}\n",
                                        "[]",
                                        "{}",
                                        "[1,2,3]"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out = BUF_INIT;
        enum err err = read_in(&(struct chat_options){0}, str_c(cases[i]), 3, &out);
        if (!err || !last_error.message[0])
            fail_msg("'%s' gives %d '%s'", cases[i], err, last_error.message);
        buf_release(&out);
    }
    struct buf out = BUF_INIT;
    assert_int_equal(read_in(&(struct chat_options){0},
                             STR("\xFF\xFE"
                                 "A\0n\0"),
                             9, &out),
                     ERR_UNSUPPORTED_TYPE);
    buf_release(&out);
}

static int teardown(void **state)
{
    (void)state;
    buf_release(&last);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),         cmocka_unit_test(tavern),
        cmocka_unit_test(tavern_swipes), cmocka_unit_test(tavern_extras),
        cmocka_unit_test(mended),        cmocka_unit_test(plain),
        cmocka_unit_test(whatsapp),      cmocka_unit_test(telegram_and_discord),
        cmocka_unit_test(openai),        cmocka_unit_test(openai_hidden),
        cmocka_unit_test(plain_lists),   cmocka_unit_test(own),
        cmocka_unit_test(zips),          cmocka_unit_test(limits),
        cmocka_unit_test(rubbish),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
