/*
 * What drivers of remote voices and ears share: whom they call, how a failure is said, and what it means.
 *
 * Failures have a wire code out of REMOTE_FAULTS in error.code. By it the chain (chain.h) and the breaker
 * decide: REMOTE_RETRY may do better a moment later at the same endpoint, REMOTE_SICK speaks against the
 * endpoint's health. Every failure lets another provider try. Sentences name the provider and its endpoint
 * (scheme, host and port), never a path, a key or a text that was to be spoken.
 *
 * It does not: send anything (loop/fetch.h, remote_tts.h).
 */
#ifndef EIDOLON_VOICE_REMOTE_H
#define EIDOLON_VOICE_REMOTE_H

#include "base/config.h"
#include "loop/fetch.h"

/* REMOTE_FAULT(wire code, what our own API answers, flags) */
#define REMOTE_FAULTS(REMOTE_FAULT)                                                                          \
    REMOTE_FAULT("auth", ERR_UPSTREAM, 0)                                                                    \
    REMOTE_FAULT("quota", ERR_UPSTREAM, 0)                                                                   \
    REMOTE_FAULT("rate_limit", ERR_LIMIT, REMOTE_RETRY)                                                      \
    REMOTE_FAULT("overloaded", ERR_UNAVAILABLE, REMOTE_RETRY | REMOTE_SICK)                                  \
    REMOTE_FAULT("timeout_first_sound", ERR_UPSTREAM_TIMEOUT, REMOTE_SICK)                                   \
    REMOTE_FAULT("timeout_stream", ERR_UPSTREAM_TIMEOUT, REMOTE_SICK)                                        \
    REMOTE_FAULT("timeout_total", ERR_UPSTREAM_TIMEOUT, REMOTE_SICK)                                         \
    REMOTE_FAULT("cut", ERR_UPSTREAM, REMOTE_RETRY | REMOTE_SICK)                                            \
    REMOTE_FAULT("malformed", ERR_UPSTREAM, REMOTE_SICK)                                                     \
    REMOTE_FAULT("upstream_refused", ERR_UPSTREAM, 0)                                                        \
    REMOTE_FAULT("upstream_unavailable", ERR_UNAVAILABLE, REMOTE_RETRY | REMOTE_SICK)                        \
    REMOTE_FAULT("left_alone", ERR_UNAVAILABLE, 0)

enum remote_flags { REMOTE_RETRY = 1 << 0, REMOTE_SICK = 1 << 1 };
/* By error.code; a code that is not in the table has none: the fault is ours or the request's. */
unsigned remote_flags(const struct error *e);

/* Whom a driver calls; views of its settings, which outlive it. */
struct remote_endpoint {
    struct str name, key;              /* the provider's; the key to be kept out of sentences */
    char address[FETCH_ENDPOINT_TEXT]; /* for sentences */
};
void remote_endpoint_init(struct remote_endpoint *at, struct str name, struct str base_url, struct str key);

/* Fills *e with the code of the table and its err, and returns that. The sentence begins with "The speech
 * provider 'NAME' at ADDRESS ". */
enum err remote_fault(struct error *e, const struct remote_endpoint *at, const char *code, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));
/* An HTTP status other than 2xx with what it said. */
enum err remote_refused(struct error *e, const struct remote_endpoint *at, int status, struct str body);
/* A transfer that ended with anything but FETCH_DONE; `began`: after the head. */
enum err remote_failed(struct error *e, const struct remote_endpoint *at, const struct fetch_end *end);

/* The provider's `headers` setting and our User-Agent, appended; n is how many there are, at most `max`. */
size_t remote_headers(const struct speech_provider *provider, struct fetch_header *headers, size_t n,
                      size_t max);

/* multipart/form-data, one part after another, then the end. The boundary is remote_form_type()'s. */
struct str remote_form_type(void);
void remote_form_field(struct buf *to, const char *name, struct str value);
void remote_form_file(struct buf *to, const char *name, const char *filename, struct str type,
                      struct str bytes);
void remote_form_end(struct buf *to);

/* Appends percent-encoded (RFC 3986 unreserved characters stay). */
void remote_encode(struct buf *to, struct str text);

#endif
