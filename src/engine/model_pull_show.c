/* What is asked about downloads, and what was left of them by the last process; see model_pull_inner.h. */
#include "engine/model_pull_inner.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RECORD_MAX = 16384, RATE_MS = 700 };

static bool over(const struct pull *pull)
{
    return pull->state == PULL_DONE || pull->state == PULL_FAILED || pull->state == PULL_CANCELLED;
}

/* ---- JSON */

/* Bytes a second, taken anew when somebody looks and some time has passed. */
static double rate_of(struct pull *pull, uint64_t received)
{
    uint64_t now = clock_mono_us(), since = now - pull->rate_us;
    if (pull->state != PULL_RUNNING)
        return 0;
    if (!pull->rate_us || received < pull->rate_bytes) {
        pull->rate = 0;
    } else if (since < RATE_MS * 1000ull) {
        return pull->rate;
    } else {
        pull->rate = (double)(received - pull->rate_bytes) * 1e6 / (double)since;
    }
    pull->rate_us = now;
    pull->rate_bytes = received;
    return pull->rate;
}

static void put_optional(struct jw *w, const char *key, struct str text)
{
    if (text.n)
        jw_kv_string(w, key, text);
    else
        jw_kv_null(w, key);
}

static void write_pull(struct jw *w, struct pull *pull)
{
    static const char *const states[] = {"queued", "running", "verifying", "done", "failed", "cancelled"};
    uint64_t received = pull->before + pull->have + (pull->in.n && !pull->list_wanted ? pull->in.n : 0);
    bool sized = pull->state == PULL_DONE || (pull->size && pull->parts <= 1);
    bool waits = pull->state == PULL_RUNNING && timer_armed(&pull->timer);
    jw_object(w);
    jw_kv_string(w, "id", str_c(pull->id));
    jw_kv_string(w, "name", str_c(pull->name));
    jw_kv_string(w, "url", pull->address.url.n ? pull->address.url : str_c(pull->typed));
    jw_kv_string(w, "state", str_c(states[pull->state]));
    jw_kv_u64(w, "received", received);
    jw_key(w, STR("size"));
    if (sized)
        jw_u64(w, pull->state == PULL_DONE ? received : pull->size);
    else
        jw_null(w);
    jw_kv_u64(w, "part", pull->part ? pull->part : 1);
    jw_kv_u64(w, "parts", pull->parts ? pull->parts : 1);
    jw_kv_u64(w, "checked", pull->state == PULL_VERIFYING ? pull->hashed : 0);
    jw_kv_u64(w, "bytes_per_s", (uint64_t)rate_of(pull, received));
    put_optional(w, "sha256",
                 str_c(pull->state == PULL_DONE ? pull->got
                       : pull->wanted[0]        ? pull->wanted
                                                : pull->known));
    put_optional(w, "error", str_c(pull->error));
    put_optional(w, "waiting", waits ? str_c(pull->last_sentence) : STR_NONE);
    jw_end_object(w);
}

/* ---- one more */

struct pull *pull_new(struct pulls *pulls)
{
    struct pull *pull = heap_alloc(sizeof *pull);
    pull->all = pulls;
    pull->fd = -1;
    pull->next = pulls->list;
    pulls->list = pull;
    return pull;
}

struct str pull_stem(struct str file)
{
    struct str name = STR_NONE;
    unsigned part, parts;
    if (model_split(file, &name, &part, &parts))
        return name;
    return str_ends(file, STR(".gguf")) ? str_sub(file, 0, file.n - 5) : file;
}

/* The list does not grow without end: what is over longest goes first. */
static void tidy(struct pulls *pulls) LOOP
{
    struct pull *oldest = NULL;
    size_t count = 0;
    for (struct pull *p = pulls->list; p; p = p->next) {
        count++;
        if (p->state == PULL_DONE || p->state == PULL_CANCELLED)
            oldest = p;
    }
    if (count > PULLS_KEPT && oldest)
        pull_drop(oldest);
}

