/*
 * A room's settings: one JSON object in its head, kept as text. Who needs a member reads or writes it by
 * name; what another part of the program (or another version of it) wrote stays as it is. See room.h.
 */
#include "room/room.h"

#include <stdlib.h>

struct str room_settings(const struct room *room)
{
    return room->settings.n ? room->settings : STR("{}");
}

void room_settings_read(struct room *room, struct str settings)
{
    struct arena a = ARENA_INIT;
    struct json *all = NULL;
    bool good = settings.n && json_parse(&a, settings, &all, NULL) == ERR_OK && all->type == JSON_OBJECT;
    free((char *)room->settings.p);
    room->settings = good ? heap_str(settings) : STR_NONE;
    room->profile = ID_NONE;
    room->voice_off = good && str_eq(json_get_str(all, "voice", STR_NONE), STR("off"));
    translate_setting_read(&room->translate, good ? json_get(all, "translate") : NULL);
    if (good)
        id_parse(json_get_str(all, "profile", STR_NONE), &room->profile);
    arena_release(&a);
}

void room_setting_set(struct room *room, const char *name, struct str json)
{
    struct arena a = ARENA_INIT;
    struct json *all = NULL;
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    if (json_parse(&a, room_settings(room), &all, NULL) == ERR_OK && all->type == JSON_OBJECT) {
        json_each (member, all) {
            if (str_eq(member->key, str_c(name)))
                continue;
            jw_key(&w, member->key);
            jw_raw(&w, member->raw);
        }
    }
    if (!str_empty(json) && !str_eq(json, STR("null"))) {
        jw_key(&w, str_c(name));
        jw_raw(&w, json);
    }
    jw_end_object(&w);
    arena_release(&a);
    room_settings_read(room, buf_str(&b));
}

struct str room_setting(const struct room *room, struct arena *a, const char *name)
{
    struct json *all = NULL;
    if (json_parse(a, room_settings(room), &all, NULL) != ERR_OK)
        return STR_NONE;
    const struct json *value = json_get(all, name);
    return value ? value->raw : STR_NONE;
}

void room_settings_change(struct room *room, struct str changes)
{
    struct arena a = ARENA_INIT;
    struct json *all = NULL;
    if (changes.n && json_parse(&a, changes, &all, NULL) == ERR_OK && all->type == JSON_OBJECT) {
        json_each (member, all)
            room_setting_set(room, arena_cstr(&a, member->key), member->raw);
    }
    arena_release(&a);
}

struct str *room_setting_list(const struct room *room, struct arena *a, const char *name, size_t *count)
{
    struct json *list = NULL;
    struct str text = room_setting(room, a, name);
    *count = 0;
    if (str_empty(text) || json_parse(a, arena_str(a, text), &list, NULL) != ERR_OK ||
        list->type != JSON_ARRAY)
        return NULL;
    struct str *items = arena_array(a, struct str, list->count);
    json_each (item, list) {
        if (item->type == JSON_STRING)
            items[(*count)++] = item->string;
    }
    return items;
}
