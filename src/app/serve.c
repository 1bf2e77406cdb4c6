/* `eidolon serve`: opens the parts, says where it is, waits for a signal, closes them. See serve.h. */
#include "app/serve.h"

#include "api/pairing.h"
#include "api/qr.h"
#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Many idle sockets need many descriptors; the soft limit is often 1024 while the hard one allows more. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A picture is for a person at a terminal; a log gets no code that signs somebody in. */
static void announce_phone(const struct parts *p)
{
    CLEANUP_BUF struct buf url = BUF_INIT, picture = BUF_INIT;
    struct error e = {0};
    printf("Phones at home: %.*s   (its certificate is made here; SHA-256 of the authority %.23s...)\n",
           STR_ARG(p->https.url), p->https.fingerprint.p);
    if (!isatty(STDOUT_FILENO))
        return;
    api_pair(p->api, &url);
    if (qr_write_terminal(buf_str(&url), &picture, &e) != ERR_OK)
        return;
    printf("Scan this within %d minutes to come in. The phone warns once, as nobody but this machine vouches "
           "for the "
           "certificate.\n%.*s",
           PAIRING_LIFE_MS / 60000, (int)picture.n, picture.p);
}

static void announce(const struct parts *p)
{
    const struct config *config = options_config(p->options);
    for (size_t i = 0; i < p->plain_count; i++) {
        const char *address = net_listener_address(p->listeners[i]);
        if (net_listener_port(p->listeners[i]))
            printf("Eidolon is at %s://%s", p->tls ? "https" : "http", address);
        else
            printf("Eidolon is at %s", address);
        printf(i == 0 ? "   (data in %.*s; Ctrl-C stops it)\n" : "\n", STR_ARG(config->server.data));
    }
    if (p->inherited)
        printf("Eidolon listens on %u sockets of the service manager   (data in %.*s)\n", p->inherited,
               STR_ARG(config->server.data));
    if (!str_empty(p->https.url))
        announce_phone(p);
    fflush(stdout);
}

static void reload(struct parts *p)
{
    struct error e = {0};
    if (!p->tls)
        log_info("app", "SIGHUP: there is no certificate to read again");
    else if (net_tls_reload(p->tls, &e) != ERR_OK)
        log_error("app", "%s The old certificate stays in use.", e.message);
    else
        log_info("app", "the certificate was read again");
}

static void wait_for_end(struct parts *p, const sigset_t *signals)
{
    for (;;) {
        int signal = 0;
        if (sigwait(signals, &signal) != 0)
            continue;
        if (signal != SIGHUP) {
            log_info("app", "stopping (%s)", signal == SIGINT ? "Ctrl-C" : "SIGTERM");
            return;
        }
        reload(p);
    }
}

int serve_main(int argc, char **argv)
{
    struct options options;
    struct parts parts = {.options = &options};
    struct error e = {0};
    sigset_t signals;
    int code = options_read(&options, "serve", argc, argv);
    if (code != EX_OK || options.help) {
        options_release(&options);
        return code;
    }
    umask(077);
    raise_descriptor_limit();
    /* Blocked here, before there are threads, so that only sigwait() gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if (parts_open(&parts, &e) != ERR_OK) {
        code = complain(&e);
    } else {
        announce(&parts);
        wait_for_end(&parts, &signals);
        /* A second signal ends the process at once. */
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    }
    parts_close(&parts);
    options_release(&options);
    return code;
}
