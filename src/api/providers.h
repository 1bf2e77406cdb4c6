/* The providers of the settings in force, as the API shows them: never with their keys. */
#ifndef EIDOLON_API_PROVIDERS_H
#define EIDOLON_API_PROVIDERS_H

#include "api/call.h"

/* One object a provider, `scripted` first; into an open array. */
void providers_write(struct jw *w, const struct api *api);

/* The value of a field as in the file, for a settings change: a JSON string, number or boolean. False: it is
 * none of these. */
bool settings_text(struct arena *a, const struct json *value, struct str *out);
/* A name that sections may have: lower-case letters, digits, '-', '_' and '.'. Answers when it is not. */
bool settings_name_ok(struct call *call, struct str name) LOOP;
/* Answers with the engine of that name (engines.c). */
void engine_send(struct call *call, struct str name, int status) LOOP;
/* Submits the change; then(call) runs when it is in force, its failure is answered. */
struct settings_change;
void settings_change_call(struct call *call, struct settings_change *change,
                          void (*then)(struct call *call, struct settings_change *change)) LOOP;

#endif
