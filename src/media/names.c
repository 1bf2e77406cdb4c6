/* Media that messages show; see names.h. */
#include "media/names.h"

#include "base/base64.h"
#include "base/log.h"
#include "media/hub_inner.h"

#include <stdlib.h>

/* ---- ids to what messages say ---- */

static void next_id(struct media_list *list) LOOP;

static void end_list(struct media_list *list, enum err err) LOOP;
static void end_list(struct media_list *list, enum err err)
{
    if (!err) {
        jw_end_array(&list->w);
        list->json = arena_str(list->arena, buf_str(&list->made));
    }
    list->err = err;
    buf_release(&list->made);
    list->done(list);
}

static void id_found(struct media_deed *deed)
{
    on_loop();
    struct media_list *list = deed->arg;
    enum err err = deed->err;
    if (err) {
        error_set_param(&list->error, err == ERR_NOT_FOUND ? ERR_REFUSED : err, "media", "%s",
                        deed->error.message);
        media_deed_free(deed);
        end_list(list, list->error.err);
        return;
    }
    media_write_short(&list->w, &deed->media);
    media_deed_free(deed);
    list->at = list->at->next;
    next_id(list);
}

static void next_id(struct media_list *list)
{
    if (!list->at) {
        end_list(list, ERR_OK);
        return;
    }
    struct media_deed *deed = media_deed_new();
    id_parse(list->at->string, &deed->media.id);
    deed->arg = list;
    deed->done = id_found;
    media_get(list->hub, deed);
}

static void begin_list(void *arg)
{
    on_loop();
    struct media_list *list = arg;
    struct json *ids = NULL;
    struct id id;
    bool good = json_parse(list->arena, list->ids, &ids, NULL) == ERR_OK && ids->type == JSON_ARRAY &&
                ids->count <= MEDIA_A_MESSAGE_MAX;
    for (const struct json *one = good ? ids->child : NULL; one; one = one->next)
        good = good && one->type == JSON_STRING && id_parse(one->string, &id);
    if (!good) {
        error_set_param(&list->error, ERR_INVALID, "media", "'media' is a list of at most %d ids of media.",
                        MEDIA_A_MESSAGE_MAX);
        end_list(list, ERR_INVALID);
        return;
    }
    list->made = BUF_INIT;
    list->w = JW(&list->made);
    jw_array(&list->w);
    list->at = ids->child;
    next_id(list);
}

void media_list_resolve(struct media_hub *hub, struct media_list *list)
{
    list->hub = hub;
    loop_defer(loop_self(), begin_list, list);
}

/* ---- who shows what ---- */

struct naming {
    struct media_hub *hub;
    struct id room, message;
    bool gone;
};

static void erased(struct media_deed *deed)
{
    on_loop();
    if (deed->err && deed->err != ERR_NOT_FOUND && deed->err != ERR_CANCELLED)
        log_warn("media", "what an erased message showed could not be removed: %s", deed->error.message);
    media_deed_free(deed);
}

static bool nobody_needs(struct media_deed *deed)
{
    bool free_to_go = !deed->media.keep && !deed->media.named_count;
    if (!free_to_go)
        deed->err = error_set(&deed->error, ERR_CANCELLED, "It is needed.");
    return free_to_go;
}

static void renamed(struct media_deed *deed)
{
    on_loop();
    struct naming *n = deed->arg;
    if (deed->err && deed->err != ERR_NOT_FOUND)
        log_warn("media", "who shows a medium could not be noted: %s", deed->error.message);
    if (!deed->err && n->gone && !deed->media.keep && !deed->media.named_count) {
        struct media_deed *erase = media_deed_new();
        erase->media.id = deed->media.id;
        erase->change = nobody_needs;
        erase->done = erased;
        media_erase(n->hub, erase);
    }
    media_deed_free(deed);
}

static bool rename_it(struct media_deed *deed)
{
    const struct naming *n = deed->arg;
    struct media *m = &deed->media;
    size_t left = 0;
    for (size_t i = 0; i < m->named_count; i++) {
        if (!id_eq(m->named[i], n->message))
            m->named[left++] = m->named[i];
    }
    m->named_count = left;
    if (n->gone)
        return true;
    if (left < MEDIA_NAMED_MAX)
        m->named[m->named_count++] = n->message; /* there is room for one more (media_of_doc) */
    if (id_none(m->room))
        m->room = n->room;
    return true;
}

