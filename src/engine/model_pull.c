/* The steps of a download and its ends; see model_pull.h and model_pull_inner.h. */
#include "engine/model_pull_inner.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- jobs */

void pull_file(const struct pull *pull, struct arena *a, struct str *file)
{
    *file = pull->parts > 1 ? model_address_part(a, pull->address.file, pull->part, pull->parts)
                            : pull->address.file;
}

struct pull_job *pull_job_new(struct pull *pull, enum pull_task task)
{
    char folder[LLAMA_PATH];
    struct pull_job *j = heap_alloc(sizeof *j);
    struct arena *a = &j->job.arena;
    struct str file;
    llama_folder(pull->all->host, folder);
    pull_file(pull, a, &file);
    j->job.run = pull_disk;
    j->pull = pull;
    j->task = task;
    j->fd = pull->fd;
    j->hash = pull->hash;
    j->part = arena_printf(a, "%s/.%.*s.part", folder, STR_ARG(file));
    j->file = arena_printf(a, "%s/%.*s", folder, STR_ARG(file));
    j->origin_file = arena_printf(a, "%s/.%.*s.json", folder, STR_ARG(file));
    j->record = arena_printf(a, "%s/.%s.pull.json", folder, pull->id);
    return j;
}

void pull_job_start(struct pull_job *job, void (*done)(struct job *))
{
    job->job.done = done;
    job->pull->working = true;
    job->pull->all->jobs++;
    workers_submit(job->pull->all->host->workers, &job->job);
}

void pull_job_free(struct pull_job *j)
{
    buf_release(&j->piece);
    arena_release(&j->job.arena);
    free(j);
}

static void release_pull(struct pull *pull)
{
    if (pull->fd >= 0)
        close(pull->fd);
    EVP_MD_CTX_free(pull->hash);
    buf_release(&pull->in);
    arena_release(&pull->arena);
    free(pull->typed);
    free(pull->name);
    free(pull->licence);
    free(pull->at);
    free(pull);
}

static void free_pull(struct pull *pull) LOOP
{
    timer_close(&pull->timer);
    release_pull(pull);
}

static void leave(struct pull *pull, bool remove) LOOP;

bool pull_job_over(struct pull_job *j)
{
    struct pull *pull = j->pull;
    pull->working = false;
    pull->all->jobs--;
    if (pull->off && !pull->leave_due) {
        free_pull(pull);
        return false;
    }
    if (pull->leave_due && !pull->all->stopped) {
        pull->leave_due = false;
        pull_quiet(pull);
        leave(pull, pull->leave_remove);
    }
    return !pull->all->stopped && (pull->state == PULL_RUNNING || pull->state == PULL_VERIFYING);
}

void pull_drop(struct pull *pull)
{
    for (struct pull **at = &pull->all->list; *at; at = &(*at)->next) {
        if (*at == pull) {
            *at = pull->next;
            break;
        }
    }
    pull->off = true;
    if (!pull->working)
        free_pull(pull);
}

/* ---- records: what must survive a restart */

void pull_record(const struct pull *pull, struct buf *to)
{
    static const char *const states[] = {"queued", "running", "running", "done", "failed", "cancelled"};
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "id", str_c(pull->id));
    jw_kv_string(&w, "typed", str_c(pull->typed));
    jw_kv_string(&w, "name", str_c(pull->name));
    if (pull->licence)
        jw_kv_string(&w, "licence", str_c(pull->licence));
    jw_kv_string(&w, "wanted", str_c(pull->wanted));
    jw_kv_string(&w, "url", pull->address.url);
    jw_kv_string(&w, "file", pull->address.file);
    jw_kv_u64(&w, "part", pull->part);
    jw_kv_u64(&w, "parts", pull->parts);
    jw_kv_u64(&w, "before", pull->before);
    jw_kv_u64(&w, "size", pull->size);
    jw_kv_string(&w, "etag", str_c(pull->etag));
    jw_kv_string(&w, "known", str_c(pull->known));
    jw_kv_string(&w, "state", str_c(states[pull->state]));
    jw_kv_string(&w, "error", str_c(pull->error));
    jw_end_object(&w);
}

