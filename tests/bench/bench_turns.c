/*
 * The server's own share of a turn, below the API: scripted engine without its typing delay, real store and
 * index on disk.
 *
 *   bench_turns first N   one owner who has said N things: message in to first delta, p50 and p99 of 400
 * turns bench_turns rate      64 owners with 1,000 remembered turns each, all talking at once for 8 s: turns
 * a second
 *
 * Prints one line of figures; cpu_us_per_turn is the process's user and system time until the last turn is
 * indexed too, which a loaded machine shifts less than the rate. `make bench-turns` runs both, several times.
 */
#include "../unit/room/house.h"

#include "base/clock.h"

#include <sys/resource.h>

enum { CLIENTS = 64, OWN_TURNS = 1000, FIRST_TURNS = 400, RATE_SECONDS = 8, BATCH = 500 };

static const char *const words[] = {"river",   "garden", "letter", "winter",  "violin", "market",
                                    "harbour", "cousin", "ticket", "summer",  "bridge", "coffee",
                                    "doctor",  "forest", "guitar", "holiday", "island", "jacket",
                                    "kitchen", "lesson", "mirror", "needle",  "office", "pepper"};

static struct str sentence(struct arena *a, uint64_t *seed)
{
    struct str parts[6];
    for (int i = 0; i < 6; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        parts[i] = str_c(words[(*seed >> 33) % (sizeof words / sizeof *words)]);
    }
    return arena_printf(
        a, "I thought about the %.*s and the %.*s near the %.*s %u, with a %.*s, a %.*s and the %.*s.",
        STR_ARG(parts[0]), STR_ARG(parts[1]), STR_ARG(parts[2]), (unsigned)(*seed >> 40) % 50000,
        STR_ARG(parts[3]), STR_ARG(parts[4]), STR_ARG(parts[5]));
}

static struct id make_room(struct house *h, struct id owner, const char *slug)
{
    struct room_op *op = op_new(ROOM_CREATE, ID_NONE);
    op->who.user = owner;
    op->personas = arena_array(&op->arena, struct str, 1);
    op->personas[0] = str_c(slug);
    op->persona_count = 1;
    op->quiet = true;
    assert_int_equal(op_run(h, op), ERR_OK);
    struct id room = op->view.id;
    room_op_free(op);
    return room;
}

/* Puts `count` messages of the owner into the room, straight into the store. */
static void preload(struct house *h, struct id room, struct id owner, unsigned count, uint64_t *seed)
{
    while (count) {
        unsigned n = count < BATCH ? count : BATCH;
        struct store_append *append = STORE_NEW(append, APPEND);
        struct arena *a = &append->op.arena;
        append->tenant = tenant_local();
        append->room = room;
        append->epoch = store_epoch(h->store);
        append->rows = arena_array(a, struct event_row, n);
        append->count = n;
        for (unsigned i = 0; i < n; i++) {
            struct event_row *row = &append->rows[i];
            event_set_kind(row, EVENT_MESSAGE);
            row->author_type = AUTHOR_USER;
            row->author = owner;
            row->ref = id_new();
            row->data = arena_printf(a, "{\"id\":\"%s\",\"text\":\"%.*s\",\"reply_to\":null}",
                                     id_text(row->ref).c, STR_ARG(sentence(a, seed)));
        }
        assert_int_equal(store_wait(h->store, &append->op), ERR_OK);
        store_op_free(&append->op);
        count -= n;
    }
}

static void wait_indexed(struct house *h)
{
    memory_hint(h->memory);
    for (;;) {
        struct store_stats stats;
        store_stats(h->store, &stats);
        if (memory_state(h->memory).indexed_pos >= stats.head_pos)
            return;
        usleep(20000);
    }
}

/* One who says something, waits for the end of the turn, and says the next thing. */
struct client {
    struct sub sub;
    struct house *house;
    struct arena arena;
    uint64_t seed, said_us, left, turns;
    uint64_t *first_us; /* a slot a turn, or NULL */
    bool heard;
    struct gate done;
};

static void speak(struct client *c) LOOP;

static void ignore_op(struct room_op *op)
{
    assert_int_equal(op->err, ERR_OK);
    room_op_free(op);
}

static void speak(struct client *c)
{
    struct room_op *op = room_op_new(ROOM_SAY, &c->sub.who, c->sub.room);
    op->text = sentence(&op->arena, &c->seed);
    op->done = ignore_op;
    c->heard = false;
    c->said_us = clock_mono_us();
    room_submit(c->house->rooms, op);
}

static void on_joined(struct sub *sub, uint64_t head)
{
    (void)head;
    on_loop();
    speak(CONTAINER(sub, struct client, sub));
}

static void on_frame(struct sub *sub, const struct sub_frame *frame)
{
    on_loop();
    struct client *c = CONTAINER(sub, struct client, sub);
    if (str_eq(frame->kind, STR("delta")) && !c->heard) {
        c->heard = true;
        if (c->first_us)
            c->first_us[c->turns] = clock_mono_us() - c->said_us;
    }
    if (!str_eq(frame->kind, STR("turn.ended")))
        return;
    c->turns++;
    bool over = c->first_us ? c->turns == FIRST_TURNS : clock_mono_us() > c->left;
    if (over)
        gate_open(&c->done);
    else
        speak(c);
}

static bool on_ready(struct sub *sub)
{
    (void)sub;
    return true;
}

static void on_failed(struct sub *sub, const struct error *error)
{
    (void)sub;
    fail_msg("%s", error->message);
}

static const struct sub_events client_events = {
    .joined = on_joined, .frame = on_frame, .ready = on_ready, .failed = on_failed};

static void start_client(void *arg)
{
    on_loop();
    struct client *c = arg;
    sub_open(c->house->rooms, &c->sub, 0, SUB_LIVE_ONLY);
}

