/*
 * The microphone on the socket: sound comes in, what is understood becomes a message of the room; see mic.h,
 * and docs/VOICE.md, "Listening", for the messages.
 */
#include "api/mic.h"

#include "base/clock.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MICS_MAX_OF_CLIENT = 8, TEXT_MAX = 8192 };

static atomic_uint open_mics; /* of the process; ear.microphones is its limit */

/* ---- what the owner is told ---- */
static LOOP void tell_state(struct mic *mic, const char *state, uint32_t at_ms)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    mic->state = state;
    jw_object(&w);
    jw_kv_string(&w, "type", STR("mic"));
    jw_kv_string(&w, "room", str_c(id_text(mic->room).c));
    jw_kv_string(&w, "state", str_c(state));
    jw_kv_string(&w, "vad", str_c(listener_detector(mic->listener)));
    jw_kv_u64(&w, "at_ms", at_ms);
    jw_end_object(&w);
    socket_send(mic->client, &b);
}

static LOOP void tell_rest(struct mic *mic, uint32_t at_ms)
{
    tell_state(mic, mic->wake.n ? "waiting_for_wake" : "listening", at_ms);
}

static LOOP void tell_partial(struct mic *mic, struct str text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("mic.partial"));
    jw_kv_string(&w, "room", str_c(id_text(mic->room).c));
    jw_kv_string(&w, "text", text);
    jw_end_object(&w);
    socket_send(mic->client, &b);
}

static LOOP void tell_final(struct client *client, struct id room, struct str text, uint64_t seq,
                            double confidence, const char *reason)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("mic.final"));
    jw_kv_string(&w, "room", str_c(id_text(room).c));
    jw_kv_string(&w, "text", text);
    if (seq)
        jw_kv_u64(&w, "seq", seq);
    else
        jw_kv_null(&w, "seq");
    if (isnan(confidence))
        jw_kv_null(&w, "confidence");
    else
        jw_kv_double(&w, "confidence", confidence);
    jw_kv_string(&w, "reason", str_c(reason));
    jw_end_object(&w);
    socket_send(client, &b);
}

/* ---- an utterance becomes a message ---- */
static void said(struct room_op *op)
{
    on_loop();
    const struct socket_asked *asked = op->arg;
    struct ws *ws = ws_find(asked->ref);
    if (ws) {
        struct client *client = ws_arg(ws);
        client->pending--;
        if (op->err != ERR_OK)
            socket_error(client, &op->error, STR_NONE, op->room);
        else
            tell_final(client, op->room, op->text, op->event.seq, op->spoken->confidence, "said");
    }
    room_op_free(op);
}

/* The words of all segments, as one array. */
static struct str words_of(struct arena *a, struct str transcript)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct json *json = NULL;
    if (str_empty(transcript) || json_parse(a, transcript, &json, NULL) != ERR_OK)
        return STR_NONE;
    const struct json *segments = json_get(json, "segments");
    jw_array(&w);
    for (const struct json *s = segments ? segments->child : NULL; s; s = s->next) {
        const struct json *words = json_get(s, "words");
        for (const struct json *one = words ? words->child : NULL; one; one = one->next)
            jw_raw(&w, one->raw);
    }
    jw_end_array(&w);
    return arena_str(a, buf_str(&b));
}

static LOOP void say(struct mic *mic, const struct heard *heard)
{
    struct room_op *op = socket_op(mic->client, ROOM_SAY, mic->room, NULL);
    struct room_spoken *spoken = arena_new(&op->arena, struct room_spoken);
    spoken->last_sound_us = heard->last_sound_us;
    spoken->end_of_turn_us = heard->end_of_turn_us;
    spoken->transcript_us = heard->transcript_us;
    spoken->confidence = isnan(heard->confidence) ? 1 : heard->confidence;
    spoken->duration_ms = heard->to_ms > heard->from_ms ? heard->to_ms - heard->from_ms : 0;
    spoken->language = arena_str(&op->arena, heard->language);
    spoken->words = words_of(&op->arena, heard->json);
    if (heard->sample_count) {
        struct str sound = {(const char *)heard->samples, heard->sample_count * sizeof *heard->samples};
        spoken->samples = (const int16_t *)(const void *)arena_str(&op->arena, sound).p;
        spoken->sample_count = heard->sample_count;
        spoken->sample_rate = LISTEN_RATE;
    }
    op->text = arena_str(&op->arena, heard->text);
    op->spoken = spoken;
    op->done = said;
    socket_submit(mic->client, op);
}

