/* Words of a decoder; see sphinx.h. */
#include "voice/sphinx.h"

#include <math.h>

bool sphinx_is_word(const char *word)
{
    return word && word[0] != '<' && word[0] != '[' && word[0] != '+';
}

struct str sphinx_spelling(const char *word)
{
    struct str s = str_c(word);
    size_t alternative = str_find_char(s, '(');
    return alternative == SIZE_MAX ? s : str_sub(s, 0, alternative);
}

double sphinx_word(ps_decoder_t *ps, ps_seg_t *seg, int *first, int *last)
{
    int acoustic, language, back;
    double sure = logmath_exp(ps_get_logmath(ps), ps_seg_prob(seg, &acoustic, &language, &back));
    ps_seg_frames(seg, first, last);
    return sure > 1 ? 1 : sure;
}

double sphinx_rounded(double value, double places)
{
    return round(value * places) / places;
}
