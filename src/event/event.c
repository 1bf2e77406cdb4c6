/* Events and their envelope; see event.h. */
#include "event/event.h"

#include "base/clock.h"

#define LASTING true
#define PASSING false

static const struct event_kind_info kinds[EVENT_KINDS] = {
#define EVENT_KIND(symbol, wire, version, lasting, doc)                                                      \
    [EVENT_##symbol] = {STR_INIT(wire), version, lasting, doc},
#define EVENT_FIELD(kind, name, type, doc)
#include "event/kinds.def"
#undef EVENT_KIND
#undef EVENT_FIELD
};

static const struct event_field_info fields[] = {
#define EVENT_KIND(symbol, wire, version, lasting, doc)
#define EVENT_FIELD(kind, name, type, doc) {EVENT_##kind, name, type, doc},
#include "event/kinds.def"
#undef EVENT_KIND
#undef EVENT_FIELD
};

const struct event_kind_info *event_kind_info(enum event_kind kind)
{
    return &kinds[kind];
}

bool event_kind_find(struct str name, enum event_kind *out)
{
    for (size_t i = 0; i < EVENT_KINDS; i++) {
        if (str_eq(kinds[i].name, name)) {
            *out = (enum event_kind)i;
            return true;
        }
    }
    return false;
}

const struct event_field_info *event_fields(size_t *count)
{
    *count = sizeof fields / sizeof *fields;
    return fields;
}

bool event_is(const struct event_row *row, enum event_kind kind)
{
    return str_eq(row->kind, kinds[kind].name);
}

void event_set_kind(struct event_row *row, enum event_kind kind)
{
    row->kind = kinds[kind].name;
    row->v = kinds[kind].version;
}

static void write_id(struct jw *w, const char *key, struct id id)
{
    if (id_none(id))
        jw_kv_null(w, key);
    else
        jw_kv_string(w, key, str_c(id_text(id).c));
}

static void write_seq(struct jw *w, const char *key, uint64_t seq)
{
    if (seq)
        jw_kv_u64(w, key, seq);
    else
        jw_kv_null(w, key);
}

/* A position is a number to us and an opaque string to the world: another store may count otherwise. */
static void write_pos(struct jw *w, uint64_t pos)
{
    char text[24];
    if (!pos) {
        jw_kv_null(w, "pos");
        return;
    }
    struct buf b = BUF_INIT;
    buf_add_u64(&b, pos);
    str_copy(text, sizeof text, buf_str(&b));
    buf_release(&b);
    jw_kv_string(w, "pos", str_c(text));
}

static void write_author(struct jw *w, const struct event_row *row)
{
    static const char *const types[] = {
        [AUTHOR_SYSTEM] = "system", [AUTHOR_USER] = "user", [AUTHOR_PERSONA] = "persona"};
    jw_key(w, STR("author"));
    jw_object(w);
    jw_kv_string(w, "type", str_c(types[row->author_type]));
    write_id(w, "id", row->author);
    jw_kv_string(w, "name", row->author_name);
    jw_end_object(w);
}

void event_write(struct jw *w, const struct event_row *row)
{
    char at[CLOCK_TEXT];
    clock_format(at, row->at_ms);
    jw_object(w);
    jw_kv_string(w, "room", str_c(id_text(row->room).c));
    write_seq(w, "seq", row->seq);
    write_pos(w, row->pos);
    jw_kv_string(w, "at", str_c(at));
    jw_kv_string(w, "kind", row->kind);
    jw_kv_u64(w, "v", row->v);
    write_author(w, row);
    write_id(w, "turn", row->turn);
    write_seq(w, "cause", row->cause);
    write_seq(w, "parent", row->parent);
    jw_kv_raw(w, "audience", row->audience);
    jw_kv_raw(w, "data", str_empty(row->data) ? STR("{}") : row->data);
    jw_end_object(w);
}

struct event_row event_copy(struct arena *a, const struct event_row *row)
{
    struct event_row copy = *row;
    copy.kind = arena_str(a, row->kind);
    copy.author_name = arena_str(a, row->author_name);
    copy.audience = arena_str(a, row->audience);
    copy.client_id = arena_str(a, row->client_id);
    copy.data = arena_str(a, row->data);
    return copy;
}

struct str event_data_str(struct arena *a, const struct event_row *row, const char *member)
{
    struct json *data = NULL;
    if (json_parse(a, row->data, &data, NULL) != ERR_OK)
        return STR_NONE;
    return json_get_str(data, member, STR_NONE);
}
