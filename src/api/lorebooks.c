/*
 * Lorebooks: list, make, import, read, change, delete, restore, export, try out; and the book in a persona's
 * card.
 *
 * The registry (persona/lorebooks.h) checks bodies and keeps them; here they become answers.
 */
#include "persona/lorebooks.h"
#include "api/idem.h"
#include "api/multipart.h"
#include "api/render.h"
#include "base/clock.h"
#include "persona/macro.h"

#include <stdlib.h>

/* An operation of the registry with its own arena; the request may go away meanwhile. */
struct lore_deed {
    struct lorebooks_op op;
    struct arena arena;
    struct http_ref ref;
    void (*then)(struct call *, struct lorebooks_op *);
    bool failures; /* `then` runs also when it failed */
};

static void back(struct lorebooks_op *op)
{
    on_loop();
    struct lore_deed *deed = CONTAINER(op, struct lore_deed, op);
    struct http_req *req = http_find(deed->ref);
    if (req && op->err != ERR_OK && !deed->failures)
        call_error(req->user, &op->error);
    else if (req)
        deed->then(req->user, op);
    arena_release(&deed->arena);
    free(deed);
}

static struct lore_deed *deed_new(struct call *call, void (*then)(struct call *, struct lorebooks_op *)) LOOP;
static struct lore_deed *deed_new(struct call *call, void (*then)(struct call *, struct lorebooks_op *))
{
    struct lore_deed *deed = heap_alloc(sizeof *deed);
    deed->ref = http_ref(call->req);
    deed->then = then;
    deed->op.arena = &deed->arena;
    deed->op.done = back;
    return deed;
}

/* On the book that the path names; NULL: answered. */
static struct lore_deed *deed_on(struct call *call, void (*then)(struct call *, struct lorebooks_op *)) LOOP;
static struct lore_deed *deed_on(struct call *call, void (*then)(struct call *, struct lorebooks_op *))
{
    struct id id;
    uint64_t version;
    if (!call_param_id(call, 0, "lorebook", &id) || !call_if_match(call, &version))
        return NULL;
    struct lore_deed *deed = deed_new(call, then);
    deed->op.id = id;
    deed->op.if_version = version;
    return deed;
}

/* The body's own copy, for an operation that outlives the request. */
static const struct json *body_of(struct call *call, struct lore_deed *deed)
{
    struct json *body = NULL;
    json_parse(&deed->arena, arena_str(&deed->arena, call->body->raw), &body, NULL);
    return body;
}

static struct lorebooks *books_of(const struct call *call)
{
    return personas_lorebooks(call->api->parts.personas);
}

/* ---- answers */

static void write_book(struct jw *w, const struct lorebook *b)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(b->id).c));
    jw_kv_bool(w, "everywhere", b->everywhere);
    if (b->book) {
        lore_book_write_api(w, b->book, true);
    } else {
        jw_kv_string(w, "name", b->name);
        jw_kv_u64(w, "count", b->count);
    }
    jw_kv_u64(w, "version", b->version);
    render_time(w, "created_at", b->created_ms);
    render_time(w, "updated_at", b->updated_ms);
    if (b->deleted_ms)
        render_time(w, "deleted_at", b->deleted_ms);
    jw_end_object(w);
}

static void send_book(struct call *call, const struct lorebook *b, int status) LOOP;
static void send_book(struct call *call, const struct lorebook *b, int status)
{
    CLEANUP_BUF struct buf out = BUF_INIT;
    struct jw w = JW(&out);
    write_book(&w, b);
    call_resource(call, status, b->version, buf_str(&out));
}

static void answer_book(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    send_book(call, op->book, 200);
}

static void answer_page(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w;
    list_begin(&w, &b);
    for (size_t i = 0; i < op->count; i++)
        write_book(&w, op->list[i]);
    list_end(&w, op->next);
    call_json(call, 200, buf_str(&b));
}

