/*
 * The lexicon driver: words and emoji of share/affect/lexicon.tsv, with what stands before them.
 *
 * Each line of the file is word, valence, arousal, dominance, label (tabs between); a word may be two or
 * three words. A negation up to three words before turns valence and passes the label to its opposite; "very"
 * and its like strengthen, "a bit" weakens; capitals and exclamation marks add arousal. The label with the
 * largest sum wins; without any hit, a question counts as curiosity of little confidence.
 */
#include "affect/affect.h"

#include <math.h>
#include <pthread.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/share.h"
#include "language/text.h"

struct entry {
    double valence, arousal, dominance;
    enum affect_label label;
};

static struct map words;
static struct arena store;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool parse_line(struct str line, struct str *word, struct entry *out)
{
    struct str v = STR_NONE, a = STR_NONE, d = STR_NONE;
    if (!line.n || line.p[0] == '#')
        return false;
    return str_cut(&line, '\t', word) && str_cut(&line, '\t', &v) && str_cut(&line, '\t', &a) &&
           str_cut(&line, '\t', &d) && str_to_double(v, &out->valence) && str_to_double(a, &out->arousal) &&
           str_to_double(d, &out->dominance) && affect_label_parse(str_trim(line), &out->label);
}

static void load(void)
{
    struct share_file file;
    struct str line, word;
    if (!share_get(STR("affect/lexicon.tsv"), &file))
        return;
    while (str_cut(&file.bytes, '\n', &line)) {
        struct entry entry;
        if (!parse_line(str_trim(line), &word, &entry))
            continue;
        struct entry *kept = arena_new(&store, struct entry);
        *kept = entry;
        map_set(&words, word, kept);
    }
}

static bool ready(void)
{
    pthread_once(&once, load);
    return words.count > 0;
}

/* The longest entry that begins at word i; *used says how many words it takes. */
static const struct entry *lookup(const struct words *w, size_t i, size_t *used)
{
    enum { LONGEST = 3, KEY = 96 };
    const struct entry *best = NULL;
    char key[KEY];
    size_t n = 0;
    for (size_t k = 0; k < LONGEST && i + k < w->count; k++) {
        struct str norm = w->at[i + k].norm;
        if (n + norm.n + 1 >= KEY)
            break;
        if (k)
            key[n++] = ' ';
        memcpy(key + n, norm.p, norm.n);
        n += norm.n;
        const struct entry *found = map_get(&words, str_of(key, n));
        if (found) {
            best = found;
            *used = k + 1;
        }
    }
    return best;
}

static enum affect_label opposite(enum affect_label label)
{
    switch (label) {
    case AFFECT_JOY:
    case AFFECT_EXCITEMENT:
    case AFFECT_AMUSEMENT:
        return AFFECT_DISAPPOINTMENT;
    case AFFECT_LOVE:
    case AFFECT_ADMIRATION:
    case AFFECT_APPROVAL:
        return AFFECT_DISAPPROVAL;
    case AFFECT_ANGER:
    case AFFECT_SADNESS:
    case AFFECT_FEAR:
    case AFFECT_DISGUST:
    case AFFECT_NERVOUSNESS:
    case AFFECT_DISAPPROVAL:
    case AFFECT_ANNOYANCE:
        return AFFECT_APPROVAL;
    default:
        return label;
    }
}

/* How strongly an entry at word i counts: what stands before it, its case, and whether it is negated. */
static double strength(const struct words *w, size_t i, bool *negated)
{
    static const char negations[] =
        " not no never nobody nothing neither nor without hardly barely scarcely lacks none ";
    static const char stronger[] =
        " very so really extremely absolutely totally completely incredibly super fucking damn "
        "truly utterly insanely such too deeply freaking bloody most ";
    static const char weaker[] = " slightly somewhat kinda little bit rather fairly mildly almost sort kind ";
    double by = 1;
    *negated = false;
    for (size_t back = 1; back <= 3 && back <= i; back++) {
        struct str before = w->at[i - back].norm;
        if (w->at[i - back].after && strchr(".!?;", w->at[i - back].after))
            break;
        if (word_among(before, negations))
            *negated = !*negated;
        else if (word_among(before, stronger))
            by *= 1.35;
        else if (back == 1 && word_among(before, weaker))
            by *= .6;
    }
    struct word word = w->at[i];
    bool shouted = word.to - word.from > 2;
    for (uint32_t at = word.from; at < word.to; at++)
        shouted &= !(w->source.p[at] >= 'a' && w->source.p[at] <= 'z');
    return shouted && word.capital ? by * 1.3 : by;
}

static void settle(struct affect *out, const double *score, double total, struct affect sum, unsigned marks)
{
    for (int i = 0; i < AFFECT_LABELS; i++)
        if (score[i] > score[out->label] || out->label == AFFECT_NEUTRAL)
            out->label = score[i] > 0 ? (enum affect_label)i : out->label;
    /* One clear word is worth half a conviction; more of them, and agreement among them, bring it near one.
     */
    out->confidence = total / (total + 1) * (.5 + .5 * score[out->label] / total);
    out->valence = fmax(-1, fmin(1, sum.valence / total));
    out->arousal = fmax(-1, fmin(1, sum.arousal / total + .08 * (marks > 3 ? 3 : marks)));
    out->dominance = fmax(-1, fmin(1, sum.dominance / total));
}

static bool read_text(struct str text, struct affect *out)
{
    struct arena arena = ARENA_INIT;
    struct words w;
    struct affect sum = {0};
    double score[AFFECT_LABELS] = {0}, total = 0;
    unsigned marks = 0;
    words_of(&arena, text, &w);
    for (size_t i = 0, used = 1; i < w.count; i += used) {
        bool negated;
        used = 1;
        marks += w.at[i].after == '!';
        const struct entry *entry = lookup(&w, i, &used);
        if (!entry || entry->label == AFFECT_NEUTRAL)
            continue;
        double by = strength(&w, i, &negated);
        score[negated ? opposite(entry->label) : entry->label] += by;
        sum.valence += by * entry->valence * (negated ? -.7 : 1);
        sum.arousal += by * entry->arousal * (negated ? .6 : 1);
        sum.dominance += by * entry->dominance * (negated ? -.4 : 1);
        total += by;
    }
    *out = (struct affect){.label = AFFECT_NEUTRAL};
    if (total > 0) {
        settle(out, score, total, sum, marks);
    } else if (w.count && w.at[w.count - 1].after == '?') {
        const double little = .25;
        *out = (struct affect){.2, .3, 0, AFFECT_CURIOSITY, little};
    }
    arena_release(&arena);
    return true;
}

const struct affect_driver affect_lexicon = {"lexicon", ready, read_text};
