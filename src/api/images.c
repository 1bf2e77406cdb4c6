/*
 * POST /v1/images/generations: a provider draws, in the shape of OpenAI's API; what comes is kept as media.
 *
 * The setting media.images_provider names the provider (its base_url and key), media.images_model the model.
 * OpenAI itself and what speaks its format (LocalAI and others) are asked alike; a picture comes inside the
 * answer or at an address, which is fetched. Each becomes a medium (source `generated`, with its prompt) like
 * an upload, looked into and all. With `room` it is also said there, by the person, or by the persona that
 * `persona` names; nobody answers to that.
 *
 * It does not: stream, edit pictures, keep what could not be decoded.
 */
#include "api/media.h"

#include "base/base64.h"
#include "base/clock.h"
#include "loop/fetch.h"

#include <stdlib.h>

enum { DRAW_MAX = 4, ANSWER_MAX = 96 << 20, NAME_FROM_PROMPT = 80, HEADERS_MAX = 12 };

struct drawn {
    struct str b64, url, revised, bytes;
    struct id media;
    struct str about; /* Media */
};

struct drawing {
    struct api *api;
    struct http_ref ref;
    struct principal who;
    struct arena arena;
    struct str prompt, origin; /* origin: of the provider: addresses there may be private */
    struct str persona;
    struct id room;
    bool as_url;
    struct buf answer;
    int status;
    char why_type[64]; /* the answer's Content-Type */
    struct drawn v[DRAW_MAX];
    size_t count, at;
    uint64_t timeout_ms;
};

static void drawing_free(struct drawing *d)
{
    buf_release(&d->answer);
    arena_release(&d->arena);
    free(d);
}

static void fail(struct drawing *d, const struct error *e) LOOP;
static void fail(struct drawing *d, const struct error *e)
{
    struct http_req *req = http_find(d->ref);
    if (req)
        call_error(req->user, e);
    drawing_free(d);
}

/* ---- the end: the answer, and the message ---- */

