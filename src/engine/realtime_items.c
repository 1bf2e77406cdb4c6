/*
 * What a request wants said, as items of a conversation, and how they lie beside what a session holds; see
 * realtime_inner.h.
 *
 * System texts, wherever they stand, become the session's instructions: they change from turn to turn (mood,
 * memories, the time), and items cannot be changed. Pictures become input_image parts.
 *
 * A session fits when the transcript is what it holds, but for messages at the front that the prompt has no
 * room for any more, an answer at the end that was cancelled, and what is new. An answer that was truncated
 * to what was heard is met by a text that begins as it does.
 */
#include "engine/realtime_inner.h"

#include "base/id.h"

#include <inttypes.h>
#include <soxr.h>
#include <stdlib.h>

/* ---- from the request ---- */

static void make_id(struct rt_item *item)
{
    snprintf(item->id, sizeof item->id, "item_%016" PRIx64, random_u64());
}

static struct str picture_url(const struct json *part)
{
    const struct json *url = json_get(part, "image_url");
    return url && url->type == JSON_STRING ? url->string : json_get_str(url, "url", STR_NONE);
}

/* Chat's parts as Realtime's; `text` gets their texts together. */
static void read_parts(struct arena *a, struct str raw, struct rt_item *item)
{
    struct json *parts = NULL;
    if (json_parse(a, raw, &parts, NULL) != ERR_OK || parts->type != JSON_ARRAY)
        return;
    CLEANUP_BUF struct buf json = BUF_INIT, text = BUF_INIT;
    struct jw w = JW(&json);
    bool pictures = false;
    jw_array(&w);
    json_each (part, parts) {
        struct str said = json_get_str(part, "text", STR_NONE), url = picture_url(part);
        if (!said.n && !url.n)
            continue;
        jw_object(&w);
        jw_kv_string(&w, "type",
                     url.n                         ? STR("input_image")
                     : item->role == GEN_ASSISTANT ? STR("output_text")
                                                   : STR("input_text"));
        jw_kv_string(&w, url.n ? "image_url" : "text", url.n ? url : said);
        jw_end_object(&w);
        pictures |= url.n > 0;
        buf_add(&text, url.n ? url : said);
    }
    jw_end_array(&w);
    item->text = arena_str(a, buf_str(&text));
    if (pictures)
        item->content = arena_str(a, buf_str(&json));
}

static void add_calls(struct rt_gen *g, struct str raw)
{
    struct json *calls = NULL;
    if (!raw.n || json_parse(&g->arena, raw, &calls, NULL) != ERR_OK || calls->type != JSON_ARRAY)
        return;
    json_each (call, calls) {
        const struct json *function = json_get(call, "function");
        struct rt_item *item = &g->items[g->item_count++];
        *item = (struct rt_item){.kind = RT_ITEM_CALL,
                                 .role = GEN_ASSISTANT,
                                 .text = json_get_str(function, "arguments", STR("{}")),
                                 .name = json_get_str(function, "name", STR_NONE),
                                 .call_id = json_get_str(call, "id", STR_NONE)};
        make_id(item);
    }
}

static size_t count_calls(struct rt_gen *g, struct str raw)
{
    struct json *calls = NULL;
    bool good = raw.n && json_parse(&g->arena, raw, &calls, NULL) == ERR_OK && calls->type == JSON_ARRAY;
    return good ? calls->count : 0;
}

static void add_message(struct rt_gen *g, const struct gen_message *m)
{
    struct rt_item *item = &g->items[g->item_count];
    *item = (struct rt_item){.role = m->role, .text = arena_str(&g->arena, m->content)};
    if (m->role == GEN_TOOL) {
        item->kind = RT_ITEM_RESULT;
        item->call_id = arena_str(&g->arena, m->tool_call_id);
    }
    if (m->content_raw.n)
        read_parts(&g->arena, m->content_raw, item);
    make_id(item);
    if (item->text.n || item->kind == RT_ITEM_RESULT)
        g->item_count++;
}

/* Chat's {"type":"function","function":{…}} as Realtime's flat form. */
static struct str flat_tools(struct arena *a, struct str raw)
{
    struct json *tools = NULL;
    CLEANUP_BUF struct buf text = BUF_INIT;
    if (!raw.n || json_parse(a, raw, &tools, NULL) != ERR_OK || tools->type != JSON_ARRAY)
        return STR_NONE;
    struct jw w = JW(&text);
    jw_array(&w);
    json_each (tool, tools) {
        const struct json *function = json_get(tool, "function");
        if (!function || function->type != JSON_OBJECT)
            continue;
        jw_object(&w);
        jw_kv_string(&w, "type", STR("function"));
        json_each (member, function) {
            if (str_eq(member->key, STR("strict")))
                continue;
            jw_key(&w, member->key);
            jw_raw(&w, member->raw);
        }
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return arena_str(a, buf_str(&text));
}

static struct str flat_choice(struct arena *a, struct str raw)
{
    struct json *choice = NULL;
    if (!raw.n || json_parse(a, raw, &choice, NULL) != ERR_OK || choice->type != JSON_OBJECT)
        return arena_str(a, raw);
    struct str name = json_get_str(json_get(choice, "function"), "name", STR_NONE);
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct jw w = JW(&text);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("function"));
    jw_kv_string(&w, "name", name);
    jw_end_object(&w);
    return arena_str(a, buf_str(&text));
}

