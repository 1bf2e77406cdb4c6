/*
 * `eidolon doctor`: looks at what a server needs, says of each whether it is well, and what to do where it is
 * not.
 *
 * It changes nothing but for a probe file in the data folder, and may run beside a server. Exit code: 0 if a
 * server can run, 69 (EX_UNAVAILABLE) if something is in its way.
 */
#include "app/act.h"

#include "base/json.h"
#include "engine/llama_wire.h"
#include "net/asset.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

enum { LEAST_DESCRIPTORS = 4096, LEAST_FREE_MB = 256, SANE_YEAR = 2024 };

extern const struct assets webapp_assets __attribute__((weak));

struct findings {
    unsigned bad, doubtful;
    bool color;
    struct buf *json; /* a list of findings instead of lines; or NULL */
    struct jw writer;
};

enum verdict { WELL, DOUBTFUL, BAD };

static void say(struct findings *f, enum verdict verdict, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct findings *f, enum verdict verdict, const char *what, const char *format, ...)
{
    static const char *const words[] = {"well", "look", "BAD "}, *const plain[] = {"well", "look", "bad"};
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
    char text[1024];
    va_list args;
    f->bad += verdict == BAD;
    f->doubtful += verdict == DOUBTFUL;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (f->json) {
        jw_object(&f->writer);
        jw_kv_string(&f->writer, "verdict", str_c(plain[verdict]));
        jw_kv_string(&f->writer, "what", str_c(what));
        jw_kv_string(&f->writer, "text", str_c(text));
        jw_end_object(&f->writer);
        return;
    }
    printf("%s%s%s  %-12s %s\n", f->color ? colors[verdict] : "", words[verdict], f->color ? "\033[0m" : "",
           what, text);
}

static bool server_runs(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool held =
        (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) || flock(fd, LOCK_EX | LOCK_NB) != 0;
    close(fd);
    return held;
}

static void look_at_folder(struct findings *f, const char *folder, bool *running)
{
    struct stat st;
    if (stat(folder, &st) != 0) {
        say(f, errno == ENOENT ? WELL : BAD, "data folder", "%s %s", folder,
            errno == ENOENT ? "is not there yet; the first start makes it." : strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        say(f, BAD, "data folder", "%s is no folder; name another one with --data.", folder);
        return;
    }
    *running = server_runs(folder);
    if (access(folder, R_OK | W_OK | X_OK) != 0)
        say(f, BAD, "data folder",
            "%s cannot be written by this user (%s); run as its owner, or change its owner.", folder,
            strerror(errno));
    else if (st.st_mode & 077)
        say(f, DOUBTFUL, "data folder",
            "%s can be read by other users of this machine; `chmod 700 %s` keeps it private.", folder,
            folder);
    else
        say(f, WELL, "data folder", "%s%s", folder, *running ? ", and a server is running on it" : "");
}

static void look_at_space(struct findings *f, const char *folder)
{
    struct statvfs vfs;
    char path[4096];
    snprintf(path, sizeof path, "%s", folder);
    while (statvfs(path, &vfs) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash || slash == path) {
            snprintf(path, sizeof path, ".");
            if (statvfs(path, &vfs) != 0)
                return;
            break;
        }
        *slash = '\0';
    }
    unsigned long long mb = (unsigned long long)vfs.f_bavail * vfs.f_frsize >> 20;
    if (mb < LEAST_FREE_MB)
        say(f, BAD, "disk", "only %llu MB are free; a full disk makes the store read-only. Make room.", mb);
    else
        say(f, WELL, "disk", "%llu MB free", mb);
}

/* Opens the store as a server would; only where none runs. */
static void look_at_store(struct findings *f, const char *folder, bool running)
{
    char path[4200];
    struct error e = {0};
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/store.db", folder);
    if (running) {
        say(f, WELL, "store", "in use by the running server; its /readyz says how it is.");
        return;
    }
    if (access(path, F_OK) != 0) {
        say(f, WELL, "store", "none yet; the first start makes it.");
        return;
    }
    struct store_options options = {.driver = STR("sqlite"), .folder = str_c(folder)};
    enum err err = store_open(&options, &store, &e);
    if (err == ERR_OK)
        err = store_check(store, &e);
    if (store) {
        store_stop(store);
        store_close(store);
    }
    say(f, err == ERR_OK ? WELL : BAD, "store", "%s",
        err == ERR_OK ? "sound, every page looked over" : e.message);
}

