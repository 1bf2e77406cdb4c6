/*
 * Settings: the rows of config.def, setting one by its name, finding and checking; see config.h.
 *
 * config_value.c reads and writes single values, config_read.c the file, the environment and flags,
 * config_write.c what is shown.
 */
#include "base/config.h"

#include "base/config_value.h"
#include "base/nearest.h"

#include <stdio.h>

static const struct config_row plain_rows[] = {
#define CONFIG_ROW(section, field, key, TYPE, fallback, limits, flags, doc)                                  \
    {#section, key, fallback, limits, doc, offsetof(struct config, section.field), CONFIG_##TYPE, (flags)},
#include "base/config.def"
};
static const struct config_row provider_rows[] = {
#define CONFIG_PROVIDER(key, TYPE, fallback, limits, flags, doc)                                             \
    {"provider", #key, fallback, limits, doc, offsetof(struct config_provider, key), CONFIG_##TYPE, (flags)},
#include "base/config.def"
};
static const struct config_row engine_rows[] = {
#define CONFIG_ENGINE(key, TYPE, fallback, limits, flags, doc)                                               \
    {"engine", #key, fallback, limits, doc, offsetof(struct config_engine, key), CONFIG_##TYPE, (flags)},
#include "base/config.def"
};
static const struct config_row speech_rows[] = {
#define CONFIG_SPEECH(key, TYPE, fallback, limits, flags, doc)                                               \
    {"speech", #key, fallback, limits, doc, offsetof(struct speech_provider, key), CONFIG_##TYPE, (flags)},
#include "base/config.def"
};
#define ROWS(rows) rows, sizeof(rows) / sizeof *(rows)
static const struct config_kind_info kinds[CONFIG_KINDS] = {
    [CONFIG_PROVIDERS] = {"provider", "providers", "ProviderConfig",
                          "Endpoints that language models are reached by; as many as you like.",
                          ROWS(provider_rows), sizeof(struct config_provider)},
    [CONFIG_ENGINES] = {"engine", "engines", "EngineConfig",
                        "Named choices of provider, model and sampling; personas name one.",
                        ROWS(engine_rows), sizeof(struct config_engine)},
    [CONFIG_SPEECH_PROVIDERS] = {"speech", "speech", "SpeechConfig",
                                 "What speaks and hears; voice.chain, ear.chain and personas name them.",
                                 ROWS(speech_rows), sizeof(struct speech_provider)},
};
enum { PLAIN_COUNT = sizeof plain_rows / sizeof *plain_rows, NAME_MAX_BYTES = 64 };
#define FITS(rows) (sizeof(rows) / sizeof *(rows) <= (size_t)CONFIG_NAMED_MAX)
_Static_assert(FITS(provider_rows) && FITS(engine_rows) && FITS(speech_rows), "raise CONFIG_NAMED_MAX");
#define ALIKE(type)                                                                                          \
    (offsetof(type, name) == offsetof(struct config_named, name) &&                                          \
     offsetof(type, sources) == offsetof(struct config_named, sources))
_Static_assert(ALIKE(struct config_provider) && ALIKE(struct config_engine) && ALIKE(struct speech_provider),
               "all begin as struct config_named");

const struct config_row *config_rows(size_t *count)
{
    *count = PLAIN_COUNT;
    return plain_rows;
}

const struct config_kind_info *config_kind(enum config_kind kind)
{
    return &kinds[kind];
}

/* A default that its own row refuses is a slip in config.def; the unit test reads them all. */
static void set_defaults(struct arena *a, const struct config_row *rows, size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        struct config_place place = {"config.def", str_c(rows[i].key)};
        config_value_read(a, &rows[i], base, str_c(rows[i].fallback), false, &place, NULL);
    }
}

void config_init(struct config *c)
{
    *c = (struct config){.arena = ARENA_INIT};
    c->sources = arena_array(&c->arena, uint8_t, PLAIN_COUNT);
    set_defaults(&c->arena, plain_rows, PLAIN_COUNT, c);
}

void config_release(struct config *c)
{
    arena_release(&c->arena);
    *c = (struct config){.arena = ARENA_INIT};
}

enum config_source config_source_of(const struct config *c, const struct config_row *row)
{
    if (row < plain_rows || row >= plain_rows + PLAIN_COUNT)
        return CONFIG_FROM_DEFAULT;
    return (enum config_source)c->sources[row - plain_rows];
}

/* A kind's array and its length within the config. */
static char *named_array(const struct config *c, enum config_kind kind, size_t *count)
{
    *count = kind == CONFIG_PROVIDERS ? c->provider_count
             : kind == CONFIG_ENGINES ? c->engine_count
                                      : c->speech_count;
    return kind == CONFIG_PROVIDERS ? (char *)c->providers
           : kind == CONFIG_ENGINES ? (char *)c->engines
                                    : (char *)c->speech;
}

size_t config_named_count(const struct config *c, enum config_kind kind)
{
    size_t count;
    named_array(c, kind, &count);
    return count;
}

const struct config_named *config_named_at(const struct config *c, enum config_kind kind, size_t i)
{
    size_t count;
    return (const struct config_named *)(void *)(named_array(c, kind, &count) + i * kinds[kind].size);
}

const struct config_named *config_named(const struct config *c, enum config_kind kind, struct str name)
{
    for (size_t i = 0; i < config_named_count(c, kind); i++) {
        const struct config_named *named = config_named_at(c, kind, i);
        if (str_ieq(named->name, name))
            return named;
    }
    return NULL;
}

const struct config_provider *config_provider(const struct config *c, struct str name)
{
    return (const struct config_provider *)config_named(c, CONFIG_PROVIDERS, name);
}

const struct config_engine *config_engine(const struct config *c, struct str name)
{
    return (const struct config_engine *)config_named(c, CONFIG_ENGINES, name);
}

const struct speech_provider *config_speech(const struct config *c, struct str name)
{
    return (const struct speech_provider *)config_named(c, CONFIG_SPEECH_PROVIDERS, name);
}

bool config_named_locked(enum config_kind kind, const struct config_named *named)
{
    for (size_t i = 0; i < kinds[kind].count; i++) {
        if (named->sources[i] > CONFIG_FROM_STORED)
            return true;
    }
    return false;
}

static struct config_list copy_list(struct arena *a, struct config_list list)
{
    struct str *v = arena_array(a, struct str, list.n);
    for (size_t i = 0; i < list.n; i++)
        v[i] = arena_str(a, list.v[i]);
    return (struct config_list){v, list.n};
}

void config_named_copy(struct arena *a, enum config_kind kind, const struct config_named *from,
                       struct config_named *to)
{
    memcpy(to, from, kinds[kind].size);
    to->name = arena_str(a, from->name);
    for (size_t i = 0; i < kinds[kind].count; i++) {
        const struct config_row *row = &kinds[kind].rows[i];
        void *field = (char *)to + row->offset;
        if (row->type == CONFIG_TEXT || row->type == CONFIG_PATH || row->type == CONFIG_CHOICE)
            *(struct str *)field = arena_str(a, *(struct str *)field);
        else if (row->type == CONFIG_LIST)
            *(struct config_list *)field = copy_list(a, *(struct config_list *)field);
    }
}

/* A name as it is kept: lower-case; empty if a character is not allowed. */
static struct str section_name(struct arena *a, struct str name)
{
    char *to = arena_cstr(a, name);
    for (size_t i = 0; i < name.n; i++) {
        if (to[i] >= 'A' && to[i] <= 'Z')
            to[i] = (char)(to[i] + 32);
        bool fine = (to[i] >= 'a' && to[i] <= 'z') || (to[i] >= '0' && to[i] <= '9') || to[i] == '-' ||
                    to[i] == '_' || to[i] == '.';
        if (!fine)
            return STR_NONE;
    }
    return name.n <= NAME_MAX_BYTES ? str_of(to, name.n) : STR_NONE;
}

/* Arrays grow by a copy in the arena: there are few, and they are small. */
static struct config_named *named_make(struct config *c, enum config_kind kind, struct str name)
{
    size_t count, size = kinds[kind].size;
    const char *before = named_array(c, kind, &count);
    char *grown = arena_alloc_array(&c->arena, count + 1, size);
    if (count)
        memcpy(grown, before, count * size);
    if (kind == CONFIG_PROVIDERS) {
        c->providers = (struct config_provider *)(void *)grown;
        c->provider_count++;
    } else if (kind == CONFIG_ENGINES) {
        c->engines = (struct config_engine *)(void *)grown;
        c->engine_count++;
    } else {
        c->speech = (struct speech_provider *)(void *)grown;
        c->speech_count++;
    }
    struct config_named *made = (struct config_named *)(void *)(grown + count * size);
    made->name = name;
    set_defaults(&c->arena, kinds[kind].rows, kinds[kind].count, made);
    return made;
}

static const struct config_row *row_of(const struct config_row *rows, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_c(rows[i].key), key))
            return &rows[i];
    }
    return NULL;
}

