/* Blobs: put, read, adopt, sweep; and that a backup carries them and a damaged one is refused. */
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "store/blob.h"
#include "store/sqlite.h"

struct place {
    struct fixture f;
    struct blobs *blobs;
    struct arena arena;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    fixture_start(&p->f, "sqlite");
    assert_int_equal(blobs_open(str_c(p->f.folder), &p->blobs, NULL), ERR_OK);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    blobs_close(p->blobs);
    fixture_end(&p->f);
    arena_release(&p->arena);
    free(p);
    return 0;
}

static char *path_of(const struct place *p, const struct blob_hash *hash)
{
    static char path[256];
    struct blob_text text = blob_text(hash);
    snprintf(path, sizeof path, "%s/blobs/%.2s/%s", p->f.folder, text.c, text.c);
    return path;
}

static void make_old(const struct place *p, const struct blob_hash *hash)
{
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(p, hash), times, 0), 0);
}

static void keeps_and_gives_back(void **state)
{
    struct place *p = *state;
    struct blob_hash a, b;
    struct str got = STR_NONE;
    struct error e = {0};
    assert_int_equal(blob_put(p->blobs, STR("hello"), &a, &e), ERR_OK);
    assert_string_equal(blob_text(&a).c, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_int_equal(blob_put(p->blobs, STR("hello"), &b, &e), ERR_OK);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(blob_exists(p->blobs, &a));
    assert_int_equal(blob_read(p->blobs, &a, &p->arena, 100, &got, &e), ERR_OK);
    assert_str(got, "hello");
    assert_int_equal(blob_read(p->blobs, &a, &p->arena, 4, &got, &e), ERR_TOO_BIG);
    blob_hash_of(STR("never put"), &b);
    assert_int_equal(blob_read(p->blobs, &b, &p->arena, 100, &got, &e), ERR_NOT_FOUND);
    struct blob_hash parsed;
    assert_true(blob_parse(str_c(blob_text(&a).c), &parsed));
    assert_memory_equal(&a, &parsed, sizeof a);
    assert_false(
        blob_parse(STR("2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"), &parsed));
    assert_int_equal(blob_put(p->blobs, STR(""), &b, &e), ERR_OK);
    assert_int_equal(blob_read(p->blobs, &b, &p->arena, 0, &got, &e), ERR_OK);
}

static void takes_files_over(void **state)
{
    struct place *p = *state;
    char path[128];
    struct blob_hash hash, again;
    snprintf(path, sizeof path, "%s/upload", p->f.folder);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(path, "w");
        fputs("a film", file);
        fclose(file);
        assert_int_equal(blob_adopt(p->blobs, path, i ? &again : &hash, NULL), ERR_OK);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_memory_equal(&hash, &again, sizeof hash);
    int fd = -1;
    uint64_t size = 0;
    assert_int_equal(blob_open(p->blobs, &hash, &fd, &size, NULL), ERR_OK);
    assert_int_equal(size, 6);
    close(fd);
}

static void damage_is_noticed(void **state)
{
    struct place *p = *state;
    struct blob_hash hash;
    struct str got;
    struct error e = {0};
    blob_put(p->blobs, STR("hello"), &hash, NULL);
    FILE *file = fopen(path_of(p, &hash), "w");
    fputs("hullo", file);
    fclose(file);
    assert_int_equal(blob_read(p->blobs, &hash, &p->arena, 100, &got, &e), ERR_CORRUPT);
    assert_non_null(strstr(e.message, "damaged"));
}

static void put_doc(struct place *p, struct str data)
{
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    put->doc =
        (struct doc_row){.type = STR("persona"), .tenant = p->f.tenant, .owner = p->f.owner, .data = data};
    put->create = true;
    assert_int_equal(store_wait(p->f.store, &put->op), ERR_OK);
    store_op_free(&put->op);
}

static void what_nobody_names_goes(void **state)
{
    struct place *p = *state;
    struct blob_hash named, unnamed, young;
    struct blobs_swept swept;
    struct blob_set set = {0};
    char text[200];
    blob_put(p->blobs, STR("named"), &named, NULL);
    blob_put(p->blobs, STR("unnamed"), &unnamed, NULL);
    blob_put(p->blobs, STR("young"), &young, NULL);
    make_old(p, &named);
    make_old(p, &unnamed);
    snprintf(text, sizeof text, "{\"files\":[{\"sha256\":\"%s\"}]}", blob_text(&named).c);
    put_doc(p, str_c(text));
    struct store_blob_names *names = STORE_NEW(blob_names, BLOB_NAMES);
    assert_int_equal(store_wait(p->f.store, &names->op), ERR_OK);
    assert_int_equal(names->count, 1);
    for (size_t i = 0; i < names->count; i++)
        blob_set_add(&set, &names->hashes[i]);
    store_op_free(&names->op);
    assert_int_equal(blobs_sweep(p->blobs, &set, 60000, &swept, NULL), ERR_OK);
    assert_int_equal(swept.removed, 1);
    assert_int_equal(swept.kept, 2);
    assert_true(blob_exists(p->blobs, &named));
    assert_false(blob_exists(p->blobs, &unnamed));
    assert_true(blob_exists(p->blobs, &young));
    /* A put of what is there makes it young. */
    make_old(p, &young);
    blob_put(p->blobs, STR("young"), &young, NULL);
    assert_int_equal(blobs_sweep(p->blobs, &set, 60000, &swept, NULL), ERR_OK);
    assert_int_equal(swept.removed, 0);
    blob_set_release(&set);
}

static void only_whole_hashes_are_names(void **state)
{
    struct place *p = *state;
    struct blob_set set = {0};
    struct blob_hash hash;
    char text[200];
    blob_hash_of(STR("x"), &hash);
    snprintf(text, sizeof text, "%s %sa \"%.63s\"", blob_text(&hash).c, blob_text(&hash).c,
             blob_text(&hash).c);
    blob_set_add_text(&set, str_c(text));
    assert_int_equal(set.n, 1);
    assert_true(blob_set_has(&set, &hash));
    blob_set_release(&set);
    blob_set_add_text(&set, str_c(blob_text(&hash).c));
    assert_int_equal(set.n, 1);
    blob_set_release(&set);
    (void)p;
}

static void backups_carry_files(void **state)
{
    struct place *p = *state;
    char backup[128];
    struct error e = {0};
    struct blob_hash small, large;
    size_t n = 3 << 20;
    char *bytes = malloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    blob_put(p->blobs, STR("small"), &small, NULL);
    blob_put(p->blobs, str_of(bytes, n), &large, NULL);
    snprintf(backup, sizeof backup, "%s/backup.db", p->f.folder);
    assert_int_equal(store_backup(p->f.store, str_c(backup), NULL, NULL, &e), ERR_OK);
    store_close(p->f.store);
    p->f.store = NULL;
    unlink(path_of(p, &small));
    unlink(path_of(p, &large));
    assert_int_equal(store_restore(str_c(p->f.folder), str_c(backup), &e), ERR_OK);
    struct str got;
    assert_int_equal(blob_read(p->blobs, &large, &p->arena, n, &got, &e), ERR_OK);
    assert_memory_equal(got.p, bytes, n);
    assert_true(blob_exists(p->blobs, &small));
    struct stat st;
    char path[128];
    snprintf(path, sizeof path, "%s/store.db", p->f.folder);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 1 << 20); /* the files are not in the store */
    assert_int_equal(fixture_open(&p->f), ERR_OK);
    free(bytes);
}

