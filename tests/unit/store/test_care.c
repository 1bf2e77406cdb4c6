/* The store as a file: its lock, epochs, migrations, backup and restore, damage, opening speed. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "store/sqlite.h"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fixture_start(f, "sqlite");
    fixture_room(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_end(*state);
    free(*state);
    return 0;
}

static void second_server_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *second = NULL;
    struct store_options o = {.driver = STR("sqlite"), .folder = str_c(f->folder)};
    assert_int_equal(store_open(&o, &second, &f->e), ERR_CONFLICT);
    assert_non_null(strstr(f->e.message, "Another server"));
    o.driver = STR("oracle");
    assert_int_equal(store_open(&o, &second, &f->e), ERR_INVALID);
}

static void openings_are_counted(void **state)
{
    struct fixture *f = *state;
    uint64_t epoch = store_epoch(f->store);
    fixture_reopen(f);
    assert_int_equal(store_epoch(f->store), epoch + 1);
    assert_false(store_was_unclean(f->store));
    assert_int_equal(store_check(f->store, &f->e), ERR_OK);
    struct store_stats stats;
    store_stats(f->store, &stats);
    assert_true(stats.checked && stats.check_ok);
    assert_int_equal(stats.head_pos, 1);
}

static char *file_of(const struct fixture *f, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return path;
}

static void newer_stores_are_refused(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    f->store = NULL;
    struct conn c;
    assert_int_equal(conn_open(&c, file_of(f, "store.db"), SQLITE_OPEN_READWRITE, NULL, 1 << 20, NULL), 0);
    assert_int_equal(conn_exec(&c, "PRAGMA user_version = 99", NULL), ERR_OK);
    conn_close(&c);
    assert_int_equal(fixture_open(f), ERR_REFUSED);
    assert_non_null(strstr(f->e.message, "newer"));
    f->store = NULL;
}

static void migrations_go_forward_with_a_backup(void **state)
{
    struct fixture *f = *state;
    struct schema_step steps[SCHEMA_VERSION + 2];
    char path[128], kept[32];
    struct conn c;
    memcpy(steps, schema_steps, sizeof schema_steps);
    steps[SCHEMA_VERSION] = (struct schema_step){"CREATE TABLE extra(x); INSERT INTO extra VALUES(1)"};
    steps[SCHEMA_VERSION + 1] = (struct schema_step){"CREATE TABLE broken(x); SELECT no_such_function()"};
    snprintf(kept, sizeof kept, "store.db.v%d", SCHEMA_VERSION);
    store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof path, "%s", file_of(f, "store.db"));
    assert_int_equal(conn_open(&c, path, SQLITE_OPEN_READWRITE, NULL, 1 << 20, NULL), ERR_OK);
    assert_int_equal(schema_migrate(&c, path, steps, SCHEMA_VERSION + 1, &f->e), ERR_OK);
    assert_int_equal(access(file_of(f, kept), F_OK), 0);
    assert_int_equal(conn_exec(&c, "SELECT x FROM extra", NULL), ERR_OK);
    /* A step that fails leaves the version before it, whole. */
    assert_int_not_equal(schema_migrate(&c, path, steps, SCHEMA_VERSION + 2, &f->e), ERR_OK);
    assert_int_not_equal(conn_exec(&c, "SELECT x FROM broken", NULL), ERR_OK);
    assert_int_equal(schema_migrate(&c, path, steps, SCHEMA_VERSION + 1, &f->e), ERR_OK);
    conn_close(&c);
    /* The backup is a store of the version before. */
    assert_int_equal(store_restore(str_c(f->folder), str_c(file_of(f, kept)), &f->e), ERR_OK);
    assert_int_equal(fixture_open(f), ERR_OK);
    assert_int_equal(fixture_say(f, "mood", "{}", 0), 2);
}