/* What barge.h says of it is done; then it is a message, or a reason why it is none. */
static LOOP void settle(struct mic *mic, const struct heard *heard)
{
    uint32_t length = heard->to_ms > heard->from_ms ? heard->to_ms - heard->from_ms : 0;
    unsigned todo = barge_utterance(&mic->barge, heard->text, heard->sure, length, mic_now_ms());
    mic_do(mic, todo);
    if (todo & BARGE_SAY) {
        say(mic, heard);
        return;
    }
    tell_final(mic->client, mic->room, heard->text, 0, heard->confidence,
               !heard->woken                                            ? "not_woken"
               : str_empty(heard->text)                                 ? "empty"
               : barge_is_backchannel(heard->text, mic->barge.language) ? "backchannel"
                                                                        : "unsure");
}

/* ---- what the listener says ---- */
static void on_started(void *arg, uint32_t at_ms)
{
    on_loop();
    struct mic *mic = arg;
    mic_do(mic,
           barge_speech_started(&mic->barge, mic_now_ms())); /* first: falling silent is what is in a hurry */
    tell_state(mic, "hearing", at_ms);
}

static void on_stopped(void *arg, uint32_t at_ms)
{
    on_loop();
    struct mic *mic = arg;
    (void)at_ms;
    mic_do(mic, barge_speech_stopped(&mic->barge, mic_now_ms()));
}

static void on_partial(void *arg, struct str text)
{
    on_loop();
    struct mic *mic = arg;
    tell_partial(mic, text);
    mic_do(mic, barge_partial(&mic->barge, text, mic_now_ms()));
}

static void on_ended(void *arg)
{
    on_loop();
    struct mic *mic = arg;
    if (!mic->browser)
        tell_state(mic, "transcribing", listener_fed_ms(mic->listener));
}

static void on_utterance(void *arg, const struct heard *heard)
{
    on_loop();
    struct mic *mic = arg;
    if (mic->browser && mic->text_since_ms)
        return; /* its words come by mic.text */
    settle(mic, heard);
    if (!mic->barge.hearing)
        tell_rest(mic, heard->to_ms);
}

static void on_detector(void *arg, const char *name)
{
    on_loop();
    struct mic *mic = arg;
    (void)name;
    tell_state(mic, mic->state, listener_fed_ms(mic->listener));
}

static void on_failed(void *arg, const struct error *e)
{
    on_loop();
    struct mic *mic = arg;
    socket_error(mic->client, e, STR_NONE, mic->room);
}

static const struct listen_events events = {
    .speech_started = on_started,
    .speech_stopped = on_stopped,
    .partial = on_partial,
    .ended = on_ended,
    .utterance = on_utterance,
    .detector = on_detector,
    .failed = on_failed,
};

/* ---- opening and closing ---- */
static struct mic *find(const struct client *client, struct id room)
{
    struct mic *mic = client->mic;
    while (mic && !id_eq(mic->room, room))
        mic = mic->next;
    return mic;
}

static LOOP void mic_close(struct mic *mic)
{
    struct mic **at = &mic->client->mic;
    while (*at != mic)
        at = &(*at)->next;
    *at = mic->next;
    timer_close(&mic->timer);
    listener_close(mic->listener);
    atomic_fetch_sub(&open_mics, 1);
    free((char *)mic->wake.p);
    free((char *)mic->barge.language.p);
    loop_defer(loop_self(), free, mic); /* we may be inside one of its own events */
}

static struct str wake_phrase(const struct client *client, const struct json *message)
{
    const struct json *wake = json_get(message, "wake");
    struct call call = {.api = client->api};
    if (wake && wake->type == JSON_STRING)
        return wake->string;
    return json_get_bool(message, "wake", false) ? call_config(&call)->ear.wake_phrase : STR_NONE;
}

