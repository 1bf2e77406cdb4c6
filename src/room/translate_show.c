/* What a room's translations are for: its setting, and what prompts show; see translate.h. */
#include "room/translate.h"

#include "engine/engine.h"
#include "language/tongue.h"
#include "room/room.h"

#include <stdlib.h>

/* ---- the setting ---- */

static enum err tongue_check(const struct json *setting, const char *name, struct str *out, struct error *e)
{
    *out = json_get_str(setting, name, STR_NONE);
    if (tongue_ok(*out))
        return ERR_OK;
    return error_set_param(e, ERR_REFUSED, "translate",
                           "'%.*s' is not a language; write its tag, as de, en or pt-BR, in translate.%s.",
                           STR_ARG(str_sub(*out, 0, TONGUE_TAG_MAX)), name);
}

enum err translate_check(struct engines *engines, const struct json *setting, struct error *e)
{
    struct str to, mine, name = json_get_str(setting, "engine", STR_NONE);
    const struct engine_info *engine = engines_find(engines, name);
    if (tongue_check(setting, "to", &to, e) || tongue_check(setting, "mine", &mine, e))
        return ERR_REFUSED;
    if (tongue_same(to, mine))
        return error_set_param(e, ERR_REFUSED, "translate",
                               "Both languages are the same; there is nothing to translate.");
    if (!engine)
        return error_set_param(e, ERR_REFUSED, "translate",
                               "There is no engine '%.*s' to translate with; see GET /api/engines.",
                               STR_ARG(str_sub(name, 0, 64)));
    if (engine->scripted)
        return error_set_param(
            e, ERR_REFUSED, "translate",
            "The scripted responder cannot translate; set up an engine with a model, and name it%s.",
            name.n ? "" : " or make it the default");
    return ERR_OK;
}

static void keep(struct str *to, struct str text)
{
    free((char *)to->p);
    *to = text.n ? heap_str(text) : STR_NONE;
}

void translate_setting_read(struct room_translate *t, const struct json *setting)
{
    struct str to = json_get_str(setting, "to", STR_NONE), mine = json_get_str(setting, "mine", STR_NONE);
    bool good = tongue_ok(to) && tongue_ok(mine);
    keep(&t->to, good ? to : STR_NONE);
    keep(&t->mine, good ? mine : STR_NONE);
    keep(&t->engine, good ? json_get_str(setting, "engine", STR_NONE) : STR_NONE);
}

/* ---- what is shown ---- */

void translate_read(struct room *room, const struct event_row *row, struct arena *a)
{
    struct id message;
    struct said *said = id_parse(event_data_str(a, row, "of"), &message) ? room_said(room, message) : NULL;
    if (!said || row->cause != said->text_seq || said->author_type != AUTHOR_USER)
        return;
    struct str text = event_data_str(a, row, "text");
    said->untranslated = !text.n;
    keep(&said->shown, text);
    keep(&said->shown_in, text.n ? event_data_str(a, row, "to") : STR_NONE);
}

bool translate_done(const struct room *room, const struct said *said)
{
    return room->translate.to.n && said->shown.n && str_ieq(said->shown_in, room->translate.to);
}

struct str translate_shown(const struct room *room, const struct said *said)
{
    return translate_done(room, said) ? said->shown : said->text;
}

struct str translate_instruction(const struct room *room, struct arena *a)
{
    char name[TONGUE_NAME];
    if (!room->translate.to.n)
        return STR_NONE;
    return arena_printf(a, "Write in %.*s.", STR_ARG(tongue_name(room->translate.to, name)));
}
