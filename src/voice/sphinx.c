/* Segments of a decoder; see sphinx.h. */
#include "voice/sphinx.h"

#include <math.h>

enum { FRAMES_A_SECOND = 100 };

/* "<sil>", "[NOISE]" and the like are none. */
static bool is_word(const char *word)
{
    return word && word[0] != '<' && word[0] != '[' && word[0] != '+';
}

/* "hello(2)" is a second way to say hello. */
static struct str spelling(const char *word)
{
    struct str s = str_c(word);
    size_t alternative = str_find_char(s, '(');
    return alternative == SIZE_MAX ? s : str_sub(s, 0, alternative);
}

static double rounded(double value, double places)
{
    return round(value * places) / places;
}

double sphinx_mean(double sum, size_t words)
{
    return words ? rounded(sum / (double)words, 1000) : 0;
}

/* Returns how sure it is of the word, 0..1. */
static double write_word(ps_decoder_t *ps, ps_seg_t *seg, double from_s, struct jw *w)
{
    int first, last, acoustic, language, back;
    double sure = logmath_exp(ps_get_logmath(ps), ps_seg_prob(seg, &acoustic, &language, &back));
    sure = sure > 1 ? 1 : sure;
    ps_seg_frames(seg, &first, &last);
    jw_object(w);
    jw_kv_string(w, "word", spelling(ps_seg_word(seg)));
    jw_kv_double(w, "start", rounded(from_s + (double)first / FRAMES_A_SECOND, 100));
    jw_kv_double(w, "end", rounded(from_s + (double)(last + 1) / FRAMES_A_SECOND, 100));
    jw_kv_double(w, "confidence", rounded(sure, 1000));
    jw_end_object(w);
    return sure;
}

size_t sphinx_write(ps_decoder_t *ps, const struct sphinx_span *span, struct jw *w, struct buf *text,
                    double *sure)
{
    CLEANUP_BUF struct buf list = BUF_INIT;
    struct jw words = JW(&list);
    size_t count = 0;
    *sure = 0;
    jw_array(&words);
    for (ps_seg_t *seg = ps_seg_iter(ps); seg; seg = ps_seg_next(seg)) {
        if (!is_word(ps_seg_word(seg)))
            continue;
        if (text->n)
            buf_add_char(text, ' ');
        buf_add(text, spelling(ps_seg_word(seg)));
        *sure += write_word(ps, seg, span->from_s, &words);
        count++;
    }
    jw_end_array(&words);
    if (!count)
        return 0;
    jw_object(w);
    jw_kv_u64(w, "id", span->id);
    jw_kv_double(w, "start", rounded(span->from_s, 100));
    jw_kv_double(w, "end", rounded(span->to_s, 100));
    jw_kv_string(w, "text", buf_str(text));
    jw_kv_double(w, "confidence", sphinx_mean(*sure, count));
    jw_kv_raw(w, "words", buf_str(&list));
    jw_end_object(w);
    return count;
}
