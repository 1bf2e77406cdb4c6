/*
 * The server that a command talks to: the one that runs on the data folder, or one that the command opens for
 * itself, with only the folder's socket to listen on, and closes at its end. Either way the command speaks to
 * the API over that socket, so there is one way of doing everything. With --url it is another server.
 *
 * A server that is just starting or stopping is waited for. When a server that was there goes away, the
 * client asks for another way, and the command opens the parts itself; so two commands at once, of which the
 * first has opened the parts, do not hinder each other.
 *
 * While home is open, SIGINT, SIGTERM and SIGHUP are blocked and come through client_signal(). Plain thread.
 */
#ifndef EIDOLON_APP_HOME_H
#define EIDOLON_APP_HOME_H

#include "app/client.h"
#include "app/serve.h"

struct home {
    struct options *options;
    struct client *client;
    struct data_socket socket;
    struct parts parts;
    bool own;        /* the parts are ours */
    bool of_command; /* the server is another command's, which goes when that ends */
    sigset_t before;
};

/* Also quiets the server's log, unless more was asked for. On failure the home needs no closing. */
enum err home_open(struct home *h, struct options *o, struct error *e);
void home_close(struct home *h);
/* For whoever follows streams: the server does not answer; is there a way now? Does not wait, and opens the
 * parts only in the place of another command. */
bool home_again(struct home *h);
/* The folder for what the terminal keeps (history, last room): in the data folder, or with --url in the
 * user's own state folder. False: there is none. */
bool home_folder(const struct home *h, char *to, size_t size);

#endif
