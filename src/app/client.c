/* The API's client of the commands; see client.h. */
#include "app/client.h"

#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { SIGNALS_MAX = 16, PUMP_LONG_MS = 60000, FDS_MAX = 8 };

struct transfer {
    struct client *client;
    struct transfer *next;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    FILE *file;
    uint64_t id, received;
    const struct client_events *events;
    void *arg;
    char problem[CURL_ERROR_SIZE];
};

struct client {
    struct client_options options;
    char *unix_path, *url, *token;
    CURLM *multi;
    struct transfer *transfers;
    uint64_t last_id;
    int signal_fd;
    int signals[SIGNALS_MAX];
    unsigned signal_count;
};

struct client *client_new(const struct client_options *options)
{
    struct client *c = heap_alloc(sizeof *c);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    c->options = *options;
    c->unix_path = options->unix_path ? heap_cstr(str_c(options->unix_path)) : NULL;
    c->url = heap_cstr(str_c(options->url ? options->url : "http://eidolon"));
    c->token = options->token ? heap_cstr(str_c(options->token)) : NULL;
    c->multi = curl_multi_init();
    c->signal_fd = -1;
    return c;
}

/* Takes it out of the list; false: it is not in it. */
static bool take_out(struct client *c, const struct transfer *t)
{
    for (struct transfer **at = &c->transfers; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            return true;
        }
    }
    return false;
}

static void transfer_free(struct transfer *t)
{
    curl_multi_remove_handle(t->client->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t->body);
    free(t);
}

static void transfer_drop(struct transfer *t)
{
    if (take_out(t->client, t))
        transfer_free(t);
}

void client_free(struct client *c)
{
    if (!c)
        return;
    for (struct transfer *t = c->transfers, *next; t; t = next) {
        next = t->next;
        transfer_free(t);
    }
    curl_multi_cleanup(c->multi);
    if (c->signal_fd >= 0)
        close(c->signal_fd);
    free(c->unix_path);
    free(c->url);
    free(c->token);
    free(c);
}

/* ---- one transfer ---- */

static int status_of(const struct transfer *t)
{
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    t->received += size * n;
    if (t->events->data)
        t->events->data(t->arg, status_of(t), str_of(p, size * n));
    return size * n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    return fread(p, 1, size * n, t->file);
}

static void add_header(struct transfer *t, const char *name, const char *value)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    buf_printf(&line, value[0] ? "%s: %s" : "%s:", name, value);
    buf_add_char(&line, '\0');
    t->headers = curl_slist_append(t->headers, line.p);
}

static void set_headers(struct transfer *t, const struct client_request *r)
{
    struct client *c = t->client;
    bool has_body = r->body.p || r->file;
    if (has_body)
        add_header(t, "Content-Type", r->type ? r->type : "application/json");
    add_header(t, "Expect", "");
    if (r->accept)
        add_header(t, "Accept", r->accept);
    if (c->token && !c->unix_path) {
        CLEANUP_BUF struct buf bearer = BUF_INIT;
        buf_printf(&bearer, "Bearer %s", c->token);
        buf_add_char(&bearer, '\0');
        add_header(t, "Authorization", bearer.p);
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_body(struct transfer *t, const struct client_request *r)
{
    const char *method = r->method ? r->method : r->body.p || r->file ? "POST" : "GET";
    if (r->file) {
        t->file = r->file;
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->file_bytes);
        curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    } else if (r->body.p) {
        t->body = heap_cstr(r->body);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    }
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

uint64_t client_start(struct client *c, const struct client_request *r, const struct client_events *events,
                      void *arg, struct error *e)
{
    CLEANUP_BUF struct buf url = BUF_INIT;
    struct transfer *t = heap_alloc(sizeof *t);
    *t = (struct transfer){
        .client = c, .events = events, .arg = arg, .easy = curl_easy_init(), .id = ++c->last_id};
    buf_printf(&url, "%s%.*s", c->url, STR_ARG(r->path));
    buf_add_char(&url, '\0');
    t->next = c->transfers;
    c->transfers = t;
    curl_easy_setopt(t->easy, CURLOPT_URL, url.p);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    if (c->unix_path) {
        curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, c->unix_path);
        curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    }
    set_body(t, r);
    set_headers(t, r);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CLIENT_CONNECT_MS);
    if (!r->stream)
        curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)CLIENT_CALL_MS);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->problem);
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    uint64_t id = t->id;
    if (curl_multi_add_handle(c->multi, t->easy) == CURLM_OK)
        return id;
    transfer_drop(t);
    error_set(e, ERR_INVALID, "The request to %s could not be made; is it a URL like http://host:8080?",
              c->url);
    return 0;
}

