/*
 * Visemes: what the mouth does while a voice speaks, on the clock of its sound.
 *
 * A timeline is a list of keys in the order of their times; between two keys of one viseme its weight goes
 * straight from one to the other. A sound from t to t+d rises from t - 2d/3, has its peak at t + d/2 and
 * falls until t + 1.5d, so that neighbours overlap as mouths do. At every moment all weights together make 1:
 * what no sound needs is `sil`, the mouth at rest; where lips close, the others give way.
 *
 * Phones are named as CMU's flite and the CMU dictionary name them (ARPAbet, lower case, without stress).
 *
 * It does not: know text or sound; estimate. Pure; any thread.
 */
#ifndef EIDOLON_VOICE_VISEME_H
#define EIDOLON_VOICE_VISEME_H

#include "base/arena.h"
#include "base/json.h"

enum viseme {
#define VISEME(symbol, name, peak, closed) symbol,
#include "voice/viseme.def"
#undef VISEME
    VISEME_COUNT
};
extern const char *const viseme_names[VISEME_COUNT];

struct viseme_key {
    uint32_t at_ms;
    enum viseme viseme;
    double weight; /* 0..1 */
};

/* One sound of speech. */
struct phone {
    struct str name;
    double from_s, to_s;
};

/*
 * The timeline of `count` phones, in order and without gaps, of a sound of `length_ms`. The keys lie in `a`,
 * none after `length_ms`. Silences ("pau") and unknown phones leave the mouth at rest.
 */
struct viseme_key *viseme_timeline(struct arena *a, const struct phone *phones, size_t count,
                                   uint32_t length_ms, size_t *key_count);

/* The main viseme of a phone; a diphthong's second half goes to *then (else *then is the same). */
enum viseme viseme_of_phone(struct str phone, enum viseme *then);

/* {"at_ms":..,"viseme":"aa","weight":..} */
void viseme_write_json(struct jw *w, const struct viseme_key *key);

#endif
