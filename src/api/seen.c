/* Pictures in chat completions; see seen.h. */
#include "api/seen.h"

#include "base/base64.h"
#include "loop/fetch.h"
#include "media/kind.h"
#include "media/names.h"

#include <stdlib.h>

enum { FETCH_TOTAL_MS = 30 * 1000, FETCH_PICTURE_MAX = 20 << 20 };

struct picture_part {
    const struct json *url; /* in the request's body */
    struct str address;     /* ours, as it was */
    struct str replaced;    /* a data: address, or empty: it stays */
    bool last;              /* of the last message */
};

/* Lives on the heap: the request may go while something is fetched. */
struct seeing {
    struct arena arena;
    struct http_ref ref;
    struct media_hub *hub;
    struct id owner;
    bool keep;
    void (*then)(struct call *, struct str);
    struct picture_part v[SEEN_PICTURES_MAX];
    size_t count, at;
    struct media_sight sight;
    struct buf fetched, kept; /* kept: ids, with commas */
    int status;
};

static void next(struct seeing *s) LOOP;

static void seeing_free(struct seeing *s)
{
    buf_release(&s->fetched);
    buf_release(&s->kept);
    arena_release(&s->arena);
    free(s);
}

static void fail(struct seeing *s, enum err err, const char *sentence) LOOP;
static void fail(struct seeing *s, enum err err, const char *sentence)
{
    struct http_req *req = http_find(s->ref);
    if (req)
        call_refuse_param(req->user, err, "messages", "%s", sentence);
    seeing_free(s);
}

static const struct json *url_of(const struct json *part)
{
    const struct json *url = json_get(json_get(part, "image_url"), "url");
    bool picture = str_eq(json_get_str(part, "type", STR_NONE), STR("image_url"));
    return picture && url && url->type == JSON_STRING ? url : NULL;
}

bool seen_any(const struct json *messages)
{
    for (const struct json *m = messages ? messages->child : NULL; m; m = m->next) {
        const struct json *content = json_get(m, "content");
        for (const struct json *p = content && content->type == JSON_ARRAY ? content->child : NULL; p;
             p = p->next)
            if (url_of(p))
                return true;
    }
    return false;
}

/* ---- the end: the body with its new addresses ---- */

