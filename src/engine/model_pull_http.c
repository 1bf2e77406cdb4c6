/* What servers say to downloads, and what is made of it; see model_pull_inner.h. */
#include "engine/model_pull_inner.h"

#include "base/clock.h"
#include "engine/openai_inner.h"
#include "loop/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BYTE_MS = 60 * 1000, SHOWN = 80 };

static const char *endpoint_of(const struct pull *pull, char to[FETCH_ENDPOINT_TEXT])
{
    fetch_endpoint(to, str_c(pull->at));
    return to;
}

static void stop_transfer(struct pull *pull) LOOP
{
    if (pull->fetch)
        fetch_cancel(pull->fetch);
    pull->fetch = 0;
}

/* ---- heads */

static void take_checksum(struct pull *pull, const struct fetch_head *head)
{
    char sha[MODEL_SHA256];
    struct str linked = fetch_head_get(head, "x-linked-etag"), etag = fetch_head_get(head, "etag");
    if (model_sha256(linked, sha) || (!pull->known[0] && model_sha256(etag, sha)))
        memcpy(pull->known, sha, sizeof sha);
}

static void redirect(struct pull *pull, const struct fetch_head *head) LOOP
{
    CLEANUP_BUF struct buf next = BUF_MAX(8192);
    char at[FETCH_ENDPOINT_TEXT];
    struct error e = {0};
    bool safe = str_starts(str_c(pull->at), STR("https://"));
    take_checksum(pull, head);
    if (++pull->redirects > PULL_REDIRECTS) {
        pull_fail(pull, "The server at %s sends the download from one address to the next without end.",
                  endpoint_of(pull, at));
    } else if (fetch_join(str_c(pull->at), fetch_head_get(head, "location"), &next, &e) != ERR_OK) {
        pull_fail(pull, "%s", e.message);
    } else if (safe && !str_starts(buf_str(&next), STR("https://"))) {
        pull_fail(pull,
                  "The server at %s sends the download to an address that is not encrypted; that is refused.",
                  endpoint_of(pull, at));
    } else {
        free(pull->at);
        pull->at = heap_cstr(buf_str(&next));
        pull_request(pull);
    }
}

static void refuse(struct pull *pull, const struct fetch_head *head) LOOP
{
    char at[FETCH_ENDPOINT_TEXT], sentence[384];
    int status = head->status;
    int64_t after = peer_retry_after(fetch_head_get(head, "retry-after-ms"),
                                     fetch_head_get(head, "retry-after"), clock_wall_ms());
    endpoint_of(pull, at);
    if (status == 429 || status == 408 || status == 425 || status >= 500) {
        snprintf(sentence, sizeof sentence, "The server at %s is busy (%d).", at, status);
        if (after > PULL_RETRY_AFTER_MAX_MS)
            pull_fail(pull, "The server at %s asks to come back in %" PRId64 " minutes; try again then.", at,
                      after / 60000);
        else
            pull_later(pull, after > 0 ? (uint64_t)after : 0, sentence);
    } else if (status == 401 || status == 403) {
        pull_fail(pull,
                  "The server at %s does not give the file to everybody (%d). If it is a model that asks for "
                  "consent, accept its "
                  "terms there and set llama.hf_token.",
                  at, status);
    } else if (status == 404 || status == 410) {
        pull_fail(pull, "The server at %s has no such file (%d); check the address.", at, status);
    } else {
        pull_fail(pull, "The server at %s refused the download (%d).", at, status);
    }
}

/* "bytes 100-199/200" */
static bool content_range(struct str text, uint64_t *from, uint64_t *total)
{
    struct str part = STR_NONE, first = STR_NONE;
    if (!str_starts(text, STR("bytes ")))
        return false;
    text = str_from(text, 6);
    str_cut(&text, '/', &part);
    str_cut(&part, '-', &first);
    if (!str_to_u64(text, total))
        return false;
    return str_eq(first, STR("*")) ? (*from = UINT64_MAX, true) : str_to_u64(first, from);
}

/* From the beginning: what was there is of another file, or the server cannot go on. */
static void begin_anew(struct pull *pull)
{
    pull->have = 0;
    pull->truncate = true;
    pull->resumed = false;
    buf_clear(&pull->in);
}

static void keep_validator(struct pull *pull, const struct fetch_head *head)
{
    struct str etag = fetch_head_get(head, "etag");
    bool strong = etag.n && etag.n < sizeof pull->etag && !str_starts(etag, STR("W/"));
    str_copy(pull->etag, sizeof pull->etag, strong ? etag : STR_NONE);
}

/* 206 to a question for the rest: false when it is of another file. */
static bool take_rest(struct pull *pull, const struct fetch_head *head)
{
    uint64_t from = 0, total = 0;
    struct str etag = fetch_head_get(head, "etag");
    if (!content_range(fetch_head_get(head, "content-range"), &from, &total))
        return false;
    if (etag.n && pull->etag[0] && !str_eq(etag, str_c(pull->etag)))
        return false;
    if (from != pull->have || (pull->size && total != pull->size))
        return false;
    pull->size = total;
    pull->resumed = pull->have > 0;
    return true;
}

