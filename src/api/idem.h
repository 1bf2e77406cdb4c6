/*
 * Idempotency-Key: a POST that creates is carried out once per (principal, route, key), for 24 hours.
 *
 * Before the effect the key is looked up. It is new: the handler goes on, and hands call_idem() to the
 * operation, which stores it in the transaction of the effect. It is known with the same body: `replay`
 * answers with what was made then. Known with another body: 409. Two at the same moment: the second's
 * transaction is refused by the store and looked up again (idem_lost()).
 */
#ifndef EIDOLON_API_IDEM_H
#define EIDOLON_API_IDEM_H

#include "api/call.h"

/*
 * Goes on with `fresh` (no key, or a new one) or `replay`, whose result is the id that the effect left. Both
 * run later or at once. A key that is no good is answered with 400.
 */
void idem_check(struct call *call, void (*fresh)(struct call *),
                void (*replay)(struct call *, struct str)) LOOP;

/* For the operation of the effect, in `a`: NULL when the request has no key. */
struct store_idem *idem_of(struct call *call, struct arena *a);

/* The effect failed with ERR_CONFLICT: was it the key? Then the replay follows, else the error is answered.
 */
void idem_lost(struct call *call, const struct error *e, void (*replay)(struct call *, struct str)) LOOP;

/* Says in a header that this is the first answer again. */
void idem_mark_replayed(struct call *call) LOOP;

#endif
