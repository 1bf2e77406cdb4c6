/* Pairing codes, and their routes; see pairing.h. */
#include "api/pairing.h"

#include "api/call.h"
#include "api/qr.h"
#include "api/render.h"
#include "base/clock.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

void pairings_init(struct pairings *pairings)
{
    *pairings = (struct pairings){0};
    pthread_mutex_init(&pairings->mutex, NULL);
}

void pairings_release(struct pairings *pairings)
{
    pthread_mutex_destroy(&pairings->mutex);
}

void pairing_make(struct pairings *pairings, int64_t now_ms, char code[PAIRING_CODE])
{
    unsigned char bytes[(PAIRING_CODE - 1) / 2];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        abort(); /* without random numbers nothing here is safe */
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(code + 2 * i, 3, "%02x", bytes[i]);
    pthread_mutex_lock(&pairings->mutex);
    struct pairing_code *oldest = &pairings->codes[0];
    for (size_t i = 1; i < PAIRING_CODES_MAX; i++)
        if (pairings->codes[i].ends_ms < oldest->ends_ms)
            oldest = &pairings->codes[i];
    oldest->ends_ms = now_ms + PAIRING_LIFE_MS;
    memcpy(oldest->code, code, PAIRING_CODE);
    pthread_mutex_unlock(&pairings->mutex);
}

bool pairing_use(struct pairings *pairings, int64_t now_ms, struct str code)
{
    bool good = false;
    if (code.n != PAIRING_CODE - 1)
        return false;
    pthread_mutex_lock(&pairings->mutex);
    for (size_t i = 0; i < PAIRING_CODES_MAX; i++) {
        struct pairing_code *at = &pairings->codes[i];
        if (at->ends_ms > now_ms && CRYPTO_memcmp(at->code, code.p, code.n) == 0) {
            *at = (struct pairing_code){0};
            good = true;
        }
    }
    pthread_mutex_unlock(&pairings->mutex);
    return good;
}

/* ---- routes ---- */

void handle_pairing_post(struct call *call)
{
    const struct api_https *https = &call->api->https;
    CLEANUP_BUF struct buf b = BUF_INIT, svg = BUF_INIT, url = BUF_INIT;
    struct error e = {0};
    struct jw w = JW(&b);
    if (str_empty(https->url)) {
        call_refuse(
            call, ERR_REFUSED,
            "This server is not reachable from a phone yet; start it with `eidolon serve --phone`, or set "
            "server.https and start it again.");
        return;
    }
    api_pair(call->api, &url);
    if (qr_write_svg(buf_str(&url), &svg, &e)) {
        call_error(call, &e);
        return;
    }
    jw_object(&w);
    jw_kv_string(&w, "url", buf_str(&url));
    render_time(&w, "expires_at", clock_wall_ms() + PAIRING_LIFE_MS);
    jw_kv_string(&w, "qr", buf_str(&svg));
    jw_kv_string(&w, "fingerprint", https->fingerprint);
    jw_end_object(&w);
    http_set_header(call->req, "Cache-Control", STR("no-store"));
    call_json(call, 201, buf_str(&b));
}

/* The authority's certificate alone, for phones to install; it is no secret. */
void handle_certificate_get(struct call *call)
{
    struct str file = call->api->https.ca_file;
    if (str_empty(file)) {
        call_refuse(call, ERR_NOT_FOUND,
                    "This server has no certificate of its own; server.https makes one.");
        return;
    }
    http_set_header(call->req, "Content-Disposition", STR("attachment; filename=\"eidolon-ca.crt\""));
    http_reply_file(call->req, file.p, "application/x-x509-ca-cert");
}
