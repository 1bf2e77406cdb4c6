/* What went wrong with a transfer, as a result and as a sentence; see fetch.h. */
#include "loop/fetch_inner.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum fetch_result fetch_result_of(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return FETCH_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return FETCH_NO_HOST;
    case CURLE_COULDNT_CONNECT:
        return FETCH_NO_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: /* libcurl is given no other limit than that of connecting */
        return FETCH_TIMEOUT_CONNECT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return FETCH_TLS;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
        return FETCH_CUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* "Received HTTP/0.9 when not allowed" */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_BAD_CONTENT_ENCODING:
        return FETCH_GARBAGE;
    default:
        return FETCH_FAILED;
    }
}

void fetch_explain(struct transfer *t, enum fetch_result result, struct error *e)
{
    const char *at = t->endpoint;
    switch (result) {
    case FETCH_DONE:
        break;
    case FETCH_NO_HOST:
        error_set(e, ERR_UPSTREAM,
                  "The host name of %s cannot be resolved; check the address and this machine's network.",
                  at);
        break;
    case FETCH_NO_CONNECT:
        error_set(e, ERR_UPSTREAM, "Nothing answers at %s; check that the server there runs.", at);
        break;
    case FETCH_TLS:
        error_set(e, ERR_UPSTREAM, "The secure connection to %s failed: %s.", at,
                  t->curl_error[0] ? t->curl_error : "no reason was given");
        break;
    case FETCH_TIMEOUT_CONNECT:
        error_set(e, ERR_UPSTREAM_TIMEOUT, "%s could not be reached in time; check the address.", at);
        break;
    case FETCH_TIMEOUT_FIRST_BYTE:
        error_set(e, ERR_UPSTREAM_TIMEOUT, "%s did not begin to answer within %" PRIu64 " ms.", at,
                  t->first_byte_ms);
        break;
    case FETCH_TIMEOUT_IDLE:
        error_set(e, ERR_UPSTREAM_TIMEOUT, "%s fell silent for %" PRIu64 " ms in the middle of its answer.",
                  at, t->idle_ms);
        break;
    case FETCH_TIMEOUT_TOTAL:
        error_set(e, ERR_UPSTREAM_TIMEOUT, "%s did not finish its answer within %" PRIu64 " ms.", at,
                  t->total_ms);
        break;
    case FETCH_CUT:
        error_set(e, ERR_UPSTREAM, "%s closed the connection before its answer was complete.", at);
        break;
    case FETCH_GARBAGE:
        error_set(e, ERR_UPSTREAM, "What answers at %s does not speak HTTP.", at);
        break;
    case FETCH_TOO_BIG:
        error_set(e, ERR_TOO_BIG, "The answer of %s is larger than the %" PRIu64 " bytes allowed.", at,
                  t->max_bytes);
        break;
    case FETCH_PRIVATE:
        error_set(e, ERR_FORBIDDEN,
                  "%s is an address of this machine or of a private network, which is not called from here.",
                  at);
        break;
    case FETCH_FAILED:
        error_set(e, ERR_UPSTREAM, "The request to %s failed: %s.", at,
                  t->curl_error[0] ? t->curl_error : "no reason was given");
        break;
    }
}

void fetch_endpoint(char to[FETCH_ENDPOINT_TEXT], struct str url)
{
    size_t scheme = str_find(url, STR("://"));
    size_t host = scheme == SIZE_MAX ? 0 : scheme + 3, end = host, at = SIZE_MAX;
    while (end < url.n && url.p[end] != '/' && url.p[end] != '?' && url.p[end] != '#')
        end++;
    for (size_t i = host; i < end; i++) {
        if (url.p[i] == '@')
            at = i;
    }
    size_t from = at == SIZE_MAX ? host : at + 1; /* user and password are left out */
    snprintf(to, FETCH_ENDPOINT_TEXT, "%.*s%.*s", STR_ARG(str_sub(url, 0, host)),
             STR_ARG(str_sub(url, from, end - from)));
}

enum err fetch_join(struct str base, struct str location, struct buf *to, struct error *e)
{
    char at[FETCH_ENDPOINT_TEXT], *text = NULL, *from = heap_cstr(base), *there = heap_cstr(location);
    CURLU *url = curl_url();
    bool good = location.n && strlen(there) == location.n &&
                curl_url_set(url, CURLUPART_URL, from, 0) == CURLUE_OK &&
                curl_url_set(url, CURLUPART_URL, there, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK &&
                (str_starts(str_c(text), STR("http://")) || str_starts(str_c(text), STR("https://")));
    if (good)
        buf_add(to, str_c(text));
    curl_free(text);
    curl_url_cleanup(url);
    free(from);
    free(there);
    if (good)
        return buf_check(to, "The address", e);
    fetch_endpoint(at, base);
    return error_set(e, ERR_UPSTREAM, "The server at %s redirects to something that is no http address.", at);
}
