/*
 * The reader in a child process: what goes over the wire (loop/child.h's frames), both ways.
 *
 * Server to child: WIRE_OPEN with the options begins a file (a reader under way is dropped), WIRE_BYTES
 * feeds, WIRE_END finishes, WIRE_NEXT lets the child go on. Child to server: WIRE_FOUND with records (then
 * the child waits for WIRE_NEXT), and WIRE_DONE after each WIRE_BYTES and WIRE_END, with the error, if any,
 * and the format. So at most one frame of records is under way, whatever a zip unfolds to.
 *
 * Numbers are 8 bytes, little-endian; strings a number and their bytes. Reading checks every length, for what
 * comes from the child is foreign.
 */
#ifndef EIDOLON_CHAT_WIRE_H
#define EIDOLON_CHAT_WIRE_H

#include "base/buf.h"
#include "chat/chat.h"

enum wire_frame { WIRE_OPEN = 1, WIRE_BYTES, WIRE_END, WIRE_NEXT, WIRE_FOUND, WIRE_DONE };
enum { WIRE_FOUND_BYTES = 128 * 1024 }; /* a frame of records is sent when it is that long */

/* First byte of a frame; 0: nonsense. */
enum wire_frame wire_frame_of(struct str frame);
void wire_write_open(struct buf *to, const struct chat_options *options);
void wire_write_bytes(struct buf *to, struct str bytes);
void wire_write_plain(struct buf *to, enum wire_frame frame);

/* Records of a WIRE_FOUND frame, as they are told by a reader. */
extern const struct chat_sink wire_sink; /* its arg is a struct wire_out */
struct wire_out {
    struct buf frame;
    void (*flush)(struct wire_out *out); /* the frame is long enough; NULL: it only grows */
};

/* Tells `sink` what a WIRE_FOUND frame holds. ERR_PROTOCOL on nonsense. */
enum err wire_read_found(struct str frame, const struct chat_sink *sink, void *arg, struct error *e);

/* The answer to bytes: what the reader said. ERR_PROTOCOL on nonsense, else ERR_OK with *result and *said. */
void wire_write_done(struct buf *to, enum err result, const struct error *said, enum chat_format format);
enum err wire_read_done(struct str frame, enum err *result, struct error *said, enum chat_format *format,
                        struct error *e);

/* The child's life: reads frames until the server is gone. For `eidolon child chats`, after child_confine().
 */
int wire_serve(bool (*read)(struct buf *to), bool (*write)(struct str frame));

#endif
