/*
 * Pictures in the messages of /v1/chat/completions (parts of the type image_url): what they name is fetched
 * before anybody is asked.
 *
 * data: addresses stay as they are. Media kept here ("/api/media/ID", also with a host before it) become
 * data: addresses, as engines are shown them. http and https addresses are fetched, from public hosts only,
 * and become data: addresses where they are pictures. Where the message is to be said in a room (`keep`), the
 * pictures of the last message become media of that room instead.
 */
#ifndef EIDOLON_API_SEEN_H
#define EIDOLON_API_SEEN_H

#include "api/call.h"

enum { SEEN_PICTURES_MAX = 16 };

bool seen_any(const struct json *messages);
/* `then` runs with call->body as it reads now, and the ids of what was kept (a JSON array, or empty); or the
 * call was answered. It may run at once. */
void seen_resolve(struct call *call, bool keep, void (*then)(struct call *, struct str media)) LOOP;

#endif
