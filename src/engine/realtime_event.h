/*
 * One server event of the Realtime API, read: JSON in, a flat struct out. Pure; any thread.
 *
 * The GA names are known, and those of the beta that some compatible servers still send. Whatever is not
 * known is RT_OTHER, to be ignored, as the API says clients must.
 */
#ifndef EIDOLON_ENGINE_REALTIME_EVENT_H
#define EIDOLON_ENGINE_REALTIME_EVENT_H

#include "base/json.h"
#include "engine/provider.h"

enum rt_kind {
    RT_OTHER,
    RT_SESSION_CREATED, /* expires_at_s */
    RT_ERROR,           /* error, event_id: of ours, if it was one */
    RT_COMMITTED,       /* item_id: what was said became this item */
    RT_HEARD,           /* text: what the provider's ear understood of it */
    RT_RESPONSE_CREATED,
    RT_ITEM_ADDED, /* item_id, item_type of the answer */
    RT_TEXT,       /* text: a piece of the answer, written or transcribed */
    RT_SOUND,      /* sound: base64 of a piece */
    RT_CALL,       /* item_id, call_id, name, text: the arguments */
    RT_DONE,       /* response.done: status, reason, error, usage, text: the whole answer */
};

struct rt_event {
    enum rt_kind kind;
    struct str event_id, item_id, item_type, call_id, name, text, sound, status, reason;
    struct str error; /* the error object's JSON */
    struct str error_type, error_code;
    int64_t expires_at_s; /* 0: not said */
    struct gen_usage usage;
};

/* False: no JSON object with a type. Views lie in `a` and in `text`. */
bool rt_event_read(struct arena *a, struct str text, struct rt_event *out);

#endif
