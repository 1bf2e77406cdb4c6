/*
 * A whole recording; see ears.h.
 *
 * Where pocketsphinx alone is asked, its child hears the file in one go. Else the child decodes and cuts it,
 * and the pieces go through the chain one after another; the end of what was said before is the prompt of the
 * next, so that names stay spelled as they were. Times are moved to the clock of the recording.
 */
#include "base/clock.h"
#include "voice/ears_inner.h"
#include "voice/vad.h"

#include <math.h>
#include <stdlib.h>

enum { PROMPT_BEFORE = 200 /* bytes of what was said before */ };

struct recording {
    struct ear_job job;
    struct ears_here *here; /* NULL: cancelled; the job still runs */
    struct ears_chain *chain;
    struct recording *next;
    struct arena arena;
    uint64_t id;
    struct loop *home;
    struct ears_request request;
    const struct ears_emit *emit;
    void *arg;
    char *file;
    bool job_runs, busy, over;
    size_t piece;
    uint64_t utterance; /* of the piece that is heard */
    struct buf text, segments;
    struct jw w;
    unsigned segment_count, fallbacks;
    double sure, weight;
    struct str language, provider;
    double duration_ms;
};

static LOOP void next_piece(struct recording *r);

/* ---- life ---- */
static void release(struct recording *r)
{
    buf_release(&r->text);
    buf_release(&r->segments);
    buf_release(&r->job.sound);
    arena_release(&r->arena);
    free(r->file);
    free(r);
}

static LOOP void leave(struct recording *r)
{
    for (struct recording **at = &r->here->recordings; *at; at = &(*at)->next) {
        if (*at == r) {
            *at = r->next;
            break;
        }
    }
    if (r->utterance)
        utterance_cancel(r->here, r->utterance);
    r->utterance = 0;
    ears_let_go(r->chain);
    r->over = true;
}

static LOOP void end(struct recording *r, enum err err, const struct error *e, const struct ears_heard *heard)
{
    leave(r);
    r->emit->end(r->arg, err, e, heard);
    if (!r->busy)
        release(r);
}

static LOOP void drop(struct recording *r)
{
    leave(r);
    if (!r->busy && !r->job_runs)
        release(r);
}

/* ---- news of the child, from its loop to ours ---- */
struct news {
    struct msg msg;
    struct recording *recording;
    double share;
    struct str text;
};

static void take_news(struct msg *msg)
{
    on_loop();
    struct news *n = CONTAINER(msg, struct news, msg);
    struct recording *r = n->recording;
    if (!r->over && !n->text.p && r->emit->progress)
        r->emit->progress(r->arg, n->share);
    if (!r->over && n->text.p && r->emit->piece)
        r->emit->piece(r->arg, n->text);
    free((char *)n->text.p);
    free(n);
}

static void post_news(struct ear_job *job, double share, struct str text)
{
    struct recording *r = CONTAINER(job, struct recording, job);
    struct news *n = heap_alloc(sizeof *n);
    *n = (struct news){.msg = {.deliver = take_news}, .recording = r, .share = share};
    n->text = text.n ? heap_str(text) : STR_NONE;
    loop_post(r->home, &n->msg);
}

static void on_progress(struct ear_job *job, double share)
{
    post_news(job, share, STR_NONE);
}

static void on_heard(struct ear_job *job, struct str text)
{
    post_news(job, 0, text);
}

/* ---- pieces become one transcript ---- */
static double moved(const struct json *at, const char *key, double by_s)
{
    return round((json_get_double(at, key, 0) + by_s) * 1000) / 1000;
}

