/* The speech cache: what was kept comes back as it was; the oldest go; broken files do not count. */
#include "../unit.h"

#include "base/thread.h"
#include "voice/cache.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char folder[64];
    struct arena arena;
};

static int make(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    strcpy(p->folder, "/tmp/eidolon-cache-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    *state = p;
    return 0;
}

static int unmake(void **state)
{
    struct place *p = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    assert_int_equal(system(command), 0);
    arena_release(&p->arena);
    free(p);
    return 0;
}

static struct blob_hash key(const char *text)
{
    struct tts_request r = {.text = str_c(text), .voice = STR("slt"), .prosody = {1, 1, 1}};
    return speech_cache_key(STR("flite"), &r);
}

static int16_t samples[4000];

static void put(struct speech_cache *cache, const char *text, int16_t first)
{
    on_worker();
    struct blob_hash k = key(text);
    struct tts_word words[] = {{STR("one \"word\""), 10, 20}};
    struct viseme_key keys[] = {{5, (enum viseme)1, .25}, {9, (enum viseme)2, 1}};
    samples[0] = first;
    speech_cache_write(cache, &k,
                       &(struct spoken_file){.rate = 16000,
                                             .words = words,
                                             .word_count = 1,
                                             .keys = keys,
                                             .key_count = 2,
                                             .samples = samples,
                                             .sample_count = 4000});
}

static bool get(struct place *p, struct speech_cache *cache, const char *text, struct spoken_file *out)
{
    on_worker();
    struct blob_hash k = key(text);
    return speech_cache_read(cache, &k, &p->arena, out);
}

static void comes_back(void **state)
{
    struct place *p = *state;
    struct spoken_file f;
    struct speech_cache *cache = speech_cache_new(p->folder, 1 << 20);
    put(cache, "hello", 7);
    speech_cache_free(cache);
    cache = speech_cache_new(p->folder, 1 << 20); /* as after a restart */
    struct blob_hash k = key("hello"), other = key("Hello");
    assert_true(speech_cache_has(cache, &k));
    assert_false(speech_cache_has(cache, &other));
    assert_true(get(p, cache, "hello", &f));
    assert_int_equal(f.rate, 16000);
    assert_int_equal(f.sample_count, 4000);
    assert_int_equal(f.samples[0], 7);
    assert_int_equal(f.word_count, 1);
    assert_true(str_eq(f.words[0].text, STR("one \"word\"")) && f.words[0].to_ms == 20);
    assert_int_equal(f.key_count, 2);
    assert_true(f.keys[0].weight == .25 && f.keys[1].viseme == (enum viseme)2);
    speech_cache_free(cache);
}

static void keys_differ(void **state)
{
    (void)state;
    struct tts_request r = {.text = STR("x"), .voice = STR("slt"), .prosody = {1, 1, 1}};
    struct blob_hash first = speech_cache_key(STR("flite"), &r), now;
    r.prosody.pitch = 1.02;
    now = speech_cache_key(STR("flite"), &r);
    assert_memory_not_equal(&first, &now, sizeof now);
    r.prosody.pitch = 1;
    now = speech_cache_key(STR("piper"), &r);
    assert_memory_not_equal(&first, &now, sizeof now);
    r.voice = STR("rms");
    now = speech_cache_key(STR("flite"), &r);
    assert_memory_not_equal(&first, &now, sizeof now);
}

/* A file takes some 8 KB; an eighth of the size is the most one may take. */
static void oldest_go(void **state)
{
    struct place *p = *state;
    struct spoken_file f;
    struct speech_cache_stats stats;
    char name[16];
    struct speech_cache *cache = speech_cache_new(p->folder, 70000);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "text %d", i);
        put(cache, name, (int16_t)i);
    }
    assert_true(get(p, cache, "text 0", &f)); /* used: no longer the oldest */
    for (int i = 8; i < 11; i++) {
        snprintf(name, sizeof name, "text %d", i);
        put(cache, name, (int16_t)i);
    }
    speech_cache_stats(cache, &stats);
    assert_true(stats.bytes <= 70000 && stats.files == 8);
    assert_true(get(p, cache, "text 0", &f));
    assert_false(get(p, cache, "text 1", &f));
    speech_cache_set_max(cache, 0);
    speech_cache_stats(cache, &stats);
    assert_int_equal(stats.files, 0);
    put(cache, "no room", 1);
    assert_false(get(p, cache, "no room", &f));
    speech_cache_free(cache);
}

static void broken_files(void **state)
{
    struct place *p = *state;
    struct spoken_file f;
    char path[300];
    struct speech_cache *cache = speech_cache_new(p->folder, 1 << 20);
    put(cache, "cut", 1);
    put(cache, "junk", 1);
    struct blob_hash cut = key("cut"), junk = key("junk");
    snprintf(path, sizeof path, "%s/cache/speech/%s", p->folder, blob_text(&cut).c);
    assert_int_equal(truncate(path, 200), 0);
    snprintf(path, sizeof path, "%s/cache/speech/%s", p->folder, blob_text(&junk).c);
    FILE *file = fopen(path, "we");
    fputs("this is not what was kept, whatever it is; it is long enough", file);
    fclose(file);
    assert_false(get(p, cache, "cut", &f));
    assert_false(get(p, cache, "junk", &f));
    assert_false(speech_cache_has(cache, &cut)); /* and not asked for again */
    assert_int_equal(access(path, F_OK), -1);
    speech_cache_free(cache);
}

int main(void)
{
    thread_become(THREAD_WORKER, "test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back, make, unmake),
        cmocka_unit_test(keys_differ),
        cmocka_unit_test_setup_teardown(oldest_go, make, unmake),
        cmocka_unit_test_setup_teardown(broken_files, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
