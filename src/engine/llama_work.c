/* What models are asked, and what they answer: jobs and events between the loops. See llama_inner.h. */
#include "engine/llama_inner.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- on the loop that asks */

/* Who waits, on this loop. */
static _Thread_local struct llama_wait *waits;

void llama_wait_add(struct llama_wait *wait)
{
    wait->next = waits;
    waits = wait;
}

void llama_wait_drop(struct llama_wait *wait)
{
    for (struct llama_wait **at = &waits; *at; at = &(*at)->next) {
        if (*at == wait) {
            *at = wait->next;
            return;
        }
    }
}

static void event_here(struct msg *msg)
{
    on_loop();
    struct llama_event *event = CONTAINER(msg, struct llama_event, msg);
    struct llama_wait *wait = waits;
    while (wait && wait->id != event->id)
        wait = wait->next;
    if (wait)
        wait->event(wait, event);
    else
        free(event); /* nobody waits any more */
}

/* ---- on the home loop */

static struct llama_event *event_new(const struct llama_job *job, enum llama_event_kind kind, struct str text)
{
    struct llama_event *event = heap_alloc(sizeof *event + text.n + 1);
    event->msg.deliver = event_here;
    event->id = job->id;
    event->kind = kind;
    event->n = text.n;
    if (text.n)
        memcpy(event->text, text.p, text.n);
    return event;
}

static void tell(const struct llama_job *job, enum llama_event_kind kind, struct str text)
{
    loop_post(job->from, &event_new(job, kind, text)->msg);
}

static void tell_failure(const struct llama_job *job, enum gen_code code, const char *sentence)
{
    struct llama_event *event = event_new(job, LLAMA_END, STR_NONE);
    gen_end_fail(&event->end, code, "%s", sentence);
    /* One model that fails says nothing about the others behind the same provider. */
    event->end.flags &= GEN_FALLBACK;
    loop_post(job->from, &event->msg);
}

static void job_free(struct llama_job *job)
{
    free((char *)job->asked.p);
    free((char *)job->frame.p);
    free(job);
}

static void job_end(struct llama_model *model, struct llama_job *job)
{
    for (struct llama_job **at = &model->jobs; *at; at = &(*at)->next) {
        if (*at == job) {
            *at = job->next;
            break;
        }
    }
    if (job->sent)
        model->sent--;
    model->used_us = clock_mono_us();
    job_free(job);
}

static struct llama_job *job_of(struct llama_model *model, uint64_t id)
{
    struct llama_job *job = model->jobs;
    while (job && job->id != id)
        job = job->next;
    return job;
}

void llama_jobs_fail(struct llama_model *model, bool unsent_too, enum gen_code code, const char *sentence)
{
    for (struct llama_job *job = model->jobs, *next; job; job = next) {
        next = job->next;
        if (!job->sent && !unsent_too)
            continue;
        tell_failure(job, job->sent && !job->began && code == GEN_CUT ? GEN_UNAVAILABLE : code, sentence);
        job_end(model, job);
    }
}

static void drop_list(struct llama_job **list)
{
    while (*list) {
        struct llama_job *job = *list;
        *list = job->next;
        tell_failure(job, GEN_UNAVAILABLE, "The server stops.");
        job_free(job);
    }
}

void llama_jobs_drop(struct llama *host)
{
    drop_list(&host->unresolved);
    for (struct llama_model *m = host->models; m; m = m->next) {
        drop_list(&m->jobs);
        m->sent = 0;
    }
}

void llama_send_jobs(struct llama_model *model)
{
    /* They are listed newest first; the oldest goes first. */
    for (;;) {
        struct llama_job *oldest = NULL;
        struct error e = {0};
        for (struct llama_job *job = model->jobs; job; job = job->next)
            if (!job->sent)
                oldest = job;
        if (!oldest)
            return;
        if (model->sent == 0)
            model->frame_us = clock_mono_us(); /* its silence counts from now */
        oldest->sent = true;
        model->sent++;
        if (child_send(model->child, oldest->frame, &e) == ERR_OK) {
            tell(oldest, LLAMA_BEGUN, STR_NONE);
        } else {
            tell_failure(oldest, GEN_OVERLOADED, e.message);
            job_end(model, oldest);
        }
    }
}

/* ---- what the child says */

static void read_usage(const struct json *frame, struct gen_usage *to)
{
    const struct json *usage = json_get(frame, "usage");
    *to = (struct gen_usage){
        .known = usage != NULL,
        .prompt_tokens = (uint64_t)json_get_i64(usage, "prompt", 0),
        .completion_tokens = (uint64_t)json_get_i64(usage, "completion", 0),
        .cached_tokens = (uint64_t)json_get_i64(usage, "cached", 0),
    };
}

