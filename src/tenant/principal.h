/*
 * Who calls: a principal, by what credential, with which scopes. Every call into the house carries one.
 *
 * Today's only tenant is 'local' and its only person is the owner; accounts, organisations and API keys fill
 * in the rest later, without changing a signature.
 *
 * It does not: read requests (api/auth.c decides who a request is).
 */
#ifndef EIDOLON_TENANT_PRINCIPAL_H
#define EIDOLON_TENANT_PRINCIPAL_H

#include "base/id.h"

enum credential {
    CREDENTIAL_NONE,
    CREDENTIAL_LOCAL, /* the peer is this machine (docs/API.md, "Local owner") */
    CREDENTIAL_TOKEN, /* the access token of the configuration, as bearer or as session cookie */
};

enum scope {
    SCOPE_READ = 1 << 0,  /* see rooms and personas */
    SCOPE_WRITE = 1 << 1, /* talk, create, change */
    SCOPE_ADMIN = 1 << 2, /* settings, engines, keys */
    SCOPE_ALL = SCOPE_READ | SCOPE_WRITE | SCOPE_ADMIN,
};

struct principal {
    struct id tenant, user;
    enum credential credential;
    unsigned scopes; /* enum scope */
    char name[64];   /* the person's display name, or empty */
};

/* The tenant 'local' and its owner: the same ids on every installation. */
struct id tenant_local(void);
struct id tenant_owner(void);

/* The owner of the local tenant with all scopes. */
struct principal principal_owner(enum credential credential);

#endif
