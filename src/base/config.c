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
enum {
    PLAIN_COUNT = sizeof plain_rows / sizeof *plain_rows,
    PROVIDER_COUNT = sizeof provider_rows / sizeof *provider_rows,
    ENGINE_COUNT = sizeof engine_rows / sizeof *engine_rows,
    NAME_MAX_BYTES = 64,
};
_Static_assert((int)PROVIDER_COUNT <= (int)CONFIG_NAMED_MAX && (int)ENGINE_COUNT <= (int)CONFIG_NAMED_MAX,
               "raise CONFIG_NAMED_MAX");

const struct config_row *config_rows(size_t *count)
{
    *count = PLAIN_COUNT;
    return plain_rows;
}

const struct config_row *config_provider_rows(size_t *count)
{
    *count = PROVIDER_COUNT;
    return provider_rows;
}

const struct config_row *config_engine_rows(size_t *count)
{
    *count = ENGINE_COUNT;
    return engine_rows;
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

const struct config_provider *config_provider(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->provider_count; i++) {
        if (str_ieq(c->providers[i].name, name))
            return &c->providers[i];
    }
    return NULL;
}

const struct config_engine *config_engine(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->engine_count; i++) {
        if (str_ieq(c->engines[i].name, name))
            return &c->engines[i];
    }
    return NULL;
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
static struct config_provider *provider_make(struct config *c, struct str name)
{
    struct config_provider *grown = arena_array(&c->arena, struct config_provider, c->provider_count + 1);
    if (c->provider_count)
        memcpy(grown, c->providers, c->provider_count * sizeof *grown);
    c->providers = grown;
    struct config_provider *p = &grown[c->provider_count++];
    p->name = name;
    set_defaults(&c->arena, provider_rows, PROVIDER_COUNT, p);
    return p;
}

static struct config_engine *engine_make(struct config *c, struct str name)
{
    struct config_engine *grown = arena_array(&c->arena, struct config_engine, c->engine_count + 1);
    if (c->engine_count)
        memcpy(grown, c->engines, c->engine_count * sizeof *grown);
    c->engines = grown;
    struct config_engine *engine = &grown[c->engine_count++];
    engine->name = name;
    set_defaults(&c->arena, engine_rows, ENGINE_COUNT, engine);
    return engine;
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
    nearest_offer(&near, STR("provider"));
    return error_set(e, ERR_NOT_FOUND, "%s: there is no section for the setting '%.*s'.%s", place->where,
                     STR_ARG(str_sub(place->name, 0, 100)), nearest_hint(&near));
}

static enum err set_named(struct config *c, struct str section, struct str name, struct str key,
                          struct str value, enum config_source from, const struct config_place *place,
                          struct error *e)
{
    bool provider = str_eq(section, STR("provider"));
    const struct config_row *rows = provider ? provider_rows : engine_rows;
    size_t count = provider ? (size_t)PROVIDER_COUNT : (size_t)ENGINE_COUNT;
    const struct config_row *row = row_of(rows, count, key);
    if (!row)
        return unknown_key(rows, count, provider ? "provider" : "engine", key, place, e);
    struct str kept = section_name(&c->arena, name);
    if (kept.n == 0)
        return error_set(e, ERR_INVALID,
                         "%s: the name of a [%.*s.NAME] section may have letters, digits, '-', '_' and '.', "
                         "at most %d.",
                         place->where, STR_ARG(section), NAME_MAX_BYTES);
    if (str_eq(kept, STR("scripted")))
        return error_set(e, ERR_INVALID, "%s: the name 'scripted' is taken by the built-in responder.",
                         place->where);
    if (provider) {
        struct config_provider *p = (struct config_provider *)config_provider(c, kept);
        p = p ? p : provider_make(c, kept);
        return set_field(c, row, p, &p->sources[row - rows], value, from, place, e);
    }
    struct config_engine *engine = (struct config_engine *)config_engine(c, kept);
    engine = engine ? engine : engine_make(c, kept);
    return set_field(c, row, engine, &engine->sources[row - rows], value, from, place, e);
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
        if (!str_eq(section, STR("provider")) && !str_eq(section, STR("engine")))
            return unknown_section(section, &place, e);
        return set_named(c, section, str_sub(name, first + 1, last - first - 1), key, value, from, &place, e);
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
