/*
 * Opus packets for listeners, as a voice is made: bare packets of 20 ms (RFC 6716), one encoder for a whole
 * turn, so that its state goes on from sentence to sentence.
 *
 * Samples come a sentence at a time, piece by piece; each packet knows its position in its sentence, in
 * samples of packets_rate(). A sentence's last packet is filled up with silence. Voices of a rate that Opus
 * does not have are resampled to 24 kHz.
 *
 * CPU work: one worker at a time. It does not: put packets into Ogg (encode.h does).
 */
#ifndef EIDOLON_VOICE_PACKETS_H
#define EIDOLON_VOICE_PACKETS_H

#include "base/buf.h"

enum { PACKET_MS = 20, PACKET_BYTES_MAX = 1275 };

struct packets;

/* rate: of the samples to come. */
enum err packets_new(unsigned rate, struct packets **out, struct error *e);
unsigned packets_rate(const struct packets *p);
/* packet(arg, at, bytes) for each packet that became whole; bytes are valid during the call. */
typedef void packet_fn(void *arg, uint64_t at, struct str bytes);
void packets_feed(struct packets *p, const int16_t *samples, size_t count, packet_fn *packet, void *arg);
/* The sentence is over: what is left goes out, and positions begin at 0 again. */
void packets_end(struct packets *p, packet_fn *packet, void *arg);
void packets_free(struct packets *p);

#endif
