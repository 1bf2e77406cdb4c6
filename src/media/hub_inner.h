/* What the files of the hub share; nobody else. */
#ifndef EIDOLON_MEDIA_HUB_INNER_H
#define EIDOLON_MEDIA_HUB_INNER_H

#include "media/hub.h"

#include <pthread.h>

/* A blob whose document went. */
struct media_drop {
    struct blob_hash hash;
    int64_t since_ms;
};

struct media_hub {
    struct media_hub_options options;
    char folder[4096];
    struct looks *looks;
    struct timer timer; /* of the drops; loop 0's */
    bool stopped;       /* loop 0's */
    bool dropping;      /* loop 0's: a round is under way */

    pthread_mutex_t lock; /* of what follows */
    struct media_usage usage;
    uint64_t reserved; /* bytes of uploads under way */
    uint64_t keep_ms[MEDIA_SOURCES];
    bool lasting; /* the store does not forget at its end */
    struct media_drop *drops;
    size_t drop_count, drop_cap;
};

enum { MEDIA_PAGE = 200 };

void media_deed_end(struct media_deed *deed, enum err err, const struct error *e) LOOP;
void media_count(struct media_hub *hub, const struct media *m, int sign);
void media_drop_all(struct media_hub *hub, const struct media *m);

#endif
