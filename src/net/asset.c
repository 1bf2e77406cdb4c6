/* Static assets; see asset.h. */
#include "net/asset.h"

#include "net/http_state.h"

const struct asset *asset_find(const struct assets *assets, struct str path)
{
    size_t low = 0, high = assets->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = str_cmp(str_c(assets->list[mid].path), path);
        if (order == 0)
            return &assets->list[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* "abc" becomes "abc-br": another representation has another tag. */
static const char *variant_etag(struct http_req *req, const char *etag, const char *coding)
{
    struct str tag = str_c(etag);
    if (tag.n < 2)
        return etag;
    return arena_printf(&req->arena, "%.*s-%s\"", (int)tag.n - 1, tag.p, coding).p;
}

void http_reply_asset(struct http_req *req, const struct asset *asset)
{
    struct str body = asset->plain, range;
    const char *etag = asset->etag, *coding = NULL;
    if (!http_header(req, "range", &range)) {
        if (asset->brotli.n && accepts_coding(req, "br"))
            coding = "br";
        else if (asset->gzip.n && accepts_coding(req, "gzip"))
            coding = "gzip";
    }
    if (coding) {
        body = coding[0] == 'b' ? asset->brotli : asset->gzip;
        etag = variant_etag(req, etag, coding);
        http_set_header(req, "Content-Encoding", str_c(coding));
    }
    if (asset->gzip.n || asset->brotli.n)
        http_set_header(req, "Vary", STR("Accept-Encoding"));
    http_set_header(req, "Cache-Control",
                    asset->immutable ? STR("public, max-age=31536000, immutable") : STR("no-cache"));
    if (asset->csp)
        http_set_header(req, "Content-Security-Policy", str_c(asset->csp));
    http_reply_static(req, asset->type, body, etag);
}
