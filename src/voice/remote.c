/* Faults, headers and forms of remote speech; see remote.h. */
#include "voice/remote.h"

#include "loop/peer.h"

#include <stdarg.h>
#include <stdio.h>

#define BOUNDARY "eidolon-8d1f2c7a60b94e35"
enum { COMPLAINT_MAX = 64 << 10 };

static const struct {
    const char *code;
    enum err err;
    unsigned flags;
} faults[] = {
#define REMOTE_FAULT(code, err, flags) {code, err, flags},
    REMOTE_FAULTS(REMOTE_FAULT)
#undef REMOTE_FAULT
};

unsigned remote_flags(const struct error *e)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(faults[i].code, e->code) == 0)
            return faults[i].flags;
    }
    return 0;
}

void remote_endpoint_init(struct remote_endpoint *at, struct str name, struct str base_url, struct str key)
{
    *at = (struct remote_endpoint){.name = name, .key = key};
    fetch_endpoint(at->address, base_url);
}

enum err remote_fault(struct error *e, const struct remote_endpoint *at, const char *code, const char *format,
                      ...)
{
    char text[sizeof e->message];
    enum err err = ERR_UPSTREAM;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(faults[i].code, code) == 0)
            err = faults[i].err;
    }
    error_set(e, err, "The speech provider '%.*s' at %s %s", STR_ARG(at->name), at->address, text);
    if (e)
        str_copy(e->code, sizeof e->code, str_c(code));
    return err;
}

/* The message inside what services answer: {"error":{"message"}}, {"error":".."}, {"detail":{"message"}},
 * {"detail":".."}, {"detail":[{"msg"}]}, {"message"}; plain text as it is; pages say nothing. */
static struct str complaint(struct arena *a, struct str body)
{
    struct json *json = NULL;
    if (json_parse(a, body, &json, NULL) != ERR_OK)
        return str_starts(str_trim(body), STR("<")) ? STR_NONE : body;
    static const char *const members[] = {"error", "detail", "message", "reason"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *said = json_get(json, members[i]);
        if (said && said->type == JSON_ARRAY)
            said = said->child;
        if (said && said->type == JSON_STRING)
            return said->string;
        struct str inner = json_get_str(said, "message", json_get_str(said, "msg", STR_NONE));
        if (inner.n)
            return inner;
    }
    return STR_NONE;
}

static bool mentions(struct str text, const char *word)
{
    char lower[1024];
    str_copy(lower, sizeof lower, text);
    return strcasestr(lower, word) != NULL;
}

enum err remote_refused(struct error *e, const struct remote_endpoint *at, int status, struct str body)
{
    struct arena arena = ARENA_INIT;
    char said[PEER_QUOTE_TEXT];
    body = str_sub(body, 0, COMPLAINT_MAX);
    peer_quote(said, complaint(&arena, body), at->key);
    const char *dash = said[0] ? ": " : "";
    enum err err;
    if (status == 402 || mentions(body, "quota_exceeded") || mentions(body, "insufficient_quota"))
        err = remote_fault(e, at, "quota",
                           "has no budget left%s%s. Top it up there, or put another provider "
                           "into voice.chain.",
                           dash, said);
    else if (status == 401 || status == 403)
        err = remote_fault(e, at, "auth",
                           at->key.n ? "refused the API key (%d)%s%s. Check its api_key."
                                     : "wants an API key (%d)%s%s. Set its api_key.",
                           status, dash, said);
    else if (status == 429)
        err = remote_fault(e, at, "rate_limit", "allows no more requests for now%s%s.", dash, said);
    else if (status == 503 || status == 529 || status == 408)
        err = remote_fault(e, at, "overloaded", "is overloaded (%d)%s%s.", status, dash, said);
    else if (status >= 300 && status < 400)
        err = remote_fault(e, at, "malformed", "answered %d: it has moved. Correct its base_url.", status);
    else if (status == 404 || status == 405)
        err = remote_fault(e, at, "upstream_refused",
                           "knows no such voice, model or address (%d)%s%s. Check its base_url, model and "
                           "voice.",
                           status, dash, said);
    else if (status >= 400 && status < 500)
        err = remote_fault(e, at, "upstream_refused", "refused the request (%d)%s%s.", status, dash, said);
    else
        err = remote_fault(e, at, "upstream_unavailable", "failed (%d)%s%s.", status, dash, said);
    arena_release(&arena);
    return err;
}

enum err remote_failed(struct error *e, const struct remote_endpoint *at, const struct fetch_end *end)
{
    switch (end->result) {
    case FETCH_NO_HOST:
    case FETCH_NO_CONNECT:
    case FETCH_TIMEOUT_CONNECT:
        return remote_fault(e, at, "upstream_unavailable",
                            "cannot be reached. Is it running, and is its base_url right?");
    case FETCH_TLS:
        return remote_fault(e, at, "upstream_unavailable", "has no certificate that can be trusted.");
    case FETCH_CUT:
        return remote_fault(e, at, "cut", "closed the connection in the middle of its answer.");
    case FETCH_GARBAGE:
        return remote_fault(e, at, "malformed", "answered with something that is no HTTP.");
    case FETCH_TOO_BIG:
        return remote_fault(e, at, "malformed", "answered with more than a sentence can have.");
    default:
        return remote_fault(e, at, "upstream_unavailable", "failed: %s", end->error.message);
    }
}

size_t remote_headers(const struct speech_provider *provider, struct fetch_header *headers, size_t n,
                      size_t max)
{
    if (n < max)
        headers[n++] = (struct fetch_header){STR("User-Agent"), STR("eidolon/" EIDOLON_VERSION)};
    for (size_t i = 0; i < provider->headers.n && n < max; i++) {
        struct str value = provider->headers.v[i], name;
        if (str_cut(&value, ':', &name))
            headers[n++] = (struct fetch_header){str_trim(name), str_trim(value)};
    }
    return n;
}

/* ---- forms ---- */
struct str remote_form_type(void)
{
    return STR("multipart/form-data; boundary=" BOUNDARY);
}

void remote_form_field(struct buf *to, const char *name, struct str value)
{
    buf_printf(to, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", name);
    buf_add(to, value);
    buf_add(to, STR("\r\n"));
}

void remote_form_file(struct buf *to, const char *name, const char *filename, struct str type,
                      struct str bytes)
{
    buf_printf(to,
               "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
               "Content-Type: %.*s\r\n\r\n",
               name, filename, STR_ARG(type));
    buf_add(to, bytes);
    buf_add(to, STR("\r\n"));
}

void remote_form_end(struct buf *to)
{
    buf_add(to, STR("--" BOUNDARY "--\r\n"));
}

void remote_encode(struct buf *to, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        if (plain)
            buf_add_char(to, c);
        else
            buf_printf(to, "%%%02X", (unsigned)(unsigned char)c);
    }
}
