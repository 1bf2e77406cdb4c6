/*
 * The child that finds speech; see vad_live.h and vad_wire.h. It loads ONNX Runtime and silero, confines
 * itself, then takes windows: those of different microphones go through the model side by side.
 *
 * silero v5 wants 576 samples (the window, and the last 64 before it) and a state of two layers of 128, which
 * it gives back changed. The shapes were read off the model; silero's own examples use it so.
 */
#include "voice/vad_wire.h"

#include "base/arena.h"
#include "loop/child.h"
#include "voice/onnx.h"
#include "voice/speech_lib.h"
#include "voice/vad.h"

#include <opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONTEXT = 64,
    INPUT = CONTEXT + VAD_WINDOW,
    LAYERS = 2,
    WIDTH = 128,
    SIDE_BY_SIDE = 16,                      /* windows of one run; more gain nothing */
    PACKET_SAMPLES = VAD_RATE / 1000 * 120, /* the longest packet: 120 ms */
};
static const uint64_t MEMORY_MAX = (uint64_t)1 << 30;

struct mic {
    uint32_t id;
    uint32_t round; /* the run in which it had its last window */
    OpusDecoder *opus;
    float context[CONTEXT], state[LAYERS][WIDTH];
};

struct detector {
    struct onnx *onnx;
    struct mic mics[VAD_MICS_MAX];
    uint32_t round;
    struct mic *row[SIDE_BY_SIDE]; /* of the run that is being put together */
    size_t answer[SIDE_BY_SIDE];
    size_t rows;
    float input[SIDE_BY_SIDE][INPUT];
};

static struct mic *mic_of(struct detector *d, uint32_t id)
{
    struct mic *m = &d->mics[id & VAD_SLOT_MASK];
    if (m->id != id) {
        if (m->opus)
            opus_decoder_destroy(m->opus);
        memset(m, 0, sizeof *m);
        m->id = id;
    }
    return m;
}

