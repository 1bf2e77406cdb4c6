/*
 * Pictures in a realtime session's items (input_image). See realtime.h.
 *
 * They come as data addresses. In a persona's session they become media of the house before the item is in
 * the conversation, so that what cannot be a picture refuses the item, and its message shows them; a session
 * without a room hands them to its engine as they are. Engines that do not see refuse the item.
 */
#include "api/realtime.h"

#include "base/base64.h"
#include "engine/engine.h"
#include "media/hub.h"

#include <stdlib.h>

enum err rt_picture_read(struct rt_item *item, const struct json *part, struct error *e)
{
    static const char at[] = "item.content.image_url";
    static const struct str kinds[] = {
        STR_INIT("data:image/png;base64,"), STR_INIT("data:image/jpeg;base64,"),
        STR_INIT("data:image/webp;base64,"), STR_INIT("data:image/gif;base64,")};
    const struct json *url = json_get(part, "image_url");
    struct arena a = ARENA_INIT;
    struct str bytes = STR_NONE;
    size_t all = url ? url->string.n : 0;
    if (item->role != RT_USER)
        return rt_refuse(e, "invalid_value", "item.content", "Only a user's messages have pictures.");
    if (!url || url->type != JSON_STRING)
        return rt_refuse(e, "missing_required_parameter", at,
                         "A part input_image needs its 'image_url', a data: address.");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && str_empty(bytes); i++)
        if (str_starts(url->string, kinds[i]) &&
            !base64_decode(&a, str_from(url->string, kinds[i].n), &bytes))
            bytes = STR_NONE;
    bool good = !str_empty(bytes);
    arena_release(&a);
    if (!good)
        return rt_refuse(e, "invalid_value", at,
                         "Invalid 'image_url': it must be data:image/png;base64,... (or jpeg, webp, gif).");
    for (size_t i = 0; i < item->picture_count; i++)
        all += item->pictures[i].url.n;
    if (item->picture_count == REALTIME_PICTURES_MAX || all > REALTIME_PICTURES_BYTES)
        return rt_refuse(e, "invalid_value", at, "A message may show %d pictures, of %d MiB together.",
                         REALTIME_PICTURES_MAX, REALTIME_PICTURES_BYTES >> 20);
    item->pictures = heap_realloc(item->pictures, (item->picture_count + 1) * sizeof *item->pictures);
    item->pictures[item->picture_count++] = (struct rt_picture){.url = heap_str(url->string)};
    return ERR_OK;
}

void rt_picture_tell(struct jw *w, const struct json *part)
{
    struct str url = json_get_str(part, "image_url", STR_NONE);
    jw_object(w);
    jw_kv_string(w, "type", STR("input_image"));
    if (url.n <= REALTIME_PICTURE_TOLD)
        jw_kv_string(w, "image_url", url);
    jw_kv_string(w, "detail", json_get_str(part, "detail", STR("auto")));
    jw_end_object(w);
}

void rt_pictures_free(struct rt_item *item)
{
    for (size_t i = 0; i < item->picture_count; i++)
        free((char *)item->pictures[i].url.p);
    free(item->pictures);
}

enum err rt_pictures_seen(const struct realtime *s, const struct rt_item *item, struct error *e)
{
    struct str name = s->persona ? s->persona->engine : s->engine;
    const struct engine_info *engine = engines_find(s->api->parts.engines, name);
    if (!item->picture_count || (engine && engine->sees))
        return ERR_OK;
    return rt_refuse(e, "unsupported_content_type", "item.content",
                     "The engine '%.*s' does not see pictures; give the model one that does (its setting "
                     "'vision').",
                     STR_ARG(engine ? engine->name : name));
}

struct str rt_pictures_ids(struct arena *a, const struct rt_item *item)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    for (size_t i = 0; i < item->picture_count; i++)
        jw_string(&w, str_c(id_text(item->pictures[i].medium).c));
    jw_end_array(&w);
    return item->picture_count ? arena_str(a, buf_str(&b)) : STR_NONE;
}

struct str rt_pictures_parts(struct arena *a, const struct rt_item *item)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    if (item->text.n) {
        jw_object(&w);
        jw_kv_string(&w, "type", STR("text"));
        jw_kv_string(&w, "text", buf_str(&item->text));
        jw_end_object(&w);
    }
    for (size_t i = 0; i < item->picture_count; i++) {
        jw_object(&w);
        jw_kv_string(&w, "type", STR("image_url"));
        jw_key(&w, STR("image_url"));
        jw_object(&w);
        jw_kv_string(&w, "url", item->pictures[i].url);
        jw_end_object(&w);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return arena_str(a, buf_str(&b));
}

/* ---- into the house ---- */

struct keeping {
    struct realtime *session;
    struct rt_item *item, *after;
    char *event_id; /* of the client's event, for an error */
    size_t at;
};

static void keep_next(struct keeping *k) LOOP;

static void keeping_free(struct keeping *k)
{
    free(k->event_id);
    free(k);
}

static void kept(struct media_deed *deed)
{
    on_loop();
    struct keeping *k = deed->arg;
    struct realtime *s = k->session;
    struct error e = deed->error;
    enum err err = deed->err;
    k->item->pictures[k->at].medium = deed->media.id;
    media_deed_free(deed);
    if (!rt_op_over(s, true)) {
        rt_item_free(k->item);
        keeping_free(k);
        return;
    }
    if (!err) {
        k->at++;
        keep_next(k);
        return;
    }
    if (e.err != ERR_LIMIT && e.err != ERR_TOO_BIG)
        str_copy(e.code, sizeof e.code, STR("invalid_value"));
    str_copy(e.param, sizeof e.param, STR("item.content.image_url"));
    rt_error(s, &e, str_c(k->event_id));
    rt_item_free(k->item);
    keeping_free(k);
    rt_go_on(s);
}

static void keep_next(struct keeping *k)
{
    struct realtime *s = k->session;
    if (k->at == k->item->picture_count) {
        rt_item_enter(s, k->after, k->item);
        keeping_free(k);
        rt_go_on(s);
        return;
    }
    struct media_deed *deed = media_deed_new();
    struct str url = k->item->pictures[k->at].url;
    base64_decode(&deed->arena, str_from(url, str_find_char(url, ',') + 1), &deed->bytes);
    deed->image_only = true;
    deed->media.source = MEDIA_UPLOAD;
    deed->media.owner = s->who.user;
    deed->media.name = STR("realtime");
    deed->arg = k;
    deed->done = kept;
    s->pending++;
    s->waits++;
    media_add(s->api->parts.media, deed);
}

void rt_pictures_keep(struct realtime *s, struct rt_item *after, struct rt_item *item, struct str event_id)
{
    struct keeping *k = heap_alloc(sizeof *k);
    *k = (struct keeping){.session = s, .item = item, .after = after, .event_id = heap_cstr(event_id)};
    keep_next(k);
}
