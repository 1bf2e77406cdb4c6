/*
 * Who speaks in an imported file: the owner, personas that are here, personas that are made; see import.h.
 *
 * Each name is looked up once, whatever number of chats it speaks in: by the id and the slug that our own
 * export gives, by the slug that the name makes, by the name itself. Then each chat is decided: where a file
 * only has names, one of them is the owner. What is left without a persona gets a plain one.
 */
#include "api/import.h"

#include "api/settings.h"

#include <stdlib.h>

/* The ways to find somebody, one after the other. */
enum { TRY_NOTHING, TRY_ID, TRY_SLUG, TRY_NAME_SLUG, TRY_NAME };

static void ask_next(struct import *i) LOOP;
static void make_next(struct import *i) LOOP;

struct import_who *import_who_of(struct import *i, struct str name, struct str slug, struct str id)
{
    char lower[CHAT_NAME_MAX + 1];
    str_copy(lower, sizeof lower, name);
    for (char *c = lower; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    struct import_who *who = map_get(&i->whos, str_c(lower));
    if (!who) {
        who = arena_new(&i->arena, struct import_who);
        who->name = arena_str(&i->arena, name);
        map_set(&i->whos, str_c(lower), who);
        if (i->who_count == i->who_cap) {
            i->who_cap = i->who_cap ? i->who_cap * 2 : 8;
            i->who_list = heap_realloc(i->who_list, i->who_cap * sizeof *i->who_list);
        }
        i->who_list[i->who_count++] = who;
    }
    if (!str_empty(id))
        who->id = arena_str(&i->arena, id);
    if (!str_empty(slug))
        who->slug = arena_str(&i->arena, slug);
    return who;
}

/* ---- finding ---- */

static void found(struct import *i, struct import_who *who, const struct persona *p)
{
    who->persona = p->id;
    who->called = arena_str(&i->arena, persona_called(p));
    who->persona_slug = arena_str(&i->arena, p->slug);
}

static struct personas_op *op_new(struct import *i, void (*done)(struct personas_op *))
{
    arena_release(&i->persona_arena);
    i->persona_op = (struct personas_op){.arena = &i->persona_arena, .done = done, .owner = i->who.user};
    return &i->persona_op;
}

static bool same_name(const struct persona *p, struct str name)
{
    return str_ieq(p->name, name) || (!str_empty(p->nickname) && str_ieq(p->nickname, name));
}

static void named_here(struct store_op *op)
{
    on_loop();
    struct import *i = op->arg;
    struct store_docs_list *list = (struct store_docs_list *)op;
    struct import_who *who = i->who_list[i->who_at];
    struct arena a = ARENA_INIT;
    for (size_t k = 0; op->err == ERR_OK && k < list->count && id_none(who->persona); k++) {
        struct persona *p = NULL;
        if (persona_stored_read(&a, list->rows[k].data, &p, NULL) == ERR_OK && same_name(p, who->name)) {
            p->id = list->rows[k].id;
            p->slug = list->rows[k].slug;
            found(i, who, p);
        }
    }
    arena_release(&a);
    store_op_free(op);
    i->who_at++;
    ask_next(i);
}

/* By name: personas are listed by it. */
static void look_by_name(struct import *i, struct import_who *who) LOOP;
static void look_by_name(struct import *i, struct import_who *who)
{
    struct store_docs_list *list = STORE_NEW(docs_list, DOCS_LIST);
    list->type = PERSONA_DOC_TYPE;
    list->tenant = i->who.tenant;
    list->limit = 50;
    list->find = arena_str(&list->op.arena, who->name);
    list->op.done = named_here;
    list->op.arg = i;
    store_submit(i->api->parts.store, &list->op);
}

static void looked_up(struct personas_op *op)
{
    on_loop();
    struct import *i = CONTAINER(op, struct import, persona_op);
    struct import_who *who = i->who_list[i->who_at];
    bool by_name = i->persona_try == TRY_NAME_SLUG;
    if (op->err == ERR_OK && (!by_name || same_name(op->persona, who->name))) {
        found(i, who, op->persona);
        i->who_at++;
        i->persona_try = TRY_NOTHING;
    }
    ask_next(i);
}

static void look_up(struct import *i, struct str key) LOOP;
static void look_up(struct import *i, struct str key)
{
    struct personas_op *op = op_new(i, looked_up);
    op->key = arena_str(&i->persona_arena, key);
    personas_get(i->api->parts.personas, op);
}

/* ---- deciding ---- */

static bool is_word(struct str name, const char *const *words)
{
    for (; *words; words++) {
        if (str_ieq(name, str_c(*words)))
            return true;
    }
    return false;
}

static const char *const person_words[] = {"you", "me", "user", "human", "{{user}}", "myself", NULL};
static const char *const machine_words[] = {"assistant", "ai",        "bot",   "chatgpt",
                                            "{{char}}",  "character", "model", NULL};

static bool is_character(const struct import *i, const struct import_speaker *s)
{
    bool given = i->given && (str_ieq(s->name, i->given->called) || str_ieq(s->name, i->persona));
    return given || !id_none(s->who->persona) || is_word(s->name, machine_words);
}

static struct import_speaker *owner_among(struct import *i, struct import_chat *chat)
{
    struct import_speaker *first = NULL, *person = NULL;
    size_t characters = 0;
    for (size_t k = 0; k < chat->speaker_count; k++) {
        struct import_speaker *s = &chat->speakers[k];
        if (!s->only_named)
            return NULL; /* the file itself says who is who */
        if (!str_empty(i->user) ? str_ieq(s->name, i->user)
                                : str_ieq(s->name, str_c(i->who.name)) || is_word(s->name, person_words))
            return s;
        characters += is_character(i, s);
        first = first ? first : s;
        if (!is_character(i, s) && !person)
            person = s;
    }
    if (!str_empty(i->user) || !person)
        return NULL;
    if (!characters && chat->speaker_count > 1)
        import_note(i, "'%.*s' was taken for you; name yourself with 'user' if that is wrong.",
                    STR_ARG(person->name));
    return person;
}

static void name_given(struct import *i, struct import_chat *chat)
{
    struct import_speaker *best = NULL;
    for (size_t k = 0; k < chat->speaker_count; k++) {
        struct import_speaker *s = &chat->speakers[k];
        if (s->is_owner)
            continue;
        bool same = str_ieq(s->name, i->given->called) || str_ieq(s->name, i->given->persona_slug);
        if (same) {
            best = s;
            break;
        }
        if (!best || s->said > best->said)
            best = s;
    }
    if (best)
        best->who = i->given;
}

static void decide(struct import *i, struct import_chat *chat, size_t most)
{
    struct import_speaker *owner = owner_among(i, chat);
    if (owner)
        owner->is_owner = true;
    if (i->given)
        name_given(i, chat);
    size_t personas = 0, over = 0;
    for (size_t k = 0; k < chat->speaker_count; k++) {
        struct import_speaker *s = &chat->speakers[k];
        if (s->is_owner)
            continue;
        s->nobody = ++personas + 1 > most;
        over += s->nobody;
        s->who->wanted |= !s->nobody;
    }
    if (over)
        import_note(i,
                    "'%.*s' has more speakers than a room may have members (room.max_members); %zu of them "
                    "speak as notes.",
                    STR_ARG(str_sub(chat->title, 0, 80)), over);
}

/* ---- making ---- */

static void made(struct personas_op *op)
{
    on_loop();
    struct import *i = CONTAINER(op, struct import, persona_op);
    struct import_who *who = i->who_list[i->who_at];
    if (op->err) {
        struct error e = op->error;
        import_fail(i, &e);
        return;
    }
    found(i, who, op->persona);
    who->made = true;
    import_note(i, "A new persona was made for '%.*s'.", STR_ARG(who->name));
    i->who_at++;
    make_next(i);
}

static void make_next(struct import *i)
{
    while (i->who_at < i->who_count &&
           (!i->who_list[i->who_at]->wanted || !id_none(i->who_list[i->who_at]->persona)))
        i->who_at++;
    if (i->who_at == i->who_count) {
        import_take(i);
        return;
    }
    struct personas_op *op = op_new(i, made);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "name", i->who_list[i->who_at]->name);
    jw_kv_string(&w, "description",
                 STR("{{char}} came here with an imported chat; what was said there is remembered."));
    jw_kv_raw(&w, "tags", STR("[\"imported\"]"));
    jw_end_object(&w);
    op->body = arena_str(&i->persona_arena, buf_str(&b));
    personas_create(i->api->parts.personas, op);
}

