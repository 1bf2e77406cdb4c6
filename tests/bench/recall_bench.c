/*
 * How well and how fast memory recalls.
 *
 *   recall_bench FOLDER [LOCOMO.json]
 *
 * Quality: LoCoMo conversations (evaluation only; skipped, and said so, where the file is missing). Every
 * turn is indexed as the indexer would; every question with evidence is ranked. R@k: the share of evidence
 * turns among the first k; session any@5: whether any of the first five lies in a session with evidence.
 *
 * Speed: memory_recall() over one owner with 100,000 turns, one after another; then owners with 1,000 turns
 * each, 64 under way at a time, on two loops.
 */
#include "base/clock.h"
#include "base/json.h"
#include "memory/recall.h"

#include <math.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    BATCH = 256,
    BIG = 100000,
    SMALL = 1000,
    OWNERS = 100,
    UNDER_WAY = 64,
    RECALLS = 6000,
    SEQUENCE = 1000
};

static struct index *search_index;
static struct store *store;
static struct loops *loops;
static struct memory *memory;

static void die(const struct error *e)
{
    fprintf(stderr, "recall_bench: %s\n", e->message);
    exit(1);
}

static void put_all(const struct index_doc *docs, size_t count)
{
    for (size_t at = 0; at < count; at += BATCH) {
        struct index_put *put = INDEX_NEW(put, PUT);
        put->docs = docs + at;
        put->doc_count = count - at < BATCH ? count - at : BATCH;
        if (index_wait(search_index, &put->op) != ERR_OK)
            die(&put->op.error);
        index_op_free(&put->op);
    }
}

/* ---- quality ---- */

struct turn_ref {
    struct str dia;
    int session;
};

/* "1:56 pm on 8 May, 2023": good enough as an order of days. */
static int64_t session_time(struct str text, int number)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    char *copy = heap_cstr(text), month[32] = "";
    int day = 1, year = 2023, m = 0;
    char *on = strstr(copy, " on ");
    if (!on || sscanf(on, " on %d %31[A-Za-z], %d", &day, month, &year) != 3)
        day = number;
    for (int i = 0; i < 12; i++)
        m = strcmp(month, months[i]) == 0 ? i : m;
    free(copy);
    return (int64_t)((year - 1970) * 372 + m * 31 + day) * 86400000;
}

struct sample {
    struct arena arena;
    struct index_doc *docs;
    struct turn_ref *refs;
    size_t count;
    struct id owner, persona, room;
};

static void load_sample(struct sample *s, const struct json *conversation, size_t number)
{
    enum { TURNS_MAX = 4000, SESSIONS_MAX = 60 };
    struct str a = json_get_str(conversation, "speaker_a", STR_NONE);
    char name[64];
    snprintf(name, sizeof name, "sample %zu", number);
    s->owner = id_of_name(STR("owner"), str_c(name));
    s->persona = id_of_name(STR("persona"), str_c(name));
    s->room = id_of_name(STR("room"), str_c(name));
    s->docs = arena_array(&s->arena, struct index_doc, TURNS_MAX);
    s->refs = arena_array(&s->arena, struct turn_ref, TURNS_MAX);
    for (int n = 1; n <= SESSIONS_MAX; n++) {
        snprintf(name, sizeof name, "session_%d_date_time", n);
        int64_t at = session_time(json_get_str(conversation, name, STR_NONE), n);
        snprintf(name, sizeof name, "session_%d", n);
        const struct json *session = json_get(conversation, name);
        if (!session)
            continue;
        json_each (turn, session) {
            if (s->count == TURNS_MAX)
                break;
            bool person = str_eq(json_get_str(turn, "speaker", STR_NONE), a);
            struct str caption = json_get_str(turn, "blip_caption", STR_NONE);
            s->refs[s->count] = (struct turn_ref){json_get_str(turn, "dia_id", STR_NONE), n};
            s->docs[s->count] = (struct index_doc){
                .room = s->room,
                .seq = s->count + 1,
                .at_ms = at += 60000,
                .owner = s->owner,
                .persona = s->persona,
                .author_type = person ? AUTHOR_USER : AUTHOR_PERSONA,
                .author = person ? s->owner : s->persona,
                .text = arena_printf(&s->arena, "%.*s: %.*s %.*s",
                                     STR_ARG(json_get_str(turn, "speaker", STR_NONE)),
                                     STR_ARG(json_get_str(turn, "text", STR_NONE)), STR_ARG(caption))};
            s->count++;
        }
    }
    put_all(s->docs, s->count);
}

struct quality {
    double r5, r10, r50, session5;
    size_t questions;
};

