/*
 * A client of the API, for the commands: libcurl over the data folder's Unix socket, or to a URL.
 *
 * Everything runs on the one plain thread of the command, inside client_pump(): it moves all transfers, waits
 * until something happens, and looks at the signals that the command asked for. client_call() is one request
 * and its whole answer; it pumps, so streams that are open beside it go on. Transfers are ids; callbacks come
 * from the pump only. Where nobody answers, `reopen` is asked once for a new way (home.h: another server, or
 * one of our own), and the request goes again, as nothing of it was received.
 *
 * It does not: know what a room is, print, retry what a server refused.
 */
#ifndef EIDOLON_APP_CLIENT_H
#define EIDOLON_APP_CLIENT_H

#include "base/json.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

struct client;

enum { CLIENT_CALL_MS = 120000, CLIENT_CONNECT_MS = 10000, CLIENT_BODY_MAX = 256 << 20 };

struct client_options {
    const char *unix_path; /* or NULL */
    const char *url;       /* scheme, host and port; used where unix_path is NULL */
    const char *token;     /* or NULL */
    /* A new path for unix_path, or NULL with a sentence; NULL where there is no second way. */
    const char *(*reopen)(void *arg, struct error *e);
    void *arg;
};

/* Everything is copied, but `file`, which stays open until the end. */
struct client_request {
    const char *method; /* NULL: GET, or POST with a body */
    struct str path;    /* "/api/rooms?limit=5", encoded already (client_encode) */
    struct str body;
    FILE *file; /* a body instead, of file_bytes */
    uint64_t file_bytes;
    const char *type;   /* of the body; NULL: JSON */
    const char *accept; /* NULL: anything */
    bool stream;        /* no time limit, for event streams and long work */
    bool once;          /* do not ask `reopen` */
};

/* The answer of client_call(): released with answer_release(). */
struct client_answer {
    int status;
    struct buf body;
    struct arena arena;
    const struct json *json; /* the body, where it is JSON; else NULL */
};

/* Views are valid during the call. `end` comes once, after which the id is over; not after client_cancel().
 */
struct client_events {
    void (*data)(void *arg, int status, struct str bytes);
    void (*end)(void *arg, int status, const struct error *e); /* e NULL: the answer is complete */
};

struct client *client_new(const struct client_options *options);
void client_free(struct client *c);

/* 0: it could not be started (a sentence says why). */
uint64_t client_start(struct client *c, const struct client_request *request,
                      const struct client_events *events, void *arg, struct error *e);
void client_cancel(struct client *c, uint64_t id);

/* Moves all transfers once; waits up to timeout_ms (-1: long) for them, for a signal, or for one of `fds`. */
void client_pump(struct client *c, int timeout_ms, struct curl_waitfd *fds, unsigned count);

/*
 * One request. ERR_OK: an answer below 400 came; its body is in *out. Otherwise the sentence is the server's
 * own, or says why there is none; ERR_CANCELLED: a signal came. out may be NULL. Always answer_release().
 */
enum err client_call(struct client *c, const struct client_request *request, struct client_answer *out,
                     struct error *e);
/* GET, and POST with JSON. */
enum err client_get(struct client *c, struct str path, struct client_answer *out, struct error *e);
enum err client_send(struct client *c, const char *method, struct str path, struct str body,
                     struct client_answer *out, struct error *e);
void answer_release(struct client_answer *a);
/* The error that a body of status >= 400 is about. */
enum err client_error(int status, struct str body, struct error *e);

/* The signals of the mask were blocked by the caller; the pump collects them. client_signal() takes the next
 * one, 0: none. Without a mask (NULL) they are not looked at. */
void client_watch_signals(struct client *c, const sigset_t *mask);
int client_signal(struct client *c);
/* Whether one of them asks to end (SIGINT, SIGTERM, SIGHUP); it stays for client_signal(). */
bool client_interrupted(const struct client *c);
/* Another socket from now on. */
void client_move(struct client *c, const char *unix_path);

/* Appends the text with everything but letters, digits and -._~ as %XX. */
void client_encode(struct buf *to, struct str text);

#endif
