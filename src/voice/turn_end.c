/* Completeness of a text; see turn_end.h. */
#include "voice/turn_end.h"

#include "voice/words.h"

enum { LAST = 3, QUESTION_WORDS = 3, CLAUSE_WORDS = 6 };

struct language {
    const char *code;
    const char *dangling;  /* as its last word */
    const char *wanting;   /* verbs that need something behind them, as its last word */
    const char *pairs;     /* as its last two words, joined by '_' */
    const char *alone;     /* enough as the only word, or the last of two */
    const char *questions; /* as its first word */
    const char *clauses;   /* begin half a sentence, as its first word */
    const char *verbs;     /* a sentence has one */
};

static const struct language languages[] = {
    {"en",
     "and but or because so if when while although though unless until since that which who whose where than "
     "as "
     "um uh er erm hmm like well the a an my your his her its our their this these those some any no every "
     "each "
     "to of in on at by for from with without about into onto over under between through during before after "
     "is "
     "are was were be been am will would can could should shall may might must do does did have has had not "
     "don't doesn't didn't can't won't i i'm you're he's she's it's we're they're i'll i'd i've let's we he "
     "she "
     "they also maybe perhaps very really just even not is-there",
     "want need give tell show make take get put let find bring say said think mean wish hope try seems "
     "feels "
     "looks sounds wants needs gave told",
     "tell_me give_me show_me let_me ask_me make_me help_me_to do_you can_you could_you would_you will_you "
     "are_you "
     "if_you when_you what_you i_think i_mean i_guess you_know sort_of kind_of going_to want_to have_to "
     "used_to "
     "able_to such_as as_well_as in_order what_about how_about",
     "yes yeah yep no nope okay ok sure thanks stop hello hi hey bye goodbye please right exactly correct "
     "wait "
     "continue never always nothing everything sorry pardon what why how when where who really great good "
     "fine "
     "again cool nice help morning night evening you",
     "what where when who why how which whose is are was were do does did can could will would should have "
     "has "
     "may am isn't aren't don't doesn't didn't can't couldn't won't wouldn't shouldn't what's where's who's "
     "how's "
     "when's why's",
     "if when because while although though unless until since before after whenever once as",
     "is are was were be am isn't aren't wasn't i'm you're he's she's it's we're they're that's there's "
     "what's will "
     "would can could should may must do does did don't doesn't didn't can't won't have has had i've i'd "
     "i'll let's "
     "want need like love hate know think go went come came get got make made take took give gave tell told "
     "say "
     "said see saw look feel felt play stop start open close turn set call read write sing help show find "
     "remember "
     "forget work works live eat drink sleep talk speak hear listen wait keep try ask please thank bring buy "
     "ate "
     "watch watched run walked walk met meet leave left stay put send sent mean hope wish believe "
     "understand"},
    {"de",
     "und oder aber weil dass ob wenn als während obwohl damit äh ähm hm der die das ein eine einen einem "
     "einer den "
     "dem des mein meine dein deine sein ihr unser zu von in im an am auf aus bei mit nach für über unter "
     "vor "
     "zwischen durch ohne um ist sind war waren bin bist wird werden kann will muss soll darf habe hat hatte "
     "nicht "
     "ich du er sie wir es also sehr auch noch nur",
     "möchte brauche gib sag zeig mach nimm finde glaube meine denke hoffe",
     "sag_mir gib_mir zeig_mir kannst_du willst_du hast_du bist_du ich_glaube ich_meine ich_denke wenn_du",
     "ja nein doch okay ok gut danke bitte stopp halt hallo hi tschüss genau richtig warte weiter nie nichts "
     "alles "
     "was warum wie wann wo wer wirklich toll nochmal hilfe",
     "was wo wann wer warum wie welche welcher welches ist sind war kann kannst willst hast hat bist soll "
     "darf wird "
     "könntest würdest",
     "wenn weil während obwohl bevor nachdem sobald falls da",
     "ist sind war bin bist hat habe hast kann kannst will willst muss soll wird möchte mag liebe weiß denke "
     "gehe "
     "ging komme kam mache gib sag sage zeig spiel lies schreib sing hilf geht heißt wohne arbeite"},
    {"fr",
     "et ou mais parce que si quand comme lorsque euh heu hum le la les un une des du de à au aux en dans "
     "sur sous "
     "avec sans pour par chez mon ma mes ton ta tes son sa ses notre votre leur ce cette ces est sont était "
     "suis "
     "es va vais peut veux dois ai as a je tu il elle on nous vous ils elles ne pas très aussi",
     "veux voudrais dis donne montre fais prends pense crois espère",
     "dis_moi donne_moi montre_moi est-ce_que parce_que peux_tu je_pense je_crois si_tu",
     "oui non si ok okay bien merci arrête stop bonjour salut exactement attends encore jamais rien tout "
     "quoi "
     "pourquoi comment quand où qui vraiment",
     "que quoi où quand qui pourquoi comment quel quelle est peux peut as es veux est-ce",
     "si quand parce lorsque puisque avant après",
     "est sont suis es ai as a va vais peut peux veux dois aime sais pense crois dis donne montre joue lis "
     "chante "
     "fais viens veut habite travaille"},
    {"es",
     "y o pero porque que si cuando como aunque mientras eh em este el la los las un una unos unas de del a "
     "al en "
     "con sin por para sobre mi tu su nuestro es son era estoy está voy va puede quiero debo he ha yo tú él "
     "ella "
     "nosotros no muy también",
     "quiero dime dame muestra haz toma creo pienso espero necesito", "puedes_tú me_puedes yo_creo si_tú",
     "sí si no vale bien gracias para alto hola adiós exacto espera otra nunca nada todo qué por cómo cuándo "
     "dónde "
     "quién",
     "qué dónde cuándo quién cómo cuál es puedes puede tienes está quieres",
     "si cuando porque aunque mientras antes después",
     "es son estoy está voy va puede quiero debo tengo tiene me gusta sé creo dime dame toca lee canta haz "
     "vivo "
     "trabajo"},
};