static void search(struct recall *r, const struct sample *s)
{
    struct index_search *find = INDEX_NEW(search, SEARCH);
    struct str *words = arena_array(&find->op.arena, struct str, r->query.count);
    for (size_t i = 0; i < r->query.count; i++)
        words[i] = r->query.words[i].as_said;
    find->owner = s->owner;
    find->persona = s->persona;
    find->words = words;
    find->word_count = r->query.count;
    find->posting_budget = RECALL_POSTINGS;
    find->limit = RECALL_CANDIDATES;
    if (index_wait(search_index, &find->op) != ERR_OK)
        die(&find->op.error);
    r->search = find;
    struct index_neighbours *n = INDEX_NEW(neighbours, NEIGHBOURS);
    struct index_place *at = arena_array(&n->op.arena, struct index_place, RECALL_NEIGHBOURS_OF);
    n->owner = s->owner;
    n->persona = s->persona;
    for (size_t i = 0; i < find->hit_count && n->at_count < RECALL_NEIGHBOURS_OF; i++)
        at[n->at_count++] = (struct index_place){find->hits[i].room, find->hits[i].seq};
    n->at = at;
    n->radius = RECALL_RADIUS;
    if (index_wait(search_index, &n->op) != ERR_OK)
        die(&n->op.error);
    r->around = n;
}

static bool is_evidence(const struct json *evidence, struct str dia)
{
    json_each (e, evidence) {
        if (e->type == JSON_STRING && str_eq(e->string, dia))
            return true;
    }
    return false;
}

static void ask(const struct sample *s, const struct json *qa, struct quality *q)
{
    const struct json *evidence = json_get(qa, "evidence");
    struct memory_recall op = {.person = s->owner, .persona = s->persona};
    struct recall r = {.op = &op};
    size_t wanted = 0;
    bool session[64] = {false};
    for (size_t i = 0; evidence && i < s->count; i++) {
        if (is_evidence(evidence, s->refs[i].dia)) {
            wanted++;
            session[s->refs[i].session] = true;
        }
    }
    if (!wanted)
        return;
    struct str question = json_get_str(qa, "question", STR_NONE);
    query_of(&r.arena, question, NULL, 0, &r.query);
    r.about = about_of(&r.arena, question);
    search(&r, s);
    struct candidates *c = arena_new(&r.arena, struct candidates);
    const struct candidate **order = arena_array(&r.arena, const struct candidate *, CANDIDATES_MAX);
    size_t n = recall_rank(&r, c, order), got5 = 0, got10 = 0, got50 = 0;
    bool any = false;
    for (size_t i = 0; i < n && i < 50; i++) {
        const struct turn_ref *ref = &s->refs[order[i]->seq - 1];
        size_t hit = is_evidence(evidence, ref->dia);
        got5 += i < 5 ? hit : 0;
        got10 += i < 10 ? hit : 0;
        got50 += hit;
        any |= i < 5 && session[ref->session];
    }
    q->r5 += (double)got5 / (double)wanted;
    q->r10 += (double)got10 / (double)wanted;
    q->r50 += (double)got50 / (double)wanted;
    q->session5 += any;
    q->questions++;
    index_op_free(&r.search->op);
    index_op_free(&r.around->op);
    arena_release(&r.arena);
}

static void measure_quality(const char *path)
{
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct arena a = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct json *samples = NULL;
    struct quality q = {0};
    struct error e = {0};
    if (!file) {
        printf("quality: skipped, the LoCoMo file is not here (%s)\n", path ? path : "no path given");
        return;
    }
    for (size_t n = 1; n;) {
        char *to = buf_reserve(&text, 65536);
        n = fread(to, 1, 65536, file);
        text.n += n;
    }
    fclose(file);
    if (json_parse(&a, buf_str(&text), &samples, &e) != ERR_OK)
        die(&e);
    size_t number = 0, turns = 0;
    json_each (sample, samples) {
        struct sample s = {0};
        load_sample(&s, json_get(sample, "conversation"), number++);
        turns += s.count;
        json_each (qa, json_get(sample, "qa"))
            ask(&s, qa, &q);
        arena_release(&s.arena);
    }
    double n = (double)q.questions / 100;
    printf("quality: %zu turns, %zu questions: R@5 %.1f, R@10 %.1f, R@50 %.1f, session any@5 %.1f\n", turns,
           q.questions, q.r5 / n, q.r10 / n, q.r50 / n, q.session5 / n);
    buf_release(&text);
    arena_release(&a);
}

/* ---- speed ---- */

static struct str made_text(struct arena *a, int words)
{
    struct buf b = BUF_INIT;
    for (int i = 0; i < words; i++) {
        /* Zipf-like over 20,000 words. */
        int w = (int)(exp(random_unit() * log(20000)) - 1);
        static const char *const parts[] = {"ba", "do", "ki", "mu", "ra", "zo", "te", "vi", "lu", "no"};
        buf_printf(&b, "%s%s%s%s%s ", parts[w % 10], parts[w / 10 % 10], parts[w / 100 % 10],
                   parts[w / 1000 % 10], parts[w / 10000 % 10]);
    }
    struct str text = arena_str(a, buf_str(&b));
    buf_release(&b);
    return text;
}

static struct id owner_of(int number)
{
    char name[32];
    snprintf(name, sizeof name, "bench %d", number);
    return id_of_name(STR("owner"), str_c(name));
}