void handle_lorebooks_page(struct call *call)
{
    unsigned limit;
    bool deleted = false;
    struct str after, find;
    if (!call_query_limit(call, &limit) || !call_query(call, "after", &after) ||
        !call_query(call, "find", &find) || !call_query_flag(call, "deleted", &deleted))
        return;
    struct lore_deed *deed = deed_new(call, answer_page);
    deed->op.after = arena_str(&deed->arena, after);
    deed->op.find = arena_str(&deed->arena, find);
    deed->op.limit = limit;
    deed->op.deleted = deleted;
    lorebooks_list(books_of(call), &deed->op);
}

/* ---- make, import: each once per Idempotency-Key */

static void replayed(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    idem_mark_replayed(call);
    send_book(call, op->book, 201);
}

static void replay(struct call *call, struct str result)
{
    on_loop();
    struct lore_deed *deed = deed_new(call, replayed);
    id_parse(result, &deed->op.id);
    deed->op.deleted = true;
    lorebooks_get(books_of(call), &deed->op);
}

static void made(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    if (op->err == ERR_CONFLICT) {
        idem_lost(call, &op->error, replay);
    } else if (op->err) {
        call_error(call, &op->error);
    } else {
        http_set_header(call->req, "Location",
                        arena_printf(call_arena(call), "/api/lorebooks/%s", id_text(op->book->id).c));
        send_book(call, op->book, 201);
    }
}

static struct lore_deed *creation_new(struct call *call) LOOP;
static struct lore_deed *creation_new(struct call *call)
{
    struct lore_deed *deed = deed_new(call, made);
    deed->failures = true;
    deed->op.idem = idem_of(call, &deed->arena);
    return deed;
}

static void make(struct call *call)
{
    on_loop();
    struct lore_deed *deed = creation_new(call);
    deed->op.body = body_of(call, deed);
    lorebooks_create(books_of(call), &deed->op);
}

void handle_lorebook_post(struct call *call)
{
    idem_check(call, make, replay);
}

/* "Isles.json" gives "Isles": what a book without a name is called. */
static struct str title_of(struct arena *a, struct str filename)
{
    size_t slash = 0;
    for (size_t i = 0; i < filename.n; i++) {
        if (filename.p[i] == '/' || filename.p[i] == '\\')
            slash = i + 1;
    }
    filename = str_from(filename, slash);
    if (str_ends(filename, STR(".json")))
        filename = str_sub(filename, 0, filename.n - 5);
    return arena_str(a, str_sub(filename, 0, 200));
}

static void import(struct call *call)
{
    on_loop();
    struct error e = {0};
    struct str type, name = STR_NONE, bytes = call->req->body;
    struct multipart_part part = {0};
    if (http_header(call->req, "Content-Type", &type) && multipart_is(type)) {
        if (multipart_find(type, call->req->body, STR("file"), &part, &e)) {
            call_error(call, &e);
            return;
        }
        bytes = part.bytes;
        name = part.filename;
    } else if (!call_query(call, "name", &name)) {
        return;
    }
    if (str_empty(bytes)) {
        call_refuse(call, ERR_INVALID, "Send a lorebook as the body, or as the part 'file' of a form.");
        return;
    }
    struct lore_deed *deed = creation_new(call);
    deed->op.file = arena_str(&deed->arena, bytes);
    deed->op.file_name = title_of(&deed->arena, name);
    lorebooks_import(books_of(call), &deed->op);
}

void handle_lorebook_import(struct call *call)
{
    idem_check(call, import, replay);
}

/* ---- one lorebook */

void handle_lorebook_show(struct call *call)
{
    struct lore_deed *deed = deed_on(call, answer_book);
    if (deed)
        lorebooks_get(books_of(call), &deed->op);
}