static void copy_moved(struct recording *r, const struct json *segment, double by_s)
{
    const struct json *sure = json_get(segment, "confidence"), *words = json_get(segment, "words");
    struct jw *w = &r->w;
    double value, length = json_get_double(segment, "end", 0) - json_get_double(segment, "start", 0);
    jw_object(w);
    jw_kv_u64(w, "id", r->segment_count++);
    jw_kv_double(w, "start", moved(segment, "start", by_s));
    jw_kv_double(w, "end", moved(segment, "end", by_s));
    jw_kv_string(w, "text", json_get_str(segment, "text", STR_NONE));
    jw_kv_raw(w, "confidence", sure ? sure->raw : STR("null"));
    if (sure && json_double(sure, &value) && length > 0) {
        r->sure += value * length;
        r->weight += length;
    }
    jw_key(w, STR("words"));
    jw_array(w);
    for (const struct json *word = words ? words->child : NULL; word; word = word->next) {
        const struct json *known = json_get(word, "confidence");
        jw_object(w);
        jw_kv_string(w, "word", json_get_str(word, "word", STR_NONE));
        jw_kv_double(w, "start", moved(word, "start", by_s));
        jw_kv_double(w, "end", moved(word, "end", by_s));
        if (known)
            jw_kv_raw(w, "confidence", known->raw);
        jw_end_object(w);
    }
    jw_end_array(w);
    jw_end_object(w);
}

static LOOP void add_transcript(struct recording *r, const struct ears_heard *heard)
{
    struct arena a = ARENA_INIT;
    struct json *json = NULL;
    const struct ear_piece *piece = &r->job.pieces[r->piece];
    if (json_parse(&a, heard->json, &json, NULL) == ERR_OK) {
        struct str text = json_get_str(json, "text", STR_NONE);
        struct str language = json_get_str(json, "language", STR_NONE);
        const struct json *segments = json_get(json, "segments");
        for (const struct json *s = segments ? segments->child : NULL; s; s = s->next)
            copy_moved(r, s, piece->from_ms / 1000.0);
        if (text.n && r->text.n)
            buf_add_char(&r->text, ' ');
        buf_add(&r->text, text);
        if (!r->language.n)
            r->language = arena_str(&r->arena, language);
        if (text.n && r->emit->piece)
            r->emit->piece(r->arg, text);
    }
    arena_release(&a);
}

static LOOP void end_whole(struct recording *r)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    double sure = r->weight > 0 ? round(r->sure / r->weight * 1000) / 1000 : NAN;
    jw_end_array(&r->w);
    jw_object(&w);
    jw_kv_string(&w, "provider", r->provider);
    jw_kv_string(&w, "text", buf_str(&r->text));
    jw_kv_string(&w, "language", r->language.n ? r->language : r->request.asr.language);
    jw_kv_double(&w, "confidence", sure);
    jw_kv_u64(&w, "duration_ms", (uint64_t)r->duration_ms);
    jw_kv_raw(&w, "segments", buf_str(&r->segments));
    jw_end_object(&w);
    const struct ears_heard heard = {.json = buf_str(&b), .provider = r->provider, .fallbacks = r->fallbacks};
    end(r, ERR_OK, NULL, &heard);
}

static void piece_end(void *arg, enum err err, const struct error *e, const struct ears_heard *heard)
{
    on_loop();
    struct recording *r = arg;
    r->utterance = 0;
    if (err) {
        end(r, err, e, NULL);
        return;
    }
    r->busy = true;
    if (heard->provider.n)
        r->provider = arena_str(&r->arena, heard->provider);
    r->fallbacks += heard->fallbacks;
    add_transcript(r, heard);
    r->piece++;
    if (!r->over && r->emit->progress)
        r->emit->progress(r->arg, (double)r->piece / (double)r->job.piece_count);
    if (!r->over)
        next_piece(r);
    r->busy = false;
    if (r->over)
        release(r);
}

static const struct ears_emit piece_emit = {.end = piece_end};

/* The end of what was said, from a word's beginning; before it what the asker gave. */
static struct str prompt_of(struct recording *r)
{
    size_t from = r->text.n > PROMPT_BEFORE ? r->text.n - PROMPT_BEFORE : 0;
    while (from && from < r->text.n && r->text.p[from - 1] != ' ')
        from++;
    struct str before = str_from(buf_str(&r->text), from);
    return before.n ? arena_printf(&r->arena, "%.*s%s%.*s", STR_ARG(r->request.asr.prompt),
                                   r->request.asr.prompt.n ? " " : "", STR_ARG(before))
                    : r->request.asr.prompt;
}

