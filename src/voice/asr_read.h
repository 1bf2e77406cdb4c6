/*
 * Reading what OpenAI-format recognisers answer, and what is done against invented text.
 *
 * Four shapes become the transcript of asr.h: OpenAI's {"text"}, verbose_json with segments and words apart,
 * whisper.cpp's verbose_json with the words inside segments, and {"text","logprobs"} of the gpt-4o models.
 *
 * The guard: Whisper was trained on subtitles, so near-silence comes back as "Thanks for watching!" and the
 * like. A segment is dropped when its no_speech_prob is over ASR_NO_SPEECH and its avg_logprob under
 * ASR_LOGPROB (the rule of Whisper's own transcribe()), when its compression ratio is over ASR_COMPRESSION
 * (it repeats itself), or when it is a known phantom and there is too little speech in the sound for it.
 *
 * Pure; any thread.
 */
#ifndef EIDOLON_VOICE_ASR_READ_H
#define EIDOLON_VOICE_ASR_READ_H

#include "base/arena.h"
#include "base/buf.h"

#define ASR_NO_SPEECH .6
#define ASR_LOGPROB (-1.0)
#define ASR_COMPRESSION 2.4
enum {
    ASR_CREDIT_SPEECH_MS = 2000, /* less speech than this is never a credit of subtitles read aloud */
    ASR_LETTER_MS = 45,          /* nobody says a letter of a phrase in less, all letters together */
};

/* The answer's body to our transcript, appended to `to`. `language` is what was asked for, or empty;
 * speech_ms how much of the sound the gate took for speech. ERR_UPSTREAM with what is wrong. */
enum err asr_read_answer(struct arena *a, struct str body, struct str language, uint32_t duration_ms,
                         uint32_t speech_ms, struct buf *to, struct error *e);

/* A transcript of a text alone: one segment from end to end, without times of words. confidence NaN: unknown.
 */
void asr_write_plain(struct buf *to, struct str text, struct str language, uint32_t duration_ms,
                     double confidence);

/* Whether a text is one of the phrases that recognisers make up from silence, and too long for the speech. */
bool asr_is_phantom(struct str text, uint32_t speech_ms);

/* "english", "en", "en-US" -> "en"; what is not known stays, in lower case and cut at its region. In `a`. */
struct str asr_language_code(struct arena *a, struct str name);
/* "en" -> "english"; the code itself where it has no name here. */
struct str asr_language_name(struct str code);

#endif