/* The file's name, where another one was asked for; parts of a split model keep theirs. */
static enum err set_file(struct pull *pull, struct str name, struct error *e)
{
    struct arena *a = &pull->arena;
    struct str other = STR_NONE;
    unsigned part, parts;
    if (name.n && !model_split(pull->address.file, &other, &part, &parts))
        pull->address.file =
            str_ends(name, STR(".gguf")) ? arena_str(a, name) : arena_printf(a, "%.*s.gguf", STR_ARG(name));
    /* hf: without a name: the hub will say. */
    return pull->address.file.n || pull->address.url.n ? model_file_name_check(pull->address.file, e)
                                                       : ERR_OK;
}

struct pull *pull_same(struct pulls *pulls, const struct pull *as)
{
    for (struct pull *p = pulls->list; p; p = p->next) {
        if (p == as || p->state == PULL_DONE || p->state == PULL_CANCELLED)
            continue;
        if (!strcmp(p->typed, as->typed) ||
            (p->address.file.n && as->address.file.n && str_eq(p->address.file, as->address.file)))
            return p;
    }
    return NULL;
}

static void begin(struct pulls *pulls, struct llama_op *op) LOOP
{
    struct pull *pull = pull_new(pulls);
    str_copy(pull->id, sizeof pull->id, str_c(id_text(id_new()).c));
    pull->typed = heap_cstr(str_trim(op->url));
    pull->licence = op->licence.n ? heap_cstr(op->licence) : NULL;
    op->err = model_address_read(&pull->arena, op->url, llama_config(pulls->host)->llama.hub, &pull->address,
                                 &op->error);
    if (!op->err)
        op->err = set_file(pull, op->name, &op->error);
    if (!op->err && op->sha256.n && !model_sha256(op->sha256, pull->wanted))
        op->err = error_set_param(&op->error, ERR_REFUSED, "sha256", "A SHA-256 has 64 hexadecimal digits.");
    struct pull *there = op->err ? NULL : pull_same(pulls, pull);
    bool other = there && strcmp(there->typed, pull->typed) != 0;
    if (other)
        op->err = error_set_param(
            &op->error, ERR_CONFLICT, "name",
            "Another download has the name %.*s; give this one another name, or take that one "
            "off the list.",
            STR_ARG(pull->address.file));
    if (op->err || there) {
        char wanted[MODEL_SHA256];
        memcpy(wanted, pull->wanted, sizeof wanted);
        pull_drop(pull);
        if (op->err)
            return;
        if (wanted[0])
            memcpy(there->wanted, wanted, sizeof wanted);
        pull = there;
    } else {
        pull->name = heap_cstr(pull_stem(pull->address.file.n ? pull->address.file : pull->address.repo));
    }
    if (pull->state == PULL_FAILED) {
        pull->tries = 0;
        pull->error[0] = '\0';
        pull->state = PULL_QUEUED;
    }
    tidy(pulls);
    pull_fill(pulls);
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    write_pull(&w, pull);
    op->json = arena_str(&op->arena, buf_str(&b));
}

/* ---- ops */

static void list(struct pulls *pulls, struct llama_op *op) LOOP
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    for (struct pull *p = pulls->list; p; p = p->next)
        write_pull(&w, p);
    jw_end_array(&w);
    op->json = arena_str(&op->arena, buf_str(&b));
}

void pulls_op(struct pulls *pulls, struct llama_op *op)
{
    if (op->verb == LLAMA_PULL) {
        begin(pulls, op);
        return;
    }
    if (op->verb == LLAMA_PULLS) {
        list(pulls, op);
        return;
    }
    struct pull *pull = pulls->list;
    while (pull && !str_eq(str_c(pull->id), op->name))
        pull = pull->next;
    if (!pull) {
        op->err = error_set(&op->error, ERR_NOT_FOUND, "There is no download with that id.");
        return;
    }
    if (op->verb == LLAMA_PULL_SHOW) {
        CLEANUP_BUF struct buf b = BUF_INIT;
        struct jw w = JW(&b);
        write_pull(&w, pull);
        op->json = arena_str(&op->arena, buf_str(&b));
    } else if (!over(pull)) {
        pull_cancel(pull);
    } else {
        if (pull->state == PULL_FAILED)
            pull_cancel(pull);
        pull_drop(pull);
    }
}