static void damaged_backups_are_refused(void **state)
{
    struct place *p = *state;
    char backup[128];
    struct error e = {0};
    struct blob_hash hash;
    struct conn c = {0};
    blob_put(p->blobs, STR("something"), &hash, NULL);
    snprintf(backup, sizeof backup, "%s/backup.db", p->f.folder);
    assert_int_equal(store_backup(p->f.store, str_c(backup), NULL, NULL, &e), ERR_OK);
    assert_int_equal(conn_open(&c, backup, SQLITE_OPEN_READWRITE, NULL, 1 << 20, NULL), ERR_OK);
    assert_int_equal(conn_exec(&c, "UPDATE blobs SET data = CAST('else' AS BLOB)", NULL), ERR_OK);
    conn_close(&c);
    store_close(p->f.store);
    p->f.store = NULL;
    unlink(path_of(p, &hash));
    assert_int_equal(store_restore(str_c(p->f.folder), str_c(backup), &e), ERR_CORRUPT);
    assert_non_null(strstr(e.message, "damaged"));
    assert_int_equal(fixture_open(&p->f), ERR_OK); /* what was there is there */
}

struct putter {
    struct place *place;
    unsigned first;
};

static void *put_many(void *arg)
{
    struct putter *me = arg;
    struct blob_hash hash;
    char text[32];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "%u", (me->first + i) % 300);
        if (blob_put(me->place->blobs, str_c(text), &hash, NULL) != ERR_OK ||
            !blob_exists(me->place->blobs, &hash))
            return arg;
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct place *p = *state;
    pthread_t threads[3];
    struct putter putters[3] = {{p, 0}, {p, 100}, {p, 200}};
    struct blob_set none = {0};
    struct blobs_swept swept;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, put_many, &putters[i]);
    for (int i = 0; i < 5; i++)
        blobs_sweep(p->blobs, &none, 60000, &swept, NULL);
    for (int i = 0; i < 3; i++) {
        void *bad = NULL;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(blobs_sweep(p->blobs, &none, 60000, &swept, NULL), ERR_OK);
    assert_int_equal(swept.kept, 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_and_gives_back, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_files_over, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_names_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(only_whole_hashes_are_names, setup, teardown),
        cmocka_unit_test_setup_teardown(backups_carry_files, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_backups_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(many_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