static void name_all(struct media_hub *hub, struct str media, const struct naming *naming) LOOP;
static void name_all(struct media_hub *hub, struct str media, const struct naming *naming)
{
    struct arena a = ARENA_INIT;
    struct json *list = NULL;
    if (media.n && json_parse(&a, media, &list, NULL) == ERR_OK && list->type == JSON_ARRAY) {
        json_each (one, list) {
            struct media_deed *deed = media_deed_new();
            struct naming *n = arena_new(&deed->arena, struct naming);
            *n = *naming;
            deed->arg = n;
            deed->change = rename_it;
            deed->done = renamed;
            if (id_parse(json_get_str(one, "id", STR_NONE), &deed->media.id))
                media_change(hub, deed);
            else
                media_deed_free(deed);
        }
    }
    arena_release(&a);
}

void media_named(struct media_hub *hub, struct str media, struct id room, struct id message)
{
    const struct naming n = {.hub = hub, .room = room, .message = message};
    name_all(hub, media, &n);
}

void media_unnamed(struct media_hub *hub, struct str media, struct id message)
{
    const struct naming n = {.hub = hub, .message = message, .gone = true};
    name_all(hub, media, &n);
}

/* ---- seeing ---- */

enum { SEEN_MAX = 16 << 20 };

static void read_seen(struct job *job)
{
    on_worker();
    struct media_deed *deed = CONTAINER(job, struct media_deed, job);
    struct media_sight *sight = deed->arg;
    struct str bytes;
    deed->err =
        blob_read(deed->hub->options.blobs, &deed->media.seen, &deed->arena, SEEN_MAX, &bytes, &deed->error);
    if (deed->err)
        return;
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_add(&b, STR("data:image/jpeg;base64,"));
    base64_encode(&b, bytes);
    sight->address = arena_str(sight->arena, buf_str(&b));
}

static void end_sight(struct media_deed *deed) LOOP;
static void end_sight(struct media_deed *deed)
{
    struct media_sight *sight = deed->arg;
    sight->err = deed->err;
    sight->error = deed->error;
    media_deed_free(deed);
    sight->done(sight);
}

static void seen_read(struct job *job)
{
    on_loop();
    end_sight(CONTAINER(job, struct media_deed, job));
}

static void sight_found(struct media_deed *deed)
{
    on_loop();
    if (!deed->err && !deed->media.has_seen)
        deed->err = error_set(&deed->error, ERR_REFUSED, "This is no picture.");
    if (deed->err) {
        end_sight(deed);
        return;
    }
    deed->job = (struct job){.run = read_seen, .done = seen_read};
    workers_submit(deed->hub->options.workers, &deed->job);
}

void media_see(struct media_hub *hub, struct media_sight *sight)
{
    struct media_deed *deed = media_deed_new();
    deed->media.id = sight->id;
    deed->arg = sight;
    deed->done = sight_found;
    media_get(hub, deed);
}

/* ---- in words ---- */

void media_in_words(struct str media, struct buf *to)
{
    struct arena a = ARENA_INIT;
    struct json *list = NULL;
    if (media.n && json_parse(&a, media, &list, NULL) == ERR_OK && list->type == JSON_ARRAY) {
        json_each (one, list) {
            struct str name = json_get_str(one, "name", STR_NONE);
            bool image = str_starts(json_get_str(one, "type", STR_NONE), STR("image/"));
            buf_add(to, to->n ? STR("\n") : STR(""));
            buf_printf(to, "[%s%s%.*s, ", image ? "an image" : "a recording", name.n ? ": " : "",
                       STR_ARG(name));
            if (image)
                buf_printf(to, "%lldx%lld]", (long long)json_get_i64(one, "width", 0),
                           (long long)json_get_i64(one, "height", 0));
            else
                buf_printf(to, "%.0f s]", json_get_double(one, "duration_ms", 0) / 1000);
        }
    }
    arena_release(&a);
}