/* ---- after a restart */

struct left {
    struct job job;
    struct pulls *pulls;
    char folder[LLAMA_PATH];
    struct str records[PULLS_KEPT];
    size_t count;
};

static void find_left(struct job *job)
{
    on_worker();
    struct left *left = CONTAINER(job, struct left, job);
    DIR *dir = opendir(left->folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && left->count < PULLS_KEPT;) {
        struct str file = str_c(entry->d_name);
        if (file.p[0] != '.' || !str_ends(file, STR(".pull.json")))
            continue;
        char *text = arena_alloc(&job->arena, RECORD_MAX);
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, text, RECORD_MAX);
        if (fd >= 0)
            close(fd);
        if (n > 0)
            left->records[left->count++] = str_of(text, (size_t)n);
    }
    if (dir)
        closedir(dir);
}

static void take_up(struct pulls *pulls, const struct json *r) LOOP
{
    struct str id = json_get_str(r, "id", STR_NONE), typed = json_get_str(r, "typed", STR_NONE);
    struct str file = json_get_str(r, "file", STR_NONE), licence = json_get_str(r, "licence", STR_NONE);
    struct id parsed;
    if (!id_parse(id, &parsed) || !typed.n || model_file_name_check(file, NULL) != ERR_OK)
        return;
    struct pull *pull = pull_new(pulls);
    str_copy(pull->id, sizeof pull->id, id);
    pull->typed = heap_cstr(typed);
    pull->name = heap_cstr(json_get_str(r, "name", pull_stem(file)));
    pull->licence = licence.n ? heap_cstr(licence) : NULL;
    str_copy(pull->wanted, sizeof pull->wanted, json_get_str(r, "wanted", STR_NONE));
    str_copy(pull->known, sizeof pull->known, json_get_str(r, "known", STR_NONE));
    str_copy(pull->etag, sizeof pull->etag, json_get_str(r, "etag", STR_NONE));
    str_copy(pull->error, sizeof pull->error, json_get_str(r, "error", STR_NONE));
    pull->address.url = arena_str(&pull->arena, json_get_str(r, "url", STR_NONE));
    pull->address.file = arena_str(&pull->arena, file);
    pull->part = (unsigned)json_get_i64(r, "part", 1);
    pull->parts = (unsigned)json_get_i64(r, "parts", 1);
    pull->before = (uint64_t)json_get_i64(r, "before", 0);
    pull->size = (uint64_t)json_get_i64(r, "size", 0);
    bool failed = str_eq(json_get_str(r, "state", STR_NONE), STR("failed"));
    pull->state = failed ? PULL_FAILED : PULL_QUEUED;
}

static void found_left(struct job *job)
{
    on_loop();
    struct left *left = CONTAINER(job, struct left, job);
    struct pulls *pulls = left->pulls;
    for (size_t i = 0; i < left->count && !pulls->stopped; i++) {
        struct json *record = NULL;
        if (json_parse(&job->arena, left->records[i], &record, NULL) == ERR_OK)
            take_up(pulls, record);
    }
    pull_fill(pulls);
    arena_release(&job->arena);
    free(left);
}

void pulls_start(struct pulls *pulls)
{
    struct left *left = heap_alloc(sizeof *left);
    left->pulls = pulls;
    left->job.run = find_left;
    left->job.done = found_left;
    llama_folder(pulls->host, left->folder);
    workers_submit(pulls->host->workers, &left->job);
}
