/* English by flite: the segments that kal16 would say; see phone_plan.h. */
#include "voice/phone_plan.h"

#include "voice/flite_voice.h"

#include <flite/flite.h>
#include <stdlib.h>

static size_t relation_count(const cst_utterance *utt, const char *name)
{
    size_t n = 0;
    for (const cst_item *i = relation_head(utt_relation(utt, name)); i; i = item_next(i))
        n++;
    return n;
}

static void read_segments(struct arena *a, const cst_utterance *utt, struct phone_plan *out)
{
    const cst_item *word = NULL;
    double from = 0;
    out->phones = arena_array(a, struct planned_phone, relation_count(utt, "Segment") + 1);
    out->words = arena_array(a, struct planned_word, relation_count(utt, "Segment") + 1);
    for (const cst_item *s = relation_head(utt_relation(utt, "Segment")); s; s = item_next(s)) {
        double to = (double)item_feat_float(s, "end"), length = to - from;
        struct str name = str_c(item_feat_string(s, "name"));
        const cst_item *of = path_to_item(s, "R:SylStructure.parent.parent.R:Word");
        from = to;
        if (!of) { /* a pause */
            if (out->count)
                out->phones[out->count - 1].pause_after = true;
            continue;
        }
        if (!word || !item_equal(word, of)) {
            out->words[out->word_count++] = (struct planned_word){
                arena_str(a, str_c(item_feat_string(of, "name"))), out->count, out->count};
            word = of;
        }
        out->phones[out->count++] = (struct planned_phone){
            .name = arena_str(a, name), .length_s = length, .word = out->word_count - 1};
        out->words[out->word_count - 1].to = out->count;
    }
}

void phone_plan_read(struct arena *a, struct str text, struct str language, struct phone_plan *out)
{
    bool english = !language.n || str_ieq(str_sub(language, 0, 2), STR("en"));
    *out = (struct phone_plan){0};
    if (english) {
        cst_utterance *utt = new_utterance();
        char *plain = flite_text(text);
        utt_set_input_text(utt, plain);
        free(plain);
        utt_init(utt, flite_quickest());
        if (utt_synth(utt))
            read_segments(a, utt, out);
        delete_utterance(utt);
    }
    if (!out->count)
        phone_plan_letters(a, text, out);
}
