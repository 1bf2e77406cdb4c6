/*
 * Words to search for beside those of the question: what an asked kind of fact is told with (share/language/
 * expand.txt), and the kin of its words (kin.txt).
 */
#include "language/facts_impl.h"

#include "base/share.h"

static void add_expansion(struct str key, struct buf *out)
{
    struct share_file file;
    struct str line;
    if (!share_get(STR("language/expand.txt"), &file))
        return;
    while (str_cut(&file.bytes, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        if (colon == SIZE_MAX || line.p[0] == '#' || !str_eq(str_sub(line, 0, colon), key))
            continue;
        if (out->n)
            buf_add_char(out, ' ');
        buf_add(out, str_trim(str_from(line, colon + 1)));
        return;
    }
}

static bool in_line(struct str line, struct str word)
{
    struct str one;
    while (str_cut(&line, ' ', &one)) {
        if (str_eq(one, word))
            return true;
    }
    return false;
}

bool words_are_kin(struct str asked, struct str said)
{
    struct share_file file;
    struct str line;
    if (!share_get(STR("language/kin.txt"), &file))
        return false;
    while (str_cut(&file.bytes, '\n', &line)) {
        size_t colon = str_find_char(line, ':');
        struct str all = str_sub(line, 0, colon),
                   members = str_from(line, colon == SIZE_MAX ? line.n : colon + 1);
        if (!str_starts(line, STR("#")) && in_line(all, asked) &&
            (in_line(all, said) || in_line(members, said)))
            return true;
    }
    return false;
}

/* The kin of the question's words. */
static void add_kin(struct arena *a, struct str text, struct buf *out)
{
    struct share_file file;
    struct str line;
    struct words w;
    words_of(a, str_sub(text, 0, 200), &w);
    if (!share_get(STR("language/kin.txt"), &file))
        return;
    while (str_cut(&file.bytes, '\n', &line)) {
        bool kin = false;
        for (size_t i = 0; i < w.count && !str_starts(line, STR("#")); i++)
            kin |= in_line(line, w.at[i].norm) ||
                   in_line(str_sub(line, 0, str_find_char(line, ':')), w.at[i].norm);
        if (!kin)
            continue;
        if (out->n)
            buf_add_char(out, ' ');
        size_t colon = str_find_char(line, ':');
        buf_add(out, str_sub(line, 0, colon));
        if (colon != SIZE_MAX)
            buf_add(out, str_from(line, colon + 1));
    }
}

void person_query_expand(struct arena *a, struct str text, struct buf *out)
{
    struct person_question question;
    struct words w;
    if (person_question_parse(a, text, &question)) {
        if (question.everything || question.recent)
            add_expansion(STR("everything"), out);
        else if (question.kind != FACT_OTHER)
            add_expansion(str_c(fact_kind_name(question.kind)), out);
        if (question.subject.n) {
            if (out->n)
                buf_add_char(out, ' ');
            buf_add(out, question.subject);
        }
        add_kin(a, text, out);
        return;
    }
    words_of(a, str_sub(text, 0, 200), &w);
    if (w.count && w.count < 12 &&
        word_among(w.at[0].norm, " hi hello hey good morning evening back greetings hiya yo "))
        add_expansion(STR("hello"), out);
}
