/*
 * The settings: one typed struct, filled from defaults, an INI file, the environment and flags.
 *
 * The table config.def says what there is. Precedence: flag > environment > file > stored (what the settings
 * page wrote) > default; config_set() may be called in any order, a lower source never displaces a higher
 * one, though it is still checked. Every refusal is a sentence that names the place (file and line, variable,
 * flag) and what is allowed; an unknown name gets the nearest known one.
 *
 *   [server]              EIDOLON_SERVER_DATA=/srv/eidolon             --server.data=/srv/eidolon
 *   data = /srv/eidolon
 *   [provider.lm]         EIDOLON_PROVIDER_LM_BASE_URL=http://...      --provider.lm.base_url=http://...
 *
 * A config is built by one thread, then only read: share it freely while it lives. Strings lie in its arena.
 * A changed setting makes a new config; the old one lives until nobody reads it.
 *
 * It does not: create folders, watch the file, know what a setting does. Secrets are never written by any
 * function here.
 */
#ifndef EIDOLON_BASE_CONFIG_H
#define EIDOLON_BASE_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/json.h"

struct config_list {
    struct str *v;
    size_t n;
};

enum config_type {
    CONFIG_TEXT,
    CONFIG_PATH,
    CONFIG_CHOICE,
    CONFIG_INT,
    CONFIG_FLOAT,
    CONFIG_SIZE,
    CONFIG_DURATION,
    CONFIG_BOOL,
    CONFIG_LIST,
};
enum config_flags { CONFIG_LIVE = 1 << 0, CONFIG_SECRET = 1 << 1 };
enum config_source {
    CONFIG_FROM_DEFAULT,
    CONFIG_FROM_STORED,
    CONFIG_FROM_FILE,
    CONFIG_FROM_ENVIRONMENT,
    CONFIG_FROM_FLAG,
};

#define CONFIG_NO_INT INT64_MIN /* an INT that is not set; a FLOAT that is not set is NaN */

enum { CONFIG_NAMED_MAX = 32 }; /* fields a named section may have */

#define CONFIG_C_TEXT struct str
#define CONFIG_C_PATH struct str
#define CONFIG_C_CHOICE struct str
#define CONFIG_C_INT int64_t
#define CONFIG_C_FLOAT double
#define CONFIG_C_SIZE uint64_t
#define CONFIG_C_DURATION uint64_t
#define CONFIG_C_BOOL bool
#define CONFIG_C_LIST struct config_list

/* A [provider.NAME], [engine.NAME] or [speech.NAME] section: each begins with these two. `name` is lower-case
 * letters, digits, '-', '_' and '.'. */
struct config_named {
    struct str name;
    uint8_t sources[CONFIG_NAMED_MAX]; /* an enum config_source a field, in the order of the table */
};

struct config_provider {
    struct str name;
    uint8_t sources[CONFIG_NAMED_MAX];
#define CONFIG_PROVIDER(key, TYPE, fallback, limits, flags, doc) CONFIG_C_##TYPE key;
#include "base/config.def"
};

struct config_engine {
    struct str name;
    uint8_t sources[CONFIG_NAMED_MAX];
#define CONFIG_ENGINE(key, TYPE, fallback, limits, flags, doc) CONFIG_C_##TYPE key;
#include "base/config.def"
};

/* What speaks or hears: [speech.NAME]. */
struct speech_provider {
    struct str name;
    uint8_t sources[CONFIG_NAMED_MAX];
#define CONFIG_SPEECH(key, TYPE, fallback, limits, flags, doc) CONFIG_C_##TYPE key;
#include "base/config.def"
};

struct config {
/* config->server.data, config->net.max_connections, ... : durations in milliseconds, sizes in bytes. */
#define CONFIG_SECTION(section, doc) struct {
#define CONFIG_ROW(section, field, key, TYPE, fallback, limits, flags, doc) CONFIG_C_##TYPE field;
#define CONFIG_SECTION_END(section)                                                                          \
    }                                                                                                        \
    section;
#include "base/config.def"
    struct config_provider *providers; /* in the order in which they first came */
    size_t provider_count;
    struct config_engine *engines;
    size_t engine_count;
    struct speech_provider *speech;
    size_t speech_count;
    struct config_list warnings; /* sentences about what was ignored; for main to log */

    struct arena arena;
    uint8_t *sources; /* an enum config_source for each row of config_rows() */
};