static void next_piece(struct recording *r)
{
    struct error e = {0};
    if (r->piece == r->job.piece_count) {
        end_whole(r);
        return;
    }
    const struct ear_piece *piece = &r->job.pieces[r->piece];
    struct ears_request request = r->request;
    request.asr.prompt = prompt_of(r);
    r->utterance = utterance_start(r->here, &request, &piece_emit, r, &e);
    if (!r->utterance) {
        end(r, e.err ? e.err : ERR_UNAVAILABLE, &e, NULL);
        return;
    }
    utterance_feed(r->here, r->utterance, (const int16_t *)(const void *)r->job.sound.p + piece->sample,
                   piece->count);
    utterance_finish(r->here, r->utterance);
}

/* ---- the job of the child ---- */
static LOOP void end_heard(struct recording *r)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    buf_add(&b, STR("{\"provider\":\"pocketsphinx\","));
    buf_add(&b, str_from(r->job.json, 1));
    const struct ears_heard heard = {.json = buf_str(&b), .provider = STR("pocketsphinx")};
    end(r, ERR_OK, NULL, &heard);
}

static void job_done(struct ear_job *job)
{
    on_loop();
    struct recording *r = CONTAINER(job, struct recording, job);
    struct json *json = NULL;
    r->job_runs = false;
    free(r->file);
    r->file = NULL;
    if (r->over) {
        release(r);
    } else if (job->err) {
        end(r, job->err, &job->error, NULL);
    } else if (job->task == EAR_HEAR) {
        end_heard(r);
    } else {
        if (json_parse(&r->arena, job->json, &json, NULL) == ERR_OK)
            r->duration_ms = json_get_double(json, "duration_ms", 0);
        r->w = JW(&r->segments);
        jw_array(&r->w);
        r->busy = true;
        next_piece(r);
        r->busy = false;
        if (r->over)
            release(r);
    }
}

/* Whether the first that will listen is pocketsphinx: then nobody else needs the sound. */
static bool sphinx_first(const struct ears_chain *chain, size_t provider)
{
    return chain->set->all[provider].driver == &asr_sphinx;
}

uint64_t ears_file(struct ears *ears, const struct ears_request *request, struct str file,
                   const struct ears_emit *emit, void *arg, struct error *e)
{
    struct ears_here *here = ears_here(ears);
    size_t order[EARS_CHAIN_MAX + 1];
    if (file.n > EAR_FILE_MAX) {
        error_set(e, ERR_TOO_BIG, "The recording has %zu bytes; at most %d are heard at once. Split it.",
                  file.n, EAR_FILE_MAX);
        return 0;
    }
    if (here->stopped) {
        error_set(e, ERR_CLOSED, "The server is stopping.");
        return 0;
    }
    if (!ears_order(here->chain, request->provider, order, e))
        return 0;
    bool english = !request->asr.language.n || str_ieq(str_sub(request->asr.language, 0, 2), STR("en"));
    struct recording *r = heap_alloc(sizeof *r);
    *r = (struct recording){.here = here,
                            .chain = here->chain,
                            .next = here->recordings,
                            .id = asr_id_new(),
                            .home = here->loop,
                            .request = *request,
                            .emit = emit,
                            .arg = arg,
                            .file = heap_cstr(file),
                            .job_runs = true};
    r->request.asr.language = arena_str(&r->arena, request->asr.language);
    r->request.asr.prompt = arena_str(&r->arena, request->asr.prompt);
    r->request.asr.model = arena_str(&r->arena, request->asr.model);
    r->request.provider = arena_str(&r->arena, request->provider);
    r->job = (struct ear_job){.task = sphinx_first(here->chain, order[0]) && english ? EAR_HEAR : EAR_CUT,
                              .file = str_of(r->file, file.n),
                              .arena = &r->arena,
                              .progress = on_progress,
                              .heard = on_heard,
                              .done = job_done};
    ears_hold(r->chain);
    here->recordings = r;
    ear_submit(ears->house.ear, &r->job);
    return r->id;
}

bool recording_cancel(struct ears_here *here, uint64_t id)
{
    struct recording *r = here->recordings;
    while (r && r->id != id)
        r = r->next;
    if (r)
        drop(r);
    return r != NULL;
}

void ears_stop_recordings(struct ears_here *here)
{
    while (here->recordings)
        drop(here->recordings);
}
