/*
 * The HTTP/1.x request head; see parse_head.h.
 *
 * One table classifies bytes. Lines are cut at CRLF; head_find() has already made sure that every LF has its
 * CR, and check here refuses a CR that has no LF, because a value may hold no control byte but tab.
 */
#include "net/parse_head.h"

enum {
    TOKEN = 1 << 0,  /* tchar */
    VALUE = 1 << 1,  /* in a field value */
    TARGET = 1 << 2, /* in a request target */
    HOSTCH = 1 << 3, /* in a Host: reg-name, IP literal, port */
};

static uint8_t classify(unsigned char c)
{
    uint8_t k = 0;
    bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (alnum || (c && strchr("!#$%&'*+-.^_`|~", c)))
        k |= TOKEN;
    if (c == '\t' || (c >= 0x20 && c != 0x7f))
        k |= VALUE;
    if (c > 0x20 && c < 0x7f && c != '#')
        k |= TARGET;
    if (alnum || (c && strchr("-._~%!$&'()*+,;=:[]", c)))
        k |= HOSTCH;
    return k;
}

static uint8_t kinds[256];

__attribute__((constructor)) static void fill_kinds(void)
{
    for (unsigned c = 0; c < 256; c++)
        kinds[c] = classify((unsigned char)c);
}

static bool all_are(struct str s, uint8_t kind)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!(kinds[(unsigned char)s.p[i]] & kind))
            return false;
    }
    return true;
}

bool http_is_token(struct str s)
{
    return s.n && all_are(s, TOKEN);
}

bool http_is_field_value(struct str s)
{
    return all_are(s, VALUE);
}

