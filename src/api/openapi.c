/*
 * The OpenAPI 3.1 document, from the tables: routes (routes.def), shapes (schema.def), events
 * (event/kinds.def).
 *
 * JSON Schema 2020-12 for types; a type of the tables maps one to one. Written once, at the first request,
 * and kept: the tables do not change while we run.
 */
#include "api/call.h"
#include "api/schema.h"
#include "event/event.h"

#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

/* ---- types */

static void write_type(struct jw *w, const struct type *t);

static void write_fields(struct jw *w, const struct type_field *fields, const char *doc)
{
    jw_object(w);
    jw_kv_string(w, "type", STR("object"));
    if (doc)
        jw_kv_string(w, "description", str_c(doc));
    jw_key(w, STR("properties"));
    jw_object(w);
    for (const struct type_field *f = fields; f; f = f->next) {
        jw_key(w, f->name);
        write_type(w, f->type);
    }
    jw_end_object(w);
    jw_key(w, STR("required"));
    jw_array(w);
    for (const struct type_field *f = fields; f; f = f->next)
        if (!f->optional)
            jw_string(w, f->name);
    jw_end_array(w);
    jw_end_object(w);
}

static void write_range(struct jw *w, const struct type *t, const char *low, const char *high)
{
    if (!isnan(t->min))
        jw_kv_double(w, low, t->min);
    if (!isnan(t->max))
        jw_kv_double(w, high, t->max);
}

static void write_ref(struct jw *w, struct str name)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_printf(&b, "#/components/schemas/%.*s", STR_ARG(name));
    jw_object(w);
    jw_kv_string(w, "$ref", buf_str(&b));
    jw_end_object(w);
}

static void write_union(struct jw *w, const struct type *t)
{
    jw_object(w);
    jw_key(w, STR("anyOf"));
    jw_array(w);
    for (const struct type *alt = t->of; alt; alt = alt->next)
        write_type(w, alt);
    jw_end_array(w);
    jw_end_object(w);
}

static void write_container(struct jw *w, const struct type *t)
{
    jw_object(w);
    jw_kv_string(w, "type", t->kind == TYPE_ARRAY ? STR("array") : STR("object"));
    jw_key(w, t->kind == TYPE_ARRAY ? STR("items") : STR("additionalProperties"));
    write_type(w, t->of);
    if (t->kind == TYPE_ARRAY)
        write_range(w, t, "minItems", "maxItems");
    jw_end_object(w);
}

static void write_plain(struct jw *w, const struct type *t)
{
    static const char *const names[] = {
        [TYPE_STRING] = "string",   [TYPE_NUMBER] = "number", [TYPE_INTEGER] = "integer",
        [TYPE_BOOLEAN] = "boolean", [TYPE_NULL] = "null",     [TYPE_UNDEFINED] = "null"};
    jw_object(w);
    if (t->kind == TYPE_LITERAL)
        jw_kv_string(w, "const", t->text);
    else if (t->kind != TYPE_UNKNOWN)
        jw_kv_string(w, "type", str_c(names[t->kind]));
    if (t->kind == TYPE_NUMBER || t->kind == TYPE_INTEGER)
        write_range(w, t, "minimum", "maximum");
    else if (t->kind == TYPE_STRING)
        write_range(w, t, "minLength", "maxLength");
    jw_end_object(w);
}

static void write_type(struct jw *w, const struct type *t)
{
    if (t->kind == TYPE_NAME)
        write_ref(w, t->text);
    else if (t->kind == TYPE_UNION)
        write_union(w, t);
    else if (t->kind == TYPE_OBJECT)
        write_fields(w, t->fields, NULL);
    else if (t->kind == TYPE_ARRAY || t->kind == TYPE_RECORD)
        write_container(w, t);
    else
        write_plain(w, t);
}

/* ---- events */

static void write_event_kinds(struct jw *w)
{
    CLEANUP_BUF struct buf name = BUF_INIT;
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        const struct event_kind_info *info = event_kind_info((enum event_kind)kind);
        buf_clear(&name);
        buf_printf(&name, "EventData.%.*s", STR_ARG(info->name));
        jw_key(w, buf_str(&name));
        write_fields(w, schema_event_fields(kind), info->doc);
    }
}