static bool port_taken(struct str address)
{
    char host[256], port[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *found = NULL;
    size_t colon = SIZE_MAX;
    for (size_t i = 0; i < address.n; i++) {
        if (address.p[i] == ':')
            colon = i;
    }
    if (colon == SIZE_MAX)
        return false;
    struct str name = str_sub(address, 0, colon);
    if (str_starts(name, STR("[")))
        name = str_sub(name, 1, name.n - 2);
    str_copy(host, sizeof host, name);
    str_copy(port, sizeof port, str_from(address, colon + 1));
    if (getaddrinfo(host[0] ? host : NULL, port, &hints, &found) != 0)
        return false;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool taken = fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) != 0 && errno == EADDRINUSE;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return taken;
}

static void look_at_addresses(struct findings *f, const struct config *config, bool running)
{
    for (size_t i = 0; i < config->server.listen.n; i++) {
        struct str address = config->server.listen.v[i];
        if (!port_taken(address))
            say(f, WELL, "address", "%.*s is free", STR_ARG(address));
        else if (running)
            say(f, WELL, "address", "%.*s is taken, by the running server as it seems", STR_ARG(address));
        else
            say(f, BAD, "address",
                "%.*s is taken by another program; end it, or choose another with --listen.",
                STR_ARG(address));
    }
}

static void look_at_machine(struct findings *f)
{
    struct rlimit limit;
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < LEAST_DESCRIPTORS)
        say(f, DOUBTFUL, "descriptors",
            "at most %llu open files are allowed; raise the hard limit for many connections.",
            (unsigned long long)limit.rlim_max);
    else
        say(f, WELL, "descriptors", "%llu open files allowed", (unsigned long long)limit.rlim_max);
    if (tm.tm_year + 1900 < SANE_YEAR)
        say(f, DOUBTFUL, "clock", "the clock says %d; messages would carry that year. Set it.",
            tm.tm_year + 1900);
    else
        say(f, WELL, "clock", "%04d-%02d-%02d UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void look_at_engines(struct findings *f, const struct config *config)
{
    if (&webapp_assets)
        say(f, WELL, "web app", "built in, %zu files", webapp_assets.count);
    else
        say(f, DOUBTFUL, "web app",
            "not built in: there is no page to open. `make` with nodejs and npm builds it.");
    if (config->engine_count)
        say(f, WELL, "engines", "%zu configured in file or environment; the page may hold more",
            config->engine_count);
    else
        say(f, WELL, "engines",
            "none in file or environment: the scripted responder answers unless the page holds one");
}

/* ---- what else is needed ---- */

static void look_at_socket(struct findings *f, const char *folder, bool running)
{
    struct data_socket socket;
    struct error e = {0};
    if (socket_of_folder(&socket, str_c(folder), &e) != ERR_OK) {
        say(f, e.err == ERR_NOT_FOUND ? WELL : DOUBTFUL, "socket", "%s", e.message);
        return;
    }
    bool answers = socket_answers(&socket);
    if (answers)
        say(f, WELL, "socket", "%s/" SOCKET_NAME " answers; commands use the running server", folder);
    else if (running)
        say(f, DOUBTFUL, "socket",
            "a server is running and %s/" SOCKET_NAME
            " does not answer; it is starting or stopping, or another user's.",
            folder);
    else
        say(f, WELL, "socket", "no server is running; commands open the data folder themselves");
    socket_release(&socket);
}

static void look_at_libraries(struct findings *f)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    if (!(curl->features & CURL_VERSION_SSL))
        say(f, BAD, "libraries",
            "libcurl %s was built without TLS; engines by https cannot be reached. Install "
            "libcurl4.",
            curl->version);
    else if (!(curl->features & CURL_VERSION_UNIX_SOCKETS))
        say(f, BAD, "libraries",
            "libcurl %s was built without Unix sockets; commands cannot reach a server. Install "
            "libcurl4.",
            curl->version);
    else
        say(f, WELL, "libraries", "libcurl %s with %s and Unix sockets, SQLite %s, libuv %s", curl->version,
            curl->ssl_version, sqlite3_libversion(), uv_version_string());
}