static LOOP enum err may_open(const struct client *client, struct id room, struct error *e)
{
    struct call call = {.api = client->api};
    unsigned count = 0, most = (unsigned)call_config(&call)->ear.microphones;
    if (!socket_room(client, room))
        return error_set_param(e, ERR_NOT_FOUND, "room",
                               "Join the room first; then open a microphone in it.");
    for (const struct mic *mic = client->mic; mic; mic = mic->next)
        count++;
    if (count >= MICS_MAX_OF_CLIENT)
        return error_set(e, ERR_LIMIT, "One connection can have %d microphones open; close one first.",
                         MICS_MAX_OF_CLIENT);
    if (atomic_load(&open_mics) >= most)
        return error_set(e, ERR_LIMIT,
                         "%u microphones are open on this server, as many as ear.microphones allows.", most);
    return ERR_OK;
}

static LOOP enum err mic_open(struct client *client, const struct json *message, struct id room,
                              struct error *e)
{
    struct call call = {.api = client->api};
    const struct config *config = call_config(&call);
    enum err err = may_open(client, room, e);
    if (err != ERR_OK)
        return err;
    struct mic *mic = heap_alloc(sizeof *mic);
    mic->client = client;
    mic->room = room;
    mic->opus = str_eq(json_get_str(message, "codec", STR_NONE), STR("opus"));
    mic->browser = str_eq(json_get_str(message, "recogniser", STR_NONE), STR("browser"));
    mic->wake = heap_str(wake_phrase(client, message));
    mic->barge.language = heap_str(json_get_str(message, "language", STR_NONE));
    mic->barge.resume_ms = (unsigned)config->ear.resume_after;
    struct listener_options options = {
        .mode = str_eq(json_get_str(message, "mode", STR_NONE), STR("push_to_talk")) ? LISTEN_PUSH_TO_TALK
                                                                                     : LISTEN_HANDS_FREE,
        .rate = (unsigned)json_get_i64(message, "rate", LISTEN_RATE),
        .opus = mic->opus,
        .threshold = config->ear.threshold,
        .silence_ms = (unsigned)config->ear.silence,
        .utterance_ms = (unsigned)config->ear.utterance,
        .complete = true,
        .no_text = mic->browser,
        .keep_sound = true, /* for engines that hear by themselves */
        .language = mic->barge.language,
        .wake = mic->wake,
    };
    mic->listener = listener_open(client->api->parts.listening, &options, &events, mic, e);
    if (!mic->listener) {
        free((char *)mic->wake.p);
        free((char *)mic->barge.language.p);
        free(mic);
        return e->err;
    }
    atomic_fetch_add(&open_mics, 1);
    mic->next = client->mic;
    client->mic = mic;
    tell_rest(mic, 0);
    return ERR_OK;
}

/* ---- messages ---- */
static LOOP void refuse(struct client *client, const struct json *message, const struct error *e,
                        struct id room)
{
    const struct json *id = json_get(message, "id");
    socket_error(client, e, id ? id->raw : STR_NONE, room);
}

static void tell_off(struct client *client, struct id room) LOOP;
static void tell_off(struct client *client, struct id room)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "type", STR("mic"));
    jw_kv_string(&w, "room", str_c(id_text(room).c));
    jw_kv_string(&w, "state", STR("off"));
    jw_end_object(&w);
    socket_send(client, &b);
}

static void handle_mic(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct error e = {0};
    struct mic *mic = find(client, room);
    if (mic)
        mic_close(mic);
    if (!json_get_bool(message, "on", true))
        tell_off(client, room);
    else if (mic_open(client, message, room, &e) != ERR_OK)
        refuse(client, message, &e, room);
}

/* NULL, and it was refused. */
static LOOP struct mic *mic_of(struct client *client, const struct json *message, struct id room)
{
    struct error e = {0};
    struct mic *mic = find(client, room);
    if (!mic) {
        error_set(&e, ERR_CONFLICT,
                  "No microphone is open in this room; send {\"type\":\"mic\",\"on\":true} first.");
        refuse(client, message, &e, room);
    }
    return mic;
}

static void handle_commit(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct mic *mic = mic_of(client, message, room);
    if (mic)
        listener_commit(mic->listener);
}

static void handle_discard(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct mic *mic = mic_of(client, message, room);
    if (!mic)
        return;
    listener_clear(mic->listener);
    mic->text_since_ms = 0;
    mic_do(mic, barge_utterance(&mic->barge, STR_NONE, 0, 0, mic_now_ms()));
    tell_rest(mic, listener_fed_ms(mic->listener));
}