static struct str trim_ows(struct str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = str_from(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool http_list_next(struct str *rest, struct str *element)
{
    struct str part;
    while (str_cut(rest, ',', &part)) {
        *element = trim_ows(part);
        if (element->n)
            return true;
    }
    return false;
}

enum head_end head_find(struct str bytes, size_t max, size_t *scanned, size_t *end)
{
    size_t at = *scanned;
    size_t limit = bytes.n < max ? bytes.n : max;
    while (at < limit) {
        const char *lf = memchr(bytes.p + at, '\n', limit - at);
        if (!lf)
            break;
        size_t i = (size_t)(lf - bytes.p);
        if (i == 0 || bytes.p[i - 1] != '\r')
            return HEAD_BARE_LF;
        if (i >= 3 && bytes.p[i - 2] == '\n') {
            *end = i + 1;
            return HEAD_WHOLE;
        }
        at = i + 1;
    }
    *scanned = limit;
    return bytes.n >= max ? HEAD_TOO_LONG : HEAD_MORE;
}

static const struct {
    struct str text;
    enum http_method method;
} methods[] = {
    {STR_INIT("GET"), HTTP_GET},         {STR_INIT("HEAD"), HTTP_HEAD},   {STR_INIT("POST"), HTTP_POST},
    {STR_INIT("PUT"), HTTP_PUT},         {STR_INIT("PATCH"), HTTP_PATCH}, {STR_INIT("DELETE"), HTTP_DELETE},
    {STR_INIT("OPTIONS"), HTTP_OPTIONS},
};

static enum err bad(struct error *e, const char *sentence)
{
    return error_set(e, ERR_INVALID, "%s", sentence);
}

static enum err parse_version(struct str version, struct head *out, struct error *e)
{
    bool shaped = version.n == 8 && str_starts(version, STR("HTTP/")) && version.p[6] == '.' &&
                  version.p[5] >= '0' && version.p[5] <= '9' && version.p[7] >= '0' && version.p[7] <= '9';
    if (!shaped)
        return bad(e, "The request line must end with its HTTP version.");
    if (version.p[5] != '1')
        return error_set(e, ERR_HTTP_VERSION,
                         "This server speaks HTTP/1.1; send the request in that version.");
    out->minor = version.p[7] == '0' ? 0 : 1;
    return ERR_OK;
}

/* host of "http://host:port/path"; the target becomes the path and what follows it. */
static bool split_absolute(struct head *out)
{
    size_t scheme = 0;
    if (out->target.n > 7 && str_ieq(str_sub(out->target, 0, 7), STR("http://")))
        scheme = 7;
    else if (out->target.n > 8 && str_ieq(str_sub(out->target, 0, 8), STR("https://")))
        scheme = 8;
    if (!scheme)
        return false;
    struct str rest = str_from(out->target, scheme);
    size_t slash = 0;
    while (slash < rest.n && rest.p[slash] != '/' && rest.p[slash] != '?')
        slash++;
    if (slash == 0 || memchr(rest.p, '@', slash) || (slash < rest.n && rest.p[slash] == '?'))
        return false;
    out->host = str_sub(rest, 0, slash);
    out->target = slash < rest.n ? str_from(rest, slash) : STR("/");
    return true;
}

static enum err parse_request_line(struct str line, struct head *out, struct error *e)
{
    size_t space = str_find_char(line, ' ');
    if (space == SIZE_MAX || space == 0 || space > HEAD_METHOD_MAX)
        return bad(e, "The request line must be a method, one space, a target, one space and the version.");
    out->method_text = str_sub(line, 0, space);
    struct str rest = str_from(line, space + 1);
    size_t second = str_find_char(rest, ' ');
    if (second == SIZE_MAX || second == 0)
        return bad(e, "The request line must be a method, one space, a target, one space and the version.");
    out->target = str_sub(rest, 0, second);
    if (!http_is_token(out->method_text))
        return bad(e, "The method has bytes that a method cannot have.");
    enum err err = parse_version(str_from(rest, second + 1), out, e);
    if (err)
        return err;
    if (!all_are(out->target, TARGET))
        return bad(e, "The target has bytes that must be percent-encoded.");
    out->method = HTTP_OTHER;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (str_eq(methods[i].text, out->method_text))
            out->method = methods[i].method;
    }
    if (out->target.p[0] == '/')
        return ERR_OK;
    if (out->method == HTTP_OPTIONS && str_eq(out->target, STR("*")))
        return ERR_OK;
    if (!split_absolute(out))
        return bad(e, "The target must be a path that begins with '/'.");
    return ERR_OK;
}

static enum err parse_host(struct str value, bool *seen, struct head *out, struct error *e)
{
    if (*seen)
        return bad(e, "The request has more than one Host header.");
    *seen = true;
    if (!all_are(value, HOSTCH))
        return bad(e, "The Host header is not a host name with an optional port.");
    /* An absolute target's own host wins (RFC 9112 3.2.2). */
    if (!out->host.n)
        out->host = value;
    return ERR_OK;
}

static enum err parse_content_length(struct str value, struct head *out, struct error *e)
{
    uint64_t n = 0;
    if (out->content_length >= 0)
        return bad(e, "The request has more than one Content-Length.");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return bad(e, "Content-Length must be one decimal number.");
    }
    if (!str_to_u64(value, &n) || n > INT64_MAX)
        return bad(e, "Content-Length must be one decimal number.");
    out->content_length = (int64_t)n;
    return ERR_OK;
}

static enum err parse_transfer_encoding(struct str value, struct head *out, struct error *e)
{
    if (out->chunked)
        return bad(e, "The request has more than one Transfer-Encoding.");
    if (out->minor == 0)
        return bad(e, "HTTP/1.0 has no Transfer-Encoding.");
    if (str_ieq(value, STR("chunked"))) {
        out->chunked = true;
        return ERR_OK;
    }
    size_t comma = value.n;
    while (comma && value.p[comma - 1] != ',')
        comma--;
    if (!comma || !str_ieq(trim_ows(str_from(value, comma)), STR("chunked")))
        return bad(e, "A request's Transfer-Encoding must end in chunked.");
    struct str rest = str_sub(value, 0, comma), coding;
    while (http_list_next(&rest, &coding)) {
        if (str_ieq(coding, STR("chunked")) || !http_is_token(coding))
            return bad(e, "Transfer-Encoding may name chunked once, as its last coding.");
    }
    return error_set(e, ERR_NOT_IMPLEMENTED, "This server takes no transfer coding but chunked.");
}