/* Sets one field unless a higher source has set it; a lower one is only judged. */
static enum err set_field(struct config *c, const struct config_row *row, void *base, uint8_t *source,
                          struct str value, enum config_source from, const struct config_place *place,
                          struct error *e)
{
    if (*source > from) {
        _Alignas(max_align_t) char scratch[sizeof(struct config_list)]; /* the largest field */
        struct config_row judged = *row;
        judged.offset = 0;
        return config_value_read(&c->arena, &judged, scratch, value, false, place, e);
    }
    enum err err = config_value_read(&c->arena, row, base, value, *source == from && from, place, e);
    if (err == ERR_OK)
        *source = (uint8_t)from;
    return err;
}

static enum err unknown_key(const struct config_row *rows, size_t count, const char *section, struct str key,
                            const struct config_place *place, struct error *e)
{
    struct nearest near = NEAREST(key);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].section, section) == 0)
            nearest_offer(&near, str_c(rows[i].key));
    }
    return error_set(e, ERR_NOT_FOUND, "%s: there is no setting '%.*s'.%s", place->where,
                     STR_ARG(str_sub(place->name, 0, 100)), nearest_hint(&near));
}

static enum err unknown_section(struct str section, const struct config_place *place, struct error *e)
{
    struct nearest near = NEAREST(section);
    for (size_t i = 0; i < PLAIN_COUNT; i++)
        nearest_offer(&near, str_c(plain_rows[i].section));
    for (size_t i = 0; i < CONFIG_KINDS; i++)
        nearest_offer(&near, str_c(kinds[i].section));
    return error_set(e, ERR_NOT_FOUND, "%s: there is no section for the setting '%.*s'.%s", place->where,
                     STR_ARG(str_sub(place->name, 0, 100)), nearest_hint(&near));
}

