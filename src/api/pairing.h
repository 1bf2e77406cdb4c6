/*
 * Pairing: how a phone is signed in by a picture.
 *
 * The owner asks for a code (POST /api/pairings, or `eidolon serve --phone`, which prints it), the phone
 * opens the address that the QR code holds, and its page exchanges the code for a session (POST
 * /api/session). A code is 128 random bits, works once and for PAIRING_LIFE_MS, and lies in memory only. The
 * code stands in the address's fragment, which browsers do not send to servers, so it gets into no log.
 *
 * It does not: listen, make certificates (net/local_cert.h), sign in (session.c). Any thread.
 */
#ifndef EIDOLON_API_PAIRING_H
#define EIDOLON_API_PAIRING_H

#include "base/str.h"

#include <pthread.h>

enum { PAIRING_LIFE_MS = 10 * 60 * 1000, PAIRING_CODES_MAX = 16, PAIRING_CODE = 33 };

struct pairings {
    pthread_mutex_t mutex;
    struct pairing_code {
        char code[PAIRING_CODE]; /* 32 hexadecimal digits; empty: free */
        int64_t ends_ms;         /* wall clock */
    } codes[PAIRING_CODES_MAX];
};

void pairings_init(struct pairings *pairings);
void pairings_release(struct pairings *pairings);
/* A new code; the oldest goes where there are too many. */
void pairing_make(struct pairings *pairings, int64_t now_ms, char code[PAIRING_CODE]);
/* Whether the code is good; it is used up by that. */
bool pairing_use(struct pairings *pairings, int64_t now_ms, struct str code);

#endif