static void answer(struct drawing *d) LOOP;
static void answer(struct drawing *d)
{
    struct http_req *req = http_find(d->ref);
    CLEANUP_BUF struct buf b = BUF_MAX((size_t)2 * ANSWER_MAX);
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_i64(&w, "created", clock_wall_ms() / 1000);
    jw_key(&w, STR("data"));
    jw_array(&w);
    for (size_t i = 0; i < d->count; i++) {
        const struct drawn *one = &d->v[i];
        jw_object(&w);
        if (d->as_url)
            jw_kv_string(&w, "url", arena_printf(&d->arena, "/api/media/%s", id_text(one->media).c));
        else
            jw_kv_string(&w, "b64_json", one->b64);
        if (one->revised.n)
            jw_kv_string(&w, "revised_prompt", one->revised);
        jw_kv_raw(&w, "media", one->about);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
    if (req)
        call_json(req->user, 200, buf_str(&b));
    drawing_free(d);
}

static void said(struct room_op *op)
{
    on_loop();
    struct drawing *d = op->arg;
    if (op->err)
        fail(d, &op->error);
    else
        answer(d);
    room_op_free(op);
}

static void say(struct drawing *d) LOOP;
static void say(struct drawing *d)
{
    CLEANUP_BUF struct buf ids = BUF_INIT;
    struct jw w = JW(&ids);
    struct room_op *op = room_op_new(ROOM_SAY, &d->who, d->room);
    jw_array(&w);
    for (size_t i = 0; i < d->count; i++)
        jw_string(&w, str_c(id_text(d->v[i].media).c));
    jw_end_array(&w);
    op->media = arena_str(&op->arena, buf_str(&ids));
    op->unanswered = true;
    if (d->persona.n) {
        op->personas = arena_new(&op->arena, struct str);
        op->personas[0] = arena_str(&op->arena, d->persona);
        op->persona_count = 1;
    }
    op->arg = d;
    op->done = said;
    room_submit(d->api->parts.rooms, op);
}

/* ---- each picture becomes a medium ---- */

static void keep_next(struct drawing *d) LOOP;

static void kept(struct media_deed *deed)
{
    on_loop();
    struct drawing *d = deed->arg;
    struct drawn *one = &d->v[d->at];
    if (deed->err) {
        struct error e = {0};
        error_set(&e, ERR_UPSTREAM, "What the provider of pictures sent cannot be kept: %s",
                  deed->error.message);
        media_deed_free(deed);
        fail(d, &e);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    media_write(&w, &deed->media, true);
    one->about = arena_str(&d->arena, buf_str(&b));
    one->media = deed->media.id;
    media_deed_free(deed);
    d->at++;
    keep_next(d);
}

static void keep_bytes(struct drawing *d) LOOP;
static void keep_bytes(struct drawing *d)
{
    struct drawn *one = &d->v[d->at];
    struct media_deed *deed = media_deed_new();
    char name[NAME_FROM_PROMPT + 1];
    str_copy(name, sizeof name, d->prompt);
    deed->bytes = one->bytes; /* of the drawing, which outlives the deed */
    deed->image_only = true;
    deed->media.source = MEDIA_GENERATED;
    deed->media.owner = d->who.user;
    deed->media.room = d->room;
    deed->media.name = arena_str(&deed->arena, str_c(name));
    deed->media.prompt = arena_str(&deed->arena, d->prompt);
    deed->arg = d;
    deed->done = kept;
    media_add(d->api->parts.media, deed);
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct drawing *d = arg;
    d->status = head->status;
    str_copy(d->why_type, sizeof d->why_type, fetch_head_get(head, "Content-Type"));
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    buf_add(&((struct drawing *)arg)->answer, bytes);
}

static void picture_here(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct drawing *d = arg;
    struct error e = {0};
    if (end->result != FETCH_DONE || d->status != 200) {
        error_set(&e, ERR_UPSTREAM, "The provider drew a picture, which could not be fetched: %s",
                  end->result == FETCH_DONE ? "its address answers with an error." : end->error.message);
        fail(d, &e);
        return;
    }
    struct drawn *one = &d->v[d->at];
    CLEANUP_BUF struct buf b64 = BUF_MAX(ANSWER_MAX);
    one->bytes = arena_str(&d->arena, buf_str(&d->answer));
    base64_encode(&b64, one->bytes);
    one->b64 = arena_str(&d->arena, buf_str(&b64));
    keep_bytes(d);
}

static void fetch_picture(struct drawing *d) LOOP;
static void fetch_picture(struct drawing *d)
{
    static const struct fetch_events events = {on_head, on_data, picture_here};
    struct error e = {0};
    struct str url = d->v[d->at].url;
    struct fetch_request request = {.url = url,
                                    .total_ms = d->timeout_ms,
                                    .max_bytes = ANSWER_MAX,
                                    .public_only = !str_starts(url, d->origin)};
    buf_clear(&d->answer);
    d->status = 0;
    if (!fetch_start(loop_self(), &request, &events, d, &e))
        fail(d, &e);
}

static void keep_next(struct drawing *d)
{
    if (d->at == d->count) {
        if (id_none(d->room))
            answer(d);
        else
            say(d);
        return;
    }
    struct drawn *one = &d->v[d->at];
    struct error e = {0};
    if (!one->b64.n) {
        fetch_picture(d);
    } else if (!base64_decode(&d->arena, one->b64, &one->bytes)) {
        error_set(&e, ERR_UPSTREAM, "The provider's picture is no base64; ask it again.");
        fail(d, &e);
    } else {
        keep_bytes(d);
    }
}

/* ---- the provider's answer ---- */

static enum err provider_error(const struct drawing *d, const struct json *body, struct error *e)
{
    const struct json *said = json_get(body, "error");
    struct str message = json_get_str(said, "message", STR_NONE), code = json_get_str(said, "code", STR_NONE);
    bool policy = str_find(code, STR("policy")) != SIZE_MAX ||
                  str_find(code, STR("moderation")) != SIZE_MAX ||
                  str_find(message, STR("safety system")) != SIZE_MAX;
    message = str_sub(message, 0, 220);
    if (policy)
        return error_set_param(e, ERR_REFUSED, "prompt", "The provider will not draw this: %.*s",
                               STR_ARG(message));
    if (d->status == 429)
        return error_set(e, ERR_LIMIT,
                         "The provider of pictures has had enough for now%s%.*s Try again later.",
                         message.n ? ": " : ".", STR_ARG(message));
    if (d->status == 401 || d->status == 403)
        return error_set(e, ERR_UPSTREAM,
                         "The provider of pictures does not accept its key; set it in Settings, Engines.");
    if (d->status == 404)
        return error_set(
            e, ERR_UPSTREAM,
            "The provider has no pictures to give (404): check its address and media.images_model.");
    if (d->status == 400 || d->status == 422)
        return error_set(e, ERR_REFUSED, "The provider of pictures refuses this: %.*s", STR_ARG(message));
    return error_set(e, ERR_UPSTREAM, "The provider of pictures failed (%d)%s%.*s", d->status,
                     message.n ? ": " : ".", STR_ARG(message));
}

static enum err read_answer(struct drawing *d, struct error *e)
{
    struct json *body = NULL;
    bool good = json_parse(&d->arena, arena_str(&d->arena, buf_str(&d->answer)), &body, NULL) == ERR_OK &&
                body->type == JSON_OBJECT;
    if (d->status != 200)
        return provider_error(d, good ? body : NULL, e);
    const struct json *data = good ? json_get(body, "data") : NULL;
    for (const struct json *one = data && data->type == JSON_ARRAY ? data->child : NULL;
         one && d->count < DRAW_MAX; one = one->next) {
        struct drawn *drawn = &d->v[d->count];
        drawn->b64 = json_get_str(one, "b64_json", STR_NONE);
        drawn->url = json_get_str(one, "url", STR_NONE);
        drawn->revised = json_get_str(one, "revised_prompt", STR_NONE);
        d->count += drawn->b64.n || drawn->url.n;
    }
    return d->count ? ERR_OK
                    : error_set(e, ERR_UPSTREAM,
                                "The provider answered with no picture (%s); check media.images_provider.",
                                d->why_type[0] ? d->why_type : "no type");
}

static void drawn_here(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct drawing *d = arg;
    struct error e = {0};
    bool late = end->result >= FETCH_TIMEOUT_CONNECT && end->result <= FETCH_TIMEOUT_TOTAL;
    if (end->result != FETCH_DONE)
        error_set(&e, late ? ERR_UPSTREAM_TIMEOUT : ERR_UPSTREAM,
                  "The provider of pictures did not answer: %s", end->error.message);
    else
        read_answer(d, &e);
    if (e.err) {
        fail(d, &e);
        return;
    }
    buf_release(&d->answer);
    keep_next(d);
}

/* ---- the request ---- */

static void write_request(struct buf *to, const struct json *body, struct str prompt, struct str model,
                          int64_t n)
{
    struct jw w = JW(to);
    const struct json *size = json_get(body, "size"), *quality = json_get(body, "quality");
    jw_object(&w);
    if (model.n)
        jw_kv_string(&w, "model", model);
    jw_kv_string(&w, "prompt", prompt);
    jw_kv_i64(&w, "n", n);
    if (size && size->type == JSON_STRING)
        jw_kv_raw(&w, "size", size->raw);
    if (quality && quality->type == JSON_STRING)
        jw_kv_raw(&w, "quality", quality->raw);
    /* OpenAI's newer models always answer so, and refuse to be told. */
    if (!str_starts(model, STR("gpt-image")))
        jw_kv_string(&w, "response_format", STR("b64_json"));
    jw_end_object(&w);
}

static size_t write_headers(struct arena *a, const struct config_provider *p, struct fetch_header *headers)
{
    size_t n = 0;
    headers[n++] = (struct fetch_header){STR("Content-Type"), STR("application/json")};
    if (p->api_key.n)
        headers[n++] =
            (struct fetch_header){STR("Authorization"), arena_printf(a, "Bearer %.*s", STR_ARG(p->api_key))};
    for (size_t i = 0; i < p->headers.n && n < HEADERS_MAX; i++) {
        size_t colon = str_find_char(p->headers.v[i], ':');
        if (colon != SIZE_MAX)
            headers[n++] = (struct fetch_header){str_trim(str_sub(p->headers.v[i], 0, colon)),
                                                 str_trim(str_from(p->headers.v[i], colon + 1))};
    }
    return n;
}

static void ask(struct drawing *d, const struct config_provider *p, struct str body) LOOP;
static void ask(struct drawing *d, const struct config_provider *p, struct str body)
{
    static const struct fetch_events events = {on_head, on_data, drawn_here};
    struct fetch_header headers[HEADERS_MAX];
    struct error e = {0};
    struct str base = p->base_url;
    char origin[FETCH_ENDPOINT_TEXT];
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    fetch_endpoint(origin, base);
    d->origin = arena_str(&d->arena, str_c(origin));
    struct fetch_request request = {
        .url = arena_printf(&d->arena, "%.*s/images/generations", STR_ARG(base)),
        .headers = headers,
        .header_count = write_headers(&d->arena, p, headers),
        .body = body,
        .connect_ms = p->connect_timeout,
        .total_ms = d->timeout_ms,
        .max_bytes = ANSWER_MAX,
    };
    if (!fetch_start(loop_self(), &request, &events, d, &e))
        fail(d, &e);
}

/* False: answered. */
static bool read_body(struct call *call, struct str *prompt, int64_t *n, struct id *room, bool *as_url) LOOP;
static bool read_body(struct call *call, struct str *prompt, int64_t *n, struct id *room, bool *as_url)
{
    struct str format = json_get_str(call->body, "response_format", STR("b64_json"));
    struct str in = json_get_str(call->body, "room", STR_NONE);
    *prompt = str_trim(json_get_str(call->body, "prompt", STR_NONE));
    *n = json_get_i64(call->body, "n", 1);
    *as_url = str_eq(format, STR("url"));
    if (!prompt->n)
        call_refuse_param(call, ERR_MISSING_FIELD, "prompt", "Say in 'prompt' what is to be drawn.");
    else if (*n < 1 || *n > DRAW_MAX)
        call_refuse_param(call, ERR_INVALID, "n", "'n' is 1 to %d pictures.", DRAW_MAX);
    else if (!*as_url && !str_eq(format, STR("b64_json")))
        call_refuse_param(call, ERR_INVALID, "response_format", "'response_format' is b64_json or url.");
    else if (in.n && !id_parse(in, room))
        call_refuse_param(call, ERR_INVALID, "room", "'room' is the id of a room.");
    else
        return true;
    return false;
}

void handle_images_generate(struct call *call)
{
    const struct config *config = call_config(call);
    const struct config_provider *p = config_provider(config, config->media.images_provider);
    struct str prompt;
    struct id room = ID_NONE;
    int64_t n;
    bool as_url;
    if (!read_body(call, &prompt, &n, &room, &as_url))
        return;
    if (!p || !p->base_url.n) {
        call_refuse(
            call, ERR_UNAVAILABLE,
            "Nobody draws here yet: add a provider that has pictures (OpenAI, LocalAI) and name it in the "
            "setting media.images_provider.");
        return;
    }
    struct drawing *d = heap_alloc(sizeof *d);
    d->api = call->api;
    d->ref = http_ref(call->req);
    d->who = call->who;
    d->room = room;
    d->as_url = as_url;
    d->prompt = arena_str(&d->arena, prompt);
    d->persona = arena_str(&d->arena, json_get_str(call->body, "persona", STR_NONE));
    d->answer = BUF_MAX(ANSWER_MAX);
    d->timeout_ms = config->media.images_timeout;
    struct str model = config->media.images_model.n ? config->media.images_model
                                                    : json_get_str(call->body, "model", STR_NONE);
    CLEANUP_BUF struct buf body = BUF_INIT;
    write_request(&body, call->body, prompt, model, n);
    ask(d, p, buf_str(&body));
}