static bool kind_of(struct str section, enum config_kind *kind)
{
    for (unsigned i = 0; i < CONFIG_KINDS; i++) {
        *kind = (enum config_kind)i;
        if (str_eq(section, str_c(kinds[i].section)))
            return true;
    }
    return false;
}

static enum err set_named(struct config *c, enum config_kind kind, struct str name, struct str key,
                          struct str value, enum config_source from, const struct config_place *place,
                          struct error *e)
{
    const struct config_kind_info *info = &kinds[kind];
    const struct config_row *row = row_of(info->rows, info->count, key);
    if (!row)
        return unknown_key(info->rows, info->count, info->section, key, place, e);
    struct str kept = section_name(&c->arena, name);
    if (kept.n == 0)
        return error_set(e, ERR_INVALID,
                         "%s: the name of a [%s.NAME] section may have letters, digits, '-', '_' and '.', "
                         "at most %d.",
                         place->where, info->section, NAME_MAX_BYTES);
    if (str_eq(kept, STR("scripted")))
        return error_set(e, ERR_INVALID, "%s: the name 'scripted' is taken by the built-in responder.",
                         place->where);
    struct config_named *named = (struct config_named *)config_named(c, kind, kept);
    named = named ? named : named_make(c, kind, kept);
    return set_field(c, row, named, &named->sources[row - info->rows], value, from, place, e);
}

enum err config_set(struct config *c, struct str name, struct str value, enum config_source from,
                    const char *where, struct error *e)
{
    struct config_place place = {where, name};
    size_t first = str_find_char(name, '.'), last = first;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '.')
            last = i;
    }
    if (first == SIZE_MAX)
        return error_set(e, ERR_NOT_FOUND, "%s: '%.*s' is no setting; settings are called section.key.",
                         where, STR_ARG(str_sub(name, 0, 100)));
    if (memchr(value.p ? value.p : "", '\0', value.n))
        return error_set(e, ERR_INVALID, "%s: the value of '%.*s' holds a NUL byte.", where, STR_ARG(name));
    struct str section = str_sub(name, 0, first), key = str_from(name, last + 1);
    if (first != last) {
        enum config_kind kind;
        if (!kind_of(section, &kind))
            return unknown_section(section, &place, e);
        return set_named(c, kind, str_sub(name, first + 1, last - first - 1), key, value, from, &place, e);
    }
    bool known = false;
    for (size_t i = 0; i < PLAIN_COUNT; i++) {
        if (!str_eq(str_c(plain_rows[i].section), section))
            continue;
        known = true;
        if (str_eq(str_c(plain_rows[i].key), key))
            return set_field(c, &plain_rows[i], c, &c->sources[i], value, from, &place, e);
    }
    if (!known)
        return unknown_section(section, &place, e);
    char text[NAME_MAX_BYTES];
    str_copy(text, sizeof text, section);
    return unknown_key(plain_rows, PLAIN_COUNT, text, key, &place, e);
}
