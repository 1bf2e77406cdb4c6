/*
 * Answering from lorebooks: the sentence of an entry that a question is about.
 *
 * Lore that the turn called up is looked through sentence by sentence for the words of the question; an entry
 * that names what the question names lends its sentences weight. Questions about the person ("my", "I") are
 * memory's. What is said is the entry's own sentence: beside the point perhaps, but never made up.
 */
#include "engine/scripted_impl.h"

enum { LORE_SENTENCE_MAX = 400, ASKED_MAX = 12 };

static bool worth_asking(struct str norm)
{
    return norm.n > 1 && !word_is_stop(norm) &&
           !word_among(norm,
                       " what which who where when how why tell do does did is are was were describe know "
                       "please name about explain something anything the of ");
}

static size_t asked_words(struct making *m, struct str out[ASKED_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < m->words.count && n < ASKED_MAX; i++) {
        if (worth_asking(m->words.at[i].norm))
            out[n++] = m->words.at[i].norm;
    }
    return n;
}

static size_t hits_of(struct making *m, struct str text, const struct str *asked, size_t count)
{
    struct words w;
    size_t hits = 0;
    words_of(&m->arena, text, &w);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < w.count; k++) {
            if (str_eq(word_stem(w.at[k].norm), word_stem(asked[i]))) {
                hits++;
                break;
            }
        }
    }
    return hits;
}

static bool about_the_person(const struct making *m)
{
    for (size_t i = 0; i < m->words.count; i++) {
        if (word_among(m->words.at[i].norm, " i my me mine myself our "))
            return true;
    }
    return false;
}

bool answer_from_lore(struct making *m)
{
    struct str asked[ASKED_MAX], best = STR_NONE;
    size_t count = asked_words(m, asked), most = 0;
    if (!m->in->lore_count || !count || about_the_person(m))
        return false;
    for (size_t i = 0; i < m->in->lore_count; i++) {
        struct str text = str_sub(m->in->lore[i], 0, WORDS_BYTES_MAX), rest = text, line;
        size_t whole = hits_of(m, text, asked, count);
        if (!whole)
            continue;
        while (str_cut(&rest, '\n', &line)) {
            struct str sentence;
            while (sentence_next(&line, &sentence)) {
                size_t hits = hits_of(m, sentence, asked, count), score = hits * 3 + whole;
                if (hits && sentence.n <= LORE_SENTENCE_MAX && score > most) {
                    most = score;
                    best = sentence;
                }
            }
        }
    }
    best = str_trim(best);
    if (!best.n)
        return false;
    buf_add(m->out, best);
    if (!strchr(".!?\"", best.p[best.n - 1]))
        buf_add_char(m->out, '.');
    return true;
}