/* The program that runs models: as the server looks for it (engine/llama_host.c). */
static bool find_llama(const struct config *config, char path[PATH_MAX])
{
    static const char *const places[] = {"lib/", "../lib/eidolon/"};
    char self[PATH_MAX];
    if (config->llama.program.n) {
        str_copy(path, PATH_MAX, config->llama.program);
        return access(path, X_OK) == 0;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        int length =
            snprintf(path, PATH_MAX, "%.*s/%s" LLAMA_CHILD_NAME, (int)(slash - self), self, places[i]);
        if (length > 0 && length < PATH_MAX && access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static unsigned count_files(const char *folder, const char *part, double *bytes)
{
    unsigned count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[PATH_MAX];
        struct stat st;
        if (!strstr(entry->d_name, part) ||
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path ||
            stat(path, &st) != 0)
            continue;
        count++;
        *bytes += (double)st.st_size;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void look_at_models(struct findings *f, const struct config *config, const char *folder)
{
    char program[PATH_MAX] = "", models[PATH_MAX], size[32];
    double bytes = 0;
    if (!find_llama(config, program)) {
        say(f, DOUBTFUL, "llama",
            "the program that runs models, " LLAMA_CHILD_NAME
            ", is not in lib/ beside this one; `make llama` builds "
            "it (nodejs, npm and g++ are needed), or set llama.program. Engines by HTTP need none of it.");
    } else {
        char *slash = strrchr(program, '/');
        double ignored = 0;
        *slash = '\0';
        unsigned libraries = count_files(program, "libllama", &ignored),
                 cpus = count_files(program, "libggml", &ignored);
        if (libraries && cpus)
            say(f, WELL, "llama", "%s/" LLAMA_CHILD_NAME ", with llama.cpp's libraries beside it", program);
        else
            say(f, DOUBTFUL, "llama", "llama.cpp's libraries are not in %s; `make llama` fetches them.",
                program);
    }
    if (config->llama.models.n)
        str_copy(models, sizeof models, config->llama.models);
    else
        snprintf(models, sizeof models, "%s/models", folder);
    unsigned count = count_files(models, ".gguf", &bytes);
    if (count)
        say(f, WELL, "models", "%u files in %s, %s", count, models, show_size(size, bytes));
    else
        say(f, WELL, "models",
            "none in %s; `eidolon model catalogue` lists some, `eidolon model pull NAME` fetches one.",
            models);
}

static void look_at_everything(struct findings *f, struct options *o)
{
    const struct config *config = options_config(o);
    const char *folder = arena_cstr(&o->arena, config->server.data);
    bool running = false;
    look_at_folder(f, folder, &running);
    look_at_socket(f, folder, running);
    look_at_space(f, folder);
    look_at_store(f, folder, running);
    look_at_addresses(f, config, running);
    look_at_machine(f);
    look_at_libraries(f);
    look_at_engines(f, config);
    look_at_models(f, config, folder);
}

int doctor_main(int argc, char **argv)
{
    struct options o;
    CLEANUP_BUF struct buf json = BUF_INIT;
    int code = options_read(&o, "doctor", argc, argv);
    if (code == EX_OK && !o.help) {
        struct findings f = {.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
        if (option_value(&o, "json")) {
            f.json = &json;
            f.writer = JW(&json);
            jw_object(&f.writer);
            jw_kv_string(&f.writer, "version", STR(EIDOLON_VERSION));
            jw_key(&f.writer, STR("findings"));
            jw_array(&f.writer);
        } else {
            print_versions();
        }
        look_at_everything(&f, &o);
        code = f.bad ? EX_UNAVAILABLE : EX_OK;
        if (f.json) {
            jw_end_array(&f.writer);
            jw_kv_bool(&f.writer, "ok", !f.bad);
            jw_end_object(&f.writer);
            printf("%.*s\n", STR_ARG(buf_str(&json)));
        } else if (f.bad) {
            printf("\n%u things are in the way of a server.\n", f.bad);
        } else {
            printf("\nA server can run here.\n");
        }
    }
    options_release(&o);
    return code;
}
