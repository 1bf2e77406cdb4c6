/*
 * Certificates of our own, so that phones and other machines at home can use HTTPS: browsers give a page a
 * microphone only there.
 *
 * A folder holds an authority (ca.crt, ca.key) and a certificate for this machine that it signed (server.crt
 * with the authority behind it, server.key), all PEM, EC P-256, readable by the owner alone. The authority
 * may sign nothing but private names and addresses (name constraints, RFC 5280 4.2.1.10), so who trusts it on
 * a phone trusts it for this home only. The certificate is made again when the machine's names or addresses
 * are others, or when it is about to end; the authority stays, so that a phone that trusts it goes on doing
 * so.
 *
 * It does not: ask anybody outside; load the files (listen.h). Blocks; plain threads.
 */
#ifndef EIDOLON_NET_LOCAL_CERT_H
#define EIDOLON_NET_LOCAL_CERT_H

#include "base/arena.h"
#include "base/error.h"

enum {
    LOCAL_CA_DAYS = 10 * 365,
    LOCAL_CERT_DAYS = 397, /* browsers take no longer ones */
    LOCAL_CERT_RENEW_DAYS = 30,
    LOCAL_NAMES_MAX = 64,
};

/* What this machine is called at home: "localhost", the private addresses of its interfaces, IPv4 first
 * (those are what a phone reaches), and its host name with .local. Addresses that the whole world reaches are
 * left out: no authority of our own should vouch for them. Names lie in `a`. */
struct local_names {
    struct str *v;
    size_t n;
    size_t reachable; /* the index of the first that other machines can use, n: none */
};
void local_names_find(struct arena *a, struct local_names *out);

struct local_cert {
    struct str cert_file, key_file, ca_file; /* paths, in `a` */
    struct str fingerprint;                  /* of the authority: SHA-256 as "AB:CD:...", in `a` */
    bool renewed;
};

/* Makes what is missing or out of date in `folder`, which is made too. ERR_IO, ERR_INTERNAL. */
enum err local_cert_make(struct arena *a, struct str folder, const struct local_names *names,
                         struct local_cert *out, struct error *e);

#endif