static void answer_end(struct llama_model *model, struct llama_job *job, const struct json *frame) LOOP
{
    struct llama_event *event = event_new(job, LLAMA_END, STR_NONE);
    struct str finish = json_get_str(frame, "finish", STR("stop"));
    event->end = (struct gen_end){.code = GEN_OK, .retry_after_ms = -1};
    event->end.finish = str_eq(finish, STR("length"))       ? GEN_LENGTH
                        : str_eq(finish, STR("tool_calls")) ? GEN_TOOL_CALLS
                                                            : GEN_STOP;
    read_usage(frame, &event->end.usage);
    loop_post(job->from, &event->msg);
    model->answers++;
    job_end(model, job);
}

static void answer_vectors(struct llama_model *model, struct llama_job *job, const struct json *frame) LOOP
{
    const struct json *vectors = json_get(frame, "vectors");
    struct llama_event *event = event_new(job, LLAMA_VECTORS, vectors ? vectors->raw : STR("[]"));
    read_usage(frame, &event->end.usage);
    loop_post(job->from, &event->msg);
    model->answers++;
    job_end(model, job);
}

static void answer_error(struct llama_model *model, struct llama_job *job, const struct json *frame) LOOP
{
    static const struct {
        const char *name;
        enum gen_code code;
    } codes[] = {{"context_too_long", GEN_CONTEXT_TOO_LONG},
                 {"malformed", GEN_REFUSED},
                 {"overloaded", GEN_OVERLOADED}};
    struct str code = json_get_str(frame, "code", STR_NONE);
    enum gen_code gen = GEN_UNAVAILABLE;
    char sentence[GEN_SENTENCE];
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (str_eq(code, str_c(codes[i].name)))
            gen = codes[i].code;
    str_copy(sentence, sizeof sentence,
             json_get_str(frame, "sentence", STR("The model could not answer, and did not say why.")));
    tell_failure(job, gen, sentence);
    job_end(model, job);
}

void llama_answer(struct llama_model *model, struct str ev, const struct json *frame)
{
    struct llama_job *job = job_of(model, (uint64_t)json_get_i64(frame, "id", 0));
    if (!job || !job->sent)
        return; /* taken back meanwhile */
    struct str text = json_get_str(frame, "text", STR_NONE);
    const struct json *call = json_get(frame, "call");
    bool ends = true;
    job->began = true;
    if (str_eq(ev, STR("end"))) {
        answer_end(model, job, frame);
    } else if (str_eq(ev, STR("embedding"))) {
        answer_vectors(model, job, frame);
    } else if (str_eq(ev, STR("error"))) {
        answer_error(model, job, frame);
    } else {
        ends = false;
        if (str_eq(ev, STR("tool_call")) && call)
            tell(job, LLAMA_TOOL_CALL, call->raw);
        else if (text.n && str_eq(ev, STR("delta")))
            tell(job, LLAMA_DELTA, text);
        else if (text.n && str_eq(ev, STR("reasoning")))
            tell(job, LLAMA_REASONING, text);
    }
    if (ends && !model->jobs)
        llama_pump_all(model->host); /* somebody may wait for its room */
}

/* ---- a job's way home, and to its model */

struct search {
    struct job job;
    struct llama *host;
    uint64_t id;
    char *asked;
    char folder[LLAMA_PATH];
    struct model_file file;
    enum err err;
    struct error error;
};

static void search_run(struct job *job)
{
    on_worker();
    struct search *s = CONTAINER(job, struct search, job);
    s->err = model_file_find(&job->arena, s->folder, str_c(s->asked), &s->file, &s->error);
}

static struct llama_job *take_unresolved(struct llama *host, uint64_t id)
{
    for (struct llama_job **at = &host->unresolved; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct llama_job *job = *at;
            *at = job->next;
            return job;
        }
    }
    return NULL;
}

static void search_done(struct job *base)
{
    on_loop();
    struct search *s = CONTAINER(base, struct search, job);
    struct llama_job *job = take_unresolved(s->host, s->id);
    if (job && s->err) {
        tell_failure(job, GEN_UNAVAILABLE, s->error.message);
        job_free(job);
    } else if (job) {
        struct llama_model *model = llama_model_of(s->host, &s->file);
        job->next = model->jobs;
        model->jobs = job;
        model->used_us = clock_mono_us();
        llama_pump(model);
    }
    s->host->errands--;
    free(s->asked);
    arena_release(&base->arena);
    free(s);
}