static void write_event(struct jw *w)
{
    static const struct {
        const char *name, *type;
    } fields[] = {
        {"room", "string"},          {"seq", "integer | null"},
        {"pos", "string | null"},    {"at", "string"},
        {"kind", "string"},          {"v", "integer"},
        {"author", "Author"},        {"turn", "string | null"},
        {"cause", "integer | null"}, {"parent", "integer | null"},
        {"audience", "unknown"},
    };
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf name = BUF_INIT;
    jw_key(w, STR("Event"));
    jw_object(w);
    jw_kv_string(w, "type", STR("object"));
    jw_kv_string(w, "description",
                 STR("One thing that happened in a room; seq is null for passing events. `data` by `kind`."));
    jw_key(w, STR("properties"));
    jw_object(w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const struct type *t = NULL;
        jw_key(w, str_c(fields[i].name));
        type_parse(&a, str_c(fields[i].type), &t, NULL);
        write_type(w, t);
    }
    jw_key(w, STR("data"));
    jw_object(w);
    jw_key(w, STR("anyOf"));
    jw_array(w);
    for (unsigned kind = 0; kind < EVENT_KINDS; kind++) {
        buf_clear(&name);
        buf_printf(&name, "EventData.%.*s", STR_ARG(event_kind_info((enum event_kind)kind)->name));
        write_ref(w, buf_str(&name));
    }
    jw_end_array(w);
    jw_end_object(w);
    jw_end_object(w);
    jw_key(w, STR("required"));
    jw_raw(w, STR("[\"room\",\"seq\",\"at\",\"kind\",\"v\",\"author\",\"data\"]"));
    jw_end_object(w);
    arena_release(&a);
}

static void write_schemas(struct jw *w)
{
    size_t count = 0;
    const struct schema *list = schemas(&count);
    jw_key(w, STR("schemas"));
    jw_object(w);
    for (size_t i = 0; i < count; i++) {
        jw_key(w, str_c(list[i].name));
        write_fields(w, list[i].fields, list[i].doc);
    }
    write_event(w);
    write_event_kinds(w);
    jw_end_object(w);
}

/* ---- routes */

/* Query parameters of routes, by handler: a name and its type, ended by NULL. */
struct query {
    const char *name, *type, *doc;
};
#define QUERY_LIMIT                                                                                          \
    {                                                                                                        \
        "limit", "integer(1..200)", "How many; 50 when left out."                                            \
    }
#define QUERY_AFTER                                                                                          \
    {                                                                                                        \
        "after", "string", "The `next` of the page before."                                                  \
    }
static const struct {
    void (*handler)(struct call *);
    struct query list[10];
} queries[] = {
    {handle_personas_page,
     {QUERY_LIMIT,
      QUERY_AFTER,
      {"find", "string", "Words, or beginnings of words; every one must be there."},
      {"tag", "string", "A tag; given several times, all must be there."},
      {"sort", "\"name\" | \"-name\" | \"-updated\" | \"-created\"", "The order; by name when left out."},
      {"favourite", "boolean", "Only favourites."},
      {"fields", "\"summary\"", "Summaries rather than whole personas."},
      {"total", "boolean", "Also how many there are on all pages."},
      {"deleted", "boolean", "The deleted ones instead."}}},
    {handle_persona_delete, {{"forget", "boolean", "Erase it and its versions for good."}}},
    {handle_versions_page, {QUERY_LIMIT, QUERY_AFTER}},
    {handle_version_diff, {{"to", "integer(1..)", "The other version; the present one when left out."}}},
    {handle_profiles_page, {QUERY_LIMIT, QUERY_AFTER}},
    {handle_rooms_page,
     {QUERY_LIMIT,
      QUERY_AFTER,
      {"find", "string", "Part of the title."},
      {"deleted", "boolean", "The deleted ones instead."}}},
    {handle_messages_page,
     {QUERY_LIMIT,
      {"after", "integer(0..)", "Goes on after this number, in the page's order."},
      {"before", "integer(0..)", "Only below this number."},
      {"order", "\"asc\" | \"desc\"", "Oldest or newest first."},
      {"cleared", "boolean", "Also what was cleared."}}},
    {handle_events_get, {QUERY_LIMIT, {"after", "integer(0..)", "Only above this number."}}},
    {handle_message_delete, {{"forget", "boolean", "Erase it for good."}}},
    {handle_providers_page, {QUERY_LIMIT, QUERY_AFTER}},
    {handle_engines_page, {QUERY_LIMIT, QUERY_AFTER}},
};

