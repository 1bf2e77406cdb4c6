/* Events as frames, one encoder a wire format; each is made once per event and shared by all its readers. */
#include "api/api.h"

#include "net/ws.h"
#include "room/sub.h"

static struct shared *encode_json(const struct event_row *row, struct str json)
{
    (void)row;
    return shared_new(json);
}

/* The id is the number, so that a client resumes from it; passing events have none and leave it as it was. */
static struct shared *encode_sse(const struct event_row *row, struct str json)
{
    CLEANUP_BUF struct buf id = BUF_INIT;
    if (row->seq)
        buf_add_u64(&id, row->seq);
    return http_sse_frame(buf_str(&id), STR_NONE, json);
}

static void write_socket_event(struct buf *b, struct str json)
{
    buf_add(b, STR("{\"type\":\"event\",\"event\":"));
    buf_add(b, json);
    buf_add_char(b, '}');
}

static struct shared *encode_ws(const struct event_row *row, struct str json)
{
    (void)row;
    CLEANUP_BUF struct buf b = BUF_INIT;
    write_socket_event(&b, json);
    return ws_frame_new(buf_str(&b), true);
}

static struct shared *encode_ws_deflated(const struct event_row *row, struct str json)
{
    (void)row;
    CLEANUP_BUF struct buf b = BUF_INIT;
    write_socket_event(&b, json);
    struct shared *frame = ws_frame_deflated(buf_str(&b), true);
    return frame ? frame : ws_frame_new(buf_str(&b), true);
}

room_encode_fn *const api_encoders[FORMATS] = {
    [FORMAT_JSON] = encode_json,
    [FORMAT_SSE] = encode_sse,
    [FORMAT_WS] = encode_ws,
    [FORMAT_WS_DEFLATED] = encode_ws_deflated,
};

static void put(char **to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *(*to)++ = (char)(value >> (8 * i));
}

struct shared *api_encode_sound(struct id room, const struct sub_sound *sound)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    char head[SOUND_FRAME_HEAD], *to = head;
    put(&to, SOUND_FRAME_PERSONA, 1);
    put(&to, sound->codec, 1);
    put(&to, sound->index, 2);
    put(&to, sound->rate, 4);
    put(&to, sound->at, 8);
    memcpy(to, room.b, sizeof room.b);
    memcpy(to + sizeof room.b, sound->turn.b, sizeof sound->turn.b);
    buf_add(&b, str_of(head, sizeof head));
    buf_add(&b, sound->bytes);
    return ws_frame_new(buf_str(&b), false);
}
