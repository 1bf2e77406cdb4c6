/* Transfers: from a request to head, data and end; see fetch.h and fetch_inner.h. */
#include "loop/fetch.h"

#include "base/arena.h"
#include "base/clock.h"
#include "loop/fetch_inner.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { HEAD_HEADERS_MAX = 256 };

static struct str id_bytes(const uint64_t *id)
{
    return str_of((const char *)id, sizeof *id);
}

static struct transfer *transfer_of(uint64_t id) LOOP
{
    struct pool *pool = pool_now();
    return pool ? map_get(&pool->transfers, id_bytes(&id)) : NULL;
}

static void transfer_free(struct transfer *t) LOOP
{
    for (struct transfer **at = &t->pool->todo; t->todo && *at; at = &(*at)->next_todo) {
        if (*at == t) {
            *at = t->next_todo;
            break;
        }
    }
    if (t->added)
        curl_multi_remove_handle(t->pool->multi, t->easy);
    map_del(&t->pool->transfers, id_bytes(&t->id));
    timer_close(&t->timer);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    buf_release(&t->head);
    free(t);
}

static void settle_later(void *arg)
{
    on_loop();
    /* The pool may be gone, and even another be there: then that one is settled, which does no harm. */
    struct pool *pool = pool_now();
    if (!pool || pool != arg)
        return;
    pool->deferred = false;
    fetch_settle(pool);
}

/* Has fetch_settle() look at the transfer when libcurl is not on the stack. */
static void transfer_todo(struct transfer *t) LOOP
{
    struct pool *pool = t->pool;
    if (!t->todo) {
        t->todo = true;
        t->next_todo = pool->todo;
        pool->todo = t;
    }
    /* Whoever called libcurl settles when it returns. */
    if (!pool->deferred && pool->depth == 0) {
        pool->deferred = true;
        loop_defer(pool->loop, settle_later, pool);
    }
}

static void finish(struct transfer *t, enum fetch_result result) LOOP
{
    struct fetch_end end = {.result = result, .status = t->status, .bytes = t->bytes};
    curl_off_t us = 0;
    long connects = 0;
    if (curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &us) == CURLE_OK)
        end.connect_us = (uint64_t)us;
    if (curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &us) == CURLE_OK)
        end.first_byte_us = (uint64_t)us;
    if (curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects) == CURLE_OK)
        end.reused = connects == 0 && t->head_done;
    end.total_us = clock_mono_us() - t->started_us;
    fetch_explain(t, result, &end.error);
    const struct fetch_events *events = t->events;
    void *arg = t->arg;
    transfer_free(t);
    events->end(arg, &end);
}

/* Timeouts: one timer a transfer, armed for the nearest limit and looked at again when it fires. */

static uint64_t due_us(const struct transfer *t, enum fetch_result *why)
{
    uint64_t due = UINT64_MAX;
    if (t->total_ms) {
        due = t->started_us + t->total_ms * 1000;
        *why = FETCH_TIMEOUT_TOTAL;
    }
    uint64_t first = t->started_us + t->first_byte_ms * 1000;
    if (t->first_byte_ms && !t->head_done && first < due) {
        due = first;
        *why = FETCH_TIMEOUT_FIRST_BYTE;
    }
    uint64_t idle = t->last_us + t->idle_ms * 1000;
    if (t->idle_ms && t->head_done && !t->paused && idle < due) {
        due = idle;
        *why = FETCH_TIMEOUT_IDLE;
    }
    return due;
}

static void on_limit(struct timer *timer);

static void arm_limits(struct transfer *t) LOOP
{
    enum fetch_result why;
    uint64_t due = due_us(t, &why), now = clock_mono_us();
    if (due == UINT64_MAX)
        timer_cancel(&t->timer);
    else
        timer_arm(&t->timer, due > now ? (due - now + 999) / 1000 : 0, on_limit);
}

static void on_limit(struct timer *timer)
{
    on_loop();
    struct transfer *t = CONTAINER(timer, struct transfer, timer);
    enum fetch_result why = FETCH_FAILED;
    if (due_us(t, &why) > clock_mono_us())
        arm_limits(t);
    else
        finish(t, why);
}

/* What libcurl calls. Returning less than was given makes it fail the transfer. */

static size_t parse_head(struct transfer *t, struct fetch_header *headers) LOOP
{
    struct str rest = buf_str(&t->head), line;
    size_t n = 0;
    str_cut(&rest, '\n', &line);
    while (str_cut(&rest, '\n', &line) && n < HEAD_HEADERS_MAX) {
        struct str value = line, name;
        if (str_find_char(line, ':') == SIZE_MAX)
            continue;
        str_cut(&value, ':', &name);
        headers[n++] = (struct fetch_header){str_trim(name), str_trim(value)};
    }
    return n;
}

