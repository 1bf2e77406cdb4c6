/* The personas of a room: in memory, as the store's JSON, and back. See room.h. */
#include "room/room.h"

#include "base/config.h"
#include "persona/house.h"

#include <stdlib.h>

static void release_persona(struct room_persona *p)
{
    free((char *)p->name.p);
    free((char *)p->slug.p);
    room_lore_free(p->lore);
}

void room_members_release(struct room *room)
{
    for (size_t i = 0; i < room->persona_count; i++)
        release_persona(&room->personas[i]);
    free(room->personas);
    room->personas = NULL;
    room->persona_count = 0;
}

struct room_persona *room_persona(const struct room *room, struct id id)
{
    for (size_t i = 0; i < room->persona_count; i++) {
        if (id_eq(room->personas[i].id, id))
            return &room->personas[i];
    }
    return NULL;
}

struct room_persona *room_persona_add(struct room *room, struct id id)
{
    struct room_persona *known = room_persona(room, id);
    if (!known) {
        room->personas = heap_realloc(room->personas, (room->persona_count + 1) * sizeof *room->personas);
        known = &room->personas[room->persona_count++];
        *known = (struct room_persona){.id = id, .talkativeness = .5};
    }
    known->present = true;
    return known;
}

void room_persona_name(struct room_persona *p, struct str name, struct str slug)
{
    if (!str_eq(p->name, name)) {
        free((char *)p->name.p);
        p->name = heap_str(name);
    }
    if (!str_eq(p->slug, slug)) {
        free((char *)p->slug.p);
        p->slug = heap_str(slug);
    }
}

void room_members_write(const struct room *room, struct buf *to)
{
    struct jw w = JW(to);
    jw_array(&w);
    for (size_t i = 0; i < room->persona_count; i++) {
        const struct room_persona *p = &room->personas[i];
        jw_object(&w);
        jw_kv_string(&w, "id", str_c(id_text(p->id).c));
        jw_kv_string(&w, "name", p->name);
        jw_kv_string(&w, "slug", p->slug);
        jw_kv_double(&w, "talkativeness", p->talkativeness);
        if (!p->present)
            jw_kv_bool(&w, "left", true);
        jw_end_object(&w);
    }
    jw_end_array(&w);
}

enum err room_members_read(struct room *room, struct str text, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *list = NULL;
    enum err err = str_empty(text) ? ERR_OK : json_parse(&a, text, &list, e);
    if (err == ERR_OK && list) {
        json_each (member, list) {
            struct id id;
            if (!id_parse(json_get_str(member, "id", STR_NONE), &id))
                continue;
            struct room_persona *p = room_persona_add(room, id);
            room_persona_name(p, json_get_str(member, "name", STR_NONE),
                              json_get_str(member, "slug", STR_NONE));
            p->talkativeness = json_get_double(member, "talkativeness", .5);
            p->present = !json_get_bool(member, "left", false);
        }
    }
    arena_release(&a);
    return err;
}

size_t room_present(const struct room *room)
{
    size_t count = 0;
    for (size_t i = 0; i < room->persona_count; i++)
        count += room->personas[i].present;
    return count;
}

void room_view_fill(const struct room *room, struct arena *a, struct room_view *out)
{
    *out = (struct room_view){
        .id = room->id,
        .owner = room->owner,
        .title = arena_str(a, room->title),
        .settings = arena_str(a, room->settings),
        .state = room->state,
        .head_seq = room->head,
        .cleared_seq = room->cleared,
        .version = room->version,
        .created_ms = room->created_ms,
        .updated_ms = room->updated_ms,
        .deleted_ms = room->deleted_ms,
    };
    out->members = arena_array(a, struct room_member, room->persona_count + 1);
    out->members[out->member_count++] = (struct room_member){
        .type = AUTHOR_USER, .id = room->owner, .name = arena_str(a, room_author_name(room))};
    for (size_t i = 0; i < room->persona_count; i++) {
        const struct room_persona *p = &room->personas[i];
        if (p->present)
            out->members[out->member_count++] = (struct room_member){.type = AUTHOR_PERSONA,
                                                                     .id = p->id,
                                                                     .name = arena_str(a, p->name),
                                                                     .slug = arena_str(a, p->slug)};
    }
}

/* The profile's name, else the owner's own as the last operation carried it, else the installation's setting.
 */
const struct profile *room_profile(const struct room *room)
{
    return house_profile(personas_house(room->home->rooms->deps.personas), room->profile);
}

struct str room_user_name(const struct room *room)
{
    const struct profile *profile = room_profile(room);
    if (profile)
        return profile->name;
    if (room->owner_name[0])
        return str_c(room->owner_name);
    return rooms_config(room->home->rooms)->user.name;
}

/* What events call the owner: a name that nobody gave is told as "You", since only the owner reads it so far.
 */
struct str room_author_name(const struct room *room)
{
    struct str name = room_user_name(room);
    return str_empty(name) ? STR("You") : name;
}