static void write_parameter(struct jw *w, struct str name, const char *in, const char *type, const char *doc)
{
    struct arena a = ARENA_INIT;
    const struct type *t = NULL;
    type_parse(&a, str_c(type), &t, NULL);
    jw_object(w);
    jw_kv_string(w, "name", name);
    jw_kv_string(w, "in", str_c(in));
    jw_kv_bool(w, "required", strcmp(in, "path") == 0);
    if (doc)
        jw_kv_string(w, "description", str_c(doc));
    jw_key(w, STR("schema"));
    write_type(w, t);
    jw_end_object(w);
    arena_release(&a);
}

/* The next {name} of a pattern, without a plus; false at the end. */
static bool next_param(const char **pattern, struct str *name)
{
    const char *open = strchr(*pattern, '{');
    if (!open)
        return false;
    const char *close = strchr(open, '}');
    *name = str_of(open + 1, (size_t)(close - open - 1));
    if (name->p[name->n - 1] == '+')
        name->n--;
    *pattern = close + 1;
    return true;
}

static void write_parameters(struct jw *w, const struct route *route)
{
    const char *pattern = route->pattern;
    struct str name;
    jw_key(w, STR("parameters"));
    jw_array(w);
    while (next_param(&pattern, &name))
        write_parameter(w, name, "path", "string", NULL);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        for (const struct query *q = queries[i].list; queries[i].handler == route->handle && q->name; q++)
            write_parameter(w, str_c(q->name), "query", q->type, q->doc);
    if (route->flags & ROUTE_CREATES)
        write_parameter(w, STR("Idempotency-Key"), "header", "string(1..255)",
                        "The same key and body within 24 hours are carried out once.");
    if (route->flags & ROUTE_ETAG)
        write_parameter(w, route->method == HTTP_GET ? STR("If-None-Match") : STR("If-Match"), "header",
                        "string", "An ETag.");
    if (route->handle == handle_events_get)
        write_parameter(w, STR("Last-Event-ID"), "header", "string", "Resumes a stream after this number.");
    jw_end_array(w);
}

static void write_content(struct jw *w, const char *media, const char *shape)
{
    struct str name = str_c(shape);
    jw_key(w, str_c(media));
    jw_object(w);
    jw_key(w, STR("schema"));
    if (str_empty(name)) {
        jw_object(w);
        jw_end_object(w);
    } else if (name.p[0] == '[') {
        jw_object(w);
        jw_kv_string(w, "type", STR("object"));
        jw_key(w, STR("properties"));
        jw_object(w);
        jw_key(w, STR("data"));
        jw_object(w);
        jw_kv_string(w, "type", STR("array"));
        jw_key(w, STR("items"));
        write_ref(w, str_sub(name, 1, name.n - 2));
        jw_end_object(w);
        jw_kv_raw(w, "next", STR("{\"type\":[\"string\",\"null\"]}"));
        jw_end_object(w);
        jw_kv_raw(w, "required", STR("[\"data\",\"next\"]"));
        jw_end_object(w);
    } else {
        write_ref(w, name);
    }
    jw_end_object(w);
}

static void write_request(struct jw *w, const struct route *route)
{
    if (route->body == BODY_NONE)
        return;
    jw_key(w, STR("requestBody"));
    jw_object(w);
    jw_key(w, STR("content"));
    jw_object(w);
    if (route->body == BODY_BYTES || route->body == BODY_FILE) {
        write_content(w, "application/json", "");
        write_content(w, "image/png", "");
        write_content(w, "application/zip", "");
        write_content(w, "multipart/form-data", "");
    } else {
        write_content(w, "application/json", route->request);
    }
    jw_end_object(w);
    jw_end_object(w);
}

static void write_responses(struct jw *w, const struct route *route)
{
    char status[8];
    snprintf(status, sizeof status, "%d", route->status);
    jw_key(w, STR("responses"));
    jw_object(w);
    jw_key(w, str_c(status));
    jw_object(w);
    jw_kv_string(w, "description", str_c(http_reason(route->status)));
    if (route->status != 204 && route->status != 101) {
        jw_key(w, STR("content"));
        jw_object(w);
        write_content(w, route->flags & ROUTE_TEXT ? "text/plain" : "application/json",
                      route->status == 501 ? "ErrorBody" : route->response);
        if (route->flags & ROUTE_SSE)
            write_content(w, "text/event-stream", "");
        jw_end_object(w);
    }
    jw_end_object(w);
    jw_key(w, STR("default"));
    jw_object(w);
    jw_kv_string(w, "description", STR("An error."));
    jw_key(w, STR("content"));
    jw_object(w);
    write_content(w, "application/json", "ErrorBody");
    jw_end_object(w);
    jw_end_object(w);
    jw_end_object(w);
}