static void kept(struct job *base)
{
    on_loop();
    struct pull_job *j = CONTAINER(base, struct pull_job, job);
    struct pulls *pulls = j->pull->all;
    pull_job_over(j);
    pull_job_free(j);
    pull_fill(pulls); /* somebody may wait for the files */
}

/* Removes what is on the disk, or only writes down how it is. */
static void leave(struct pull *pull, bool remove)
{
    if (pull->all->stopped || !pull->address.file.n)
        return;
    if (pull->working) { /* when its job is done */
        pull->leave_due = true;
        pull->leave_remove = remove;
        return;
    }
    CLEANUP_BUF struct buf record = BUF_INIT;
    struct pull_job *j = pull_job_new(pull, remove ? TASK_REMOVE : TASK_KEEP);
    pull_record(pull, &record);
    j->record_text = arena_str(&j->job.arena, buf_str(&record));
    pull_job_start(j, kept);
}

/* ---- ends */

void pull_quiet(struct pull *pull)
{
    if (pull->fetch)
        fetch_cancel(pull->fetch);
    pull->fetch = 0;
    timer_cancel(&pull->timer);
    buf_release(&pull->in);
    pull->ended = pull->paused = false;
    pull->rate = 0;
    /* A job that still runs has its own copy of the number; it is closed by whoever comes last. */
    if (pull->fd >= 0 && !pull->working) {
        close(pull->fd);
        pull->fd = -1;
    }
}

static void ended(struct pull *pull, enum pull_state state) LOOP
{
    pull->state = state;
    pull_quiet(pull);
    pull_fill(pull->all);
}

void pull_fail(struct pull *pull, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(pull->error, sizeof pull->error, format, args);
    va_end(args);
    log_warn("llama", "the download of %s failed: %s", pull->name, pull->error);
    ended(pull, PULL_FAILED);
    leave(pull, false);
}

/* As a failure, but what is there is worth nothing. */
static void spoil(struct pull *pull, const char *sentence) LOOP
{
    pull->have = pull->best = 0;
    pull->etag[0] = '\0';
    str_copy(pull->error, sizeof pull->error, str_c(sentence));
    log_warn("llama", "the download of %s failed: %s", pull->name, pull->error);
    ended(pull, PULL_FAILED);
    leave(pull, true);
}

void pull_cancel(struct pull *pull)
{
    ended(pull, PULL_CANCELLED);
    leave(pull, true);
}

static void try_again(struct timer *timer)
{
    on_loop();
    struct pull *pull = CONTAINER(timer, struct pull, timer);
    pull_begin(pull);
}

void pull_later(struct pull *pull, uint64_t wait_ms, const char *sentence)
{
    uint64_t tries = (uint64_t)llama_config(pull->all->host)->llama.pull_tries;
    str_copy(pull->last_sentence, sizeof pull->last_sentence, str_c(sentence));
    if (++pull->tries >= tries) {
        char last[384];
        str_copy(last, sizeof last, str_c(sentence));
        pull_fail(pull, "After %u tries in a row that brought nothing new: %s Start it again to go on.",
                  pull->tries, last);
        return;
    }
    if (!wait_ms) {
        unsigned doublings = pull->tries < 10 ? pull->tries - 1 : 9;
        wait_ms = (uint64_t)PULL_BACKOFF_MS << doublings;
        wait_ms = wait_ms < PULL_BACKOFF_MAX_MS ? wait_ms : PULL_BACKOFF_MAX_MS;
    }
    pull->ended = pull->paused = false;
    buf_clear(&pull->in);
    timer_arm(&pull->timer, wait_ms, try_again);
}

/* ---- verify and place */

static void place(struct pull *pull) LOOP;

static void placed(struct job *base)
{
    on_loop();
    struct pull_job *j = CONTAINER(base, struct pull_job, job);
    struct pull *pull = j->pull;
    bool goes_on = pull_job_over(j);
    struct error e = j->error;
    pull_job_free(j);
    if (!goes_on)
        return;
    if (e.err) {
        pull_fail(pull, "%s", e.message);
        return;
    }
    pull->before += pull->have;
    if (pull->part < pull->parts) {
        close(pull->fd);
        pull->fd = -1;
        pull->part++;
        pull->have = pull->best = pull->size = pull->hashed = 0;
        pull->etag[0] = pull->known[0] = '\0';
        pull->state = PULL_RUNNING;
        pull_begin(pull);
        return;
    }
    pull->have = 0;
    pull->size = 0;
    pull->error[0] = '\0';
    log_info("llama", "%s was downloaded", pull->name);
    ended(pull, PULL_DONE);
}

