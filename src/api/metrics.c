/*
 * /metrics: Prometheus text exposition format 0.0.4, clean under `promtool check metrics`.
 *
 * Everything here is a sum over the loops or a snapshot; nothing waits for another thread.
 */
#include "api/call.h"

#include "base/clock.h"
#include "engine/llama.h"
#include "engine/meter.h"
#include "memory/memory.h"
#include "voice/cache.h"
#include "voice/listen.h"
#include "voice/meter.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP eidolon_%s %s\n# TYPE eidolon_%s %s\n", name, help, name, type);
}

static void value(struct buf *b, const char *name, const char *labels, double number)
{
    buf_printf(b, "eidolon_%s%s %.17g\n", name, labels, number);
}

static void single(struct buf *b, const char *name, const char *type, const char *help, double number)
{
    head(b, name, type, help);
    value(b, name, "", number);
}

/* Buckets of 2^i * 64 us; the last is unbounded. `label` is "step=\"recall\"" or empty. */
static void histogram(struct buf *b, const char *name, const char *label, const uint64_t *buckets, size_t n,
                      uint64_t count, uint64_t sum_us)
{
    uint64_t below = 0;
    const char *comma = label[0] ? "," : "", *open = label[0] ? "{" : "", *close = label[0] ? "}" : "";
    for (size_t i = 0; i + 1 < n; i++) {
        below += buckets[i];
        buf_printf(b, "eidolon_%s_bucket{%s%sle=\"%g\"} %llu\n", name, label, comma,
                   (double)(64ull << i) / 1e6, (unsigned long long)below);
    }
    /* The counters are read one after another while they move: the parts must not exceed the whole. */
    if (count < below)
        count = below;
    buf_printf(b, "eidolon_%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, label, comma, (unsigned long long)count);
    buf_printf(b, "eidolon_%s_sum%s%s%s %.9g\n", name, open, label, close, (double)sum_us / 1e6);
    buf_printf(b, "eidolon_%s_count%s%s%s %llu\n", name, open, label, close, (unsigned long long)count);
}

static void write_rooms(struct buf *b, const struct api *api)
{
    char label[48];
    struct room_stats s;
    rooms_stats(api->parts.rooms, &s);
    single(b, "rooms_loaded", "gauge", "Rooms in memory.", (double)s.rooms_loaded);
    single(b, "subscribers", "gauge", "Readers of rooms.", (double)s.subscribers);
    single(b, "events_total", "counter", "Events stored.", (double)s.events);
    single(b, "turns_running", "gauge", "Turns under way.", (double)s.turns_running);
    head(b, "turns_total", "counter", "Turns that ended, by outcome.");
    value(b, "turns_total", "{outcome=\"done\"}", (double)s.turns_done);
    value(b, "turns_total", "{outcome=\"cancelled\"}", (double)s.turns_cancelled);
    value(b, "turns_total", "{outcome=\"failed\"}", (double)s.turns_failed);
    head(b, "turn_step_seconds", "histogram", "Time of each step of a turn.");
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        snprintf(label, sizeof label, "step=\"%s\"", turn_step_names[i]);
        histogram(b, "turn_step_seconds", label, s.step_us[i], ROOM_HISTOGRAM, s.step_count[i],
                  s.step_us_sum[i]);
    }
    head(b, "turn_first_delta_seconds", "histogram", "From a message to the first piece of its answer.");
    histogram(b, "turn_first_delta_seconds", "", s.first_delta_us, ROOM_HISTOGRAM, s.first_delta_count,
              s.first_delta_us_sum);
}