static void change(struct call *call, bool patch) LOOP;
static void change(struct call *call, bool patch)
{
    struct lore_deed *deed = deed_on(call, answer_book);
    if (!deed)
        return;
    deed->op.body = body_of(call, deed);
    lorebooks_update(books_of(call), &deed->op, patch);
}

void handle_lorebook_put(struct call *call)
{
    change(call, false);
}

void handle_lorebook_patch(struct call *call)
{
    change(call, true);
}

static void removed(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

void handle_lorebook_delete(struct call *call)
{
    struct lore_deed *deed = deed_on(call, removed);
    if (deed)
        lorebooks_delete(books_of(call), &deed->op);
}

void handle_lorebook_restore(struct call *call)
{
    struct lore_deed *deed = deed_on(call, answer_book);
    if (deed)
        lorebooks_restore(books_of(call), &deed->op);
}

/* ---- export */

static void send_file(struct call *call, const struct lore_book *book, struct str name) LOOP;
static void send_file(struct call *call, const struct lore_book *book, struct str name)
{
    struct str format = STR_NONE;
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!call_query(call, "format", &format))
        return;
    if (str_eq(format, STR("sillytavern"))) {
        lore_book_write_world(&b, book);
    } else if (str_empty(format) || str_eq(format, STR("v3"))) {
        lore_book_write_file(&b, book);
    } else {
        call_refuse_param(call, ERR_INVALID, "format", "The format is v3 or sillytavern.");
        return;
    }
    http_set_header(call->req, "Content-Disposition",
                    arena_printf(call_arena(call), "attachment; filename=\"%.*s.json\"",
                                 STR_ARG(persona_slug(call_arena(call), name, 0))));
    call_json(call, 200, buf_str(&b));
}

static void answer_export(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    send_file(call, op->book->book, op->book->name);
}

void handle_lorebook_export(struct call *call)
{
    struct lore_deed *deed = deed_on(call, answer_export);
    if (deed)
        lorebooks_get(books_of(call), &deed->op);
}

/* ---- the book in a persona's card */

static void send_own(struct call *call, struct personas_op *op, bool file) LOOP;
static void send_own(struct call *call, struct personas_op *op, bool file)
{
    struct lore_book *book = NULL;
    struct error e = {0};
    const struct persona *p = op->persona;
    if (lore_of_persona(op->arena, p, &book, &e) != ERR_OK) {
        call_error(call, &e);
        return;
    }
    if (!book) {
        call_refuse(call, ERR_NOT_FOUND, "This persona's card has no lorebook; PUT one here to give it one.");
        return;
    }
    if (file) {
        send_file(call, book, p->name);
        return;
    }
    struct lorebook own = {.id = p->id,
                           .version = p->version,
                           .created_ms = p->created_ms,
                           .updated_ms = p->updated_ms,
                           .book = book};
    send_book(call, &own, 200);
}

static void answer_own(struct call *call, struct personas_op *op)
{
    on_loop();
    struct str format = STR_NONE;
    if (call_query(call, "format", &format))
        send_own(call, op, format.n > 0);
}

static void own_removed(struct call *call, struct personas_op *op)
{
    on_loop();
    (void)op;
    call_status(call, 204);
}

static struct persona_deed *own_deed(struct call *call,
                                     void (*then)(struct call *, struct personas_op *)) LOOP;
static struct persona_deed *own_deed(struct call *call, void (*then)(struct call *, struct personas_op *))
{
    struct persona_deed *deed = call_persona(call, then);
    struct str given;
    deed->op.key = arena_str(&deed->arena, call_param(call, 0));
    if (http_header(call->req, "If-Match", &given))
        deed->op.if_match = arena_str(&deed->arena, given);
    return deed;
}

void handle_persona_lorebook_show(struct call *call)
{
    personas_get(call->api->parts.personas, &own_deed(call, answer_own)->op);
}

