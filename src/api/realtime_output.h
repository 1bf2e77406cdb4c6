/* Inside realtime*.c: the events of a response (realtime_output.c). See realtime.h. */
#ifndef EIDOLON_API_REALTIME_OUTPUT_H
#define EIDOLON_API_REALTIME_OUTPUT_H

#include "api/realtime.h"

void rt_tell_created(struct rt_response *r) LOOP; /* and rate_limits.updated */
/* Closes what is open, with its done events, then response.done. */
void rt_tell_done(struct rt_response *r) LOOP;

#endif
