/*
 * A transcript (voice/asr.h) in the formats that OpenAI's transcriptions have: json, text, verbose_json with
 * the times of words, and subtitles as srt and vtt. What our recognisers do not know (tokens, temperature) is
 * left out.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_API_TRANSCRIPT_H
#define EIDOLON_API_TRANSCRIPT_H

#include "base/json.h"

enum transcript_format {
    TRANSCRIPT_JSON,
    TRANSCRIPT_TEXT,
    TRANSCRIPT_VERBOSE,
    TRANSCRIPT_SRT,
    TRANSCRIPT_VTT,
};
bool transcript_format_parse(struct str name, enum transcript_format *out); /* "verbose_json" */

/* Appends it; the media type of what was written. `words`: verbose_json has their times. */
const char *transcript_write(struct buf *to, const struct json *heard, enum transcript_format format,
                             bool words);

#endif