/* What was said, at the provider's rate; empty where it is too short, too long, or cannot be had. */
static struct str read_said(struct arena *a, const struct gen_sound *said)
{
    if (!said->count || !said->rate || !said->samples)
        return STR_NONE;
    uint64_t ms = (uint64_t)said->count * 1000 / said->rate;
    if (ms < REALTIME_SAID_MIN_MS || ms > REALTIME_SAID_MAX_MS)
        return STR_NONE;
    if (said->rate == REALTIME_RATE)
        return arena_str(a, str_of((const char *)said->samples, said->count * sizeof(int16_t)));
    size_t room = (size_t)((uint64_t)said->count * REALTIME_RATE / said->rate) + REALTIME_RATE / 100,
           made = 0;
    int16_t *out = arena_array(a, int16_t, room);
    const soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_LQ, 0);
    soxr_error_t failed = soxr_oneshot(said->rate, REALTIME_RATE, 1, said->samples, said->count, NULL, out,
                                       room, &made, &io, &quality, NULL);
    return failed ? STR_NONE : str_of((const char *)out, made * sizeof(int16_t));
}

enum err rt_wanted(struct rt_gen *g, const struct gen_request *r, struct error *e)
{
    CLEANUP_BUF struct buf system = BUF_INIT;
    size_t room = 0;
    for (size_t i = 0; i < r->message_count; i++)
        room += 1 + count_calls(g, r->messages[i].tool_calls);
    g->items = arena_array(&g->arena, struct rt_item, room + 1);
    for (size_t i = 0; i < r->message_count; i++) {
        const struct gen_message *m = &r->messages[i];
        if (m->role == GEN_SYSTEM) {
            buf_add(&system, system.n ? STR("\n\n") : STR_NONE);
            buf_add(&system, m->content);
            continue;
        }
        add_message(g, m);
        add_calls(g, m->tool_calls);
    }
    g->instructions = arena_str(&g->arena, buf_str(&system));
    g->tools = flat_tools(&g->arena, r->tools);
    g->tool_choice = flat_choice(&g->arena, r->tool_choice);
    const struct rt_item *last = g->item_count ? &g->items[g->item_count - 1] : NULL;
    if (last && last->kind == RT_ITEM_MESSAGE && last->role == GEN_USER && !last->content.n)
        g->said = read_said(&g->arena, &r->said);
    if (system.n + room == 0)
        return error_set(e, ERR_INVALID, "There is nothing to answer: the request has no messages.");
    return ERR_OK;
}

/* ---- beside a session ---- */

/* "I was going to —": what was heard of an answer, without the mark that it ended there. */
static struct str unmarked(struct str text)
{
    static const struct str marks[] = {STR_INIT("—"), STR_INIT("–"), STR_INIT("-"), STR_INIT("…"),
                                       STR_INIT(".")};
    text = str_trim(text);
    for (size_t i = 0; i < sizeof marks / sizeof *marks;) {
        if (str_ends(text, marks[i])) {
            text = str_trim(str_sub(text, 0, text.n - marks[i].n));
            i = 0;
        } else {
            i++;
        }
    }
    return text;
}

static bool same(const struct rt_item *held, const struct rt_item *wanted)
{
    if (held->kind != wanted->kind || held->role != wanted->role)
        return false;
    if (held->kind != RT_ITEM_MESSAGE)
        return str_eq(held->call_id, wanted->call_id) && str_eq(held->text, wanted->text);
    if (held->cut)
        return str_starts(str_trim(held->text), unmarked(wanted->text));
    return str_eq(str_trim(held->text), str_trim(wanted->text));
}

/* How many items from `from` on are the wanted ones' first. */
static size_t run_length(const struct rt_session *s, size_t from, const struct rt_gen *g)
{
    size_t n = 0;
    while (from + n < s->item_count && n < g->item_count && same(&s->items[from + n], &g->items[n]))
        n++;
    return n;
}

bool rt_fits(const struct rt_session *s, const struct rt_gen *g, struct rt_fit *fit)
{
    *fit = (struct rt_fit){0};
    if (!s->item_count)
        return true;
    for (size_t from = 0; from < s->item_count; from++) {
        size_t n = run_length(s, from, g), left = s->item_count - from - n;
        bool tail = left == 1 && s->items[s->item_count - 1].partial;
        if ((n == 0 && !tail) || (left && !tail))
            continue;
        if (n == 0 && from > 0)
            continue;
        *fit = (struct rt_fit){.from = from, .next = n, .tail = tail};
        return true;
    }
    return false;
}

void rt_item_keep(struct rt_session *s, const struct rt_item *item)
{
    if (s->item_count == s->item_cap) {
        s->item_cap = s->item_cap ? 2 * s->item_cap : 16;
        s->items = heap_realloc(s->items, s->item_cap * sizeof *s->items);
    }
    struct rt_item *to = &s->items[s->item_count++];
    *to = *item;
    to->text = heap_str(item->text);
    to->call_id = heap_str(item->call_id);
    to->name = to->content = STR_NONE;
}

void rt_item_drop(struct rt_session *s, size_t index)
{
    free((char *)s->items[index].text.p);
    free((char *)s->items[index].call_id.p);
    s->item_count--;
    memmove(&s->items[index], &s->items[index + 1], (s->item_count - index) * sizeof *s->items);
}
