/*
 * The state of each part of the server, for /readyz, /api/healthcheck and `eidolon doctor`.
 */
#ifndef EIDOLON_API_HEALTH_H
#define EIDOLON_API_HEALTH_H

#include "api/call.h"

enum part_status { PART_OK, PART_DEGRADED, PART_FAILING };

struct part {
    const char *name;
    enum part_status status;
    char detail[256]; /* a sentence, or empty */
};
enum { HEALTH_PARTS = 5 };

/* Fills all; true when nothing that must work is failing. Any thread. */
bool health_parts(const struct api *api, struct part parts[HEALTH_PARTS]);
void health_part_write(struct jw *w, const struct part *part);

#endif
