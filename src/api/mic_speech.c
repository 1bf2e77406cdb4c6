/*
 * How far a persona's speech is played at a client with a microphone, and what happens when somebody speaks
 * into it; see mic.h.
 *
 * The server makes sound faster than it is played. So when it will have been played is reckoned from its
 * length, and set right by each `played` of the client.
 */
#include "api/mic.h"

#include "base/clock.h"

static void on_time(struct timer *timer);

uint64_t mic_now_ms(void)
{
    return clock_mono_us() / 1000;
}

static LOOP void tell_speech(struct mic *mic, const char *type)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", str_c(type));
    jw_kv_string(&w, "room", str_c(id_text(mic->room).c));
    jw_kv_string(&w, "turn", str_c(id_text(mic->playing.turn).c));
    jw_end_object(&w);
    socket_send(mic->client, &b);
}

/* The next of: barge.h is due, what is played ends. */
static LOOP void set_timer(struct mic *mic)
{
    uint64_t now = mic_now_ms(), due = barge_due_ms(&mic->barge);
    if (mic->barge.state == BARGE_SPEAKING)
        due = mic->playing.until_ms + MIC_TAIL_MS;
    if (due)
        timer_arm(&mic->timer, due > now ? due - now : 1, on_time);
    else
        timer_cancel(&mic->timer);
}

/* Where the playing is, reckoned: for clients that do not say. */
static void reckon(const struct mic_playing *p, uint64_t now, uint32_t *index, uint32_t *ms)
{
    uint64_t at = p->paused_ms ? p->paused_ms : now, left = p->until_ms > at ? p->until_ms - at : 0;
    unsigned i = MIC_SENTENCES - 1;
    while (i && (!p->length_ms[i] || left >= p->length_ms[i])) {
        left -= left >= p->length_ms[i] ? p->length_ms[i] : 0;
        i--;
    }
    *index = i;
    *ms = left < p->length_ms[i] ? (uint32_t)(p->length_ms[i] - left) : 0;
}

static LOOP void interrupt(struct mic *mic)
{
    struct mic_playing *p = &mic->playing;
    struct room_op *op = socket_op(mic->client, ROOM_INTERRUPT, mic->room, NULL);
    op->turn = p->turn;
    op->heard_unknown = p->told;
    if (!p->told)
        reckon(p, mic_now_ms(), &op->index, &op->played_ms);
    p->stopped = p->turn;
    p->paused_ms = p->until_ms = 0;
    socket_submit(mic->client, op);
}

void mic_do(struct mic *mic, unsigned todo)
{
    struct mic_playing *p = &mic->playing;
    uint64_t now = mic_now_ms();
    if (todo & BARGE_PAUSE) {
        p->paused_ms = now;
        tell_speech(mic, "speech.pause");
    }
    if (todo & BARGE_RESUME) {
        p->until_ms += p->paused_ms ? now - p->paused_ms : 0;
        p->paused_ms = 0;
        tell_speech(mic, "speech.resume");
    }
    if (todo & BARGE_STOP) {
        tell_speech(mic, "speech.stop");
        interrupt(mic);
    }
    set_timer(mic);
}

static void on_time(struct timer *timer)
{
    on_loop();
    struct mic *mic = CONTAINER(timer, struct mic, timer);
    uint64_t now = mic_now_ms();
    if (mic->barge.state == BARGE_SPEAKING && now >= mic->playing.until_ms + MIC_TAIL_MS)
        barge_persona_ends(&mic->barge, now);
    /* Of an energy gate's "speech" nothing is known at all: without words nobody gives way to it. */
    mic->barge.no_partials = !mic->browser && !listener_streams(mic->listener) &&
                             str_eq(str_c(listener_detector(mic->listener)), STR("silero"));
    mic_do(mic, barge_tick(&mic->barge, now));
}

static struct mic *of_room(const struct client *client, struct id room)
{
    struct mic *mic = client->mic;
    while (mic && !id_eq(mic->room, room))
        mic = mic->next;
    return mic;
}

static uint32_t length_of(const struct sub_sound *sound)
{
    enum { PACKET_MS = 20 };
    if (sound->codec != SOUND_PCM_FRAMES)
        return PACKET_MS;
    return sound->rate ? (uint32_t)(sound->bytes.n / sizeof(int16_t) * 1000 / sound->rate) : 0;
}

void mic_sound(struct client *client, struct id room, const struct sub_sound *sound)
{
    struct mic *mic = of_room(client, room);
    uint64_t now = mic_now_ms();
    if (!mic || id_eq(mic->playing.stopped, sound->turn))
        return;
    struct mic_playing *p = &mic->playing;
    if (!id_eq(p->turn, sound->turn)) {
        struct id stopped = p->stopped;
        memset(p, 0, sizeof *p);
        p->stopped = stopped;
        p->turn = sound->turn;
        if (mic->barge.state == BARGE_STOPPED)
            barge_persona_ends(&mic->barge, now);
    }
    uint64_t at = p->paused_ms ? p->paused_ms : now;
    uint32_t length = length_of(sound);
    p->until_ms = (p->until_ms > at ? p->until_ms : at) + length;
    p->length_ms[sound->index < MIC_SENTENCES ? sound->index : MIC_SENTENCES - 1] += length;
    if (mic->barge.state == BARGE_QUIET)
        mic_do(mic, barge_persona_starts(&mic->barge, now));
    else if (!timer_armed(&mic->timer))
        set_timer(mic);
}

void mic_played(struct client *client, struct id room, struct id turn, uint32_t index, uint32_t ms)
{
    struct mic *mic = of_room(client, room);
    if (!mic || !id_eq(mic->playing.turn, turn) || index >= MIC_SENTENCES)
        return;
    struct mic_playing *p = &mic->playing;
    uint64_t left = p->length_ms[index] > ms ? p->length_ms[index] - ms : 0;
    for (unsigned i = index + 1; i < MIC_SENTENCES; i++)
        left += p->length_ms[i];
    p->told = true;
    p->until_ms = (p->paused_ms ? p->paused_ms : mic_now_ms()) + left;
    set_timer(mic);
}

void mic_interrupted(struct client *client, struct id room, struct id turn)
{
    struct mic *mic = of_room(client, room);
    if (!mic || !id_eq(mic->playing.turn, turn))
        return;
    mic->playing.stopped = turn;
    mic->playing.until_ms = mic->playing.paused_ms = 0;
    barge_persona_ends(&mic->barge, mic_now_ms());
    set_timer(mic);
}
