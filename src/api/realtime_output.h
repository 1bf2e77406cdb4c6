/* Inside realtime*.c: what a response is asked for (realtime_ask.c), its events (realtime_output.c). See
 * realtime.h. */
#ifndef EIDOLON_API_REALTIME_OUTPUT_H
#define EIDOLON_API_REALTIME_OUTPUT_H

#include "api/realtime.h"

/* Over what the session has; `from` is response.create's, or NULL. */
enum err rt_response_read(struct rt_response *r, const struct json *from, struct error *e);
void rt_tell_created(struct rt_response *r) LOOP; /* and rate_limits.updated */
/* Closes what is open, with its done events, then response.done. */
void rt_tell_done(struct rt_response *r) LOOP;

#endif
