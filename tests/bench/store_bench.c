/*
 * How fast the store is. Prints medians of RUNS runs:
 *
 *   appends     64 submitters, each waits for its answer and sends the next: acknowledged appends a second
 * and the p50 and p99 of the wait; on the real disk, and with every sync taking 5 ms longer growth      cost
 * of one event in rows of 500, from 10,000 events in a room to a million page        200 events in the middle
 * of that room; 50 messages at its end opening     that store after a clean stop; and one of 10,000 documents
 * and 100,000 events
 *
 *   store_bench FOLDER [EVENTS]
 */
#include "unit/store/fixture.h"

#include "fault/vfs.h"

enum { SUBMITTERS = 64, RUNS = 5, SECONDS = 2, SYNC_DELAY_US = 5000, BULK = 500, PAGES = 2000, DOCS = 10000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double at_share(double *list, size_t n, double share)
{
    qsort(list, n, sizeof *list, by_value);
    return list[(size_t)((double)(n - 1) * share)];
}

static void die(const char *what, const struct error *e)
{
    fprintf(stderr, "%s: %s\n", what, e->message);
    exit(1);
}

static void open_at(struct fixture *f, const char *folder, const char *vfs)
{
    struct store_options o = {.driver = STR("sqlite"), .folder = str_c(folder), .vfs = vfs};
    f->driver = "sqlite";
    if (store_open(&o, &f->store, &f->e) != ERR_OK)
        die("open", &f->e);
}

/* ---- appends ------------------------------------------------------------------------------------------- */

struct submitter {
    struct fixture f;
    uint64_t until_us;
    size_t count, cap;
    double *took_ms;
};

static void *submit(void *arg)
{
    struct submitter *s = arg;
    for (;;) {
        struct event_row row = fixture_row(
            &s->f, "message", "{\"text\":\"Sixty-four people say something of this length, all at once.\"}");
        struct store_append *a = fixture_append(&s->f, &row, 1);
        uint64_t start = clock_mono_us();
        enum err err = store_wait(s->f.store, &a->op);
        uint64_t end = clock_mono_us();
        if (err)
            die("append", &a->op.error);
        DONE(a);
        if (end > s->until_us)
            return NULL;
        if (s->count < s->cap)
            s->took_ms[s->count++] = (double)(end - start) / 1000;
    }
}

static void appends_once(struct fixture *f, double out[3])
{
    static struct submitter people[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    size_t all = 0;
    for (int i = 0; i < SUBMITTERS; i++) {
        people[i] = (struct submitter){.f = *f, .cap = 100000};
        people[i].f.room = id_new();
        fixture_room(&people[i].f);
        people[i].took_ms = heap_alloc(people[i].cap * sizeof(double));
    }
    uint64_t until = clock_mono_us() + (uint64_t)SECONDS * 1000000;
    for (int i = 0; i < SUBMITTERS; i++) {
        people[i].until_us = until;
        pthread_create(&threads[i], NULL, submit, &people[i]);
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
        all += people[i].count;
    }
    double *took = heap_alloc((all + 1) * sizeof *took);
    size_t n = 0;
    for (int i = 0; i < SUBMITTERS; i++) {
        memcpy(took + n, people[i].took_ms, people[i].count * sizeof *took);
        n += people[i].count;
        free(people[i].took_ms);
    }
    out[0] = (double)all / SECONDS;
    out[1] = at_share(took, n, 0.5);
    out[2] = at_share(took, n, 0.99);
    free(took);
}

static void appends(const char *folder, const char *vfs, const char *what)
{
    struct fixture f = {.tenant = id_new(), .owner = id_new()};
    char path[256];
    double rate[RUNS], p50[RUNS], p99[RUNS];
    snprintf(path, sizeof path, "%s/appends-%s", folder, vfs ? vfs : "real");
    open_at(&f, path, vfs);
    for (int i = 0; i < RUNS; i++) {
        double out[3];
        appends_once(&f, out);
        rate[i] = out[0], p50[i] = out[1], p99[i] = out[2];
    }
    printf("appends, 64 submitters, %s: %.0f/s, p50 %.2f ms, p99 %.2f ms\n", what, at_share(rate, RUNS, 0.5),
           at_share(p50, RUNS, 0.5), at_share(p99, RUNS, 0.5));
    struct store_stats stats;
    store_stats(f.store, &stats);
    printf("  %.1f appends a commit, %.2f ms a commit on average\n",
           (double)stats.appended / (double)stats.commits,
           (double)stats.commit_us_sum / (double)stats.commits / 1000);
    store_close(f.store);
}

/* ---- growth and pages ---------------------------------------------------------------------------------- */

static void fill(struct fixture *f, int events)
{
    struct event_row rows[BULK];
    double took[64];
    size_t n = 0;
    int every = events / 10 ? events / 10 : 1;
    uint64_t start = clock_mono_us();
    for (int i = 0; i < events; i += BULK) {
        for (int k = 0; k < BULK; k++) {
            rows[k] = fixture_row(f, k % 4 ? "mood" : "message",
                                  "{\"text\":\"An event as long as they mostly are, give or take.\"}");
            rows[k].turn = f->tenant;
        }
        struct store_append *a = fixture_append(f, rows, BULK);
        RUN(f, a);
        DONE(a);
        if ((i + BULK) % every == 0 && n < 64) {
            uint64_t now = clock_mono_us();
            took[n++] = (double)(now - start) / every;
            start = now;
        }
    }
    printf("growth, us an event at each tenth of %d:", events);
    for (size_t i = 0; i < n; i++)
        printf(" %.1f", took[i]);
    printf("\n");
}

static void pages(struct fixture *f, int events)
{
    static double took[PAGES];
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < PAGES; i++) {
            uint64_t start;
            if (kind == 0) {
                struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
                p->tenant = f->tenant, p->room = f->room, p->limit = 200;
                p->after = (uint64_t)(random_unit() * (events - 200));
                start = clock_mono_us();
                RUN(f, p);
                took[i] = (double)(clock_mono_us() - start) / 1000;
                DONE(p);
            } else {
                struct store_messages_page *p = STORE_NEW(messages_page, MESSAGES_PAGE);
                p->tenant = f->tenant, p->room = f->room, p->limit = 50, p->desc = true;
                start = clock_mono_us();
                RUN(f, p);
                took[i] = (double)(clock_mono_us() - start) / 1000;
                DONE(p);
            }
        }
        printf("page of %s: p50 %.3f ms, p99 %.3f ms\n", kind ? "50 messages, newest first" : "200 events",
               at_share(took, PAGES, 0.5), at_share(took, PAGES, 0.99));
    }
}