static int parse_status(struct str line)
{
    struct str number = STR_NONE; /* "HTTP/1.1 200 OK" */
    uint64_t status;
    struct str rest = str_from(line, str_find_char(line, ' ') + 1);
    if (!str_cut(&rest, ' ', &number) || !str_to_u64(str_trim(number), &status))
        return 0;
    return status >= 100 && status <= 999 ? (int)status : 0;
}

static void deliver_head(struct transfer *t) LOOP
{
    struct fetch_header headers[HEAD_HEADERS_MAX];
    struct str rest = buf_str(&t->head), line = STR_NONE;
    str_cut(&rest, '\n', &line);
    int status = parse_status(str_trim(line));
    if (status >= 100 && status < 200)
        return;
    t->status = status;
    t->head_done = true;
    arm_limits(t);
    struct fetch_head head = {status, headers, parse_head(t, headers)};
    if (t->events->head)
        t->events->head(t->arg, &head);
    buf_release(&t->head);
}

static size_t on_header(char *bytes, size_t one, size_t count, void *arg)
{
    on_loop();
    struct transfer *t = arg;
    struct str line = str_of(bytes, one * count);
    if (t->cancelled)
        return 0;
    if (t->head_done) /* trailers */
        return line.n;
    if (str_starts(line, STR("HTTP/")))
        buf_clear(&t->head);
    buf_add(&t->head, line);
    if (t->head.overflow) {
        t->result = FETCH_TOO_BIG;
        return 0;
    }
    t->last_us = clock_mono_us();
    if (str_trim(line).n == 0)
        deliver_head(t);
    return t->cancelled ? 0 : line.n;
}

static size_t on_data(char *bytes, size_t one, size_t count, void *arg)
{
    on_loop();
    struct transfer *t = arg;
    struct str data = str_of(bytes, one * count);
    if (t->cancelled)
        return 0;
    if (t->paused) {
        t->curl_paused = true;
        return CURL_WRITEFUNC_PAUSE; /* libcurl keeps these bytes and gives them again */
    }
    t->bytes += data.n;
    t->last_us = clock_mono_us();
    if (t->bytes > t->max_bytes) {
        t->result = FETCH_TOO_BIG;
        return 0;
    }
    if (t->events->data && data.n)
        t->events->data(t->arg, data);
    return t->cancelled ? 0 : data.n;
}

/* After libcurl returned. */

static void settle_one(struct transfer *t) LOOP
{
    t->todo = false;
    if (t->cancelled) {
        transfer_free(t);
        return;
    }
    if (!t->added) {
        t->added = true;
        curl_multi_add_handle(t->pool->multi, t->easy);
    }
    if (t->curl_paused && !t->paused) {
        t->curl_paused = false;
        t->last_us = clock_mono_us();
        arm_limits(t);
        t->pool->depth++; /* what was held back comes from inside this call */
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
        t->pool->depth--;
    }
}

static void settle_todo(struct pool *pool) LOOP
{
    while (pool->todo) {
        struct transfer *t = pool->todo;
        pool->todo = t->next_todo;
        settle_one(t);
    }
}

