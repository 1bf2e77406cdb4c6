/* The gate while the sound comes; see vad_energy.h. */
#include "voice/vad_energy.h"

#include <math.h>

static const double OVER_NOISE = 3, FLOOR = 90, SPEECH = .9;

static double loudness(const int16_t *s, size_t n)
{
    int64_t sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += s[i];
        squares += (int64_t)s[i] * s[i];
    }
    double mean = (double)sum / (double)n, power = (double)squares / (double)n - mean * mean;
    return sqrt(power > 0 ? power : 0);
}

static double noise_of(const struct vad_energy *gate)
{
    double least = 0;
    for (unsigned i = 0; i < VAD_ENERGY_BLOCKS; i++) {
        if (gate->least[i] > 0 && (least == 0 || gate->least[i] < least))
            least = gate->least[i];
    }
    return least;
}

static void learn(struct vad_energy *gate, double loud)
{
    /* Not 0, which means that nothing is known; and digital silence is no noise to compare with. */
    float value = loud > 1 ? (float)loud : 1;
    float *block = &gate->least[gate->at];
    if (*block == 0 || value < *block)
        *block = value;
    if (++gate->frames == VAD_ENERGY_BLOCK_FRAMES) {
        gate->frames = 0;
        gate->at = (gate->at + 1) % VAD_ENERGY_BLOCKS;
        gate->least[gate->at] = 0;
    }
}

double vad_energy_window(struct vad_energy *gate, const int16_t *samples, size_t count)
{
    size_t frames = count / VAD_FRAME, over = 0;
    for (size_t i = 0; i < frames; i++) {
        double loud = loudness(samples + i * VAD_FRAME, VAD_FRAME);
        learn(gate, loud);
        double level = noise_of(gate) * OVER_NOISE;
        over += loud > (level > FLOOR ? level : FLOOR);
    }
    return over * 3 >= frames * 2 && frames ? SPEECH : 0;
}