static void fill_owner(int number, size_t turns)
{
    struct arena a = ARENA_INIT;
    struct index_doc *docs = arena_array(&a, struct index_doc, turns);
    struct id owner = owner_of(number);
    for (size_t i = 0; i < turns; i++)
        docs[i] = (struct index_doc){.room = owner,
                                     .seq = i + 1,
                                     .at_ms = (int64_t)i * 30000,
                                     .owner = owner,
                                     .persona = owner,
                                     .author_type = i % 2 ? AUTHOR_PERSONA : AUTHOR_USER,
                                     .author = owner,
                                     .text = made_text(&a, 12)};
    put_all(docs, turns);
    arena_release(&a);
}

struct run {
    struct memory_recall op;
    struct arena arena, fixed;
    int owners;
    uint64_t *times;
    atomic_size_t *left, *ended;
    size_t total;
    sem_t *over;
};

static void begin(struct run *run) LOOP;

static void came(struct memory_recall *op)
{
    on_loop();
    struct run *run = CONTAINER(op, struct run, op);
    if (op->err != ERR_OK)
        die(&op->error);
    size_t at = atomic_fetch_add(run->ended, 1);
    run->times[at] = op->took_us;
    arena_release(&run->arena);
    if (at + 1 == run->total)
        sem_post(run->over);
    else
        begin(run);
}

static void begin(struct run *run)
{
    size_t left = atomic_fetch_sub(run->left, 1); /* past zero it wraps: nothing is left */
    if (left == 0 || left > run->total)
        return;
    struct id owner = owner_of(run->owners ? 1 + (int)(random_u64() % (uint64_t)run->owners) : 0);
    run->op = (struct memory_recall){.person = owner,
                                     .persona = owner,
                                     .room = ID_NONE,
                                     .text = made_text(&run->arena, 8),
                                     .budget_tokens = 1200,
                                     .arena = &run->arena,
                                     .done = came};
    memory_recall(memory, &run->op);
}

static void begin_on_loop(void *arg)
{
    on_loop();
    begin(arg);
}

static int by_value(const void *a, const void *b)
{
    return (*(const uint64_t *)a > *(const uint64_t *)b) - (*(const uint64_t *)a < *(const uint64_t *)b);
}

static void measure_speed(const char *what, int owners, size_t under_way, size_t total)
{
    atomic_size_t left = total, ended = 0;
    sem_t over;
    sem_init(&over, 0, 0);
    uint64_t *times = heap_alloc(total * sizeof *times), since = clock_mono_us();
    struct run *runs = heap_alloc(under_way * sizeof *runs);
    for (size_t i = 0; i < under_way; i++) {
        runs[i] = (struct run){
            .owners = owners, .times = times, .left = &left, .ended = &ended, .total = total, .over = &over};
        loop_call(loops_get(loops, (unsigned)i % loops_count(loops)), begin_on_loop, &runs[i]);
    }
    sem_wait(&over);
    double seconds = (double)(clock_mono_us() - since) / 1e6;
    qsort(times, total, sizeof *times, by_value);
    printf("speed: %s, %zu at a time: p50 %.2f ms, p99 %.2f ms, %.0f/s\n", what, under_way,
           (double)times[total / 2] / 1000, (double)times[total * 99 / 100] / 1000, (double)total / seconds);
    sem_destroy(&over);
    free(times);
    free(runs);
}

static void stopped(void *arg)
{
    sem_post(arg);
}

int main(int argc, char **argv)
{
    struct error e = {0};
    sem_t over;
    if (argc < 2) {
        fprintf(stderr, "usage: recall_bench FOLDER [LOCOMO.json]\n");
        return 64;
    }
    mkdir(argv[1], 0700);
    struct store_options store_options = {.driver = STR("sqlite"), .folder = str_c(argv[1])};
    struct index_options index_options = {.folder = argv[1]};
    struct memory_options options = {.tenant = owner_of(-1)};
    if (store_open(&store_options, &store, &e) != ERR_OK ||
        index_open(&index_options, &search_index, &e) != ERR_OK || loops_new(2, &loops, &e) != ERR_OK ||
        memory_new(store, search_index, loops_get(loops, 0), &options, &memory, &e) != ERR_OK)
        die(&e);
    loops_start(loops);
    random_seed(42);
    measure_quality(argc > 2 ? argv[2] : NULL);
    fill_owner(0, BIG);
    for (int i = 1; i <= OWNERS; i++)
        fill_owner(i, SMALL);
    memory_start(memory);
    measure_speed("one owner with 100,000 turns", 0, 1, SEQUENCE);
    measure_speed("100 owners with 1,000 turns each", OWNERS, UNDER_WAY, RECALLS);
    sem_init(&over, 0, 0);
    memory_stop(memory, stopped, &over);
    sem_wait(&over);
    store_stop(store);
    index_stop(search_index);
    loops_stop(loops);
    memory_free(memory);
    store_close(store);
    index_close(search_index);
    return 0;
}