/* A store of version 1, with two personas, one of them deleted, and a document that is no persona. */
static void a_store_of_version_1_is_brought_forward(void **state)
{
    struct fixture *f = *state;
    char path[128], sql[1024];
    struct conn c;
    store_close(f->store);
    f->store = NULL;
    snprintf(path, sizeof path, "%s", file_of(f, "store.db"));
    remove(path);
    assert_int_equal(conn_open(&c, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL, 1 << 20, NULL), 0);
    assert_int_equal(conn_exec(&c, "PRAGMA journal_mode = WAL", NULL), ERR_OK);
    assert_int_equal(schema_migrate(&c, path, schema_steps, 1, &f->e), ERR_OK);
    char tenant[40];
    for (size_t i = 0; i < sizeof f->tenant.b; i++)
        snprintf(tenant + 2 * i, 3, "%02x", f->tenant.b[i]);
    snprintf(sql, sizeof sql,
             "INSERT INTO docs VALUES('persona', x'00112233445566778899aabbccddee01', x'%s', NULL, 'zoe', "
             "'zoe', 3, 10, "
             "20, 0, '{\"kept\":1}', 0), ('persona', x'00112233445566778899aabbccddee02', x'%s', NULL, "
             "'old', 'old', 1, "
             "10, 20, 30, '{}', 0), ('setting', x'00112233445566778899aabbccddee03', x'%s', NULL, NULL, 's', "
             "1, 10, 20, 0, "
             "'{}', 0);",
             tenant, tenant, tenant);
    assert_int_equal(conn_exec(&c, sql, &f->e), ERR_OK);
    conn_close(&c);
    if (fixture_open(f) != ERR_OK)
        fail_msg("%s", f->e.message);
    assert_int_equal(access(file_of(f, "store.db.v1"), F_OK), 0);
    /* Listed at once, by name and with its data; and waiting to be listed as the program of now does it. */
    struct store_docs_find *find = STORE_NEW(docs_find, DOCS_FIND);
    find->type = STR("persona"), find->tenant = f->tenant;
    RUN(f, find);
    assert_int_equal(find->count, 1);
    assert_int_equal(find->total, 1);
    assert_str(find->rows[0].data, "{\"kept\":1}");
    assert_int_equal(find->rows[0].version, 3);
    DONE(find);
    struct store_docs_unlisted *old = STORE_NEW(docs_unlisted, DOCS_UNLISTED);
    old->type = STR("persona"), old->tenant = f->tenant, old->form = 1, old->limit = 10;
    RUN(f, old);
    assert_int_equal(old->count, 1);
    struct doc_listing listing = {
        .name = STR("Zoé"), .brief = STR("{\"n\":1}"), .words = STR("zoe sailor"), .form = 1};
    struct store_doc_relist *relist = STORE_NEW(doc_relist, DOC_RELIST);
    relist->type = STR("persona"), relist->tenant = f->tenant, relist->id = old->rows[0].id;
    relist->version = 3, relist->listing = &listing;
    RUN(f, relist);
    DONE(relist);
    DONE(old);
    struct str word = STR("sail");
    find = STORE_NEW(docs_find, DOCS_FIND);
    find->type = STR("persona"), find->tenant = f->tenant, find->words = &word, find->word_count = 1;
    RUN(f, find);
    assert_int_equal(find->count, 1);
    assert_str(find->rows[0].brief, "{\"n\":1}");
    DONE(find);
}

static void note_progress(void *arg, uint64_t done, uint64_t all)
{
    assert_true(done <= all);
    *(uint64_t *)arg = done;
}

static void *keep_writing(void *arg)
{
    for (int i = 0; i < 200; i++)
        fixture_say(arg, "message", "{\"text\":\"while the backup runs\"}", 0);
    return NULL;
}

static void backup_and_restore(void **state)
{
    struct fixture *f = *state;
    char backup[128];
    uint64_t pages = 0;
    pthread_t writer;
    snprintf(backup, sizeof backup, "%s", file_of(f, "copy.db"));
    fixture_say(f, "message", "{\"text\":\"kept\"}", 0);
    pthread_create(&writer, NULL, keep_writing, f);
    if (store_backup(f->store, str_c(backup), note_progress, &pages, &f->e) != ERR_OK)
        fail_msg("%s", f->e.message);
    pthread_join(writer, NULL);
    assert_true(pages > 0);
    assert_int_equal(store_restore(str_c(f->folder), str_c(backup), &f->e), ERR_CONFLICT);
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(store_restore(str_c(f->folder), STR("/nonexistent"), &f->e), ERR_NOT_FOUND);
    assert_int_equal(store_restore(str_c(f->folder), str_c(file_of(f, "lock")), &f->e), ERR_CORRUPT);
    if (store_restore(str_c(f->folder), str_c(backup), &f->e) != ERR_OK)
        fail_msg("%s", f->e.message);
    assert_int_equal(fixture_open(f), ERR_OK);
    struct store_events_page *p = STORE_NEW(events_page, EVENTS_PAGE);
    p->tenant = f->tenant, p->room = f->room;
    RUN(f, p);
    assert_true(p->count >= 2 && p->count <= 202);
    assert_str(p->rows[1].data, "{\"text\":\"kept\"}");
    assert_int_equal(p->head_seq, p->count);
    DONE(p);
    fixture_say(f, "mood", "{}", 0);
}