static const struct language *language_of(struct str code)
{
    if (str_empty(code))
        return &languages[0];
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++) {
        if (str_ieq(str_sub(code, 0, 2), str_c(languages[i].code)))
            return &languages[i];
    }
    return NULL;
}

static bool pair_in(const char *a, const char *b, const char *pairs)
{
    char joined[2 * WORD_MAX + 1];
    size_t n = strlen(a), m = strlen(b);
    memcpy(joined, a, n);
    joined[n] = '_';
    memcpy(joined + n + 1, b, m + 1);
    return word_in(joined, pairs);
}

/* What the last character says: recognisers that punctuate mean it. */
static bool by_mark(struct str text, enum turn_end *out)
{
    static const char *const dots[] = {"...", "…", ",", ";", ":", "-", "–", "—", "、", "，"};
    static const char *const ends[] = {".", "!", "?", "。", "！", "？", "।", "؟", ".\"", "?\"", "!\""};
    for (size_t i = 0; i < sizeof dots / sizeof *dots; i++) {
        if (str_ends(text, str_c(dots[i]))) {
            *out = TURN_DANGLES;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (str_ends(text, str_c(ends[i]))) {
            *out = TURN_COMPLETE;
            return true;
        }
    }
    return false;
}

enum turn_end turn_end_of(struct str text, struct str language)
{
    const struct language *l = language_of(language);
    struct word word, first = {.c = ""}, last[LAST] = {{.c = ""}};
    enum turn_end marked;
    size_t count = 0, at = 0;
    bool verb = false;
    text = str_trim(text);
    if (by_mark(text, &marked) && marked == TURN_DANGLES)
        return TURN_DANGLES;
    bool closed = by_mark(text, &marked);
    for (; word_next(text, &at, &word); count++) {
        first = count ? first : word;
        memmove(last + 1, last, sizeof *last * (LAST - 1));
        last[0] = word;
        verb = verb || (l && word_in(word.c, l->verbs));
    }
    if (!count || !l)
        return closed && count ? TURN_COMPLETE : TURN_UNCLEAR;
    /* "Um." is no sentence, whatever its dot says. */
    if (count == 1 && word_in(first.c, "um uh er erm hmm äh ähm euh heu eh em"))
        return TURN_DANGLES;
    if (closed)
        return TURN_COMPLETE;
    if (count <= 2 && word_in(last[0].c, l->alone) && !pair_in(last[1].c, last[0].c, l->pairs))
        return TURN_COMPLETE;
    if (word_in(last[0].c, l->dangling) || word_in(last[0].c, l->wanting) ||
        pair_in(last[1].c, last[0].c, l->pairs))
        return TURN_DANGLES;
    if (word_in(first.c, l->questions) && count >= QUESTION_WORDS)
        return TURN_COMPLETE;
    if (word_in(first.c, l->clauses) && count <= CLAUSE_WORDS)
        return TURN_DANGLES;
    return verb && count >= 2 ? TURN_COMPLETE : TURN_UNCLEAR;
}

unsigned turn_end_wait_ms(struct str text, struct str language, unsigned silence_ms)
{
    static const double pace[] = {[TURN_COMPLETE] = .7, [TURN_UNCLEAR] = 1.4, [TURN_DANGLES] = 3.2};
    return (unsigned)(silence_ms * pace[turn_end_of(text, language)] + .5);
}