static void write_net(struct buf *b, const struct api *api)
{
    char label[32];
    if (!api->net)
        return;
    struct net_counters c = net_counters(api->net);
    head(b, "connections", "gauge", "Open connections.");
    value(b, "connections", "{kind=\"http\"}", (double)c.open_http);
    value(b, "connections", "{kind=\"websocket\"}", (double)c.open_ws);
    single(b, "connections_tls", "gauge", "Open connections under TLS.", (double)c.open_tls);
    single(b, "connections_accepted_total", "counter", "Connections accepted.", (double)c.accepted);
    single(b, "connections_refused_total", "counter", "Connections over a limit.", (double)c.refused);
    single(b, "http_requests_total", "counter", "Requests.", (double)c.requests);
    head(b, "http_responses_total", "counter", "Answers, by class of status.");
    for (unsigned i = 1; i < sizeof c.status / sizeof *c.status; i++) {
        snprintf(label, sizeof label, "{class=\"%uxx\"}", i);
        value(b, "http_responses_total", label, (double)c.status[i]);
    }
    single(b, "net_received_bytes_total", "counter", "Bytes received.", (double)c.bytes_in);
    single(b, "net_sent_bytes_total", "counter", "Bytes sent.", (double)c.bytes_out);
    single(b, "websocket_messages_received_total", "counter", "WebSocket messages received.",
           (double)c.ws_messages_in);
    single(b, "websocket_messages_sent_total", "counter", "WebSocket messages sent.",
           (double)c.ws_messages_out);
    single(b, "http_bad_heads_total", "counter", "Request heads refused by the parser.", (double)c.bad_heads);
    single(b, "net_timeouts_total", "counter", "Slow or silent peers that were let go.", (double)c.timeouts);
    single(b, "net_slow_readers_cut_total", "counter", "Readers cut because too much waited for them.",
           (double)c.slow_cut);
}

static void write_store(struct buf *b, const struct api *api)
{
    struct store_stats s;
    store_stats(api->parts.store, &s);
    single(b, "store_writable", "gauge", "1: writes work; 0: read-only.",
           store_health(api->parts.store, NULL) == STORE_OK);
    single(b, "store_operations_total", "counter", "Operations carried out.", (double)s.ops);
    single(b, "store_queue", "gauge", "Operations that wait for the writer.", (double)s.queue);
    single(b, "store_file_bytes", "gauge", "Size of the database.", (double)s.file_bytes);
    single(b, "store_wal_bytes", "gauge", "Size of the write-ahead log.", (double)s.wal_bytes);
    head(b, "store_commit_seconds", "histogram", "Time of commits, with their sync.");
    histogram(b, "store_commit_seconds", "", s.commit_us, STORE_BUCKETS, s.commits, s.commit_us_sum);
    struct memory_state m = memory_state(api->parts.memory);
    single(b, "memory_behind_events", "gauge", "Events that the search index does not have yet.",
           s.head_pos > m.indexed_pos ? (double)(s.head_pos - m.indexed_pos) : 0);
    single(b, "memory_recalls_total", "counter", "Recalls.", (double)m.recalls);
    single(b, "memory_recall_seconds_total", "counter", "Time spent recalling.",
           (double)m.recall_us_total / 1e6);
}

static void write_microphones(struct buf *b, const struct api *api)
{
    struct listen_stats s;
    if (!api->parts.listening)
        return;
    listening_stats(api->parts.listening, &s);
    single(b, "microphones_open", "gauge", "Microphones that are open.", (double)s.open);
    single(b, "microphones_opened_total", "counter", "Microphones that were opened.", (double)s.opened);
    single(b, "microphone_windows_total", "counter", "Windows of 32 ms that were looked at for speech.",
           (double)s.windows);
    single(b, "voice_detector_silero", "gauge", "1: silero finds speech; 0: an energy gate does.", s.silero);
    single(b, "voice_detector_lost_total", "counter", "How often the detector's process was lost.",
           (double)s.detector_lost);
    head(b, "utterances_total", "counter", "What was said into microphones, by what became of it.");
    value(b, "utterances_total", "{text=\"some\"}", (double)s.utterances);
    value(b, "utterances_total", "{text=\"none\"}", (double)s.empty);
    head(b, "voice_endpointing_seconds", "histogram",
         "From the last sound of speech to the end of the turn.");
    histogram(b, "voice_endpointing_seconds", "", s.end_us, LISTEN_HISTOGRAM, s.end_count, s.end_us_sum);
    head(b, "voice_transcribing_seconds", "histogram", "From the end of a turn to its text.");
    histogram(b, "voice_transcribing_seconds", "", s.text_us, LISTEN_HISTOGRAM, s.text_count, s.text_us_sum);
}

