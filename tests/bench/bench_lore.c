/*
 * Composing a prompt with a lorebook of 2,000 entries (three plain keys each; one entry in twenty has a
 * regular expression instead; recursion on): the scan and persona_compose() together, as a turn does them.
 * Beside it the way that looks for each key in each message, on the same book and the same messages.
 *
 *   bench_lore [entries]
 */
#include "persona/compose.h"
#include "persona/macro.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ENTRIES = 2000, ROUNDS = 2000, MESSAGES = 60, WORDS = 60 };

static const char *const words[] = {"the",     "river",  "stone", "under",   "old",    "bridge", "light",
                                    "never",   "market", "voice", "winter",  "road",   "eleven", "hands",
                                    "because", "quiet",  "salt",  "morning", "letter", "to",     "and",
                                    "harbour", "of",     "ship",  "again",   "we",     "bring"};
enum { WORD_COUNT = sizeof words / sizeof *words };

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

static void add_name(struct buf *b, unsigned n)
{
    static const char *const parts[] = {"al",  "der", "mo",  "or",  "ves", "sa",
                                        "tir", "en",  "kha", "lum", "bri", "go"};
    buf_add_char(b, (char)('A' + n % 26));
    for (unsigned i = 0; i < 3; i++, n /= 12)
        buf_add(b, str_c(parts[n % 12]));
    buf_add_u64(b, n);
}

static void write_book(struct buf *b, unsigned count)
{
    buf_add(b, STR("{\"scan_depth\":4,\"entries\":["));
    for (unsigned i = 0; i < count; i++) {
        buf_printf(b, "%s{\"id\":%u,\"enabled\":true,\"insertion_order\":%u,\"keys\":[", i ? "," : "", i,
                   i % 200);
        for (unsigned k = 0; k < 3; k++) {
            buf_add(b, k ? STR(",\"") : STR("\""));
            if (i % 20 == 0)
                buf_add(b, STR("/\\\\b"));
            add_name(b, i * 7 + k * 14000);
            if (i % 20 == 0)
                buf_add(b, STR("s?\\\\b/i"));
            buf_add_char(b, '"');
        }
        buf_add(b, STR("],\"content\":\"{{char}} knows that "));
        add_name(b, i * 7);
        buf_add(b, STR(" lies two days from "));
        add_name(b, (i * 31 + 5) % count * 7);
        buf_add(b, STR(", where the salt road meets the harbour and nobody asks for a letter.\"}"));
    }
    buf_add(b, STR("]}"));
}

static struct str message(struct arena *a, unsigned n, unsigned entries)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    uint64_t state = n;
    for (unsigned i = 0; i < WORDS; i++) {
        buf_add(&b, str_c(words[next(&state) % WORD_COUNT]));
        buf_add_char(&b, ' ');
        if (i % 20 == 19) {
            add_name(&b, (unsigned)(next(&state) % entries) * 7);
            buf_add_char(&b, ' ');
        }
    }
    return arena_str(a, buf_str(&b));
}