/* Everything at its default. */
void config_init(struct config *c);
void config_release(struct config *c);

/*
 * One setting: name "server.data" or "provider.lm.api_key" (which makes the section). `where` names the place
 * in sentences: "eidolon.ini:12", "The variable EIDOLON_SERVER_DATA". ERR_NOT_FOUND for an unknown name,
 * ERR_INVALID for a value that is not allowed.
 */
enum err config_set(struct config *c, struct str name, struct str value, enum config_source from,
                    const char *where, struct error *e);

/* An INI text; `file` names it in sentences. Stops at the first error. */
enum err config_read_text(struct config *c, struct str text, const char *file, struct error *e);
/* The file at path: ERR_NOT_FOUND if it is not there, ERR_IO if it cannot be read. */
enum err config_read_file(struct config *c, const char *path, struct error *e);
/* EIDOLON_SECTION_KEY of environ (NULL-terminated "NAME=value"). Other EIDOLON_ names are ignored with a
 * warning, as orchestrators set such; an unknown key of a known section is refused. */
enum err config_read_environment(struct config *c, char *const *environment, struct error *e);
/* One argument. ERR_OK and *used false if it has not the form --section.key=value. */
enum err config_read_flag(struct config *c, const char *arg, bool *used, struct error *e);

/* What can only be judged as a whole (a fallback that names no engine, TLS key without certificate). */
enum err config_check(const struct config *c, struct error *e);

/* Where a setting's value came from, and the row itself; NULL/default when unknown. */
struct config_row {
    const char *section, *key;
    const char *fallback, *limits, *doc;
    size_t offset; /* in struct config, or in the named section's struct */
    enum config_type type;
    unsigned flags;
};
const struct config_row *config_rows(size_t *count); /* all plain settings, in order */
enum config_source config_source_of(const struct config *c, const struct config_row *row);

const struct config_provider *config_provider(const struct config *c, struct str name); /* or NULL */
const struct config_engine *config_engine(const struct config *c, struct str name);     /* or NULL */
const struct speech_provider *config_speech(const struct config *c, struct str name);   /* or NULL */

/* The kinds of named sections, for what treats them alike. */
enum config_kind { CONFIG_PROVIDERS, CONFIG_ENGINES, CONFIG_SPEECH_PROVIDERS, CONFIG_KINDS };
struct config_kind_info {
    const char *section; /* "provider", as in [provider.NAME] */
    const char *member;  /* "providers", as in JSON */
    const char *interface, *doc;
    const struct config_row *rows;
    size_t count; /* rows */
    size_t size;  /* of the struct */
};
const struct config_kind_info *config_kind(enum config_kind kind);
size_t config_named_count(const struct config *c, enum config_kind kind);
const struct config_named *config_named_at(const struct config *c, enum config_kind kind, size_t i);
const struct config_named *config_named(const struct config *c, enum config_kind kind, struct str name);
/* Whether a file, the environment or a flag has set one of its fields. */
bool config_named_locked(enum config_kind kind, const struct config_named *named);
/* A copy whose strings lie in `a`; `to` and `from` are of the kind's struct. */
void config_named_copy(struct arena *a, enum config_kind kind, const struct config_named *from,
                       struct config_named *to);
/* The service's own address of a type of [speech.NAME]; empty where base_url must say it. */
struct str config_speech_url(struct str type);

/*
 * {"server":{"data":"/srv/eidolon",...},...,"providers":[{"name":"lm",...}],"engines":[...],"speech":[...]}
 * with a secret as
 * {"set":true}. Durations and sizes as a person writes them.
 */
void config_write_json(struct jw *w, const struct config *c);
/* [{"section","key","type","default","limits","live","secret","doc","from"},...]: what a settings page needs.
 */
void config_write_schema(struct jw *w, const struct config *c);
void config_write_help(struct buf *to);       /* for --help: a line or two a setting */
void config_write_markdown(struct buf *to);   /* tables for docs/OPERATIONS.md */
void config_write_typescript(struct buf *to); /* interface Config */

/* Appends a member to a LIST's text, quoted and escaped so that it reads back as it is. */
void config_list_add(struct buf *to, struct str item);

/* One value read as in the file, for other tables. */
enum err config_duration(struct str text, uint64_t *ms, struct error *e);
enum err config_size(struct str text, uint64_t *bytes, struct error *e);

#endif
