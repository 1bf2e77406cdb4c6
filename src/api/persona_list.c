/*
 * Lists of personas: pages, searched, by tags, sorted, whole or as summaries; and all tags.
 *
 * A summary is what the store keeps beside the persona for lists (persona/listing.h), sent as it lies there.
 */
#include "api/call.h"
#include "base/clock.h"
#include "persona/personas.h"

enum { TAGS_MAX = 20 };

static void write_time(struct jw *w, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT];
    clock_format(text, ms);
    jw_kv_string(w, name, str_c(text));
}

/* The brief's members and ours as one object. */
static void write_row(struct buf *b, const struct persona_row *row)
{
    CLEANUP_BUF struct buf own = BUF_INIT;
    struct jw members = JW(&own);
    jw_object(&members);
    jw_kv_string(&members, "id", str_c(id_text(row->id).c));
    jw_kv_u64(&members, "version", row->version);
    write_time(&members, "created_at", row->created_ms);
    write_time(&members, "updated_at", row->updated_ms);
    jw_end_object(&members);
    buf_add(b, str_sub(buf_str(&own), 0, own.n - 1));
    buf_add_char(b, ',');
    buf_add(b, str_from(row->brief, 1));
}

static void answer_page(struct call *call, struct personas_op *op)
{
    on_loop();
    const bool *total = call->state;
    CLEANUP_BUF struct buf b = BUF_INIT, row = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("data"));
    jw_array(&w);
    for (size_t i = 0; i < op->count; i++) {
        if (!op->brief) {
            persona_write_json(&w, op->list[i]);
            continue;
        }
        buf_clear(&row);
        write_row(&row, &op->rows[i]);
        jw_raw(&w, buf_str(&row));
    }
    jw_end_array(&w);
    if (str_empty(op->next))
        jw_kv_null(&w, "next");
    else
        jw_kv_string(&w, "next", op->next);
    if (*total)
        jw_kv_u64(&w, "total", op->total);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

static bool read_sort(struct call *call, struct personas_op *op) LOOP;
static bool read_sort(struct call *call, struct personas_op *op)
{
    static const struct {
        const char *name;
        enum docs_order order;
        bool descending;
    } orders[] = {
        {"", DOCS_BY_NAME, false},           {"name", DOCS_BY_NAME, false},
        {"-name", DOCS_BY_NAME, true},       {"-updated", DOCS_BY_UPDATED, true},
        {"updated", DOCS_BY_UPDATED, false}, {"-created", DOCS_BY_CREATED, true},
        {"created", DOCS_BY_CREATED, false},
    };
    struct str text;
    if (!call_query(call, "sort", &text))
        return false;
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        if (!str_eq(text, str_c(orders[i].name)))
            continue;
        op->order = orders[i].order;
        op->descending = orders[i].descending;
        return true;
    }
    call_refuse_param(call, ERR_INVALID, "sort", "'sort' is one of name, -name, -updated and -created.");
    return false;
}

static bool read_tags(struct call *call, struct persona_deed *deed) LOOP;
static bool read_tags(struct call *call, struct persona_deed *deed)
{
    struct str name, value;
    deed->op.tags = arena_array(&deed->arena, struct str, TAGS_MAX);
    for (unsigned n = 0; http_query_at(call->req, n, &name, &value); n++) {
        if (!str_eq(name, STR("tag")) || str_empty(value))
            continue;
        if (deed->op.tag_count == TAGS_MAX) {
            call_refuse_param(call, ERR_REFUSED, "tag", "At most %d tags can be asked for at once.",
                              TAGS_MAX);
            return false;
        }
        deed->op.tags[deed->op.tag_count++] = arena_str(&deed->arena, value);
    }
    return true;
}

static bool read_fields(struct call *call, struct personas_op *op) LOOP;
static bool read_fields(struct call *call, struct personas_op *op)
{
    struct str text;
    if (!call_query(call, "fields", &text))
        return false;
    op->brief = str_eq(text, STR("summary"));
    if (op->brief || str_empty(text))
        return true;
    call_refuse_param(call, ERR_INVALID, "fields", "'fields' is 'summary' or left out.");
    return false;
}

void handle_personas_page(struct call *call)
{
    struct str after, find;
    bool *total = arena_new(call_arena(call), bool);
    struct persona_deed *deed = call_persona(call, answer_page);
    struct personas_op *op = &deed->op;
    call->state = total;
    if (!call_query_limit(call, &op->limit) || !call_query(call, "after", &after) ||
        !call_query(call, "find", &find) || !call_query_flag(call, "deleted", &op->deleted) ||
        !call_query_flag(call, "favourite", &op->favourites) || !call_query_flag(call, "total", total) ||
        !read_sort(call, op) || !read_fields(call, op) || !read_tags(call, deed)) {
        call_persona_drop(deed);
        return;
    }
    op->after = arena_str(&deed->arena, after);
    op->find = arena_str(&deed->arena, find);
    op->brief &= !op->deleted;
    personas_list(call->api->parts.personas, op);
}

static void answer_tags(struct call *call, struct personas_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < op->count; i++) {
        jw_object(&w);
        jw_kv_string(&w, "tag", op->tag_list[i].tag);
        jw_kv_u64(&w, "count", op->tag_list[i].count);
        jw_end_object(&w);
    }
    list_end(&w, STR_NONE);
    call_json(call, 200, buf_str(&b));
}

void handle_persona_tags(struct call *call)
{
    personas_tags(call->api->parts.personas, &call_persona(call, answer_tags)->op);
}