static void ask_next(struct import *i)
{
    if (i->who_at == i->who_count) {
        size_t most = (size_t)settings_config(i->api->parts.settings)->room.max_members;
        for (size_t k = 0; k < i->chat_count; k++)
            decide(i, &i->chats[k], most);
        i->who_at = 0;
        make_next(i);
        return;
    }
    struct import_who *who = i->who_list[i->who_at];
    while (++i->persona_try < TRY_NAME) {
        struct str key = i->persona_try == TRY_ID     ? who->id
                         : i->persona_try == TRY_SLUG ? who->slug
                                                      : persona_slug(&i->arena, who->name, 0);
        if (!str_empty(key)) {
            look_up(i, key);
            return;
        }
    }
    i->persona_try = TRY_NOTHING;
    look_by_name(i, who);
}

static void given_here(struct personas_op *op)
{
    on_loop();
    struct import *i = CONTAINER(op, struct import, persona_op);
    if (op->err) {
        struct error e = {0};
        error_set_param(&e, ERR_REFUSED, "persona", "There is no persona '%.*s'; see GET /api/personas.",
                        STR_ARG(str_sub(i->persona, 0, 100)));
        import_fail(i, &e);
        return;
    }
    i->given = arena_new(&i->arena, struct import_who);
    i->given->name = i->persona;
    found(i, i->given, op->persona);
    ask_next(i);
}

void import_ask(struct import *i)
{
    i->who_at = 0;
    i->persona_try = TRY_NOTHING;
    if (str_empty(i->persona)) {
        ask_next(i);
        return;
    }
    struct personas_op *op = op_new(i, given_here);
    op->key = i->persona;
    personas_get(i->api->parts.personas, op);
}
