/* How feelings sound; see emotion.h. */
#include "voice/emotion.h"

#include <math.h>

bool emotion_tender(struct str label)
{
    static const char *const tender[] = {"love", "desire", "caring", "gratitude", "relief"};
    for (size_t i = 0; i < sizeof tender / sizeof *tender; i++) {
        if (str_eq(label, str_c(tender[i])))
            return true;
    }
    return false;
}

static double side(double x)
{
    return isnan(x) ? 0 : x < -1 ? -1 : x > 1 ? 1 : x;
}

static double factor(double change)
{
    double percent = round(100 * (1 + change) / EMOTION_STEP) * EMOTION_STEP;
    return fmin(fmax(percent, EMOTION_LEAST), EMOTION_MOST) / 100;
}

struct tts_prosody emotion_prosody(const struct emotion *emotion)
{
    double v = side(emotion->valence), a = side(emotion->arousal), d = side(emotion->dominance);
    double rate = .09 * a + .02 * v, pitch = .06 * a + .04 * v, volume = .10 * a + .04 * d;
    if (emotion_tender(emotion->label)) {
        /* Half of what excitement does is left: a declaration of love is no announcement. */
        double weight = emotion->close ? 1 : .5;
        rate += weight * (-.08 - .045 * a);
        pitch += weight * (-.04 - .03 * a);
        volume += weight * (-.10 - .05 * a);
    }
    return (struct tts_prosody){factor(rate), factor(pitch), factor(volume)};
}