static void place(struct pull *pull)
{
    struct pull_job *j = pull_job_new(pull, TASK_PLACE);
    CLEANUP_BUF struct buf origin = BUF_INIT, record = BUF_INIT;
    if (pull->part == 1) {
        struct jw w = JW(&origin);
        char at[CLOCK_TEXT];
        clock_format(at, clock_wall_ms());
        jw_object(&w);
        jw_kv_string(&w, "url", pull->address.url);
        jw_kv_string(&w, "sha256", str_c(pull->got));
        if (pull->licence)
            jw_kv_string(&w, "licence", str_c(pull->licence));
        jw_kv_string(&w, "at", str_c(at));
        jw_end_object(&w);
        j->origin = arena_str(&j->job.arena, buf_str(&origin));
    }
    if (pull->part < pull->parts) {
        pull_record(pull, &record);
        j->record_text = arena_str(&j->job.arena, buf_str(&record));
    }
    pull_job_start(j, placed);
}

/* By the id, as the pull may be gone when the inspector answers. */
struct looking {
    struct pulls *all;
    char id[40];
};

static void looked(void *arg, struct str json, const char *sentence)
{
    on_loop();
    struct looking *l = arg;
    struct pull *pull = l->all->list;
    while (pull && strcmp(pull->id, l->id) != 0)
        pull = pull->next;
    free(l);
    if (!pull || pull->state != PULL_VERIFYING)
        return;
    if (json.n) {
        place(pull);
    } else {
        char text[384];
        snprintf(text, sizeof text, "What was downloaded was thrown away: %s", sentence);
        spoil(pull, text);
    }
}

static void look_into(struct pull *pull) LOOP
{
    struct looking *l = heap_alloc(sizeof *l);
    struct arena a = ARENA_INIT;
    char folder[LLAMA_PATH];
    struct str file;
    l->all = pull->all;
    memcpy(l->id, pull->id, sizeof l->id);
    llama_folder(pull->all->host, folder);
    pull_file(pull, &a, &file);
    inspect(llama_inspector(pull->all->host), arena_printf(&a, "%s/.%.*s.part", folder, STR_ARG(file)),
            looked, l);
    arena_release(&a);
}

static void hash_on(struct pull *pull) LOOP;

static void checked(struct pull *pull, const char *got) LOOP
{
    const char *want = pull->part == 1 && pull->wanted[0] ? pull->wanted : pull->known;
    if (pull->part == 1)
        memcpy(pull->got, got, sizeof pull->got);
    if (!want[0] || !strcmp(want, got)) {
        look_into(pull);
        return;
    }
    char sentence[384];
    snprintf(sentence, sizeof sentence,
             "The download does not have the checksum that %s (%.12s… and not %.12s…): it was damaged or "
             "exchanged on "
             "the way, and was thrown away.%s",
             want == pull->wanted ? "was asked for" : "the server promised", got, want,
             want == pull->wanted ? " Check the checksum and the address." : " Try again.");
    spoil(pull, sentence);
}

static void hashed(struct job *base)
{
    on_loop();
    struct pull_job *j = CONTAINER(base, struct pull_job, job);
    struct pull *pull = j->pull;
    bool goes_on = pull_job_over(j), whole = j->whole;
    struct error e = j->error;
    char got[MODEL_SHA256];
    memcpy(got, j->sha256, sizeof got);
    if (goes_on)
        pull->hashed = j->have;
    pull_job_free(j);
    if (!goes_on)
        return;
    if (e.err)
        pull_fail(pull, "%s", e.message);
    else if (whole)
        checked(pull, got);
    else
        hash_on(pull);
}

static void hash_on(struct pull *pull)
{
    struct pull_job *j = pull_job_new(pull, TASK_HASH);
    j->offset = pull->hashed;
    pull_job_start(j, hashed);
}