static void write_loops(struct buf *b, const struct api *api)
{
    char label[32];
    unsigned count = loops_count(api->parts.loops);
    struct loop_lag lags[LOOPS_MAX];
    for (unsigned i = 0; i < count; i++)
        lags[i] = loop_lag(loops_get(api->parts.loops, i));
    head(b, "loop_lag_max_seconds", "gauge", "The longest delay of each loop since the last look.");
    for (unsigned i = 0; i < count; i++) {
        snprintf(label, sizeof label, "{loop=\"%u\"}", i);
        value(b, "loop_lag_max_seconds", label, (double)lags[i].max_us / 1e6);
    }
    head(b, "loop_lag_mean_seconds", "gauge", "The mean delay of each loop since the last look.");
    for (unsigned i = 0; i < count; i++) {
        snprintf(label, sizeof label, "{loop=\"%u\"}", i);
        value(b, "loop_lag_mean_seconds", label, (double)lags[i].mean_us / 1e6);
    }
}

/* The second number of /proc/self/statm: resident pages. */
static double resident_bytes(void)
{
    char line[128] = "";
    struct str rest, part;
    uint64_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm && !fgets(line, sizeof line, statm))
        line[0] = '\0';
    if (statm)
        fclose(statm);
    rest = str_c(line);
    str_cut(&rest, ' ', &part); /* the whole size */
    if (!str_cut(&rest, ' ', &part) || !str_to_u64(part, &pages))
        return 0;
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void write_process(struct buf *b, const struct api *api)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    single(b, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    single(b, "process_cpu_seconds_total", "counter", "CPU time used.", cpu);
    single(b, "uptime_seconds", "gauge", "Since the start.",
           (double)(clock_mono_us() - api->started_us) / 1e6);
    head(b, "build_info", "gauge", "1, with the version as a label.");
    value(b, "build_info", "{version=\"" EIDOLON_VERSION "\"}", 1);
}

static void write_voice(struct buf *b, const struct api *api)
{
    static const char *const docs[VOICE_STEPS] = {
        "From the last sound of a person to their end of turn.",
        "From the last sound of a person to their words.",
        "From the last sound of a person, or the text that came in, to the first piece of a spoken answer.",
        "From there to the first sentence to speak.",
        "From there to the first mouth shape.",
        "From there to the first sound.",
    };
    char name[64];
    struct room_stats s;
    rooms_stats(api->parts.rooms, &s);
    for (unsigned i = 0; i < VOICE_STEPS; i++) {
        snprintf(name, sizeof name, "voice_%s_seconds", voice_step_names[i]);
        head(b, name, "histogram", docs[i]);
        histogram(b, name, "", s.voice_us[i], ROOM_HISTOGRAM, s.voice_count[i], s.voice_us_sum[i]);
    }
    single(b, "voice_sentences_total", "counter", "Sentences spoken in rooms.", (double)s.voice_sentences);
    single(b, "voice_frames_total", "counter", "Frames of sound, each made once for all its listeners.",
           (double)s.voice_frames);
    single(b, "voice_interrupted_total", "counter", "Speeches that were stopped.", (double)s.voice_stopped);
    struct speech_cache_stats cache = {0};
    if (api->parts.spoken)
        speech_cache_stats(api->parts.spoken, &cache);
    head(b, "voice_utterances_total", "counter", "Utterances spoken by a voice, or kept from before.");
    value(b, "voice_utterances_total", "{from=\"voice\"}", (double)cache.made);
    value(b, "voice_utterances_total", "{from=\"cache\"}", (double)cache.hits);
    single(b, "voice_cache_bytes", "gauge", "Size of the speech cache.", (double)cache.bytes);
    single(b, "voice_failed_total", "counter", "Speeches that failed.", (double)s.voice_failed);
}

void handle_metrics_get(struct call *call)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    write_rooms(&b, call->api);
    write_voice(&b, call->api);
    write_net(&b, call->api);
    write_store(&b, call->api);
    write_microphones(&b, call->api);
    write_loops(&b, call->api);
    voice_metrics_write(&b);
    engine_metrics_write(&b);
    if (call->api->parts.llama)
        llama_metrics_write(call->api->parts.llama, &b);
    write_process(&b, call->api);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    http_reply(call->req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&b));
}
