/*
 * Which models of sherpa-onnx are in use; see sherpa.h. One list for the process, under a lock that is held
 * only to look into it; a host that was made stays until the loops are gone.
 */
#include "voice/sherpa_inner.h"

#include "base/arena.h"
#include "base/json.h"
#include "voice/speech_lib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sherpa_host *hosts; /* under lock, and the three below */
static unsigned count;
static char *models;
static bool stopping;

void sherpa_set_models(struct str folder)
{
    pthread_mutex_lock(&lock);
    free(models);
    models = heap_cstr(folder);
    pthread_mutex_unlock(&lock);
}

/* What its child is told: by this one knows the same model again. */
static void write_open(struct buf *to, const struct speech_provider *provider, struct str folder)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct jw w = JW(to);
    if (folder.p[0] != '/')
        buf_printf(&path, "%s/", models ? models : ".");
    buf_add(&path, folder);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    buf_add_char(to, 'O');
    jw_object(&w);
    jw_kv_string(&w, "folder", buf_str(&path));
    jw_kv_i64(&w, "threads", provider->threads);
    jw_kv_string(&w, "language", provider->language);
    jw_end_object(&w);
    buf_add_char(to, '\0');
}

static uint64_t hash_of(const char *text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

static struct sherpa_host *find_or_make(const struct speech_provider *provider, const char *open_frame,
                                        struct loops *loops)
{
    struct sherpa_host *host = hosts;
    while (host && strcmp(host->open_frame, open_frame) != 0)
        host = host->next;
    if (host || stopping || count == SHERPA_HOSTS_MAX)
        return host;
    host = heap_alloc(sizeof *host);
    host->next = hosts;
    host->open_frame = heap_cstr(str_c(open_frame));
    host->name = heap_cstr(provider->name);
    host->home = loops_home(loops, hash_of(open_frame));
    hosts = host;
    count++;
    return host;
}

enum err sherpa_host(const struct speech_provider *provider, struct str folder, struct loops *loops,
                     struct sherpa_host **out, struct error *e)
{
    CLEANUP_BUF struct buf open_frame = BUF_INIT;
    char library[SPEECH_LIB_PATH];
    if (!provider || !folder.n)
        return error_set(
            e, ERR_UNAVAILABLE,
            "The speech provider '%.*s' names no model: set speech.%.*s.model to a folder with a "
            "model of sherpa-onnx, under DATA/models or by its whole path.",
            STR_ARG(provider ? provider->name : STR("sherpa")),
            STR_ARG(provider ? provider->name : STR("sherpa")));
    if (!speech_lib(SPEECH_LIB_SHERPA, library))
        return error_set(e, ERR_UNAVAILABLE,
                         "sherpa-onnx's library is not installed; make speech fetches it.");
    pthread_mutex_lock(&lock);
    write_open(&open_frame, provider, folder);
    *out = find_or_make(provider, open_frame.p, loops);
    if (*out)
        atomic_fetch_add(&(*out)->users, 1);
    pthread_mutex_unlock(&lock);
    return *out ? ERR_OK
                : error_set(e, ERR_LIMIT,
                            "%d models of sherpa-onnx have been used since the start, which is all that may "
                            "be; start anew.",
                            SHERPA_HOSTS_MAX);
}

void sherpa_stop(void)
{
    pthread_mutex_lock(&lock);
    struct sherpa_host *all = hosts;
    stopping = true;
    pthread_mutex_unlock(&lock);
    for (struct sherpa_host *host = all; host; host = host->next) {
        if (host->home == loop_self() && !host->stopped)
            sherpa_host_stop(host);
    }
}

void sherpa_free(void)
{
    while (hosts) {
        struct sherpa_host *host = hosts;
        hosts = host->next;
        free(host->open_frame);
        free(host->name);
        free(host);
    }
    count = 0;
    stopping = false;
    free(models);
    models = NULL;
}
