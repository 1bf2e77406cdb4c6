/*
 * The realtime driver: a provider's own model that hears and speaks (OpenAI's Realtime API in its GA shape,
 * and what speaks the same, our own /v1/realtime included), as an engine of this house; see provider.h.
 *
 * A turn is: the system texts as the session's instructions, the transcript as conversation items, and
 * response.create. What comes back is the text (the transcript of what the model says), its sound (24 kHz)
 * where the request wants it, and calls of tools. A newest message that came by voice goes in as sound.
 *
 * One session a conversation (request->key) is kept open between turns and is sent only what is new. It is
 * opened anew, with the whole transcript, when it is about to expire, when its connection broke, or when the
 * transcript is not what the session holds (something was edited, retried, forgotten). Nobody sees the
 * difference but the clock.
 *
 * Errors, timeouts and retries are those of the openai driver (openai_inner.h): until the first output what
 * is worth another try is tried again; a session found dead is replaced once without counting.
 *
 * It does not: let the provider decide when somebody has finished speaking (turn_detection is off: the
 * house's own ear does, voice/listen.h), stop at texts (sampling.stop), choose fallbacks (engine.h).
 */
#ifndef EIDOLON_ENGINE_REALTIME_H
#define EIDOLON_ENGINE_REALTIME_H

enum {
    REALTIME_RATE = 24000,             /* samples a second, both ways: the only rate of audio/pcm */
    REALTIME_LIFE_MS = 55 * 60 * 1000, /* of a session that names no end; providers end theirs after 60 min */
    REALTIME_SPARE_MS = 60 * 1000,     /* a session that ends sooner than this is not given a turn */
    REALTIME_IDLE_MS = 15 * 60 * 1000, /* a session without a turn for so long is closed */
    REALTIME_DRAIN_MS = 2000,          /* how long a cancelled answer may hold up the next turn */
    REALTIME_SESSIONS_MAX = 64,        /* kept open by one provider of one loop; then the oldest goes */
    REALTIME_SAID_MIN_MS = 100,        /* shorter sound is refused by providers: the text is sent */
    REALTIME_SAID_MAX_MS = 2 * 60 * 1000 /* longer sound too */
};

#endif