static void close_client(void *arg)
{
    on_loop();
    struct client *c = arg;
    sub_close(&c->sub);
    gate_open(&c->done);
}

static void client_open(struct client *c, struct house *h, struct id room, struct id owner, unsigned loop)
{
    c->house = h;
    c->done = GATE;
    c->seed = id_hash(room);
    c->sub = (struct sub){.events = &client_events, .who = principal_owner(CREDENTIAL_LOCAL), .room = room};
    c->sub.who.user = owner;
    loop_call(loops_get(h->loops, loop), start_client, c);
}

static void client_close(struct client *c, unsigned loop)
{
    gate_wait(&c->done);
    c->done.passed = false;
    loop_call(loops_get(c->house->loops, loop), close_client, c);
    gate_wait(&c->done);
}

/* Processor time of the whole process so far, user and system, microseconds. */
static uint64_t cpu_us(void)
{
    struct rusage use;
    assert_int_equal(getrusage(RUSAGE_SELF, &use), 0);
    return (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Where the time of a turn went, on the average. */
static void print_steps(struct house *h)
{
    struct room_stats stats;
    struct index_stats search;
    rooms_stats(h->rooms, &stats);
    index_stats(h->index, &search);
    printf("  steps_mean_us");
    for (unsigned s = 0; s < STEP_COUNT; s++)
        printf(" %s=%.0f", turn_step_names[s],
               (double)stats.step_us_sum[s] / (double)(stats.step_count[s] ? stats.step_count[s] : 1));
    printf(" search_mean_us=%.0f\n",
           (double)search.search_us_sum / (double)(search.searches ? search.searches : 1));
}

static void bench_first(struct house *h, unsigned remembered)
{
    static uint64_t first[FIRST_TURNS];
    struct id owner = tenant_owner(), past = make_room(h, owner, "mia"), room = make_room(h, owner, "mia");
    uint64_t seed = 1;
    preload(h, past, owner, remembered, &seed);
    wait_indexed(h);
    struct client c = {.first_us = first};
    client_open(&c, h, room, owner, 1);
    client_close(&c, 1);
    qsort(first, FIRST_TURNS, sizeof *first, by_value);
    printf("first_delta remembered=%u turns=%d p50_us=%llu p99_us=%llu\n", remembered, FIRST_TURNS,
           (unsigned long long)first[FIRST_TURNS / 2], (unsigned long long)first[FIRST_TURNS * 99 / 100]);
    print_steps(h);
}

static void bench_rate(struct house *h)
{
    static struct client clients[CLIENTS];
    struct id owners[CLIENTS], rooms[CLIENTS];
    uint64_t seed = 2, turns = 0;
    for (int i = 0; i < CLIENTS; i++) {
        owners[i] = id_new();
        rooms[i] = make_room(h, owners[i], "mia");
        preload(h, rooms[i], owners[i], OWN_TURNS, &seed);
    }
    wait_indexed(h);
    uint64_t from = clock_mono_us(), cpu_from = cpu_us();
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].left = from + (uint64_t)RATE_SECONDS * 1000000;
        client_open(&clients[i], h, rooms[i], owners[i], (unsigned)i % 2);
    }
    for (int i = 0; i < CLIENTS; i++) {
        client_close(&clients[i], (unsigned)i % 2);
        turns += clients[i].turns;
    }
    double seconds = (double)(clock_mono_us() - from) / 1e6;
    wait_indexed(h);
    double each = (double)(cpu_us() - cpu_from) / (double)turns;
    printf("turn_rate clients=%d remembered_each=%d turns=%llu per_second=%.0f cpu_us_per_turn=%.0f\n",
           CLIENTS, OWN_TURNS, (unsigned long long)turns, (double)turns / seconds, each);
    print_steps(h);
}

/* A folder with that many personas (copies of Mia under other names) and messages in ten rooms. */
static void fill(struct house *h, unsigned personas, unsigned messages)
{
    uint64_t seed = 3;
    struct store_doc_get *mia = STORE_NEW(doc_get, DOC_GET);
    mia->type = STR("persona");
    mia->tenant = tenant_local();
    mia->slug = STR("mia");
    assert_int_equal(store_wait(h->store, &mia->op), ERR_OK);
    for (unsigned i = 0; i < personas; i++) {
        struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
        put->doc = mia->doc;
        put->doc.id = id_new();
        put->doc.slug = arena_printf(&put->op.arena, "copy-%u", i);
        put->doc.sort = arena_printf(&put->op.arena, "copy %u", i);
        put->create = true;
        assert_int_equal(store_wait(h->store, &put->op), ERR_OK);
        store_op_free(&put->op);
    }
    store_op_free(&mia->op);
    for (unsigned i = 0; i < 10; i++)
        preload(h, make_room(h, tenant_owner(), "mia"), tenant_owner(), messages / 10, &seed);
    wait_indexed(h);
}

int main(int argc, char **argv)
{
    static const char *const quick[] = {"engine.scripted_delay=0ms", NULL};
    struct house h = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: bench_turns first N | rate | fill FOLDER PERSONAS MESSAGES\n");
        return 64;
    }
    bool keeps = strcmp(argv[1], "fill") == 0 && argc == 5;
    if (keeps)
        str_copy(h.folder, sizeof h.folder, str_c(argv[2]));
    house_open(&h, quick);
    if (keeps)
        fill(&h, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    else if (strcmp(argv[1], "first") == 0)
        bench_first(&h, argc > 2 ? (unsigned)atoi(argv[2]) : 100000);
    else
        bench_rate(&h);
    house_close(&h);
    if (!keeps)
        house_remove(&h);
    return 0;
}
