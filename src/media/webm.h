/*
 * WebM with one track of Opus: what browsers' recorders make (RFC 8794 EBML, RFC 9559 Matroska, RFC 7845 for
 * Opus' own head).
 *
 * A reader walks over the bytes, which lie in memory (or are mapped), and gives the packets of the first Opus
 * track with their times. Elements of unknown length are understood (recorders write them, as they cannot go
 * back), unknown elements are stepped over. Nothing is copied and nothing allocated; every length is checked
 * against what is there.
 *
 * It does not: read video, Vorbis or AAC, laced blocks other than whole ones (recorders write none), seek by
 * cues.
 */
#ifndef EIDOLON_MEDIA_WEBM_H
#define EIDOLON_MEDIA_WEBM_H

#include "base/error.h"

struct webm {
    struct str bytes;
    size_t at;
    uint64_t scale_ns; /* of a tick */
    uint64_t track, cluster_ticks;
    unsigned channels, rate; /* rate: what was recorded; Opus itself always gives 48000 */
    unsigned pre_skip;       /* samples at 48000 to leave out at the beginning */
    bool video;              /* there is a picture, too */
};

/* Reads to the first block. ERR_REFUSED (broken), ERR_UNSUPPORTED_TYPE (no Opus in it). */
enum err webm_open(struct webm *w, struct str bytes, struct error *e);
/* 1: a packet and its time; 0: the end; -1: the file breaks off or is damaged. */
int webm_next(struct webm *w, struct str *packet, uint64_t *at_ms);

#endif