void handle_persona_lorebook_put(struct call *call)
{
    struct persona_deed *deed = own_deed(call, answer_own);
    deed->op.body = arena_str(&deed->arena, call->body->raw);
    personas_set_lore(call->api->parts.personas, &deed->op);
}

void handle_persona_lorebook_delete(struct call *call)
{
    personas_set_lore(call->api->parts.personas, &own_deed(call, own_removed)->op);
}

/* ---- trying out */

static void answer_test(struct call *call, const struct lore_book *book, struct arena *a) LOOP;
static void answer_test(struct call *call, const struct lore_book *book, struct arena *a)
{
    const struct config *config = call_config(call);
    const struct json *texts = json_get(call->body, "messages");
    struct persona persona;
    persona_init(&persona);
    persona.name = json_get_str(call->body, "persona", STR("the persona"));
    struct macro_values values = {
        .persona = &persona, .user = config->user.name, .now_ms = clock_wall_ms(), .pick_seed = 1};
    struct lore_message *messages = arena_array(a, struct lore_message, texts->count);
    size_t count = 0;
    json_each (text, texts)
        messages[count++] = (struct lore_message){.text = text->string};
    struct lore_source source = {lore_compile(STR("test"), 0, book), LORE_OWN};
    struct lore_input in = {
        .books = &source,
        .book_count = 1,
        .messages = messages,
        .message_count = count,
        .total = count,
        .answers = count / 2,
        .greeting = LORE_UNSET,
        .seed = (uint64_t)json_get_i64(call->body, "seed", 0),
        .budget_tokens = (size_t)config->room.context_tokens * (size_t)config->lore.budget_percent / 100,
        .rules = lore_rules_of(config),
        .values = &values,
    };
    struct lore_result result;
    lore_scan(a, &in, &result);
    lore_compiled_free(source.book);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_key(&w, STR("activated"));
    lore_write_hits(&w, &result, false);
    jw_key(&w, STR("dropped"));
    lore_write_hits(&w, &result, true);
    jw_key(&w, STR("warnings"));
    jw_array(&w);
    for (size_t i = 0; i < result.warning_count; i++)
        jw_string(&w, result.warnings[i]);
    jw_end_array(&w);
    jw_kv_u64(&w, "tokens", result.tokens);
    jw_end_object(&w);
    call_json(call, 200, buf_str(&b));
}

static void test_stored(struct call *call, struct lorebooks_op *op)
{
    on_loop();
    answer_test(call, op->book->book, op->arena);
}

static bool texts_ok(struct call *call) LOOP;
static bool texts_ok(struct call *call)
{
    enum { TEXTS_MAX = 100 };
    const struct json *texts = json_get(call->body, "messages");
    bool ok = texts && texts->type == JSON_ARRAY && texts->count >= 1 && texts->count <= TEXTS_MAX;
    if (ok) {
        json_each (text, texts)
            ok &= text->type == JSON_STRING;
    }
    if (!ok)
        call_refuse_param(call, ERR_INVALID, "messages", "The field 'messages' is an array of 1 to %d texts.",
                          TEXTS_MAX);
    return ok;
}

void handle_lorebook_test(struct call *call)
{
    const struct json *given = json_get(call->body, "lorebook");
    struct str id = json_get_str(call->body, "id", STR_NONE);
    struct lore_book *book = NULL;
    struct error e = {0};
    if (!texts_ok(call))
        return;
    if (given) {
        if (lore_book_apply(call_arena(call), NULL, given, false, &book, &e))
            call_error(call, &e);
        else
            answer_test(call, book, call_arena(call));
        return;
    }
    struct lore_deed *deed = deed_new(call, test_stored);
    if (!id_parse(id, &deed->op.id)) {
        arena_release(&deed->arena);
        free(deed);
        call_refuse_param(call, ERR_MISSING_FIELD, "id",
                          "Name a stored lorebook in 'id', or send one as 'lorebook'.");
        return;
    }
    lorebooks_get(books_of(call), &deed->op);
}
