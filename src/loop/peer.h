/*
 * What another server said, made fit for us: its words in one of our sentences, and how long it asks us to
 * wait. For drivers of engines and voices alike. Pure; any thread.
 */
#ifndef EIDOLON_LOOP_PEER_H
#define EIDOLON_LOOP_PEER_H

#include "base/str.h"

enum { PEER_QUOTE_MAX = 160, PEER_QUOTE_TEXT = 2 * PEER_QUOTE_MAX };

/* One line of at most PEER_QUOTE_MAX bytes and a mark that it was cut, without control characters, without
 * full stops at its end, and never with our `secret` (which may be empty) in it. */
void peer_quote(char to[PEER_QUOTE_TEXT], struct str said, struct str secret);

/* retry-after-ms, or retry-after in seconds or as an HTTP date, in milliseconds; -1 when absent or
 * unreadable. */
int64_t peer_retry_after(struct str ms, struct str after, int64_t now_wall_ms);

#endif
