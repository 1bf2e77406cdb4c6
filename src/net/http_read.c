/* Reading a request: headers, query parameters, Accept; see http.h. */
#include "net/http_state.h"

#include "net/target.h"

bool http_header(const struct http_req *req, const char *name, struct str *value)
{
    struct str wanted = str_c(name);
    for (unsigned i = 0; i < req->header_count; i++) {
        if (req->headers[i].name.n == wanted.n && str_ieq(req->headers[i].name, wanted)) {
            *value = req->headers[i].value;
            return true;
        }
    }
    return false;
}

bool http_header_has(const struct http_req *req, const char *name, const char *token)
{
    for (unsigned i = 0; i < req->header_count; i++) {
        struct str rest = req->headers[i].value, element;
        if (!str_ieq(req->headers[i].name, str_c(name)))
            continue;
        while (http_list_next(&rest, &element)) {
            if (str_ieq(element, str_c(token)))
                return true;
        }
    }
    return false;
}

bool http_query_at(struct http_req *req, unsigned n, struct str *name, struct str *value)
{
    struct str rest = req->query, part;
    while (str_cut(&rest, '&', &part)) {
        if (!part.n || n--)
            continue;
        size_t equals = str_find_char(part, '=');
        struct str raw = equals == SIZE_MAX ? STR_NONE : str_from(part, equals + 1);
        if (!target_decode(&req->arena, str_sub(part, 0, equals == SIZE_MAX ? part.n : equals), name))
            *name = STR_NONE;
        if (!target_decode(&req->arena, raw, value))
            *value = STR_NONE;
        return true;
    }
    return false;
}

enum err http_query(struct http_req *req, const char *name, struct str *value, struct error *e)
{
    struct str rest = req->query, part;
    while (str_cut(&rest, '&', &part)) {
        size_t equals = str_find_char(part, '=');
        struct str key, text;
        if (!target_decode(&req->arena, str_sub(part, 0, equals == SIZE_MAX ? part.n : equals), &key) ||
            !str_eq(key, str_c(name)))
            continue;
        if (!target_decode(&req->arena, equals == SIZE_MAX ? STR_NONE : str_from(part, equals + 1), &text))
            return error_set_param(e, ERR_INVALID, name,
                                   "The query parameter '%s' must be percent-encoded UTF-8 text.", name);
        *value = text;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

/* The weight of one list element, in thousandths, and the element without its parameters. */
static unsigned weight(struct str element, struct str *bare)
{
    struct str rest = element, part;
    unsigned q = 1000;
    if (!str_cut(&rest, ';', bare))
        *bare = element;
    *bare = str_trim(*bare);
    while (str_cut(&rest, ';', &part)) {
        double value = 0;
        part = str_trim(part);
        if (part.n > 2 && (part.p[0] | 0x20) == 'q' && part.p[1] == '=' &&
            str_to_double(str_from(part, 2), &value))
            q = value <= 0 ? 0 : value >= 1 ? 1000 : (unsigned)(value * 1000);
    }
    return q;
}

/* How exactly an Accept range names a type: 3 whole, 2 "text" followed by a star, 1 any, 0 not at all. */
static int type_match(struct str range, struct str type)
{
    if (str_ieq(range, type))
        return 3;
    if (str_eq(range, STR("*/*")))
        return 1;
    if (range.n > 2 && str_ends(range, STR("/*")) && type.n >= range.n - 1 &&
        str_ieq(str_sub(range, 0, range.n - 1), str_sub(type, 0, range.n - 1)))
        return 2;
    return 0;
}

static bool accepts(const struct http_req *req, struct str type, int least)
{
    struct str rest, element, range;
    int best = 0;
    unsigned best_q = 0;
    if (!http_header(req, "accept", &rest))
        return least < 3;
    while (http_list_next(&rest, &element)) {
        unsigned q = weight(element, &range);
        int match = type_match(range, type);
        if (match > best) {
            best = match;
            best_q = q;
        }
    }
    return best >= least && best_q > 0;
}

bool http_accepts(const struct http_req *req, const char *type)
{
    return accepts(req, str_c(type), 1);
}

bool http_accepts_exactly(const struct http_req *req, const char *type)
{
    return accepts(req, str_c(type), 3);
}

bool accepts_coding(const struct http_req *req, const char *coding)
{
    struct str rest, element, bare;
    bool any = false;
    if (!http_header(req, "accept-encoding", &rest))
        return false;
    while (http_list_next(&rest, &element)) {
        unsigned q = weight(element, &bare);
        if (str_ieq(bare, str_c(coding)))
            return q > 0;
        if (str_eq(bare, STR("*")))
            any = q > 0;
    }
    return any;
}

bool http_etag_matches(struct str header, struct str etag)
{
    struct str element;
    if (str_starts(etag, STR("W/")))
        etag = str_from(etag, 2);
    while (http_list_next(&header, &element)) {
        if (str_starts(element, STR("W/")))
            element = str_from(element, 2);
        if (str_eq(element, etag) || str_eq(element, STR("*")))
            return true;
    }
    return false;
}
