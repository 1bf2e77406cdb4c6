/* Another server's words; see peer.h. */
#include "loop/peer.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <time.h>

enum { LONGEST_RETRY_AFTER_S = 7 * 24 * 3600 };

void peer_quote(char to[PEER_QUOTE_TEXT], struct str said, struct str secret)
{
    CLEANUP_BUF struct buf text = BUF_MAX(PEER_QUOTE_MAX + 8);
    said = str_trim(said);
    while (said.n && text.n < PEER_QUOTE_MAX) {
        char bytes[4];
        if (secret.n && str_starts(said, secret)) {
            buf_add(&text, STR("***"));
            said = str_from(said, secret.n);
            continue;
        }
        uint32_t cp = utf8_next(&said);
        buf_add(&text, str_of(bytes, utf8_put(bytes, cp < ' ' || cp == 0x7f ? ' ' : cp)));
    }
    if (said.n)
        buf_add(&text, STR("…"));
    while (text.n && text.p[text.n - 1] == '.')
        text.n--;
    str_copy(to, PEER_QUOTE_TEXT, buf_str(&text));
}

int64_t peer_retry_after(struct str ms, struct str after, int64_t now_wall_ms)
{
    double value;
    struct tm tm = {0};
    char text[64];
    if (str_to_double(ms, &value) && value >= 0 && value <= LONGEST_RETRY_AFTER_S * 1000.0)
        return (int64_t)value;
    if (str_to_double(after, &value) && value >= 0 && value <= LONGEST_RETRY_AFTER_S)
        return (int64_t)(value * 1000);
    str_copy(text, sizeof text, after);
    if (after.n && strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm)) {
        int64_t wait = (int64_t)timegm(&tm) * 1000 - now_wall_ms;
        return wait > 0 ? wait : 0;
    }
    return -1;
}
