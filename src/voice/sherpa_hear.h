/*
 * Hearing with a model of sherpa-onnx, in the child: sound in, the transcript of asr.h out.
 *
 * Sound is cut where nobody speaks into pieces of at most SHERPA_PIECE_MS, as Whisper takes no more than 30 s
 * and the others do better with less; each piece with words is a segment. Words have times where the model
 * tells its tokens' times, and a confidence where it tells their probabilities.
 */
#ifndef EIDOLON_VOICE_SHERPA_HEAR_H
#define EIDOLON_VOICE_SHERPA_HEAR_H

#include "base/buf.h"
#include "voice/sherpa_lib.h"

enum { SHERPA_PIECE_MS = 28000 };

/* 16 kHz, mono. `language` goes into the transcript where the model tells none; may be empty. ERR_UNAVAILABLE
 * where the library's answer cannot be read. */
enum err sherpa_hear(const struct sherpa_lib *lib, const void *ear, const int16_t *samples, size_t count,
                     struct str language, struct buf *json, struct error *e);

/* One result of the library (its JSON) as a segment of ours, appended to `w`; false where it has no words.
 * For tests. */
struct sherpa_heard {
    struct buf text;     /* all segments' */
    struct str language; /* in the arena; the first that was told */
    double sure;         /* sum over words */
    size_t sure_count;
    unsigned segments;
};
struct jw;
enum err sherpa_hear_result(struct arena *a, struct str result, double from_s, double to_s,
                            struct sherpa_heard *heard, struct jw *w, struct error *e);

#endif
