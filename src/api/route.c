/* Matching; see route.h. */
#include "api/route.h"

static const struct {
    const char *name, *files;
} groups[] = {
#define GROUP(name, files) {name, files},
#define ROUTE(method, pattern, handler, body, limit, scope, flags, request, response, status, summary)
#include "api/routes.def"
#undef GROUP
#undef ROUTE
};

static struct route table[] = {
#define GROUP(title, files) {.group = title},
#define ROUTE(verb, path, handler, how, most, who, bits, takes, gives, code, what)                           \
    {.pattern = path,                                                                                        \
     .handle = handle_##handler,                                                                             \
     .summary = what,                                                                                        \
     .request = takes,                                                                                       \
     .response = gives,                                                                                      \
     .limit = most,                                                                                          \
     .method = HTTP_##verb,                                                                                  \
     .body = BODY_##how,                                                                                     \
     .scope = SCOPE_##who,                                                                                   \
     .flags = bits,                                                                                          \
     .status = code},
#include "api/routes.def"
#undef GROUP
#undef ROUTE
};
enum { ROWS = sizeof table / sizeof *table };

static const struct {
    struct str alias, name;
} aliases[] = {{STR_INIT("/api/characters"), STR_INIT("/api/personas")},
               {STR_INIT("/api/sessions"), STR_INIT("/api/rooms")}};

const struct route *route_table(size_t *count)
{
    *count = ROWS;
    return table;
}

bool route_group(size_t n, const char **name, const char **files)
{
    if (n >= sizeof groups / sizeof *groups)
        return false;
    *name = groups[n].name;
    *files = groups[n].files;
    return true;
}

static struct str unalias(struct arena *a, struct str path)
{
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        struct str rest = str_from(path, aliases[i].alias.n);
        if (str_starts(path, aliases[i].alias) && (str_empty(rest) || str_starts(rest, STR("/"))))
            return arena_printf(a, "%.*s%.*s", STR_ARG(aliases[i].name), STR_ARG(rest));
    }
    return path;
}

/* A parameter takes what is left of its segment, {name+} what is left of the path; never nothing. */
static bool match(const char *pattern, struct str path, struct route_params *params)
{
    params->n = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (!path.p || str_empty(path) || path.p[0] != *pattern)
                return false;
            path = str_from(path, 1);
            pattern++;
            continue;
        }
        const char *end = strchr(pattern, '}');
        size_t n = end[-1] == '+' ? path.n : str_find_char(path, '/');
        if (n > path.n)
            n = path.n;
        if (n == 0 || params->n == ROUTE_PARAMS)
            return false;
        params->v[params->n++] = str_sub(path, 0, n);
        path = str_from(path, n);
        pattern = end + 1;
    }
    return str_empty(path);
}

const struct route *route_find(struct arena *a, enum http_method method, struct str path,
                               struct route_params *params, unsigned *allow)
{
    *allow = 0;
    path = unalias(a, path);
    if (method == HTTP_HEAD)
        method = HTTP_GET;
    for (size_t i = 0; i < ROWS; i++) {
        struct route_params found;
        if (!table[i].pattern || !match(table[i].pattern, path, &found))
            continue;
        /* A fixed path ("import") before a parameter ("{persona}") hides it: the table's order decides. */
        if (table[i].method == method) {
            *params = found;
            return &table[i];
        }
        *allow |= 1u << table[i].method;
    }
    return NULL;
}

const char *route_method_name(enum http_method method)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    return method < HTTP_OTHER ? names[method] : "OTHER";
}

struct str route_allow(struct arena *a, unsigned allow)
{
    struct str all = STR_NONE;
    if (allow & 1u << HTTP_GET)
        allow |= 1u << HTTP_HEAD;
    allow |= 1u << HTTP_OPTIONS;
    for (enum http_method m = HTTP_GET; m <= HTTP_OPTIONS; m++)
        if (allow & 1u << m)
            all = arena_printf(a, "%.*s%s%s", STR_ARG(all), all.n ? ", " : "", route_method_name(m));
    return all;
}
