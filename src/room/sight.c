/*
 * What a turn's engine is shown of the pictures in its conversation; see turn.h.
 *
 * The newest few pictures among the messages that the prompt holds are fetched, as JPEG that is small enough
 * for engines, before the engine is asked; each goes with the message that showed it. Older ones, all of them
 * where the engine does not see, and recordings stand in the prompt in words ("[an image: name, 640x480]").
 */
#include "media/names.h"
#include "room/turn.h"

/* Whether its engine, asked first, takes pictures. */
static LOOP bool sees(const struct turn *turn)
{
    struct engines *engines = turn->room->home->rooms->deps.engines;
    const struct engine_info *info =
        turn->get.persona ? engines_find(engines, turn->get.persona->engine) : NULL;
    return info && info->sees && turn->room->home->rooms->deps.media;
}

struct str turn_in_words(struct turn *turn, const struct said *said, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    if (!said->media.n)
        return text;
    media_in_words(said->media, &b);
    if (!b.n)
        return text;
    return text.n ? arena_printf(&turn->arena, "%.*s\n%.*s", STR_ARG(text), STR_ARG(buf_str(&b)))
                  : arena_str(&turn->arena, buf_str(&b));
}

static void add_images(struct turn *turn, const struct said *said)
{
    struct json *list = NULL;
    if (json_parse(&turn->arena, arena_str(&turn->arena, said->media), &list, NULL) ||
        list->type != JSON_ARRAY)
        return;
    json_each (one, list) {
        struct turn_image *image = &turn->images[turn->image_count];
        if (turn->image_count == TURN_IMAGES_MAX)
            return;
        if (str_starts(json_get_str(one, "type", STR_NONE), STR("image/")) &&
            id_parse(json_get_str(one, "id", STR_NONE), &image->sight.id)) {
            image->seq = said->seq;
            turn->image_count++;
        }
    }
}

static void fetch_next(struct turn *turn) LOOP;

static void fetched(struct media_sight *sight)
{
    on_loop();
    struct turn *turn = CONTAINER(sight, struct turn_image, sight)->turn;
    turn->pending = false;
    turn->image_at++;
    fetch_next(turn);
}

static void fetch_next(struct turn *turn)
{
    if (turn->cancelled || turn->image_at == turn->image_count) {
        turn->images_done(turn);
        return;
    }
    struct turn_image *image = &turn->images[turn->image_at];
    image->turn = turn;
    image->sight.arena = &turn->arena;
    image->sight.done = fetched;
    turn->pending = true;
    media_see(turn->room->home->rooms->deps.media, &image->sight);
}

void turn_look(struct turn *turn, void (*then)(struct turn *))
{
    const struct said *shown[ROOM_SHOWN_MAX];
    size_t count = sees(turn) ? turn_transcript(turn, shown, ROOM_SHOWN_MAX) : 0;
    turn->images_done = then;
    for (size_t i = count; i-- > 0 && turn->image_count < TURN_IMAGES_MAX;) {
        if (shown[i]->media.n)
            add_images(turn, shown[i]);
    }
    fetch_next(turn);
}

/* Text and pictures as parts of a message (OpenAI's chat format). Empty: this message has no picture. */
struct str turn_parts(struct turn *turn, uint64_t seq, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_MAX((size_t)TURN_IMAGES_MAX * (24 << 20));
    struct jw w = JW(&b);
    bool any = false;
    jw_array(&w);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("text"));
    jw_kv_string(&w, "text", text);
    jw_end_object(&w);
    for (size_t i = 0; seq && i < turn->image_count; i++) {
        const struct turn_image *image = &turn->images[i];
        if (image->seq != seq || image->sight.err || !image->sight.address.n)
            continue;
        any = true;
        jw_object(&w);
        jw_kv_string(&w, "type", STR("image_url"));
        jw_key(&w, STR("image_url"));
        jw_object(&w);
        jw_kv_string(&w, "url", image->sight.address);
        jw_end_object(&w);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    return any && !b.overflow ? arena_str(&turn->arena, buf_str(&b)) : STR_NONE;
}
