/* Addresses of models; see model_address.h. */
#include "engine/model_address.h"

#include "base/json.h"
#include "engine/model_file.h"

#include <stdio.h>

static struct str without_query(struct str url)
{
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] == '?' || url.p[i] == '#')
            return str_sub(url, 0, i);
    return url;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct str last_part(struct arena *a, struct str url)
{
    size_t at = url.n;
    while (at && url.p[at - 1] != '/')
        at--;
    struct str part = str_from(url, at);
    char *text = arena_alloc(a, part.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < part.n; i++) {
        bool coded = part.p[i] == '%' && i + 2 < part.n && hex(part.p[i + 1]) >= 0 && hex(part.p[i + 2]) >= 0;
        text[n++] = coded ? (char)(hex(part.p[i + 1]) * 16 + hex(part.p[i + 2])) : part.p[i];
        i += coded ? 2 : 0;
    }
    return str_of(text, n);
}

enum err model_file_name_check(struct str file, struct error *e)
{
    bool good = file.n > 5 && file.n <= MODEL_NAME_MAX && file.p[0] != '.' && str_ends(file, STR(".gguf"));
    for (size_t i = 0; i < file.n; i++)
        good = good && (unsigned char)file.p[i] >= ' ' && file.p[i] != '/' && file.p[i] != '\\' &&
               (unsigned char)file.p[i] != 0x7f;
    if (good)
        return ERR_OK;
    return error_set_param(e, ERR_REFUSED, "name",
                           "'%.*s' is no name for a model: it ends in .gguf, begins with no dot, and has no "
                           "slashes. Give another one.",
                           STR_ARG(str_sub(file, 0, 80)));
}

bool model_sha256(struct str text, char to[MODEL_SHA256])
{
    text = str_trim(text);
    if (str_starts(text, STR("sha256:")))
        text = str_from(text, 7);
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
        text = str_sub(text, 1, text.n - 2);
    if (text.n != MODEL_SHA256 - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int value = hex(text.p[i]);
        if (value < 0)
            return false;
        to[i] = "0123456789abcdef"[value];
    }
    to[MODEL_SHA256 - 1] = '\0';
    return true;
}

static bool plain_repo(struct str repo)
{
    size_t slashes = 0;
    for (size_t i = 0; i < repo.n; i++) {
        char c = repo.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.' || c == '/';
        slashes += c == '/';
        good = good && (c != '.' || (i && repo.p[i - 1] != '/'));
        if (!good)
            return false;
    }
    return slashes == 1 && repo.p[0] != '/' && repo.p[repo.n - 1] != '/';
}

static enum err read_hf(struct arena *a, struct str rest, struct str hub, struct model_address *out,
                        struct error *e)
{
    struct str repo = STR_NONE;
    str_cut(&rest, ':', &repo);
    if (!plain_repo(repo))
        return error_set_param(e, ERR_REFUSED, "url",
                               "A model of Hugging Face is named hf:ORG/REPO or hf:ORG/REPO:QUANT, as "
                               "hf:Qwen/Qwen2-7B-Instruct-GGUF:Q4_K_M.");
    out->repo = arena_str(a, repo);
    out->quant = arena_str(a, str_trim(rest));
    out->list = arena_printf(a, "%.*s/api/models/%.*s/tree/main?recursive=true", STR_ARG(hub), STR_ARG(repo));
    return ERR_OK;
}

enum err model_address_read(struct arena *a, struct str typed, struct str hub, struct model_address *out,
                            struct error *e)
{
    struct str url = str_trim(typed);
    *out = (struct model_address){0};
    if (str_starts(url, STR("hf:")))
        return read_hf(a, str_from(url, 3), hub, out, e);
    if (!str_starts(url, STR("https://")) && !str_starts(url, STR("http://")))
        return error_set_param(e, ERR_REFUSED, "url",
                               "'%.*s' is no address of a model: it begins with https://, http:// or hf:.",
                               STR_ARG(str_sub(url, 0, 80)));
    size_t blob = str_starts(url, hub) ? str_find(url, STR("/blob/")) : SIZE_MAX;
    if (blob != SIZE_MAX)
        url = arena_printf(a, "%.*s/resolve/%.*s", (int)blob, url.p, STR_ARG(str_from(url, blob + 6)));
    out->url = arena_str(a, url);
    out->file = last_part(a, without_query(url));
    return ERR_OK;
}

/* "name-Q4_K_M.gguf" holds Q4_K_M as a word of its own. */
static bool has_quant(struct str path, struct str quant)
{
    for (size_t i = 0; i + quant.n <= path.n; i++) {
        if (!str_ieq(str_sub(path, i, quant.n), quant))
            continue;
        char before = i ? path.p[i - 1] : '-', after = i + quant.n < path.n ? path.p[i + quant.n] : '.';
        if (strchr("-._/", before) && strchr("-._/", after) && after != '_')
            return true;
    }
    return false;
}

enum err model_address_choose(struct arena *a, struct str text, struct str hub, struct model_address *address,
                              char sha256[MODEL_SHA256], struct error *e)
{
    static const char *const liked[] = {"Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0", "F16", "BF16"};
    struct json *list = NULL;
    const struct json *chosen = NULL;
    size_t ggufs = 0;
    if (json_parse(a, text, &list, NULL) != ERR_OK || list->type != JSON_ARRAY)
        return error_set(e, ERR_UPSTREAM, "The hub did not answer with a list of files for %.*s.",
                         STR_ARG(address->repo));
    for (size_t want = 0; !chosen && want < (address->quant.n ? 1 : sizeof liked / sizeof *liked); want++) {
        struct str quant = address->quant.n ? address->quant : str_c(liked[want]);
        ggufs = 0;
        json_each (file, list) {
            struct str path = json_get_str(file, "path", STR_NONE), name;
            unsigned part = 1, parts;
            if (!str_ends(path, STR(".gguf")) || str_find(path, STR("mmproj")) != SIZE_MAX)
                continue;
            ggufs++;
            if (!chosen && has_quant(path, quant) && (!model_split(path, &name, &part, &parts) || part == 1))
                chosen = file;
        }
    }
    if (!chosen)
        return error_set_param(
            e, ERR_REFUSED, "url",
            ggufs ? "The repository %.*s has no file of the quantization %.*s; look at its "
                    "list of files on the hub."
                  : "The repository %.*s has no GGUF files%.*s; look for one whose name ends in "
                    "-GGUF.",
            STR_ARG(address->repo),
            STR_ARG(!ggufs             ? STR("")
                    : address->quant.n ? address->quant
                                       : STR("Q4_K_M")));
    struct str path = json_get_str(chosen, "path", STR_NONE);
    address->url =
        arena_printf(a, "%.*s/%.*s/resolve/main/%.*s", STR_ARG(hub), STR_ARG(address->repo), STR_ARG(path));
    address->file = last_part(a, path);
    model_sha256(json_get_str(json_get(chosen, "lfs"), "oid", STR_NONE), sha256);
    return ERR_OK;
}

struct str model_address_part(struct arena *a, struct str url, unsigned part, unsigned parts)
{
    struct str path = without_query(url), query = str_from(url, path.n), name = STR_NONE;
    unsigned of = 0, count = 0;
    if (!model_split(path, &name, &of, &count))
        return arena_str(a, url);
    return arena_printf(a, "%.*s-%05u-of-%05u.gguf%.*s", STR_ARG(name), part, parts, STR_ARG(query));
}