static void job_here(struct msg *msg)
{
    on_loop();
    struct llama_job *job = CONTAINER(msg, struct llama_job, msg);
    struct llama *host = job->host;
    if (host->stopped) {
        tell_failure(job, GEN_UNAVAILABLE, "The server stops.");
        job_free(job);
        return;
    }
    job->next = host->unresolved;
    host->unresolved = job;
    struct search *s = heap_alloc(sizeof *s);
    s->host = host;
    s->id = job->id;
    s->asked = heap_cstr(job->asked);
    s->job.run = search_run;
    s->job.done = search_done;
    llama_folder(host, s->folder);
    host->errands++;
    workers_submit(host->workers, &s->job);
}

void llama_ask(struct llama *host, uint64_t id, struct str asked, struct str frame)
{
    struct llama_job *job = heap_alloc(sizeof *job);
    job->msg.deliver = job_here;
    job->host = host;
    job->from = loop_self();
    job->id = id;
    job->asked = heap_str(asked);
    job->frame = heap_str(frame);
    loop_post(host->home, &job->msg);
}

struct taking_back {
    struct msg msg;
    struct llama *host;
    uint64_t id;
};

static void take_back_here(struct msg *msg)
{
    on_loop();
    struct taking_back *t = CONTAINER(msg, struct taking_back, msg);
    struct llama *host = t->host;
    struct llama_job *job = take_unresolved(host, t->id);
    if (job)
        job_free(job);
    for (struct llama_model *m = host->models; m && !job; m = m->next) {
        job = job_of(m, t->id);
        if (!job)
            continue;
        char frame[64];
        snprintf(frame, sizeof frame, "{\"op\":\"cancel\",\"id\":%llu}", (unsigned long long)t->id);
        if (job->sent && m->child)
            child_send(m->child, str_c(frame), NULL);
        job_end(m, job);
        if (!m->jobs)
            llama_pump_all(host);
    }
    free(t);
}

void llama_take_back(struct llama *host, uint64_t id)
{
    struct taking_back *t = heap_alloc(sizeof *t);
    *t = (struct taking_back){{.deliver = take_back_here}, host, id};
    loop_post(host->home, &t->msg);
}

/* ---- embeddings */

struct embedding {
    struct llama_wait wait;
    llama_embedded_fn *done;
    void *arg;
};

static void embedding_event(struct llama_wait *wait, struct llama_event *event)
{
    on_loop();
    struct embedding *em = CONTAINER(wait, struct embedding, wait);
    struct llama_embedded answer = {.vectors = str_of(event->text, event->n),
                                    .prompt_tokens = event->end.usage.prompt_tokens};
    bool over = event->kind == LLAMA_VECTORS || event->kind == LLAMA_END;
    if (event->kind == LLAMA_END)
        error_set(&answer.error,
                  event->end.code == GEN_REFUSED || event->end.code == GEN_CONTEXT_TOO_LONG ? ERR_REFUSED
                                                                                            : ERR_UNAVAILABLE,
                  "%s", event->end.code ? event->end.sentence : "The model made no embedding.");
    if (over) {
        llama_wait_drop(wait);
        em->done(em->arg, &answer);
        free(em);
    }
    free(event);
}

uint64_t llama_embed(struct llama *host, struct str model, const struct str *texts, size_t count,
                     llama_embedded_fn *done, void *arg)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    struct embedding *em = heap_alloc(sizeof *em);
    em->wait.id = gen_id_new();
    em->wait.event = embedding_event;
    em->done = done;
    em->arg = arg;
    llama_wait_add(&em->wait);
    jw_object(&w);
    jw_kv_string(&w, "op", STR("embed"));
    jw_kv_u64(&w, "id", em->wait.id);
    jw_key(&w, STR("texts"));
    jw_array(&w);
    for (size_t i = 0; i < count; i++)
        jw_string(&w, texts[i]);
    jw_end_array(&w);
    jw_end_object(&w);
    llama_ask(host, em->wait.id, model, buf_str(&b));
    return em->wait.id;
}

void llama_embed_cancel(struct llama *host, uint64_t id)
{
    struct llama_wait *wait = waits;
    while (wait && wait->id != id)
        wait = wait->next;
    if (!wait || wait->event != embedding_event)
        return;
    llama_wait_drop(wait);
    free(CONTAINER(wait, struct embedding, wait));
    llama_take_back(host, id);
}
