/* Is it alive, is it ready, and how is it; see health.h for the parts. */
#include "api/health.h"

#include "api/providers.h"
#include "api/voices.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "engine/llama.h"
#include "memory/memory.h"

static void part_set(struct part *part, const char *name, enum part_status status, const char *detail)
{
    part->name = name;
    part->status = status;
    str_copy(part->detail, sizeof part->detail, str_c(detail));
}

bool health_parts(const struct api *api, struct part parts[HEALTH_PARTS])
{
    struct error why = {0};
    bool writable = store_health(api->parts.store, &why) == STORE_OK, ready = atomic_load(&api->ready);
    part_set(&parts[0], "store", writable ? PART_OK : PART_FAILING, writable ? "" : why.message);
    part_set(&parts[1], "rooms", ready ? PART_OK : PART_FAILING,
             ready ? "" : "Turns that the last process left open are being ended.");
    bool failing = memory_state(api->parts.memory).failing;
    part_set(&parts[2], "memory", failing ? PART_DEGRADED : PART_OK,
             failing ? "The index is behind: writing it failed; it is tried again." : "");
    part_set(&parts[3], "engines", PART_OK, "");
    bool web = api->parts.assets && api->parts.assets->count;
    part_set(&parts[4], "web", web ? PART_OK : PART_DEGRADED, web ? "" : "This build has no web app inside.");
    return writable && ready;
}

void health_part_write(struct jw *w, const struct part *part)
{
    static const char *const names[] = {"ok", "degraded", "failing"};
    jw_object(w);
    jw_kv_string(w, "status", str_c(names[part->status]));
    if (part->detail[0])
        jw_kv_string(w, "detail", str_c(part->detail));
    jw_end_object(w);
}

static void write_parts(struct jw *w, const struct part *parts)
{
    jw_key(w, STR("parts"));
    jw_object(w);
    for (size_t i = 0; i < HEALTH_PARTS; i++) {
        jw_key(w, str_c(parts[i].name));
        health_part_write(w, &parts[i]);
    }
    jw_end_object(w);
}

void handle_health_live(struct call *call)
{
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 200, STR("{\"status\":\"ok\"}"));
}

void handle_health_ready(struct call *call)
{
    struct part parts[HEALTH_PARTS];
    bool ok = health_parts(call->api, parts);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "status", ok ? STR("ok") : STR("failing"));
    write_parts(&w, parts);
    jw_end_object(&w);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, ok ? 200 : 503, buf_str(&b));
}

void handle_health_check(struct call *call)
{
    struct part parts[HEALTH_PARTS], voice, models;
    bool ok = health_parts(call->api, parts);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_object(&w);
    jw_kv_string(&w, "status", ok ? STR("ok") : STR("failing"));
    jw_kv_string(&w, "version", STR(EIDOLON_VERSION));
    jw_kv_u64(&w, "uptime_ms", (clock_mono_us() - call->api->started_us) / 1000);
    jw_key(&w, STR("providers"));
    jw_array(&w);
    providers_write(&w, call->api);
    jw_end_array(&w);
    jw_kv_string(&w, "engine", engines_default(call->api->parts.engines));
    char heard[sizeof voice.detail];
    bool speaks = voices_health(call_config(call), heard, sizeof heard);
    part_set(&voice, "voice", speaks ? PART_OK : PART_DEGRADED, heard);
    jw_key(&w, STR("voice"));
    health_part_write(&w, &voice);
    part_set(&models, "models", PART_OK, "");
    if (call->api->parts.llama)
        llama_health(call->api->parts.llama, models.detail, sizeof models.detail);
    jw_key(&w, STR("models"));
    health_part_write(&w, &models);
    jw_key(&w, STR("store"));
    health_part_write(&w, &parts[0]);
    write_parts(&w, parts);
    jw_end_object(&w);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 200, buf_str(&b));
}