static void parse_connection(struct str value, bool *close, bool *keep, struct head *out)
{
    struct str token;
    while (http_list_next(&value, &token)) {
        if (str_ieq(token, STR("close")))
            *close = true;
        else if (str_ieq(token, STR("keep-alive")))
            *keep = true;
        else if (str_ieq(token, STR("upgrade")))
            out->upgrade = true;
    }
}

struct seen {
    bool host, close, keep;
};

static enum err parse_known(const struct http_header *h, struct seen *seen, struct head *out, struct error *e)
{
    switch (h->name.n) {
    case 4:
        if (str_ieq(h->name, STR("host")))
            return parse_host(h->value, &seen->host, out, e);
        break;
    case 6:
        if (!str_ieq(h->name, STR("expect")) || out->minor == 0)
            break;
        if (!str_ieq(h->value, STR("100-continue")))
            return error_set(e, ERR_EXPECTATION, "The only expectation this server meets is 100-continue.");
        out->expect = true;
        break;
    case 10:
        if (str_ieq(h->name, STR("connection")))
            parse_connection(h->value, &seen->close, &seen->keep, out);
        break;
    case 14:
        if (str_ieq(h->name, STR("content-length")))
            return parse_content_length(h->value, out, e);
        break;
    case 17:
        if (str_ieq(h->name, STR("transfer-encoding")))
            return parse_transfer_encoding(h->value, out, e);
        break;
    }
    return ERR_OK;
}

static enum err parse_field(struct str line, struct http_header *h, struct error *e)
{
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return bad(e, "A header line must not begin with white space.");
    size_t colon = str_find_char(line, ':');
    if (colon == SIZE_MAX || !http_is_token(str_sub(line, 0, colon)))
        return bad(e, "A header line must be a name, directly followed by a colon, and a value.");
    h->name = str_sub(line, 0, colon);
    h->value = trim_ows(str_from(line, colon + 1));
    if (!all_are(h->value, VALUE))
        return bad(e, "A header value has control bytes.");
    return ERR_OK;
}

static struct str next_line(struct str *rest)
{
    size_t lf = str_find_char(*rest, '\n');
    struct str line = str_sub(*rest, 0, lf == SIZE_MAX ? rest->n : lf - 1);
    *rest = str_from(*rest, lf == SIZE_MAX ? rest->n : lf + 1);
    return line;
}

enum err head_parse(struct str bytes, struct http_header *headers, unsigned max_headers, struct head *out,
                    struct error *e)
{
    *out = (struct head){.headers = headers, .content_length = -1};
    struct seen seen = {false, false, false};
    enum err err = parse_request_line(next_line(&bytes), out, e);
    while (!err) {
        struct str line = next_line(&bytes);
        if (!line.n)
            break;
        if (out->count == max_headers)
            return error_set(e, ERR_HEADERS_TOO_BIG, "The request has more than %u headers.", max_headers);
        struct http_header *h = &headers[out->count++];
        err = parse_field(line, h, e);
        if (!err)
            err = parse_known(h, &seen, out, e);
    }
    if (err)
        return err;
    if (out->chunked && out->content_length >= 0)
        return bad(e, "The request has both Content-Length and Transfer-Encoding.");
    if (out->minor == 1 && !seen.host)
        return bad(e, "An HTTP/1.1 request must have a Host header.");
    if (!all_are(out->host, HOSTCH))
        return bad(e, "The target's host is not a host name with an optional port.");
    out->keep_alive = !seen.close && (out->minor == 1 || seen.keep);
    return ERR_OK;
}
