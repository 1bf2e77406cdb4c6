/*
 * Where the server listens: the addresses of server.listen, a Unix socket, the data folder's own socket, what
 * a service manager passed, and HTTPS for phones at home (server.https).
 *
 * For phones it makes what is missing: a certificate (net/local_cert.h), and an access token where none is
 * set, which is stored like any setting made in the page. Plain thread; the loops run.
 */
#ifndef EIDOLON_APP_LISTENERS_H
#define EIDOLON_APP_LISTENERS_H

#include "app/serve.h"

struct net_limits net_limits_of(const struct config *config);
enum err listeners_open(struct parts *p, struct error *e);

#endif