void pull_verify(struct pull *pull)
{
    pull->state = PULL_VERIFYING;
    pull->hashed = 0;
    if (!pull->hash)
        pull->hash = EVP_MD_CTX_new();
    hash_on(pull);
}

/* ---- beginnings */

static void set_at(struct pull *pull, struct str url)
{
    free(pull->at);
    pull->at = heap_cstr(url);
    pull->redirects = 0;
}

static void prepared(struct job *base)
{
    on_loop();
    struct pull_job *j = CONTAINER(base, struct pull_job, job);
    struct pull *pull = j->pull;
    int fd = j->fd;
    bool goes_on = pull_job_over(j), there = j->whole;
    uint64_t have = j->have;
    struct error e = j->error;
    pull_job_free(j);
    if (!goes_on) {
        if (fd >= 0)
            close(fd);
        return;
    }
    pull->fd = fd;
    pull->have = have;
    if (e.err) {
        pull_fail(pull, "%s", e.message);
    } else if (there && pull->parts > 1 && pull->part < pull->parts) {
        pull->before += have; /* this part was here before */
        pull->part++;
        pull->have = pull->size = 0;
        pull_begin(pull);
    } else if (there) {
        pull_fail(pull,
                  "There is a model called %s already. Delete it first, or give the download another name.",
                  pull->name);
    } else if (pull->size && pull->have == pull->size) {
        pull_verify(pull); /* all of it came before the server stopped */
    } else {
        pull_request(pull);
    }
}

void pull_begin(struct pull *pull)
{
    struct arena a = ARENA_INIT;
    struct str name;
    unsigned part;
    pull->state = PULL_RUNNING;
    pull->error[0] = '\0';
    if (!pull->address.url.n) {
        pull->list_wanted = true;
        set_at(pull, pull->address.list);
        pull->in = BUF_MAX(PULL_LIST_MAX);
        pull_request(pull);
        return;
    }
    if (!pull->part) {
        pull->part = pull->parts = 1;
        if (model_split(pull->address.file, &name, &part, &pull->parts))
            pull->part = 1;
    }
    set_at(pull, pull->parts > 1 ? model_address_part(&a, pull->address.url, pull->part, pull->parts)
                                 : pull->address.url);
    arena_release(&a);
    if (pull->fd >= 0) {
        pull_request(pull);
        return;
    }
    struct pull_job *j = pull_job_new(pull, TASK_PREPARE);
    CLEANUP_BUF struct buf record = BUF_INIT;
    pull_record(pull, &record);
    j->record_text = arena_str(&j->job.arena, buf_str(&record));
    pull_job_start(j, prepared);
}

/* The files of one that is over are still being tidied. */
static bool must_wait(const struct pull *pull)
{
    for (const struct pull *p = pull->all->list; p; p = p->next)
        if (p != pull && p->working && pull->address.file.n && str_eq(p->address.file, pull->address.file))
            return true;
    return pull->working;
}

void pull_fill(struct pulls *pulls)
{
    unsigned running = 0;
    if (pulls->stopped)
        return;
    for (struct pull *p = pulls->list; p; p = p->next)
        running += p->state == PULL_RUNNING || p->state == PULL_VERIFYING;
    while (running < PULLS_AT_ONCE) {
        struct pull *oldest = NULL;
        for (struct pull *p = pulls->list; p; p = p->next)
            if (p->state == PULL_QUEUED && !must_wait(p))
                oldest = p;
        if (!oldest)
            return;
        running++;
        pull_begin(oldest);
    }
}

/* ---- life */

struct pulls *pulls_new(struct llama *host)
{
    struct pulls *pulls = heap_alloc(sizeof *pulls);
    pulls->host = host;
    return pulls;
}

void pulls_stop(struct pulls *pulls)
{
    pulls->stopped = true;
    for (struct pull *p = pulls->list; p; p = p->next) {
        if (p->fetch)
            fetch_cancel(p->fetch);
        p->fetch = 0;
        timer_close(&p->timer);
    }
}

void pulls_free(struct pulls *pulls)
{
    while (pulls->list) {
        struct pull *p = pulls->list;
        pulls->list = p->next;
        release_pull(p);
    }
    free(pulls);
}