/* One run over the rows there are; their states move on. */
static bool run(struct detector *d, struct vad_wire_answer *answers)
{
    static float state[LAYERS][SIDE_BY_SIDE][WIDTH], next[LAYERS][SIDE_BY_SIDE][WIDTH], out[SIDE_BY_SIDE];
    int64_t rate = VAD_RATE, n = (int64_t)d->rows;
    float *packed = &state[0][0][0], *after = &next[0][0][0];
    struct error e = {0};
    for (size_t layer = 0; layer < LAYERS; layer++)
        for (size_t i = 0; i < d->rows; i++)
            memcpy(packed + (layer * d->rows + i) * WIDTH, d->row[i]->state[layer],
                   sizeof d->row[i]->state[0]);
    const struct onnx_tensor in[] = {
        {"input", ONNX_FLOAT, d->input, d->rows * sizeof d->input[0], {n, INPUT}, 2},
        {"state", ONNX_FLOAT, packed, LAYERS * d->rows * WIDTH * sizeof(float), {LAYERS, n, WIDTH}, 3},
        {"sr", ONNX_INT64, &rate, sizeof rate, {0}, 0},
    };
    const struct onnx_result results[] = {{"output", out, d->rows},
                                          {"stateN", after, LAYERS * d->rows * WIDTH}};
    if (onnx_run(d->onnx, in, 3, results, 2, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        return false;
    }
    for (size_t i = 0; i < d->rows; i++) {
        for (size_t layer = 0; layer < LAYERS; layer++)
            memcpy(d->row[i]->state[layer], after + (layer * d->rows + i) * WIDTH,
                   sizeof d->row[i]->state[0]);
        memcpy(d->row[i]->context, d->input[i] + VAD_WINDOW, sizeof d->row[i]->context);
        answers[d->answer[i]].probability = out[i];
    }
    d->rows = 0;
    d->round++;
    return true;
}

static bool find_speech(struct detector *d, const struct vad_wire_window *windows, size_t count,
                        struct buf *to)
{
    size_t bytes = count * sizeof(struct vad_wire_answer);
    buf_add_char(to, 'P');
    char *room = buf_reserve(to, bytes);
    struct vad_wire_answer *answers = heap_alloc(bytes ? bytes : 1);
    bool good = room != NULL;
    d->round++;
    for (size_t i = 0; good && i < count; i++) {
        struct mic *m = mic_of(d, windows[i].id);
        answers[i] = (struct vad_wire_answer){windows[i].id, windows[i].seq, 0};
        /* A microphone's second window needs the state that its first leaves. */
        if (d->rows == SIDE_BY_SIDE || m->round == d->round)
            good = run(d, answers);
        float *input = d->input[d->rows];
        memcpy(input, m->context, sizeof m->context);
        for (size_t s = 0; s < VAD_WINDOW; s++)
            input[CONTEXT + s] = (float)windows[i].samples[s] / 32768;
        m->round = d->round;
        d->row[d->rows] = m;
        d->answer[d->rows++] = i;
    }
    if (good && d->rows)
        good = run(d, answers);
    if (good)
        memcpy(room, answers, bytes);
    to->n += good ? bytes : 0;
    free(answers);
    return good;
}

static void decode(struct detector *d, uint32_t id, struct str packet, struct buf *to)
{
    static int16_t samples[PACKET_SAMPLES];
    struct mic *m = mic_of(d, id);
    int err = 0, n = -1;
    if (!m->opus)
        m->opus = opus_decoder_create(VAD_RATE, 1, &err);
    if (m->opus)
        n = opus_decode(m->opus, (const unsigned char *)packet.p, (opus_int32)packet.n, samples,
                        PACKET_SAMPLES, 0);
    buf_add_char(to, n < 0 ? 'B' : 'S');
    buf_add(to, str_of((const char *)&id, sizeof id));
    if (n > 0)
        buf_add(to, str_of((const char *)samples, (size_t)n * sizeof *samples));
}

static bool answer(struct detector *d, struct str frame)
{
    CLEANUP_BUF struct buf to = BUF_MAX(CHILD_FRAME_MAX);
    char letter = frame.n ? frame.p[0] : '\0';
    struct str rest = str_from(frame, 1);
    uint32_t id = 0;
    if (letter == 'W') {
        size_t count = rest.n / sizeof(struct vad_wire_window);
        struct vad_wire_window *windows = heap_alloc(rest.n ? rest.n : 1); /* aligned */
        memcpy(windows, rest.p, rest.n);
        bool good = d->onnx && count <= VAD_FRAME_WINDOWS && find_speech(d, windows, count, &to);
        free(windows);
        return good && child_write(buf_str(&to));
    }
    if (rest.n < sizeof id)
        return false;
    memcpy(&id, rest.p, sizeof id);
    if (letter == 'X') {
        mic_of(d, id);
        mic_of(d, id ^ VAD_MICS_MAX); /* another one: what it held goes */
        return true;
    }
    decode(d, id, str_from(rest, sizeof id), &to);
    return letter == 'O' && child_write(buf_str(&to));
}

static bool hello(const struct detector *d, const struct error *e)
{
    CLEANUP_BUF struct buf to = BUF_INIT;
    buf_add_char(&to, 'H');
    buf_add_char(&to, d->onnx ? 1 : 0);
    buf_add(&to, str_c(e->message));
    return child_write(buf_str(&to));
}

void vad_child_main(void)
{
    char library[SPEECH_LIB_PATH], model[SPEECH_LIB_PATH];
    struct detector *d = heap_alloc(sizeof *d);
    struct buf frame = BUF_INIT;
    struct error e = {0};
    if (speech_lib(SPEECH_LIB_ONNX, library) && speech_lib(SPEECH_LIB_SILERO, model))
        d->onnx = onnx_open(library, model, &e);
    else
        error_set(&e, ERR_UNAVAILABLE, "The voice detector is not installed; make speech fetches it.");
    struct error refused = {0};
    if (child_confine(CHILD_NO_FILES, MEMORY_MAX, &refused) != ERR_OK) {
        fprintf(stderr, "%s\n", refused.message);
        _exit(EXIT_FAILURE);
    }
    if (hello(d, &e)) {
        while (child_read(&frame) && answer(d, buf_str(&frame)))
            ;
    }
    _exit(EXIT_SUCCESS);
}
