/*
 * Words and their times from what providers tell: characters with the seconds at which each is said
 * (ElevenLabs' `alignment`), or pieces of text with theirs (Fish Audio's `segments`).
 *
 * Characters come in pieces that may cut a word; the aligner carries its first half over. Times that begin
 * again at 0 in a later piece are taken as counted from that piece's sound. What cannot be (arrays of unequal
 * length, times that are no numbers, run backwards, or lie after an hour) ends the alignment: the sound goes
 * on, without further words. Times are milliseconds of the utterance.
 *
 * It does not: estimate what it was not told. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_ALIGN_H
#define EIDOLON_VOICE_ALIGN_H

#include "base/json.h"
#include "voice/tts.h"

enum {
    ALIGN_BACK_MS = 250, /* how far a time may step back */
    ALIGN_ANEW_MS = 60,  /* how far a piece's first may, before the piece is taken as counted from itself */
};

struct aligner {
    struct buf word;
    uint32_t from_ms, to_ms; /* of the word under way */
    uint32_t last_ms;        /* the latest end so far */
    uint32_t base_ms;        /* what a piece's own times are counted from */
    bool broken;
    uint64_t chunk; /* Fish: the chunk whose segments were last told, +1 */
    size_t told;    /* how many of them */
};

void aligner_release(struct aligner *a);

/*
 * A piece of characters: {"characters":[..],"character_start_times_seconds":[..],
 * "character_end_times_seconds":[..]}. heard_ms: how much sound came before this piece's. Complete words go
 * to *words, which lies in `arena`. False where the alignment is broken, now or earlier.
 */
bool align_characters(struct aligner *a, const struct json *alignment, uint32_t heard_ms, struct arena *arena,
                      struct tts_word **words, size_t *count);
/* The last word, which nothing ended. */
void align_end(struct aligner *a, struct arena *arena, struct tts_word **words, size_t *count);

/*
 * A snapshot of segments, {"segments":[{"text","start","end"}]}, of the chunk `chunk` whose sound begins at
 * offset_s; a later snapshot of the same chunk repeats the earlier one's and adds to it: only what is new is
 * given.
 */
bool align_segments(struct aligner *a, const struct json *alignment, uint64_t chunk, double offset_s,
                    struct arena *arena, struct tts_word **words, size_t *count);

#endif
