/*
 * How fast the search index is: turns added a second, searches over one scope of many turns, searches over
 * many small scopes on one core.
 *
 *   index_bench FOLDER [TURNS] [SCOPES]
 *
 * Texts are made from a Zipf-like vocabulary of 20,000 words, 12 a turn on average, as chat has it; queries
 * are 8 words of the same distribution, which is worse than what people ask.
 */
#include "base/clock.h"
#include "store/index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

enum { VOCABULARY = 20000, BATCH = 256, SEARCHES = 4000, QUERY_WORDS = 8 };

static double cumulated[VOCABULARY];

static void make_vocabulary(void)
{
    double sum = 0;
    for (int i = 0; i < VOCABULARY; i++)
        cumulated[i] = sum += 1 / (i + 2.7);
    for (int i = 0; i < VOCABULARY; i++)
        cumulated[i] /= sum;
}

static int pick(void)
{
    double x = random_unit();
    int low = 0, high = VOCABULARY - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (cumulated[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct str text(struct arena *a, int words)
{
    char line[512];
    int n = 0;
    for (int i = 0; i < words; i++) {
        int w = pick();
        /* Pronounceable, stable under stemming, different for each w. */
        static const char *const parts[] = {"ba", "do", "ki", "mu", "ra", "zo", "te", "vi", "lu", "no"};
        n += snprintf(line + n, sizeof line - (size_t)n, "%s%s%s%s%s ", parts[w % 10], parts[w / 10 % 10],
                      parts[w / 100 % 10], parts[w / 1000 % 10], parts[w / 10000 % 10]);
    }
    return arena_str(a, str_of(line, (size_t)n));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct scope_ids {
    struct id owner, persona, room;
};

static void fill(struct index *index, struct scope_ids *scopes, int count, int turns)
{
    uint64_t start = clock_mono_us();
    int total = count * turns;
    for (int i = 0; i < total; i += BATCH) {
        struct index_put *op = INDEX_NEW(put, PUT);
        int n = total - i < BATCH ? total - i : BATCH;
        struct index_doc *docs = arena_array(&op->op.arena, struct index_doc, (size_t)n);
        for (int k = 0; k < n; k++) {
            struct scope_ids *s = &scopes[(i + k) / turns];
            docs[k] = (struct index_doc){.room = s->room,
                                         .seq = (uint64_t)((i + k) % turns) + 1,
                                         .at_ms = 1000,
                                         .owner = s->owner,
                                         .persona = s->persona,
                                         .author = s->owner,
                                         .text = text(&op->op.arena, 4 + (int)(random_unit() * 16))};
        }
        op->docs = docs, op->doc_count = (size_t)n, op->pos = (uint64_t)(i + n);
        if (index_wait(index, &op->op) != ERR_OK)
            fprintf(stderr, "%s\n", op->op.error.message);
        index_op_free(&op->op);
    }
    double took = (double)(clock_mono_us() - start) / 1e6;
    printf("  added %d turns in %d scopes: %.0f turns/s\n", total, count, total / took);
}

static void search(struct index *index, struct scope_ids *scopes, int count, const char *what)
{
    static double took[SEARCHES];
    size_t hits = 0;
    struct timespec cpu0, cpu1;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu0);
    for (int i = 0; i < SEARCHES; i++) {
        struct scope_ids *s = &scopes[(int)(random_unit() * count)];
        struct index_search *op = INDEX_NEW(search, SEARCH);
        op->owner = s->owner, op->persona = s->persona;
        op->text = text(&op->op.arena, QUERY_WORDS);
        uint64_t start = clock_mono_us();
        index_wait(index, &op->op);
        took[i] = (double)(clock_mono_us() - start) / 1000;
        hits += op->hit_count;
        index_op_free(&op->op);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu1);
    double cpu = (double)(cpu1.tv_sec - cpu0.tv_sec) + (double)(cpu1.tv_nsec - cpu0.tv_nsec) / 1e9;
    qsort(took, SEARCHES, sizeof *took, by_value);
    printf("  search %s: p50 %.3f ms, p99 %.3f ms, %.0f searches a CPU second, %.0f hits each\n", what,
           took[SEARCHES / 2], took[SEARCHES * 99 / 100], SEARCHES / cpu, (double)hits / SEARCHES);
}

static void run(const char *folder, const char *name, int scopes, int turns)
{
    char path[256];
    struct index *index;
    struct error e;
    struct scope_ids *ids = heap_alloc((size_t)scopes * sizeof *ids);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0700);
    struct index_options o = {.folder = path};
    if (index_open(&o, &index, &e) != ERR_OK) {
        fprintf(stderr, "%s\n", e.message);
        exit(1);
    }
    for (int i = 0; i < scopes; i++)
        ids[i] = (struct scope_ids){id_new(), id_new(), id_new()};
    printf("%s\n", name);
    fill(index, ids, scopes, turns);
    search(index, ids, scopes, "cold");
    search(index, ids, scopes, "warm");
    struct index_stats stats;
    index_stats(index, &stats);
    index_close(index);
    struct stat st;
    snprintf(path, sizeof path, "%s/%s/index.db", folder, name);
    stat(path, &st);
    printf("  file: %.0f MB\n", (double)st.st_size / 1e6);
    free(ids);
}

int main(int argc, char **argv)
{
    int turns = argc > 2 ? atoi(argv[2]) : 100000, scopes = argc > 3 ? atoi(argv[3]) : 300;
    if (argc < 2) {
        fprintf(stderr, "usage: index_bench FOLDER [TURNS] [SCOPES]\n");
        return 64;
    }
    make_vocabulary();
    random_seed(7);
    run(argv[1], "one-owner", 1, turns);
    run(argv[1], "many-owners", scopes, 1000);
    return 0;
}