static void handle_text(struct client *client, const struct json *message, struct id room)
{
    on_loop();
    struct mic *mic = mic_of(client, message, room);
    struct str text = str_trim(str_sub(json_get_str(message, "text", STR_NONE), 0, TEXT_MAX));
    uint64_t now = mic_now_ms();
    struct error e = {0};
    if (!mic)
        return;
    if (!mic->browser) {
        error_set(&e, ERR_CONFLICT,
                  "This microphone was opened for the server's recogniser; open it with "
                  "\"recogniser\":\"browser\" to send text.");
        refuse(client, message, &e, room);
        return;
    }
    if (!mic->text_since_ms) {
        mic->text_since_ms = now;
        if (!mic->barge.hearing)
            mic_do(mic, barge_speech_started(&mic->barge, now));
    }
    if (!json_get_bool(message, "final", false)) {
        mic_do(mic, barge_partial(&mic->barge, text, now));
        return;
    }
    uint64_t us = clock_mono_us();
    struct heard heard = {.text = text,
                          .language = mic->barge.language,
                          .confidence = json_get_double(message, "confidence", NAN),
                          .sure = NAN,
                          .to_ms = (uint32_t)(now - mic->text_since_ms),
                          .last_sound_us = us,
                          .end_of_turn_us = us,
                          .transcript_us = us,
                          .woken = true};
    listener_wake(mic->listener, &heard);
    mic->text_since_ms = 0;
    settle(mic, &heard);
    tell_rest(mic, listener_fed_ms(mic->listener));
}

/* ---- sound ---- */
static LOOP enum err feed(struct mic *mic, unsigned codec, struct str sound, struct error *e)
{
    if (codec == SOUND_OPUS_PACKETS)
        return listener_feed_opus(mic->listener, sound, e);
    if (sound.n % sizeof(int16_t))
        return error_set(e, ERR_INVALID,
                         "PCM has two bytes a sample; this frame has half a sample too much.");
    int16_t samples[MIC_FRAME_MAX / sizeof(int16_t)]; /* aligned */
    memcpy(samples, sound.p, sound.n);
    return listener_feed(mic->listener, samples, sound.n / sizeof(int16_t), e);
}

static void take(struct client *client, struct str payload)
{
    on_loop();
    struct error e = {0};
    unsigned codec = payload.n > 1 ? (unsigned char)payload.p[1] : 0;
    if (payload.n <= MIC_FRAME_HEAD || payload.n > MIC_FRAME_MAX ||
        (codec != SOUND_PCM_FRAMES && codec != SOUND_OPUS_PACKETS)) {
        error_set(&e, ERR_INVALID,
                  "A frame of the microphone has a head of %d bytes (2, codec 1 or 2, 0, 0) and 10 to 100 ms "
                  "of sound, "
                  "%d bytes at most.",
                  MIC_FRAME_HEAD, MIC_FRAME_MAX);
        socket_error(client, &e, STR_NONE, ID_NONE);
        return;
    }
    if (!client->mic) {
        error_set(&e, ERR_CONFLICT, "No microphone is open; send {\"type\":\"mic\",\"on\":true} first.");
        socket_error(client, &e, STR_NONE, ID_NONE);
        return;
    }
    for (struct mic *mic = client->mic; mic; mic = mic->next)
        if (feed(mic, codec, str_from(payload, MIC_FRAME_HEAD), &e) != ERR_OK)
            socket_error(client, &e, STR_NONE, mic->room);
}

static void left(struct client *client, struct id room)
{
    on_loop();
    struct mic *mic = find(client, room);
    if (mic)
        mic_close(mic);
}

static void closed(struct client *client)
{
    on_loop();
    while (client->mic)
        mic_close(client->mic);
}

static const struct socket_message messages[] = {
    {"mic", "SocketMic", handle_mic},
    {"mic.commit", "SocketMicCommit", handle_commit},
    {"mic.discard", "SocketMicDiscard", handle_discard},
    {"mic.text", "SocketMicText", handle_text},
};

const struct socket_part socket_mic = {
    .messages = messages,
    .count = sizeof messages / sizeof *messages,
    .binary = SOUND_FRAME_MICROPHONE,
    .take = take,
    .left = left,
    .closed = closed,
};