static void finish(struct seeing *s) LOOP;
static void finish(struct seeing *s)
{
    struct http_req *req = http_find(s->ref);
    struct call *call = req ? req->user : NULL;
    if (!call) {
        seeing_free(s);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_MAX((size_t)256 << 20);
    struct str text = call->body->raw;
    size_t from = 0;
    for (size_t i = 0; i < s->count; i++) {
        size_t place = (size_t)(s->v[i].url->raw.p - text.p);
        if (!s->v[i].replaced.n)
            continue;
        struct jw w = JW(&b);
        buf_add(&b, str_sub(text, from, place - from));
        jw_string(&w, s->v[i].replaced);
        from = place + s->v[i].url->raw.n;
    }
    struct json *body = NULL;
    if (from) {
        buf_add(&b, str_from(text, from));
        if (json_parse(call_arena(call), arena_str(call_arena(call), buf_str(&b)), &body, NULL) == ERR_OK)
            call->body = body;
    }
    struct str media =
        s->kept.n ? arena_printf(call_arena(call), "[%.*s]", STR_ARG(buf_str(&s->kept))) : STR_NONE;
    void (*then)(struct call *, struct str) = s->then;
    seeing_free(s);
    then(call, media);
}

/* ---- one after the other ---- */

static void step(struct seeing *s) LOOP;
static void step(struct seeing *s)
{
    s->at++;
    next(s);
}

static void keep_id(struct seeing *s, struct id id)
{
    buf_printf(&s->kept, "%s\"%s\"", s->kept.n ? "," : "", id_text(id).c);
}

static void added(struct media_deed *deed)
{
    on_loop();
    struct seeing *s = deed->arg;
    if (deed->err) {
        fail(s, deed->err, deed->error.message);
    } else {
        keep_id(s, deed->media.id);
        step(s);
    }
    media_deed_free(deed);
}

static void add_bytes(struct seeing *s, struct str bytes) LOOP;
static void add_bytes(struct seeing *s, struct str bytes)
{
    struct media_deed *deed = media_deed_new();
    deed->bytes = arena_str(&deed->arena, bytes);
    deed->image_only = true;
    deed->media.owner = s->owner;
    deed->arg = s;
    deed->done = added;
    media_add(s->hub, deed);
}

static void seen_here(struct media_sight *sight)
{
    on_loop();
    struct seeing *s = CONTAINER(sight, struct seeing, sight);
    if (sight->err) {
        fail(s, sight->err, sight->error.message);
        return;
    }
    s->v[s->at].replaced = sight->address;
    step(s);
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    ((struct seeing *)arg)->status = head->status;
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    buf_add(&((struct seeing *)arg)->fetched, bytes);
}

static void fetched(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct seeing *s = arg;
    struct picture_part *part = &s->v[s->at];
    struct str bytes = buf_str(&s->fetched);
    if (end->result != FETCH_DONE) {
        fail(s, end->result == FETCH_PRIVATE ? ERR_REFUSED : ERR_UPSTREAM, end->error.message);
        return;
    }
    enum media_form form = s->status == 200 ? media_form_of(bytes, NULL) : MEDIA_UNKNOWN;
    if (!media_form_info(form)->image) {
        fail(s, ERR_REFUSED, "The address of an image_url gives no picture (PNG, JPEG, WebP, GIF).");
        return;
    }
    if (s->keep && part->last) {
        add_bytes(s, bytes);
        return;
    }
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_printf(&b, "data:%s;base64,", media_form_info(form)->type);
    base64_encode(&b, bytes);
    part->replaced = arena_str(&s->arena, buf_str(&b));
    step(s);
}

static void fetch(struct seeing *s, struct str url) LOOP;
static void fetch(struct seeing *s, struct str url)
{
    static const struct fetch_events events = {on_head, on_data, fetched};
    struct error e = {0};
    struct fetch_request request = {
        .url = url, .total_ms = FETCH_TOTAL_MS, .max_bytes = FETCH_PICTURE_MAX, .public_only = true};
    s->fetched.max = FETCH_PICTURE_MAX;
    buf_clear(&s->fetched);
    s->status = 0;
    if (!fetch_start(loop_self(), &request, &events, s, &e))
        fail(s, ERR_INVALID, e.message);
}

/* "/api/media/ID", with or without a host before it. */
static bool own_medium(struct str address, struct id *out)
{
    size_t at = str_find(str_sub(address, 0, 300), STR("/api/media/"));
    return at != SIZE_MAX && id_parse(str_sub(address, at + 11, ID_TEXT - 1), out);
}

static void keep_data(struct seeing *s, struct str address) LOOP;
static void keep_data(struct seeing *s, struct str address)
{
    struct str bytes;
    size_t comma = str_find_char(str_sub(address, 0, 200), ',');
    if (comma == SIZE_MAX || !base64_decode(&s->arena, str_from(address, comma + 1), &bytes) || !bytes.n)
        fail(s, ERR_INVALID, "The data: address of an image_url holds no base64.");
    else
        add_bytes(s, bytes);
}

static void next(struct seeing *s)
{
    if (s->at == s->count) {
        finish(s);
        return;
    }
    const struct picture_part *part = &s->v[s->at];
    struct str address = part->address;
    bool keep = s->keep && part->last;
    struct id id;
    if (str_starts(address, STR("data:"))) {
        if (keep)
            keep_data(s, address);
        else
            step(s);
    } else if (own_medium(address, &id)) {
        if (keep) {
            keep_id(s, id);
            step(s);
            return;
        }
        s->sight = (struct media_sight){.arena = &s->arena, .id = id, .done = seen_here};
        media_see(s->hub, &s->sight);
    } else if (str_starts(address, STR("http://")) || str_starts(address, STR("https://"))) {
        fetch(s, address);
    } else {
        fail(s, ERR_INVALID,
             "The url of an image_url begins with data:, http:// or https://, or names a medium "
             "(/api/media/ID).");
    }
}

static bool gather(struct seeing *s, const struct json *messages)
{
    for (const struct json *m = messages->child; m; m = m->next) {
        const struct json *content = json_get(m, "content");
        for (const struct json *p = content && content->type == JSON_ARRAY ? content->child : NULL; p;
             p = p->next) {
            const struct json *url = url_of(p);
            if (!url)
                continue;
            if (s->count == SEEN_PICTURES_MAX)
                return false;
            s->v[s->count++] = (struct picture_part){
                .url = url, .address = arena_str(&s->arena, url->string), .last = !m->next};
        }
    }
    return true;
}

void seen_resolve(struct call *call, bool keep, void (*then)(struct call *, struct str media))
{
    struct seeing *s = heap_alloc(sizeof *s);
    s->ref = http_ref(call->req);
    s->hub = call->api->parts.media;
    s->owner = call->who.user;
    s->keep = keep;
    s->then = then;
    if (!gather(s, json_get(call->body, "messages"))) {
        fail(s, ERR_TOO_BIG, "At most 16 pictures go along with one request.");
        return;
    }
    next(s);
}
