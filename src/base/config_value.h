/*
 * Inside the config: how one value is read into its typed field, judged, and written again.
 *
 * Only config*.c include this.
 */
#ifndef EIDOLON_BASE_CONFIG_VALUE_H
#define EIDOLON_BASE_CONFIG_VALUE_H

#include "base/config.h"

/* Where the value is from, for sentences: "eidolon.ini:12: " and the setting's full name. */
struct config_place {
    const char *where;
    struct str name;
};

/* Reads `text` into the field of `row` in the struct at `base`; strings go to `a`. `append` makes a list
 * grow. A secret's text never gets into the sentence. */
enum err config_value_read(struct arena *a, const struct config_row *row, void *base, struct str text,
                           bool append, const struct config_place *place, struct error *e);

/* A secret as {"set":bool}; sizes and durations as text; what is not set as null. */
void config_value_write_json(struct jw *w, const struct config_row *row, const void *base);

const char *config_type_name(enum config_type type);       /* "a duration as 250ms, 10s, 5m, 2h or 30d" */
const char *config_type_typescript(enum config_type type); /* "string" ... */

#endif