static void take_whole(struct pull *pull, const struct fetch_head *head)
{
    uint64_t size = 0;
    if (pull->have)
        begin_anew(pull);
    pull->truncate = true;
    keep_validator(pull, head);
    str_to_u64(fetch_head_get(head, "content-length"), &size);
    pull->chunked = str_ieq(fetch_head_get(head, "transfer-encoding"), STR("chunked"));
    pull->size = size;
}

static bool is_page(const struct fetch_head *head)
{
    return str_starts(fetch_head_get(head, "content-type"), STR("text/html"));
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct pull *pull = arg;
    char at[FETCH_ENDPOINT_TEXT];
    int status = head->status;
    struct str coding = fetch_head_get(head, "content-encoding");
    bool body = status == 200 || status == 206;
    if (pull->list_wanted && status == 200)
        return;
    if (!body || is_page(head) || (coding.n && !str_ieq(coding, STR("identity"))))
        stop_transfer(pull);
    if (status >= 300 && status < 400 && status != 304) {
        redirect(pull, head);
    } else if (status == 416) {
        begin_anew(pull);
        pull->etag[0] = '\0';
        pull_later(pull, 0, "The server had nothing after what was there.");
    } else if (!body) {
        refuse(pull, head);
    } else if (is_page(head)) {
        pull_fail(pull,
                  "The server at %s answered with a web page, not with a model. Take the address of the file "
                  "itself (of its "
                  "download button).",
                  endpoint_of(pull, at));
    } else if (coding.n && !str_ieq(coding, STR("identity"))) {
        pull_fail(pull, "The server at %s sends the file in an encoding that was not asked for.",
                  endpoint_of(pull, at));
    } else if (status == 206 && !take_rest(pull, head)) {
        stop_transfer(pull);
        begin_anew(pull);
        pull->etag[0] = '\0';
        pull_later(pull, 0, "The file has changed on the server.");
    } else if (status == 200) {
        take_checksum(pull, head);
        take_whole(pull, head);
    }
}

/* ---- pieces */

static void start_write(struct pull *pull) LOOP;

static void wrote(struct job *base)
{
    on_loop();
    struct pull_job *j = CONTAINER(base, struct pull_job, job);
    struct pull *pull = j->pull;
    bool goes_on = pull_job_over(j);
    if (goes_on && j->error.err) {
        pull_fail(pull, "%s", j->error.message);
    } else if (goes_on) {
        pull->have = j->have;
        if (pull->have > pull->best) { /* further than any try before */
            pull->best = pull->have;
            pull->tries = 0;
        }
        pull->truncate = false;
    }
    bool failed = j->error.err != ERR_OK;
    pull_job_free(j);
    if (goes_on && !failed)
        pull_wrote(pull);
}

static void start_write(struct pull *pull)
{
    struct pull_job *j = pull_job_new(pull, TASK_WRITE);
    CLEANUP_BUF struct buf record = BUF_INIT;
    j->piece = pull->in;
    pull->in = BUF_INIT;
    pull->wrote_us = clock_mono_us();
    j->offset = pull->have;
    j->truncate = pull->truncate;
    if (pull->truncate || pull->resumed) { /* the first of this try */
        pull_record(pull, &record);
        j->record_text = arena_str(&j->job.arena, buf_str(&record));
        j->needs = pull->size > pull->have ? pull->size - pull->have : 0;
        pull->resumed = false;
    }
    pull_job_start(j, wrote);
}

/* What began as no model will not become one. */
static bool looks_like_a_model(struct pull *pull) LOOP
{
    char at[FETCH_ENDPOINT_TEXT];
    struct str bytes = buf_str(&pull->in), magic = STR("GGUF");
    size_t n = bytes.n < magic.n ? bytes.n : magic.n;
    if (pull->have || pull->working || str_eq(str_sub(bytes, 0, n), str_sub(magic, 0, n)))
        return true;
    stop_transfer(pull);
    pull_fail(pull,
              "What the server at %s sends is no model: it does not begin as a GGUF file does. Take the "
              "address of the "
              "file itself.",
              endpoint_of(pull, at));
    return false;
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct pull *pull = arg;
    buf_add(&pull->in, bytes);
    if (pull->list_wanted || !looks_like_a_model(pull))
        return;
    if (!pull->working &&
        (pull->in.n >= PULL_PIECE || clock_mono_us() - pull->wrote_us > PULL_WRITE_MS * 1000ull)) {
        start_write(pull);
    } else if (pull->in.n >= PULL_PIECE && !pull->paused) {
        pull->paused = true;
        fetch_pause(pull->fetch);
    }
}