void fetch_settle(struct pool *pool)
{
    CURLMsg *msg;
    int left;
    if (pool->depth)
        return;
    settle_todo(pool);
    while ((msg = curl_multi_info_read(pool->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        CURLcode code = msg->data.result;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (t->cancelled)
            settle_one(t);
        else
            finish(t, t->result != FETCH_DONE          ? t->result
                      : t->refused && code != CURLE_OK ? FETCH_PRIVATE
                                                       : fetch_result_of(code));
        /* The owner may have stopped everything, or asked for more, in its callback. */
        if (pool_now() != pool)
            return;
        settle_todo(pool);
    }
}

/* Starting. */

static bool clean_header(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum err add_headers(struct transfer *t, const struct fetch_request *request, struct error *e)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    for (size_t i = 0; i < request->header_count; i++) {
        struct fetch_header h = request->headers[i];
        if (h.name.n == 0 || !clean_header(h.name) || !clean_header(h.value) ||
            str_find_char(h.name, ':') != SIZE_MAX)
            return error_set(e, ERR_INVALID,
                             "The header '%.*s' for %s holds characters that are not allowed.",
                             STR_ARG(clean_header(h.name) ? str_sub(h.name, 0, 40) : STR("?")), t->endpoint);
        buf_clear(&line);
        /* libcurl writes a header that has no value only when it ends in ';'. */
        buf_printf(&line, h.value.n ? "%.*s: %.*s%c" : "%.*s;%.*s%c", STR_ARG(h.name), STR_ARG(h.value), 0);
        t->headers = curl_slist_append(t->headers, line.p);
    }
    /* No wait for "100 Continue": a second's pause with servers that do not know it. */
    t->headers = curl_slist_append(t->headers, "Expect:");
    return ERR_OK;
}

static bool is_loopback(const char *endpoint)
{
    const char *host = strstr(endpoint, "://");
    host = host ? host + 3 : endpoint;
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           (strncasecmp(host, "localhost", 9) == 0 && (host[9] == '\0' || host[9] == ':'));
}

static enum err set_url(struct transfer *t, const struct fetch_request *request, struct error *e)
{
    char *url = heap_cstr(request->url);
    CURLU *parsed = curl_url();
    CURLUcode code =
        strlen(url) == request->url.n ? curl_url_set(parsed, CURLUPART_URL, url, 0) : CURLUE_MALFORMED_INPUT;
    bool http = str_starts(request->url, STR("http://")) || str_starts(request->url, STR("https://"));
    curl_url_cleanup(parsed);
    if (code == CURLUE_OK && http)
        curl_easy_setopt(t->easy, CURLOPT_URL, url);
    free(url);
    if (code == CURLUE_OK && http)
        return ERR_OK;
    return error_set(e, ERR_INVALID,
                     "'%s' is no address that can be called; it must begin with http:// or "
                     "https:// and name a host.",
                     t->endpoint);
}

static void set_method(struct transfer *t, const struct fetch_request *request)
{
    bool body = request->body.n > 0;
    char method[16];
    str_copy(method, sizeof method, request->method);
    if (str_eq(request->method, STR("HEAD")))
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    if (body || str_eq(request->method, STR("POST"))) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
        curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, body ? request->body.p : "");
    }
    if (method[0] && strcmp(method, "HEAD") != 0)
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_options(struct transfer *t, const struct fetch_request *request)
{
    CURL *easy = t->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_error);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Without it, giving up on a name that is still being resolved waits for the resolver. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     request->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(request->connect_ms ? request->connect_ms : FETCH_CONNECT_MS));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, pool_open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, pool_close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, t->pool);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers);
    if (t->public_only)
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    if (is_loopback(t->endpoint) || t->public_only)
        curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (request->unix_path.n) {
        char *path = heap_cstr(request->unix_path);
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, path);
        free(path);
    }
}

uint64_t fetch_start(struct loop *loop, const struct fetch_request *request,
                     const struct fetch_events *events, void *arg, struct error *e)
{
    static _Atomic uint64_t last_id;
    struct pool *pool = pool_of(loop);
    struct transfer *t = heap_alloc(sizeof *t);
    t->pool = pool;
    t->id = atomic_fetch_add(&last_id, 1) + 1;
    t->events = events;
    t->arg = arg;
    t->max_bytes = request->max_bytes ? request->max_bytes : FETCH_BODY_MAX;
    t->head = BUF_MAX(FETCH_HEAD_MAX);
    t->public_only = request->public_only;
    t->first_byte_ms = request->first_byte_ms;
    t->idle_ms = request->idle_ms;
    t->total_ms = request->total_ms;
    t->started_us = t->last_us = clock_mono_us();
    fetch_endpoint(t->endpoint, request->url);
    t->easy = curl_easy_init();
    if (!t->easy)
        abort();
    uint64_t id = t->id;
    if (set_url(t, request, e) != ERR_OK || add_headers(t, request, e) != ERR_OK) {
        transfer_free(t);
        return 0;
    }
    set_options(t, request);
    set_method(t, request);
    map_set(&pool->transfers, id_bytes(&t->id), t);
    arm_limits(t);
    if (pool->depth)
        transfer_todo(t);
    else
        settle_one(t); /* libcurl only arms its timer: nothing is called back from here */
    return id;
}

void fetch_cancel(uint64_t id)
{
    struct transfer *t = transfer_of(id);
    if (!t)
        return;
    map_del(&t->pool->transfers, id_bytes(&id));
    timer_cancel(&t->timer);
    t->cancelled = true;
    transfer_todo(t);
}

void fetch_pause(uint64_t id)
{
    struct transfer *t = transfer_of(id);
    if (!t || t->paused)
        return;
    t->paused = true;
    arm_limits(t);
}

void fetch_resume(uint64_t id)
{
    struct transfer *t = transfer_of(id);
    if (!t || !t->paused)
        return;
    t->paused = false;
    t->last_us = clock_mono_us();
    arm_limits(t);
    if (t->curl_paused)
        transfer_todo(t);
}

void fetch_stop(struct loop *loop)
{
    struct pool *pool = pool_now();
    void *value;
    (void)loop;
    if (!pool)
        return;
    for (size_t i = 0; map_next(&pool->transfers, &i, &value);) {
        struct transfer *t = value;
        t->cancelled = true;
        if (!t->todo) {
            t->todo = true;
            t->next_todo = pool->todo;
            pool->todo = t;
        }
    }
    settle_todo(pool);
    pool_free(pool);
}

struct str fetch_head_get(const struct fetch_head *head, const char *name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (str_ieq(head->headers[i].name, str_c(name)))
            return head->headers[i].value;
    }
    return STR_NONE;
}