void client_cancel(struct client *c, uint64_t id)
{
    for (struct transfer *t = c->transfers; t; t = t->next) {
        if (t->id == id) {
            transfer_drop(t);
            return;
        }
    }
}

static enum err explain(const struct transfer *t, CURLcode code, struct error *e)
{
    const char *who = t->client->unix_path ? "the server on the data folder" : t->client->url;
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return error_set(e, ERR_UNAVAILABLE, "Nobody answers at %s; start it, or name another with --url.",
                         who);
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(e, ERR_UPSTREAM_TIMEOUT, "No answer came from %s in time; try again.", who);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return error_set(e, ERR_CLOSED, "The connection to %s broke off; try again.", who);
    default:
        return error_set(e, ERR_UPSTREAM, "The request to %s failed: %s.", who,
                         t->problem[0] ? t->problem : curl_easy_strerror(code));
    }
}

/* Ends what is over; true if something was. */
static bool finish(struct client *c)
{
    bool some = false;
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        struct transfer *t = NULL;
        struct error e = {0};
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        some = true;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        const struct client_events *events = t->events;
        void *arg = t->arg;
        int status = status_of(t);
        if (code != CURLE_OK)
            explain(t, code, &e);
        /* Freed before it is told, so that the callback may start and cancel as it likes. */
        transfer_drop(t);
        events->end(arg, status, code == CURLE_OK ? NULL : &e);
    }
    return some;
}

/* ---- the pump ---- */

static void read_signals(struct client *c)
{
    struct signalfd_siginfo info;
    while (read(c->signal_fd, &info, sizeof info) == sizeof info)
        if (c->signal_count < SIGNALS_MAX)
            c->signals[c->signal_count++] = (int)info.ssi_signo;
}

void client_pump(struct client *c, int timeout_ms, struct curl_waitfd *fds, unsigned count)
{
    struct curl_waitfd all[FDS_MAX] = {0};
    int running = 0;
    unsigned n = 0;
    for (; n < count && n < FDS_MAX - 1; n++)
        all[n] = fds[n];
    if (c->signal_fd >= 0)
        all[n++] = (struct curl_waitfd){.fd = c->signal_fd, .events = CURL_WAIT_POLLIN};
    curl_multi_perform(c->multi, &running);
    /* What is over already may be all that the caller waits for. */
    if (finish(c) || c->signal_count)
        timeout_ms = 0;
    curl_multi_poll(c->multi, all, n, timeout_ms < 0 ? PUMP_LONG_MS : timeout_ms, NULL);
    curl_multi_perform(c->multi, &running);
    if (c->signal_fd >= 0)
        read_signals(c);
    for (unsigned i = 0; i < count; i++)
        fds[i].revents = all[i].revents;
    finish(c);
}