static void settle(struct pull *pull) LOOP
{
    char at[FETCH_ENDPOINT_TEXT];
    pull->ended = false;
    if (pull->size && pull->have > pull->size)
        pull_fail(pull, "The server at %s sent more than it had said.", endpoint_of(pull, at));
    else if (pull->end.result == FETCH_PRIVATE || pull->end.result == FETCH_TLS)
        pull_fail(pull, "%s%s", pull->end.error.message,
                  pull->end.result == FETCH_PRIVATE ? " Turn on llama.pull_private if you mean it." : "");
    else if (pull->end.result != FETCH_DONE)
        pull_later(pull, 0, pull->end.error.message);
    else if (pull->size && pull->have < pull->size)
        pull_later(pull, 0, "The server ended before the file did.");
    else if (!pull->size && !pull->chunked && !pull->wanted[0] && !pull->known[0])
        pull_fail(
            pull,
            "The server at %s does not say how long the file is; give its sha256 so that it can be checked.",
            endpoint_of(pull, at));
    else
        pull_verify(pull);
}

void pull_wrote(struct pull *pull)
{
    if (pull->in.n >= PULL_PIECE || (pull->ended && pull->in.n)) {
        start_write(pull);
    } else if (pull->ended) {
        settle(pull);
        return;
    }
    if (pull->paused && !pull->ended) {
        pull->paused = false;
        fetch_resume(pull->fetch);
    }
}

/* ---- the hub's list of files */

static void choose(struct pull *pull) LOOP
{
    struct error e = {0};
    struct str hub = llama_config(pull->all->host)->llama.hub, named = pull->address.file, other = STR_NONE;
    unsigned part, parts;
    pull->list_wanted = false;
    if (pull->end.result != FETCH_DONE) {
        pull->list_wanted = true;
        pull_later(pull, 0, pull->end.error.message);
        return;
    }
    if (model_address_choose(&pull->arena, buf_str(&pull->in), hub, &pull->address, pull->known, &e) !=
        ERR_OK) {
        pull_fail(pull, "%s", e.message);
        return;
    }
    if (named.n && !model_split(pull->address.file, &other, &part, &parts))
        pull->address.file = named;
    buf_release(&pull->in);
    if (model_file_name_check(pull->address.file, &e) != ERR_OK || pull_same(pull->all, pull)) {
        pull->address.file = STR_NONE; /* whose files are another's */
        pull_fail(pull, "%s", e.err ? e.message : "The same file is being downloaded already.");
        return;
    }
    free(pull->name);
    pull->name = heap_cstr(pull_stem(pull->address.file));
    pull_begin(pull);
}

static void on_end(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct pull *pull = arg;
    pull->fetch = 0;
    pull->paused = false;
    pull->end = *end;
    if (pull->list_wanted) {
        choose(pull);
        return;
    }
    pull->ended = true;
    if (pull->working)
        return;
    if (pull->in.n)
        start_write(pull);
    else
        settle(pull);
}

void pull_request(struct pull *pull)
{
    static const struct fetch_events events = {on_head, on_data, on_end};
    const struct config *c = llama_config(pull->all->host);
    struct fetch_header headers[5];
    char range[48];
    size_t n = 0;
    struct arena a = ARENA_INIT;
    struct error e = {0};
    headers[n++] = (struct fetch_header){STR("User-Agent"), STR("eidolon/" EIDOLON_VERSION)};
    headers[n++] = (struct fetch_header){STR("Accept-Encoding"), STR("identity")};
    /* Without a strong validator nobody can say that the rest belongs to what is there. */
    if (pull->have && !pull->etag[0] && !pull->list_wanted)
        begin_anew(pull);
    if (pull->have && !pull->list_wanted) {
        snprintf(range, sizeof range, "bytes=%" PRIu64 "-", pull->have);
        headers[n++] = (struct fetch_header){STR("Range"), str_c(range)};
        headers[n++] = (struct fetch_header){STR("If-Range"), str_c(pull->etag)};
    }
    struct str hub = c->llama.hub, rest = str_from(str_c(pull->at), hub.n);
    bool at_hub = str_starts(str_c(pull->at), hub) && rest.n && rest.p[0] == '/';
    if (c->llama.hf_token.n && at_hub)
        headers[n++] = (struct fetch_header){
            STR("Authorization"), arena_printf(&a, "Bearer %.*s", STR_ARG(str_trim(c->llama.hf_token)))};
    const struct fetch_request request = {
        .url = str_c(pull->at),
        .headers = headers,
        .header_count = n,
        .first_byte_ms = FIRST_BYTE_MS,
        .idle_ms = c->llama.pull_stall,
        .max_bytes = pull->list_wanted ? PULL_LIST_MAX : UINT64_MAX,
        .public_only = !c->llama.pull_private,
    };
    pull->ended = pull->paused = false;
    pull->fetch = fetch_start(pull->all->host->home, &request, &events, pull, &e);
    arena_release(&a);
    if (!pull->fetch)
        pull_fail(pull, "%s", e.message);
}