static void damage(const char *path, long at, size_t n)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, at, SEEK_SET);
    for (size_t i = 0; i < n; i++)
        fputc(0xa5, file);
    fclose(file);
}

static void a_broken_header_is_told(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    f->store = NULL;
    damage(file_of(f, "store.db"), 0, 100);
    assert_int_equal(fixture_open(f), ERR_CORRUPT);
    assert_non_null(strstr(f->e.message, "restore"));
    f->store = NULL;
}

static void broken_pages_turn_it_read_only(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2000; i++) {
        if (i % 100 == 0)
            fixture_say(f, "message", "{\"text\":\"something to fill pages with, something\"}", 0);
    }
    struct event_row rows[500];
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 500; i++)
            rows[i] = fixture_row(f, "message", "{\"text\":\"something to fill pages with, something\"}");
        struct store_append *a = fixture_append(f, rows, 500);
        RUN(f, a);
        DONE(a);
    }
    store_close(f->store);
    struct stat st;
    stat(file_of(f, "store.db"), &st);
    damage(file_of(f, "store.db"), st.st_size / 2, (size_t)st.st_size / 4);
    assert_int_equal(fixture_open(f), ERR_OK); /* the start does not look at every page */
    assert_int_equal(store_check(f->store, &f->e), ERR_CORRUPT);
    assert_int_equal(store_health(f->store, &f->e), STORE_READ_ONLY);
    assert_non_null(strstr(f->e.message, "damaged"));
    struct event_row row = fixture_row(f, "mood", "{}");
    struct store_append *a = fixture_append(f, &row, 1);
    RUN_EXPECT(f, a, ERR_READ_ONLY);
    DONE(a);
    struct store_room_get *g = STORE_NEW(room_get, ROOM_GET);
    g->tenant = f->tenant, g->room = f->room;
    RUN(f, g); /* what can be read is read */
    DONE(g);
}

static void words_leave_the_disk(void **state)
{
    struct fixture *f = *state;
    uint64_t seq = fixture_say(f, "message", "{\"text\":\"xyzzyplugh\"}", 0);
    for (int i = 0; i < 50; i++)
        fixture_say(f, "message", "{\"text\":\"other\"}", 0);
    struct store_forget *g = STORE_NEW(forget, FORGET);
    g->tenant = f->tenant, g->room = f->room, g->epoch = store_epoch(f->store);
    g->seqs = &seq, g->seq_count = 1;
    RUN(f, g);
    DONE(g);
    static const char *const names[] = {"store.db", "store.db-wal"};
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(file_of(f, names[i]), "rb");
        static char all[4 << 20];
        size_t n = file ? fread(all, 1, sizeof all, file) : 0;
        assert_true(str_find(str_of(all, n), STR("xyzzyplugh")) == SIZE_MAX);
        if (file)
            fclose(file);
    }
}

static void a_nearly_full_disk_refuses_writes(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    struct store_options o = {
        .driver = STR("sqlite"), .folder = str_c(f->folder), .min_free_bytes = UINT64_MAX - 1};
    assert_int_equal(store_open(&o, &f->store, &f->e), ERR_OK);
    struct event_row row = fixture_row(f, "mood", "{}");
    struct store_append *a = fixture_append(f, &row, 1);
    RUN_EXPECT(f, a, ERR_READ_ONLY);
    assert_non_null(strstr(a->op.error.message, "nearly full"));
    DONE(a);
    assert_int_equal(store_health(f->store, &f->e), STORE_READ_ONLY);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(second_server_is_refused),
        CASE(openings_are_counted),
        CASE(newer_stores_are_refused),
        CASE(migrations_go_forward_with_a_backup),
        CASE(a_store_of_version_1_is_brought_forward),
        CASE(backup_and_restore),
        CASE(a_broken_header_is_told),
        CASE(broken_pages_turn_it_read_only),
        CASE(words_leave_the_disk),
        CASE(a_nearly_full_disk_refuses_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
