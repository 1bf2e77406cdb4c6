/*
 * A card from a web address: fetched on this loop, bounded in size and time, then imported like any other.
 *
 * Addresses of this machine and of private networks are refused at the moment of connecting, whatever a name
 * resolves to, also after redirects (fetch.h, public_only); card.fetch_private lets an owner allow them. The
 * answer must be a file: a page is answered with a sentence that says so.
 */
#include "api/idem.h"
#include "api/persona.h"
#include "loop/fetch.h"

#include <stdio.h>
#include <stdlib.h>

enum { HOPS_MAX = 5, FETCH_PAUSE_MS = 20000, URL_MAX = 8192 };

struct card_fetch {
    struct http_ref ref;
    struct buf body;
    struct str url; /* on the heap */
    unsigned hops;
    int status;
    bool page; /* the answer calls itself HTML */
    bool private_too;
    uint64_t timeout_ms, max_bytes;
    struct str next; /* where a redirect leads; on the heap */
};

static void fetch_free(struct card_fetch *f)
{
    buf_release(&f->body);
    free((char *)f->url.p);
    free((char *)f->next.p);
    free(f);
}

static void begin(struct card_fetch *f, struct error *e) LOOP;

static void answer_error(struct card_fetch *f, enum err err, const char *sentence) LOOP
{
    struct http_req *req = http_find(f->ref);
    struct error e = {0};
    error_set_param(&e, err, "url", "%s", sentence);
    if (req)
        call_error(req->user, &e);
    fetch_free(f);
}

/* ---- what comes */

/* The address that a Location means (RFC 3986, 5.2), for the forms that servers send. */
static struct str resolve(struct str base, struct str to)
{
    CLEANUP_BUF struct buf b = BUF_MAX(URL_MAX);
    size_t scheme = str_find(base, STR("://"));
    struct str rest = str_from(base, scheme + 3);
    size_t path = str_find_char(rest, '/');
    struct str origin = str_sub(base, 0, path == SIZE_MAX ? SIZE_MAX : scheme + 3 + path);
    if (str_find(str_sub(to, 0, 12), STR("://")) != SIZE_MAX)
        return heap_str(to);
    if (str_starts(to, STR("//"))) {
        buf_add(&b, str_sub(base, 0, scheme + 1));
        buf_add(&b, to);
    } else if (str_starts(to, STR("/"))) {
        buf_add(&b, str_sub(origin, 0,
                            str_find_char(str_from(origin, scheme + 3), '?') == SIZE_MAX
                                ? SIZE_MAX
                                : scheme + 3 + str_find_char(str_from(origin, scheme + 3), '?')));
        buf_add(&b, to);
    } else {
        struct str folder = str_sub(base, 0, str_find_char(base, '?'));
        while (folder.n > origin.n && folder.p[folder.n - 1] != '/')
            folder.n--;
        buf_add(&b, folder);
        if (folder.n == origin.n)
            buf_add_char(&b, '/');
        buf_add(&b, to);
    }
    return heap_str(buf_str(&b));
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static void on_head(void *arg, const struct fetch_head *head)
{
    on_loop();
    struct card_fetch *f = arg;
    struct str type = fetch_head_get(head, "Content-Type"), location = fetch_head_get(head, "Location");
    f->status = head->status;
    f->page = str_ieq(str_sub(type, 0, 9), STR("text/html"));
    if (is_redirect(head->status) && location.n && location.n < URL_MAX)
        f->next = resolve(f->url, location);
}

static void on_data(void *arg, struct str bytes)
{
    on_loop();
    struct card_fetch *f = arg;
    if (!f->next.n)
        buf_add(&f->body, bytes);
}

static bool looks_like_page(struct str body)
{
    struct str begin = str_trim(str_sub(body, 0, 256));
    return str_ieq(str_sub(begin, 0, 9), STR("<!doctype")) || str_ieq(str_sub(begin, 0, 5), STR("<html"));
}

static void follow(struct card_fetch *f) LOOP
{
    struct error e = {0};
    free((char *)f->url.p);
    f->url = f->next;
    f->next = STR_NONE;
    buf_clear(&f->body);
    if (++f->hops > HOPS_MAX) {
        answer_error(f, ERR_UPSTREAM,
                     "The address leads from one to the next more than five times; give the "
                     "card's own address.");
        return;
    }
    begin(f, &e);
}

static void on_end(void *arg, const struct fetch_end *end)
{
    on_loop();
    struct card_fetch *f = arg;
    char sentence[300], endpoint[FETCH_ENDPOINT_TEXT];
    fetch_endpoint(endpoint, f->url);
    snprintf(sentence, sizeof sentence, "The server at %s answered %d instead of a card; check the address.",
             endpoint, f->status);
    if (end->result == FETCH_PRIVATE)
        answer_error(
            f, ERR_REFUSED,
            "That address is on this machine or in a private network, from which cards are not fetched "
            "(setting card.fetch_private); download the card and import the file.");
    else if (end->result == FETCH_TOO_BIG)
        answer_error(f, ERR_TOO_BIG, "The file at that address is larger than card.file_max allows.");
    else if (end->result != FETCH_DONE)
        answer_error(f, end->error.err ? end->error.err : ERR_UPSTREAM, end->error.message);
    else if (f->next.n)
        follow(f);
    else if (f->status < 200 || f->status > 299)
        answer_error(f, ERR_UPSTREAM, sentence);
    else if (f->page || looks_like_page(buf_str(&f->body)))
        answer_error(
            f, ERR_REFUSED,
            "There is a web page at that address, not a card; give the address of the card's own file, "
            "as its download button has it.");
    else {
        struct http_req *req = http_find(f->ref);
        if (req)
            card_answer_import(req->user, buf_str(&f->body));
        fetch_free(f);
    }
}

static const struct fetch_events events = {on_head, on_data, on_end};

static void begin(struct card_fetch *f, struct error *e)
{
    const struct fetch_header headers[] = {
        {STR_INIT("Accept"),
         STR_INIT("image/png, image/*;q=0.9, application/json, application/zip, */*;q=0.5")},
        {STR_INIT("User-Agent"), STR_INIT("eidolon/" EIDOLON_VERSION)},
    };
    struct fetch_request request = {
        .url = f->url,
        .headers = headers,
        .header_count = sizeof headers / sizeof *headers,
        .first_byte_ms = FETCH_PAUSE_MS,
        .idle_ms = FETCH_PAUSE_MS,
        .total_ms = f->timeout_ms,
        .max_bytes = f->max_bytes,
        .public_only = !f->private_too,
    };
    if (!fetch_start(loop_self(), &request, &events, f, e))
        answer_error(f, e->err, e->message);
}

static void import_url(struct call *call)
{
    on_loop();
    const struct config *config = call_config(call);
    struct error e = {0};
    struct card_fetch *f = heap_alloc(sizeof *f);
    f->ref = http_ref(call->req);
    f->url = heap_str(str_trim(json_get_str(call->body, "url", STR_NONE)));
    f->max_bytes = config->card.file_max;
    f->timeout_ms = config->card.fetch_timeout;
    f->private_too = config->card.fetch_private;
    f->body = BUF_MAX(f->max_bytes + 1);
    begin(f, &e);
}

void handle_persona_import_url(struct call *call)
{
    idem_check(call, import_url, persona_replay);
}
