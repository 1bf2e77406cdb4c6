/*
 * The named sections of the settings over HTTP: providers, engines, speech providers. One way to check, take,
 * store and remove them; each kind says how it is shown.
 *
 * PUT and POST take a whole one: what the body leaves out is unset. PATCH takes what it names. Secrets that
 * are left out stay in both. null, "" and [] unset. What a file, the environment or a flag has set is changed
 * there: 409. Every function here answers the call, now or later.
 */
#ifndef EIDOLON_API_NAMED_H
#define EIDOLON_API_NAMED_H

#include "api/call.h"
#include "api/settings.h"

struct named_kind {
    enum settings_kind settings;
    enum config_kind config;
    const char *noun;                         /* "provider", "speech provider" */
    const char *a;                            /* "A provider", at the beginning of a sentence */
    const char *required, *required_sentence; /* a field that a whole one must have; or NULL */
    bool (*taken)(struct str name);           /* names that are built in; or NULL */
    const char *taken_sentence;
    void (*send)(struct call *call, struct str name, int status);
};

void named_post(struct call *call, const struct named_kind *kind) LOOP;
void named_put(struct call *call, const struct named_kind *kind) LOOP;
void named_patch(struct call *call, const struct named_kind *kind) LOOP;
void named_delete(struct call *call, const struct named_kind *kind) LOOP;

/* The member "settings": what was set of the section's fields, as text, but for secrets and those in `shown`,
 * a NULL-terminated list. */
void named_write_settings(struct jw *w, enum config_kind kind, const struct config_named *named,
                          const char *const *shown);

#endif
