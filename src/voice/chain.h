/*
 * The chain of mouths: a sentence is spoken by the provider that was asked for, else by those of voice.chain,
 * in order and each once, until one has made a sound.
 *
 * A provider that fails again and again is left alone for a while (base/breaker.h, shared by all loops).
 * Attempts at one provider are its driver's (remote_tts.h); here providers change. Who speaks in another's
 * place has a voice of its own: that of its settings, or one of flite's by the name of the voice that was
 * wanted, so that two personas stay two.
 *
 * Failure in the middle of a sentence: where the provider told when each word is said, the next provider goes
 * on with the words that were not wholly heard, on the same clock and at the same rate (its sound is
 * resampled, its times are moved). Where it did not, the sentence ends with the failure's error: what was
 * heard was heard, and saying half of it twice would be worse. Callers get one stream with the promises of
 * tts.h; where all fail before the first sound, the first one's failure is told, as it is the one that was
 * asked for.
 *
 * The settings may change while the server runs: what speaks goes on with the old ones. One chain a loop.
 * It does not: cut texts, queue sentences (speech.h).
 */
#ifndef EIDOLON_VOICE_CHAIN_H
#define EIDOLON_VOICE_CHAIN_H

#include "voice/tts.h"

enum { CHAIN_MAX = 12 };

struct chain;
struct speech_cache; /* voice/cache.h */
/* `config` is read at every start; what it points to lives as long as the process, or is NULL: flite alone.
 */
struct chain *chain_new(struct loop *loop, struct workers *workers,
                        const _Atomic(const struct config *) *config) LOOP;
/* What is spoken is kept there, and what is kept is not spoken again; before the first start. */
void chain_set_cache(struct chain *chain, struct speech_cache *cache) LOOP;
/* What still speaks falls silent, without a word. Not from inside an emit function. */
void chain_free(struct chain *chain) LOOP;

/* provider: a [speech.NAME], or flite; empty: voice.chain's first, and request->voice is one for flite. An
 * id, or 0 with *e filled: ERR_NOT_FOUND where there is no such provider or voice. */
uint64_t chain_start(struct chain *chain, struct str provider, const struct tts_request *request,
                     const struct tts_emit *emit, void *arg, struct error *e) LOOP;
void chain_cancel(struct chain *chain, uint64_t id) LOOP;
/* Who speaks or spoke it; valid inside emit functions. */
struct str chain_answered(struct chain *chain, uint64_t id) LOOP;
/* Whether who speaks it tells when its words are said, so that nobody guesses before he does. The same. */
bool chain_tells(struct chain *chain, uint64_t id) LOOP;

/* The driver of a provider that can speak, and its settings (NULL: built in); NULL: there is none. */
const struct tts_driver *chain_driver(const struct config *config, struct str provider,
                                      const struct speech_provider **settings);

/* How many bytes of `text` the first `count` words cover, found one after another; SIZE_MAX where one of them
 * is not in it. For tests. */
size_t chain_said(struct str text, const struct tts_word *words, size_t count);

#endif
