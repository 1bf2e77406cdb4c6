/* Names of languages; see tongue.h. The tags are ISO 639-1's, the names those of ISO 639-2's list. */
#include "language/tongue.h"

#include <ctype.h>
#include <stdio.h>

static const struct {
    struct str tag, name;
} tongues[] = {
    {STR_INIT("af"), STR_INIT("Afrikaans")},  {STR_INIT("ar"), STR_INIT("Arabic")},
    {STR_INIT("bg"), STR_INIT("Bulgarian")},  {STR_INIT("bn"), STR_INIT("Bengali")},
    {STR_INIT("ca"), STR_INIT("Catalan")},    {STR_INIT("cs"), STR_INIT("Czech")},
    {STR_INIT("cy"), STR_INIT("Welsh")},      {STR_INIT("da"), STR_INIT("Danish")},
    {STR_INIT("de"), STR_INIT("German")},     {STR_INIT("el"), STR_INIT("Greek")},
    {STR_INIT("en"), STR_INIT("English")},    {STR_INIT("eo"), STR_INIT("Esperanto")},
    {STR_INIT("es"), STR_INIT("Spanish")},    {STR_INIT("et"), STR_INIT("Estonian")},
    {STR_INIT("eu"), STR_INIT("Basque")},     {STR_INIT("fa"), STR_INIT("Persian")},
    {STR_INIT("fi"), STR_INIT("Finnish")},    {STR_INIT("fr"), STR_INIT("French")},
    {STR_INIT("ga"), STR_INIT("Irish")},      {STR_INIT("gl"), STR_INIT("Galician")},
    {STR_INIT("he"), STR_INIT("Hebrew")},     {STR_INIT("hi"), STR_INIT("Hindi")},
    {STR_INIT("hr"), STR_INIT("Croatian")},   {STR_INIT("hu"), STR_INIT("Hungarian")},
    {STR_INIT("hy"), STR_INIT("Armenian")},   {STR_INIT("id"), STR_INIT("Indonesian")},
    {STR_INIT("is"), STR_INIT("Icelandic")},  {STR_INIT("it"), STR_INIT("Italian")},
    {STR_INIT("ja"), STR_INIT("Japanese")},   {STR_INIT("ka"), STR_INIT("Georgian")},
    {STR_INIT("ko"), STR_INIT("Korean")},     {STR_INIT("la"), STR_INIT("Latin")},
    {STR_INIT("lt"), STR_INIT("Lithuanian")}, {STR_INIT("lv"), STR_INIT("Latvian")},
    {STR_INIT("mk"), STR_INIT("Macedonian")}, {STR_INIT("ms"), STR_INIT("Malay")},
    {STR_INIT("mt"), STR_INIT("Maltese")},    {STR_INIT("nb"), STR_INIT("Norwegian Bokmal")},
    {STR_INIT("nl"), STR_INIT("Dutch")},      {STR_INIT("nn"), STR_INIT("Norwegian Nynorsk")},
    {STR_INIT("no"), STR_INIT("Norwegian")},  {STR_INIT("pl"), STR_INIT("Polish")},
    {STR_INIT("pt"), STR_INIT("Portuguese")}, {STR_INIT("ro"), STR_INIT("Romanian")},
    {STR_INIT("ru"), STR_INIT("Russian")},    {STR_INIT("sk"), STR_INIT("Slovak")},
    {STR_INIT("sl"), STR_INIT("Slovenian")},  {STR_INIT("sq"), STR_INIT("Albanian")},
    {STR_INIT("sr"), STR_INIT("Serbian")},    {STR_INIT("sv"), STR_INIT("Swedish")},
    {STR_INIT("sw"), STR_INIT("Swahili")},    {STR_INIT("ta"), STR_INIT("Tamil")},
    {STR_INIT("th"), STR_INIT("Thai")},       {STR_INIT("tl"), STR_INIT("Tagalog")},
    {STR_INIT("tr"), STR_INIT("Turkish")},    {STR_INIT("uk"), STR_INIT("Ukrainian")},
    {STR_INIT("ur"), STR_INIT("Urdu")},       {STR_INIT("vi"), STR_INIT("Vietnamese")},
    {STR_INIT("zh"), STR_INIT("Chinese")},
};

static struct str primary(struct str tag)
{
    return str_sub(tag, 0, str_find_char(tag, '-'));
}

bool tongue_ok(struct str tag)
{
    struct str rest = tag, part;
    size_t parts = 0;
    if (tag.n > TONGUE_TAG_MAX || str_ends(tag, STR("-")))
        return false;
    for (; str_cut(&rest, '-', &part); parts++) {
        size_t least = parts ? 1 : 2, most = parts ? 8 : 3;
        if (part.n < least || part.n > most)
            return false;
        for (size_t i = 0; i < part.n; i++) {
            unsigned char c = (unsigned char)part.p[i];
            if (c > 127 || !(parts ? isalnum(c) : isalpha(c)))
                return false;
        }
    }
    return parts > 0;
}

struct str tongue_name(struct str tag, char to[TONGUE_NAME])
{
    struct str first = primary(tag);
    for (size_t i = 0; i < sizeof tongues / sizeof *tongues; i++) {
        if (!str_ieq(tongues[i].tag, first))
            continue;
        if (first.n == tag.n)
            return tongues[i].name;
        snprintf(to, TONGUE_NAME, "%.*s (%.*s)", STR_ARG(tongues[i].name), STR_ARG(tag));
        return str_c(to);
    }
    return tag;
}

bool tongue_same(struct str a, struct str b)
{
    return str_ieq(primary(a), primary(b));
}
