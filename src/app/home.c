/* Finding or opening the server of a command; see home.h. */
#include "app/home.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WAIT_MS = 15000, RESTART_MS = 3000, LOOK_EVERY_MS = 50 };

static void quiet_log(const struct config *config)
{
    enum log_level level = LOG_INFO;
    log_level_parse(config->server.log_level, &level);
    log_setup(level == LOG_DEBUG ? LOG_DEBUG : LOG_ERROR,
              str_eq(config->server.log_format, STR("json")) ? LOG_JSON : LOG_TEXT);
}

/* Finds who listens, or opens the parts; waits while somebody holds the folder and does not listen. */
static enum err find(struct home *h, struct error *e)
{
    struct str folder = options_config(h->options)->server.data;
    uint64_t until = clock_mono_us() + WAIT_MS * 1000ULL;
    struct error why = {0};
    for (;;) {
        socket_release(&h->socket);
        enum err err = socket_of_folder(&h->socket, folder, &why);
        if (err == ERR_OK && socket_answers(&h->socket)) {
            h->of_command = socket_of_command(&h->socket);
            return ERR_OK;
        }
        if (err != ERR_OK && err != ERR_NOT_FOUND)
            return error_set(e, err, "%s", why.message);
        h->parts = (struct parts){.options = h->options, .local = true};
        err = parts_open(&h->parts, &why);
        if (err == ERR_OK) {
            h->own = true;
            return socket_of_folder(&h->socket, folder, e);
        }
        parts_close(&h->parts);
        if (err != ERR_CONFLICT || clock_mono_us() > until)
            return error_set(e, err, "%s", why.message);
        usleep(LOOK_EVERY_MS * 1000);
    }
}

static const char *find_again(void *arg, struct error *e)
{
    struct home *h = arg;
    if (h->own) {
        error_set(e, ERR_INTERNAL,
                  "The command's own server does not answer; start it with `eidolon serve`.");
        return NULL;
    }
    for (int waited = 0; !h->of_command && waited < RESTART_MS; waited += LOOK_EVERY_MS) {
        if (socket_answers(&h->socket))
            return h->socket.path;
        usleep(LOOK_EVERY_MS * 1000);
    }
    return find(h, e) == ERR_OK ? h->socket.path : NULL;
}

bool home_again(struct home *h)
{
    struct error e = {0};
    if (h->own || option_value(h->options, "url"))
        return true;
    if (socket_answers(&h->socket)) {
        h->of_command = socket_of_command(&h->socket);
        return true;
    }
    if (!h->of_command || find(h, &e) != ERR_OK)
        return false;
    client_move(h->client, h->socket.path);
    return true;
}

enum err home_open(struct home *h, struct options *o, struct error *e)
{
    const char *url = option_value(o, "url"), *token = option_value(o, "token");
    sigset_t mask;
    *h = (struct home){.options = o, .socket.folder_fd = -1};
    quiet_log(options_config(o));
    umask(S_IRWXG | S_IRWXO);
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGWINCH);
    sigaddset(&mask, SIGCONT);
    signal(SIGPIPE, SIG_IGN);
    /* Before there are threads, so that all of them have it blocked. */
    pthread_sigmask(SIG_BLOCK, &mask, &h->before);
    struct client_options client = {.token = token ? token : getenv("EIDOLON_TOKEN"), .arg = h};
    if (url) {
        size_t n = strlen(url);
        client.url = arena_printf(&o->arena, "%.*s", (int)(n && url[n - 1] == '/' ? n - 1 : n), url).p;
        h->client = client_new(&client);
    } else {
        enum err err = find(h, e);
        if (err != ERR_OK) {
            socket_release(&h->socket);
            pthread_sigmask(SIG_SETMASK, &h->before, NULL);
            return err;
        }
        client.unix_path = h->socket.path;
        client.reopen = find_again;
        h->client = client_new(&client);
    }
    client_watch_signals(h->client, &mask);
    return ERR_OK;
}

void home_close(struct home *h)
{
    client_free(h->client);
    if (h->own)
        parts_close(&h->parts);
    socket_release(&h->socket);
    pthread_sigmask(SIG_SETMASK, &h->before, NULL);
}

bool home_folder(const struct home *h, char *to, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *user = getenv("HOME");
    struct str data = options_config(h->options)->server.data;
    int n = 0;
    if (!option_value(h->options, "url"))
        n = snprintf(to, size, "%.*s/terminal", STR_ARG(data));
    else if (state && state[0] == '/')
        n = snprintf(to, size, "%s/eidolon", state);
    else if (user && user[0] == '/')
        n = snprintf(to, size, "%s/.eidolon-terminal", user);
    if (n <= 0 || (size_t)n >= size)
        return false;
    return mkdir(to, S_IRWXU) == 0 || errno == EEXIST;
}
