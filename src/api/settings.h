/*
 * The settings in force: where they came from, what the page stored, and their change while we run.
 *
 * Sources, later ones winning: defaults, what is stored (documents of kind "setting", "provider",
 * "engine" and "speech_provider"), the file, the environment, flags. A change is checked on a whole new
 * config, stored, and only then put in force: settings_config() gives the new one from then on, and `applied`
 * tells the engines. Configs that were in force are kept until the end, as anybody may still read them; they
 * are few.
 *
 * One change at a time: a second is refused with ERR_BUSY. settings_config() is for any thread, the rest
 * for loops.
 */
#ifndef EIDOLON_API_SETTINGS_H
#define EIDOLON_API_SETTINGS_H

#include "base/config.h"
#include "loop/loop.h"
#include "store/store.h"

struct settings;

/* Where the settings are read from at every change again; the views outlive the settings. */
struct settings_sources {
    struct str file_text;
    const char *file_name; /* NULL: no file */
    char *const *environment;
    char *const *flags; /* "--section.key=value", NULL-terminated */
};

/* Reads the sources, without what is stored; the store is not open yet. */
enum err settings_new(const struct settings_sources *sources, struct settings **out, struct error *e);
/* Reads what is stored; plain thread, the store just opened. Where stored settings do not go together with
 * the other sources they are left out, and `complaint` (ERR_OK: none) says so. */
enum err settings_load(struct settings *s, struct store *store, struct error *complaint, struct error *e);
void settings_free(struct settings *s);

const struct config *settings_config(const struct settings *s);

/* Called on the changing loop when a new config is in force. */
void settings_on_change(struct settings *s, void (*applied)(void *arg, const struct config *now), void *arg);

enum settings_kind { SETTINGS_PLAIN, SETTINGS_PROVIDER, SETTINGS_ENGINE, SETTINGS_SPEECH, SETTINGS_KINDS };

/* A change; the caller fills the first part and frees it in done() with settings_change_free(). */
struct settings_value {
    struct str key;   /* "engine.default"; a field of the provider or engine */
    struct str value; /* as in the file */
    bool unset;       /* back to the default */
};
struct settings_change {
    struct arena arena;
    enum settings_kind kind;
    struct str name; /* of the provider or engine */
    bool remove;     /* the whole provider or engine */
    bool create;     /* it must not be there yet: ERR_CONFLICT */
    struct settings_value *values;
    size_t count;
    void (*done)(struct settings_change *);
    void *arg;

    enum err err;
    struct error error;
    void *inner;
};
struct settings_change *settings_change_new(enum settings_kind kind, struct str name);
void settings_change_free(struct settings_change *change);
void settings_submit(struct settings *s, struct settings_change *change) LOOP;

#endif