void client_watch_signals(struct client *c, const sigset_t *mask)
{
    if (c->signal_fd >= 0)
        close(c->signal_fd);
    c->signal_fd = mask ? signalfd(-1, mask, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
}

int client_signal(struct client *c)
{
    if (!c->signal_count)
        return 0;
    int signal = c->signals[0];
    c->signal_count--;
    memmove(c->signals, c->signals + 1, c->signal_count * sizeof *c->signals);
    return signal;
}

/* ---- whole requests ---- */

struct calling {
    struct client_answer *out;
    struct error error;
    bool over, failed;
    int status;
};

static void call_data(void *arg, int status, struct str bytes)
{
    struct calling *calling = arg;
    (void)status;
    buf_add(&calling->out->body, bytes);
}

static void call_end(void *arg, int status, const struct error *e)
{
    struct calling *calling = arg;
    calling->over = true;
    calling->status = status;
    calling->failed = e != NULL;
    if (e)
        calling->error = *e;
}

bool client_interrupted(const struct client *c)
{
    for (unsigned i = 0; i < c->signal_count; i++)
        if (c->signals[i] == SIGINT || c->signals[i] == SIGTERM || c->signals[i] == SIGHUP)
            return true;
    return false;
}

enum err client_error(int status, struct str body, struct error *e)
{
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    enum err err = ERR_UPSTREAM;
    for (enum err i = ERR_OK + 1; i < ERR_COUNT; i++) {
        if (err_info(i)->http_status == status) {
            err = i;
            break;
        }
    }
    const struct json *error = json_parse(&a, body, &json, NULL) == ERR_OK ? json_get(json, "error") : NULL;
    struct str message = json_get_str(error, "message", STR_NONE),
               code = json_get_str(error, "code", STR_NONE);
    for (enum err i = ERR_OK + 1; i < ERR_COUNT; i++)
        if (str_eq(code, str_c(err_info(i)->code)))
            err = i;
    if (str_empty(message))
        error_set(e, err, "The server answered with status %d.", status);
    else
        error_set(e, err, "%.*s", STR_ARG(message));
    arena_release(&a);
    return err;
}

static enum err call_once(struct client *c, const struct client_request *r, struct client_answer *out,
                          struct error *e)
{
    static const struct client_events events = {call_data, call_end};
    struct calling calling = {.out = out};
    uint64_t id = client_start(c, r, &events, &calling, e);
    if (!id)
        return ERR_INVALID;
    while (!calling.over) {
        client_pump(c, -1, NULL, 0);
        if (!calling.over && client_interrupted(c)) {
            client_cancel(c, id);
            return error_set(e, ERR_CANCELLED, "Interrupted.");
        }
    }
    out->status = calling.status;
    if (calling.failed)
        return error_set(e, calling.error.err, "%s", calling.error.message);
    if (out->status >= 400)
        return client_error(out->status, buf_str(&out->body), e);
    return ERR_OK;
}

void client_move(struct client *c, const char *unix_path)
{
    char *path = heap_cstr(str_c(unix_path));
    free(c->unix_path);
    c->unix_path = path;
}

static bool is_idempotent(const struct client_request *r)
{
    return r->method ? strcmp(r->method, "POST") != 0 : !r->body.p && !r->file;
}

enum err client_call(struct client *c, const struct client_request *r, struct client_answer *out,
                     struct error *e)
{
    struct client_answer own = {0}, *to = out ? out : &own;
    struct error why = {0};
    *to = (struct client_answer){.body = BUF_MAX(CLIENT_BODY_MAX)};
    enum err err = call_once(c, r, to, &why);
    /* Nobody there: nothing was received. Broken off: only what may be done twice goes again. */
    bool again = !to->status && !r->once && c->options.reopen &&
                 (err == ERR_UNAVAILABLE || (err == ERR_CLOSED && is_idempotent(r)));
    if (again && !r->file) {
        const char *path = c->options.reopen(c->options.arg, &why);
        err = path ? ERR_OK : why.err;
        if (path) {
            client_move(c, path);
            buf_clear(&to->body);
            err = call_once(c, r, to, &why);
        }
    }
    if (err != ERR_OK && e)
        *e = why;
    struct json *json = NULL;
    if (err == ERR_OK && to->body.n && (to->body.p[0] == '{' || to->body.p[0] == '['))
        json_parse(&to->arena, buf_str(&to->body), &json, NULL);
    to->json = json;
    answer_release(&own);
    return err;
}

enum err client_get(struct client *c, struct str path, struct client_answer *out, struct error *e)
{
    return client_call(c, &(struct client_request){.path = path}, out, e);
}

enum err client_send(struct client *c, const char *method, struct str path, struct str body,
                     struct client_answer *out, struct error *e)
{
    return client_call(c, &(struct client_request){.method = method, .path = path, .body = body}, out, e);
}

void answer_release(struct client_answer *a)
{
    buf_release(&a->body);
    arena_release(&a->arena);
    a->json = NULL;
}

void client_encode(struct buf *to, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char ch = (unsigned char)text.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
                     strchr("-._~", ch);
        if (plain && ch)
            buf_add_char(to, (char)ch);
        else
            buf_printf(to, "%%%02X", ch);
    }
}