static void opening(struct fixture *f, const char *path, const char *what)
{
    double took[RUNS];
    for (int i = 0; i < RUNS; i++) {
        store_close(f->store);
        uint64_t start = clock_mono_us();
        open_at(f, path, NULL);
        took[i] = (double)(clock_mono_us() - start) / 1000;
    }
    printf("opening %s: %.2f ms\n", what, at_share(took, RUNS, 0.5));
}

static void make_docs(struct fixture *f)
{
    for (int i = 0; i < DOCS; i++) {
        char name[32];
        snprintf(name, sizeof name, "persona-%d", i);
        struct store_doc_put *p = STORE_NEW(doc_put, DOC_PUT);
        p->doc = (struct doc_row){.type = STR("persona"),
                                  .tenant = f->tenant,
                                  .owner = f->owner,
                                  .slug = str_c(name),
                                  .sort = str_c(name),
                                  .data = STR("{\"name\":\"somebody\"}")};
        p->create = true;
        RUN(f, p);
        DONE(p);
    }
}

static void big_room(const char *folder, int events, bool docs)
{
    struct fixture f = {.tenant = id_new(), .owner = id_new(), .room = id_new()};
    char path[256], what[96];
    snprintf(path, sizeof path, "%s/room-%d", folder, events);
    open_at(&f, path, NULL);
    fixture_room(&f);
    if (docs)
        make_docs(&f);
    fill(&f, events);
    if (!docs)
        pages(&f, events);
    snprintf(what, sizeof what, "%d events, %d documents, after a clean stop", events, docs ? DOCS : 0);
    opening(&f, path, what);
    struct store_stats stats;
    store_stats(f.store, &stats);
    printf("file: %.0f bytes an event\n", (double)stats.file_bytes / events);
    store_close(f.store);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: store_bench FOLDER [EVENTS]\n");
        return 64;
    }
    fault_begin(&(struct fault_plan){.really_sync = true, .sync_delay_us = SYNC_DELAY_US});
    appends(argv[1], NULL, "real disk");
    appends(argv[1], fault_vfs_name, "every sync 5 ms slower");
    big_room(argv[1], argc > 2 ? atoi(argv[2]) : 1000000, false);
    big_room(argv[1], 100000, true);
    return 0;
}