static char *lowered(struct str s)
{
    char *text = heap_cstr(s);
    for (char *c = text; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return text;
}

/* Each key that was not found yet in each text; what is found says the text of the next level. */
static size_t naive_level(const struct lore_book *book, bool *taken, char *const *texts, size_t count,
                          size_t room, struct buf *said)
{
    size_t hits = 0;
    for (size_t i = 0; i < book->count && hits < room; i++) {
        bool found = taken[i];
        for (size_t k = 0; k < book->entries[i].keys.n && !found; k++) {
            char *key = lowered(book->entries[i].keys.v[k]);
            for (size_t m = 0; m < count && !found; m++)
                found = strstr(texts[m], key) != NULL;
            free(key);
        }
        if (!found || taken[i])
            continue;
        taken[i] = true;
        hits++;
        buf_add(said, book->entries[i].content);
    }
    return hits;
}

/* What a straightforward scan does, with plain keys only: expressions are left out. */
static size_t naive(const struct lore_book *book, const struct lore_message *messages, size_t count,
                    size_t most)
{
    enum { DEPTH = 4 };
    char *texts[DEPTH];
    bool *taken = heap_alloc(book->count);
    struct buf said = BUF_INIT;
    for (size_t m = 0; m < DEPTH; m++)
        texts[m] = lowered(messages[count - 1 - m].text);
    size_t all = naive_level(book, taken, texts, DEPTH, most, &said);
    while (all < most && said.n) {
        char *level = lowered(buf_str(&said));
        buf_clear(&said);
        all += naive_level(book, taken, &level, 1, most - all, &said);
        free(level);
    }
    for (size_t m = 0; m < DEPTH; m++)
        free(texts[m]);
    free(taken);
    buf_release(&said);
    return all;
}

static uint64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv)
{
    uint64_t entries = ENTRIES;
    if (argc > 1 && (!str_to_u64(str_c(argv[1]), &entries) || !entries || entries > LORE_ENTRIES_MAX))
        return 2;
    struct arena a = ARENA_INIT;
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct lore_book *book = NULL;
    struct error e = {0};
    write_book(&text, (unsigned)entries);
    uint64_t began = clock_mono_us();
    if (lore_file_read(&a, buf_str(&text), &book, &e)) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    uint64_t read = clock_mono_us();
    struct lore_source source = {lore_compile(STR("bench"), 1, book), LORE_OWN};
    uint64_t compiled = clock_mono_us();
    struct persona p;
    persona_init(&p);
    p.name = STR("Mia");
    p.description = STR("{{char}} keeps the lighthouse and writes everything down.");
    struct macro_values values = {.persona = &p, .user = STR("Ana")};
    static uint64_t took[ROUNDS], cpu[ROUNDS], scans[ROUNDS], plain[ROUNDS / 10];
    size_t kept = 0, naive_hits = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct arena turn = ARENA_INIT;
        struct lore_message *messages = arena_array(&turn, struct lore_message, MESSAGES);
        struct prompt_turn *turns = arena_array(&turn, struct prompt_turn, MESSAGES);
        for (unsigned i = 0; i < MESSAGES; i++) {
            struct str said = message(&turn, round + i, (unsigned)entries);
            messages[i] = (struct lore_message){.name = STR("Ana"), .text = said, .self = i % 2};
            turns[i] = (struct prompt_turn){.seq = i + 1, .self = i % 2, .text = said};
        }
        struct lore_input in = {
            .books = &source,
            .book_count = 1,
            .messages = messages,
            .message_count = MESSAGES,
            .total = MESSAGES,
            .answers = MESSAGES / 2,
            .greeting = LORE_UNSET,
            .seed = round,
            .budget_tokens = 1500,
            .rules = {.scan_depth = 2, .max_levels = 10, .recursive = true, .names = true},
            .values = &values};
        struct lore_result result;
        struct prompt prompt;
        uint64_t from = clock_mono_us(), cpu_from = cpu_us();
        lore_scan(&turn, &in, &result);
        scans[round] = clock_mono_us() - from;
        struct prompt_input prompt_in = {
            .persona = &p, .turns = turns, .turn_count = MESSAGES, .lore = &result, .budget_tokens = 6000};
        persona_compose(&turn, &prompt_in, &prompt);
        took[round] = clock_mono_us() - from;
        cpu[round] = cpu_us() - cpu_from;
        kept += result.kept;
        if (round % 10 == 0) {
            cpu_from = cpu_us();
            naive_hits += naive(book, messages, MESSAGES, result.kept);
            plain[round / 10] = cpu_us() - cpu_from;
        }
        arena_release(&turn);
    }
    qsort(took, ROUNDS, sizeof *took, by_size);
    qsort(cpu, ROUNDS, sizeof *cpu, by_size);
    qsort(scans, ROUNDS, sizeof *scans, by_size);
    qsort(plain, ROUNDS / 10, sizeof *plain, by_size);
    printf("lore: %llu entries, %.1f taken a prompt; read in %.1f ms, compiled in %.1f ms\n",
           (unsigned long long)entries, (double)kept / ROUNDS, (double)(read - began) / 1000,
           (double)(compiled - read) / 1000);
    printf("lore: scan p50 %.3f ms, p99 %.3f ms; with the whole prompt p50 %.3f ms, p99 %.3f ms\n",
           (double)scans[ROUNDS / 2] / 1000, (double)scans[ROUNDS * 99 / 100] / 1000,
           (double)took[ROUNDS / 2] / 1000, (double)took[ROUNDS * 99 / 100] / 1000);
    printf("lore: the processor's time of that p50 %.3f ms, p99 %.3f ms\n", (double)cpu[ROUNDS / 2] / 1000,
           (double)cpu[ROUNDS * 99 / 100] / 1000);
    printf("lore: each key in each text instead, without expressions and prompt, %.1f found: "
           "processor p50 %.3f ms, p99 %.3f ms\n",
           (double)naive_hits / (ROUNDS / 10.), (double)plain[ROUNDS / 20] / 1000,
           (double)plain[ROUNDS / 10 * 99 / 100] / 1000);
    lore_compiled_free(source.book);
    arena_release(&a);
    return 0;
}
