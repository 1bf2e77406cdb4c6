/*
 * Loading llama.cpp; see library.h. Its log comes here too: warnings and errors go to standard error, which
 * is the server's log, and the last error is kept for whoever has to say why something failed.
 */
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

struct library lib;

enum { COMPLAINT_MAX = 256 };
static char complaint[COMPLAINT_MAX];
static pthread_mutex_t complaint_lock = PTHREAD_MUTEX_INITIALIZER;

static void log_line(enum ggml_log_level level, const char *text, void *unused)
{
    static enum ggml_log_level last = GGML_LOG_LEVEL_INFO;
    (void)unused;
    pthread_mutex_lock(&complaint_lock);
    if (level != GGML_LOG_LEVEL_CONT)
        last = level;
    if (level == GGML_LOG_LEVEL_ERROR)
        str_copy(complaint, sizeof complaint, str_trim(str_c(text)));
    if (last == GGML_LOG_LEVEL_WARN || last == GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
    pthread_mutex_unlock(&complaint_lock);
}

struct str library_complaint(char *to, size_t size)
{
    pthread_mutex_lock(&complaint_lock);
    struct str said = str_c(complaint);
    /* "llama_model_load: error loading model: ..." says the same in front each time. */
    static const char *const fronts[] = {"error loading model: ", "error loading model architecture: "};
    for (size_t i = 0; i < sizeof fronts / sizeof *fronts; i++) {
        size_t at = str_find(said, str_c(fronts[i]));
        if (at != SIZE_MAX)
            said = str_from(said, at + strlen(fronts[i]));
    }
    str_copy(to, size, said);
    complaint[0] = '\0';
    pthread_mutex_unlock(&complaint_lock);
    return str_c(to);
}

static void *open_library(const char *folder, const char *name, struct error *e)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!handle)
        error_set(e, ERR_UNAVAILABLE, "llama.cpp could not be loaded: %s.", dlerror());
    return handle;
}

/* One of the libraries that were opened has it: they are all in the process's own table now. */
static bool bind(const char *name, void **to, struct error *e)
{
    *to = dlsym(RTLD_DEFAULT, name);
    if (!*to)
        error_set(e, ERR_UNAVAILABLE, "llama.cpp's library has no %s: it is not of release %s.", name,
                  LLAMA_RELEASE);
    return *to;
}

static bool find_gpu(void)
{
    for (size_t i = 0; i < lib.ggml_backend_dev_count(); i++)
        if (lib.ggml_backend_dev_type(lib.ggml_backend_dev_get(i)) != GGML_BACKEND_DEVICE_TYPE_CPU)
            return true;
    return false;
}

enum err library_load(const char *folder, struct error *e)
{
    if (!open_library(folder, "libllama." LLAMA_RELEASE ".so", e))
        return ERR_UNAVAILABLE;
#define FN(name)                                                                                             \
    if (!bind(#name, (void **)&lib.name, e))                                                                 \
        return ERR_UNAVAILABLE;
    LIBRARY_FUNCTIONS(FN)
#undef FN
    struct str release = str_from(STR(LLAMA_RELEASE), 1); /* v0.5.0: a build's own suffix may follow */
    if (!str_starts(str_c(lib.llama_version()), release))
        return error_set(e, ERR_UNAVAILABLE, "llama.cpp's library is %s, and this child was built for %s.",
                         lib.llama_version(), LLAMA_RELEASE);
    lib.llama_log_set(log_line, NULL);
    void *common = open_library(folder, "libeidolon-llama.so", e);
    if (!common)
        return ERR_UNAVAILABLE;
    const struct common_face *(*face)(void) = NULL;
    *(void **)&face = dlsym(common, "eidolon_llama_common");
    if (!face || face()->face != COMMON_FACE)
        return error_set(e, ERR_UNAVAILABLE, "libeidolon-llama.so is not the one this child was built with.");
    lib.common = face();
    lib.ggml_backend_load_all_from_path(folder);
    if (!lib.ggml_backend_dev_count())
        return error_set(e, ERR_UNAVAILABLE, "There is no back-end of llama.cpp in %s for this processor.",
                         folder);
    lib.gpu = find_gpu();
    lib.llama_backend_init();
    return ERR_OK;
}