/* "post /api/rooms/{room}/start" -> "post_api_rooms_room_start" */
static void write_operation_id(struct jw *w, const struct route *route)
{
    CLEANUP_BUF struct buf id = BUF_INIT;
    for (const char *p = route_method_name(route->method); *p; p++)
        buf_add_char(&id, (char)tolower((unsigned char)*p));
    bool gap = true;
    for (const char *p = route->pattern; *p; p++) {
        bool word = isalnum((unsigned char)*p);
        if (word && gap)
            buf_add_char(&id, '_');
        if (word)
            buf_add_char(&id, *p);
        gap = !word;
    }
    jw_kv_string(w, "operationId", buf_str(&id));
}

static void write_operation(struct jw *w, const struct route *route, const char *group)
{
    CLEANUP_BUF struct buf method = BUF_INIT;
    for (const char *p = route_method_name(route->method); *p; p++)
        buf_add_char(&method, (char)tolower((unsigned char)*p));
    jw_key(w, buf_str(&method));
    jw_object(w);
    write_operation_id(w, route);
    jw_kv_string(w, "summary", str_c(route->summary));
    jw_key(w, STR("tags"));
    jw_array(w);
    jw_string(w, str_c(group));
    jw_end_array(w);
    if (route->flags & ROUTE_PUBLIC)
        jw_kv_raw(w, "security", STR("[]"));
    write_parameters(w, route);
    write_request(w, route);
    write_responses(w, route);
    jw_end_object(w);
}

static bool seen_before(const struct route *table, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (table[i].pattern && strcmp(table[i].pattern, table[at].pattern) == 0)
            return true;
    return false;
}

static void write_path_key(struct jw *w, const char *pattern)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    for (; *pattern; pattern++)
        if (*pattern != '+')
            buf_add_char(&path, *pattern);
    jw_key(w, buf_str(&path));
}

static void write_paths(struct jw *w)
{
    size_t count = 0;
    const struct route *table = route_table(&count);
    jw_key(w, STR("paths"));
    jw_object(w);
    for (size_t i = 0; i < count; i++) {
        if (!table[i].pattern || seen_before(table, i))
            continue;
        const char *group = "";
        write_path_key(w, table[i].pattern);
        jw_object(w);
        for (size_t k = 0; k < count; k++) {
            if (!table[k].pattern)
                group = table[k].group;
            else if (strcmp(table[k].pattern, table[i].pattern) == 0)
                write_operation(w, &table[k], group);
        }
        jw_end_object(w);
    }
    jw_end_object(w);
}

void openapi_write(struct buf *to)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "openapi", STR("3.1.0"));
    jw_key(&w, STR("info"));
    jw_object(&w);
    jw_kv_string(&w, "title", STR("Eidolon"));
    jw_kv_string(&w, "version", STR(EIDOLON_VERSION));
    jw_kv_string(
        &w, "description",
        STR("A self-hosted home for AI personas. /api/characters and /api/sessions are other names of "
            "/api/personas and /api/rooms."));
    jw_kv_raw(&w, "license", STR("{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}"));
    jw_end_object(&w);
    jw_kv_raw(&w, "servers", STR("[{\"url\":\"/\"}]"));
    jw_kv_raw(&w, "security", STR("[{},{\"token\":[]},{\"cookie\":[]}]"));
    write_paths(&w);
    jw_key(&w, STR("components"));
    jw_object(&w);
    write_schemas(&w);
    jw_kv_raw(&w, "securitySchemes",
              STR("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"cookie\":{\"type\":\"apiKey\","
                  "\"in\":\"cookie\",\"name\":\"eidolon_session\"}}"));
    jw_end_object(&w);
    jw_end_object(&w);
}

static struct buf document = BUF_INIT;

static void write_document(void)
{
    openapi_write(&document);
}

void handle_openapi_get(struct call *call)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, write_document);
    call_json(call, 200, buf_str(&document));
}
