/* What the pool and its children say to each other; see card_child.c. Both are this very program, so structs
 * go as they lie in memory. */
#ifndef EIDOLON_PERSONA_CARD_WIRE_H
#define EIDOLON_PERSONA_CARD_WIRE_H

#include "persona/card_child.h"

struct card_wire_job {
    struct card_limits limits;
    uint64_t task; /* enum card_task */
};

struct card_wire_part {
    uint32_t role, clean, uri, head; /* the last two are lengths; the bytes are what follows */
};

#endif
