/*
 * Fuzzes the request head: found and parsed in one piece and byte by byte, then its target and lists.
 *
 * Checked besides memory errors: both ways of finding the end agree; an accepted head frames its body in one
 * way only and has no control bytes anywhere; a decoded path stays below the root and is valid UTF-8.
 */
#include "base/utf8.h"
#include "net/parse_head.h"
#include "net/range.h"
#include "net/target.h"

#include <stdlib.h>

enum { HEADERS = 16, MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_accepted(struct http_req *req, const struct head *head)
{
    unsigned lengths = 0, codings = 0;
    for (unsigned i = 0; i < head->count; i++) {
        lengths += str_ieq(head->headers[i].name, STR("content-length"));
        codings += str_ieq(head->headers[i].name, STR("transfer-encoding"));
        check(http_is_token(head->headers[i].name) && http_is_field_value(head->headers[i].value));
        struct str rest = head->headers[i].value, element;
        while (http_list_next(&rest, &element))
            check(element.n > 0);
        uint64_t from = 0, part = 0;
        if (range_parse(head->headers[i].value, 1000, &from, &part) == RANGE_PART)
            check(part > 0 && from < 1000 && part <= 1000 - from);
        int64_t date;
        http_date_parse(head->headers[i].value, &date);
    }
    check(lengths + codings <= 1 && head->chunked == (codings == 1) &&
          (head->content_length >= 0) == (lengths == 1));
    check(!head->chunked || head->minor == 1);
    struct str path, query, value;
    req->headers = head->headers;
    req->header_count = head->count;
    http_accepts(req, "text/html");
    if (target_split(&req->arena, head->target, &path, &query, NULL) == ERR_OK) {
        check(utf8_valid(path) && !memchr(path.p, '\0', path.n) && path.n > 0);
        check(str_find(path, STR("/../")) == SIZE_MAX && !str_ends(path, STR("/..")));
        req->query = query;
        http_query(req, "a", &value, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = str_of((const char *)data, n);
    size_t scanned = 0, end = 0, end2 = 0;
    enum head_end whole = head_find(bytes, MAX, &scanned, &end), piecewise = HEAD_MORE;
    scanned = 0;
    for (size_t i = 1; i <= n && piecewise == HEAD_MORE; i++)
        piecewise = head_find(str_sub(bytes, 0, i), MAX, &scanned, &end2);
    if (n)
        check(whole == piecewise && (whole != HEAD_WHOLE || end == end2));
    if (whole != HEAD_WHOLE)
        return 0;
    struct http_header headers[HEADERS];
    struct head head;
    struct http_req req = {.arena = ARENA_INIT};
    if (head_parse(str_sub(bytes, 0, end), headers, HEADERS, &head, NULL) == ERR_OK)
        check_accepted(&req, &head);
    arena_release(&req.arena);
    return 0;
}
