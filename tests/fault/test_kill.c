/*
 * kill -9 in the middle of a storm of appends, again and again on the same folder: every acknowledged event
 * is there, numbers have no holes, the next opening knows that the last one did not end well.
 *
 * A child opens the store and lets several threads append; each answer goes into a pipe once it is there. The
 * parent kills the child at a random moment, reads the pipe to its end and looks. KILL_ROUNDS sets how often
 * (20).
 */
#include "unit/store/fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 20, WRITERS = 4, LATEST_KILL_MS = 120, TEXT_BYTES = 24 };

struct answer {
    uint64_t seq, pos;
    char text[TEXT_BYTES];
};

struct writer {
    struct fixture *f;
    int pipe, number, round;
};

static void *storm(void *arg)
{
    struct writer *w = arg;
    for (int i = 0;; i++) {
        struct answer answer = {0};
        char data[64];
        snprintf(answer.text, sizeof answer.text, "%d/%d/%d", w->round, w->number, i);
        snprintf(data, sizeof data, "{\"text\":\"%s\"}", answer.text);
        struct event_row row = fixture_row(w->f, "message", data);
        struct store_append *a = fixture_append(w->f, &row, 1);
        if (store_wait(w->f->store, &a->op) != ERR_OK)
            _exit(1);
        answer.seq = row.seq, answer.pos = row.pos;
        DONE(a);
        if (write(w->pipe, &answer, sizeof answer) != sizeof answer)
            _exit(2);
    }
    return NULL;
}

static void child(struct fixture *f, int pipe, int round)
{
    static struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    if (fixture_open(f) != ERR_OK)
        _exit(3);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){f, pipe, i, round};
        pthread_create(&threads[i], NULL, storm, &writers[i]);
    }
    pause();
    _exit(4);
}

struct answers {
    struct answer *list;
    size_t count, cap;
};

static void read_answers(int pipe, struct answers *to)
{
    struct answer answer;
    while (read(pipe, &answer, sizeof answer) == sizeof answer) {
        if (to->count == to->cap) {
            to->cap = to->cap ? to->cap * 2 : 1024;
            to->list = heap_realloc(to->list, to->cap * sizeof *to->list);
        }
        to->list[to->count++] = answer;
    }
}

static void look(struct fixture *f, const struct answers *told)
{
    uint64_t seq = 0;
    size_t found = 0;
    bool more = true;
    char **texts = heap_alloc((told->count + 100000) * sizeof *texts);
    while (more) {
        struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
        p->tenant = f->tenant, p->room = f->room, p->after = seq, p->limit = STORE_PAGE_MAX;
        RUN(f, p);
        for (size_t i = 0; i < p->count; i++) {
            assert_int_equal(p->rows[i].seq, ++seq);
            texts[seq] = heap_cstr(p->rows[i].data);
        }
        more = p->more;
        DONE(p);
    }
    for (size_t i = 0; i < told->count; i++) {
        const struct answer *a = &told->list[i];
        assert_true(a->seq >= 1 && a->seq <= seq);
        found += strstr(texts[a->seq], a->text) != NULL;
    }
    assert_int_equal(found, told->count);
    for (uint64_t i = 1; i <= seq; i++)
        free(texts[i]);
    free(texts);
}

static void a_storm_of_kills(void **state)
{
    (void)state;
    struct fixture f;
    struct answers told = {0};
    const char *rounds = getenv("KILL_ROUNDS");
    int count = rounds && atoi(rounds) > 0 ? atoi(rounds) : ROUNDS;
    fixture_start(&f, "sqlite");
    fixture_room(&f);
    store_close(f.store);
    for (int round = 0; round < count; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(ends[0]);
            child(&f, ends[1], round);
        }
        close(ends[1]);
        /* A pipe that fills up would stop the storm: read while waiting. */
        useconds_t after_us = (useconds_t)(random_unit() * LATEST_KILL_MS * 1000) + 5000;
        pid_t killer = fork();
        if (killer == 0) {
            close(ends[0]);
            usleep(after_us);
            kill(pid, SIGKILL);
            _exit(0);
        }
        read_answers(ends[0], &told);
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        waitpid(killer, NULL, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    assert_int_equal(fixture_open(&f), ERR_OK);
    assert_true(store_was_unclean(f.store));
    assert_int_equal(store_check(f.store, &f.e), ERR_OK);
    look(&f, &told);
    print_message("           %d kills, %zu acknowledged\n", count, told.count);
    assert_true(told.count > (size_t)count);
    free(told.list);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_storm_of_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
