/* Text as flite reads it; see flite_voice.h. */
#include "base/buf.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "voice/flite_voice.h"

static const struct {
    uint32_t cp;
    const char *read;
} signs[] = {
    {0x2018, "'"},     {0x2019, "'"},       {0x201a, "'"},          {0x2032, "'"},      {0x201c, "\""},
    {0x201d, "\""},    {0x201e, "\""},      {0xab, "\""},           {0xbb, "\""},       {0x2010, "-"},
    {0x2011, "-"},     {0x2012, ", "},      {0x2013, ", "},         {0x2014, ", "},     {0x2015, ", "},
    {0x2026, "..."},   {0x20ac, " euros "}, {0xa3, " pounds "},     {0xa5, " yen "},    {0xb0, " degrees "},
    {0xd7, " times "}, {0xf7, " by "},      {0xb1, " plus minus "}, {0xbd, " a half "}, {0x2103, " degrees "},
};

static const char *sign(uint32_t cp)
{
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (signs[i].cp == cp)
            return signs[i].read;
    return NULL;
}

static void add_letter(struct buf *b, uint32_t cp)
{
    uint32_t plain[FOLD_MAX];
    unsigned n = fold_cp(cp, plain);
    for (unsigned i = 0; i < n; i++)
        buf_add_char(b, plain[i] < 0x80 ? (char)plain[i] : ' ');
}

char *flite_text(struct str text)
{
    struct buf b = BUF_INIT;
    while (text.n) {
        uint32_t cp = utf8_next(&text);
        const char *read = sign(cp);
        if (cp && cp < 0x80)
            buf_add_char(&b, (char)cp);
        else if (read)
            buf_add(&b, str_c(read));
        else
            add_letter(&b, cp);
    }
    char *plain = heap_cstr(buf_str(&b));
    buf_release(&b);
    return plain;
}
