/* The web app's files; see web.h. */
#include "api/web.h"

/* Where programs live: an unknown address there is an error, never a page. */
static bool is_for_programs(struct str path)
{
    static const char *const prefixes[] = {"/api", "/v1", "/ws"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct str prefix = str_c(prefixes[i]), rest = str_from(path, prefix.n);
        if (str_starts(path, prefix) && (str_empty(rest) || str_starts(rest, STR("/"))))
            return true;
    }
    return false;
}

static bool has_extension(struct str path)
{
    for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--)
        if (path.p[i - 1] == '.')
            return true;
    return false;
}

bool web_answer(struct call *call)
{
    struct http_req *req = call->req;
    const struct assets *assets = call->api->parts.assets;
    if (req->method > HTTP_HEAD || is_for_programs(req->path))
        return false;
    if (!assets || assets->count == 0) {
        if (!str_eq(req->path, STR("/")))
            return false;
        http_reply(req, 200, "text/html; charset=utf-8",
                   STR("<!doctype html><title>Eidolon</title><p>This build has no web app inside; "
                       "<code>make</code> builds it. The API is at "
                       "<a href=\"/api/openapi.json\">/api/openapi.json</a>."));
        return true;
    }
    const struct asset *asset = asset_find(assets, req->path);
    if (!asset && (str_eq(req->path, STR("/")) ||
                   (!has_extension(req->path) && http_accepts_exactly(req, "text/html"))))
        asset = asset_find(assets, STR("/index.html"));
    if (!asset)
        return false;
    http_reply_asset(req, asset);
    return true;
}
