/*
 * Composing a prompt: the parts are written, weighed, and given room in the order of their worth; see
 * compose.h.
 *
 * What may give way is given room in this order: lore, core blocks, memories (at most half of what is left),
 * examples (at most a third of what is then left, whole <START> sections only), the transcript from its
 * newest message back.
 */
#include "persona/compose.h"

#include "base/clock.h"
#include "persona/lore_place.h"
#include "persona/macro.h"
#include "persona/tokens.h"

const char *const prompt_part_names[PART_COUNT] = {
    "system", "persona",  "profile",  "mood",   "boundaries", "lore",
    "blocks", "memories", "examples", "limits", "transcript", "post_history",
};

/* An older message that does not fit is cut rather than dropped where it is large and this much room is left.
 */
enum { CUT_LEAST = 256, LARGE_SHARE = 4, SEPARATOR_TOKENS = 1 };

static const struct str house_system =
    STR_INIT("You are {{char}}, talking with {{user}}. Be {{char}}: their temper, their tastes, their way of "
             "putting things. "
             "Speak as people speak to each other: naturally, in your own voice, with no headings or lists "
             "unless asked, and "
             "no longer than the moment wants. Have opinions; disagree when you disagree. Never speak or act "
             "for {{user}}. "
             "What you know of {{user}} is what stands below or was said to you; when you were not told "
             "something, say so "
             "rather than make it up. If you are sincerely asked whether you are an AI, say yes.");

static const struct str group_system = STR_INIT(
    "This is a conversation of several. Messages of others begin with their names; yours do not. Speak only "
    "as {{char}}. Also here: ");

struct work {
    struct arena *arena;
    const struct prompt_input *in;
    struct prompt *out;
    struct macro_values values;
    struct str part[PART_COUNT]; /* texts of the parts that go into the opening message */
    struct str description, personality, scenario, nature; /* PART_PERSONA's pieces, lore between them */
    struct lore_placed lore;
    struct str post;
    size_t left; /* tokens */
};

static struct str fill(struct work *w, struct str text, struct str original)
{
    struct macro_values values = w->values;
    values.original = original;
    return macro_expand(w->arena, text, &values);
}

static void add_section(struct buf *b, const char *title, struct str text)
{
    text = str_trim(text);
    if (str_empty(text))
        return;
    if (b->n)
        buf_add(b, STR("\n\n"));
    if (title)
        buf_printf(b, "%s\n", title);
    buf_add(b, text);
}

static void add_list(struct work *w, struct buf *b, const char *title, const struct persona_list *list)
{
    struct buf lines = BUF_INIT;
    for (size_t i = 0; i < list->n; i++)
        buf_printf(&lines, "%s- %.*s", lines.n ? "\n" : "", STR_ARG(fill(w, list->v[i], STR_NONE)));
    add_section(b, title, buf_str(&lines));
    buf_release(&lines);
}

static struct str take(struct work *w, struct buf *b)
{
    struct str s = arena_str(w->arena, buf_str(b));
    buf_clear(b);
    return s;
}

/* The parts that never give way. */
static void write_fixed(struct work *w)
{
    const struct persona *p = w->in->persona;
    CLEANUP_BUF struct buf b = BUF_INIT;
    bool no_house = w->in->lore && w->in->lore->no_house_prompt;
    struct str house = no_house ? STR_NONE : fill(w, house_system, STR_NONE);
    add_section(&b, NULL, str_empty(str_trim(p->system_prompt)) ? house : fill(w, p->system_prompt, house));
    if (w->in->other_count) {
        struct buf others = BUF_INIT;
        buf_add(&others, fill(w, group_system, STR_NONE));
        for (size_t i = 0; i < w->in->other_count; i++)
            buf_printf(&others, "%s%.*s", i ? ", " : "", STR_ARG(w->in->others[i]));
        buf_add_char(&others, '.');
        add_section(&b, NULL, buf_str(&others));
        buf_release(&others);
    }
    w->part[PART_SYSTEM] = take(w, &b);
    add_section(&b, NULL, fill(w, p->description, STR_NONE));
    w->description = take(w, &b);
    add_section(&b, "Personality:", fill(w, p->personality, STR_NONE));
    w->personality = take(w, &b);
    add_section(&b, "Scenario:", fill(w, p->scenario, STR_NONE));
    w->scenario = take(w, &b);
    add_section(&b, NULL, persona_traits_words(w->arena, p));
    add_list(w, &b, "What you want:", &p->goals);
    w->nature = take(w, &b);
    add_section(&b, NULL, w->description);
    add_section(&b, NULL, w->personality);
    add_section(&b, NULL, w->scenario);
    add_section(&b, NULL, w->nature);
    w->part[PART_PERSONA] = take(w, &b);
    if (w->in->mood.n)
        w->part[PART_MOOD] = arena_printf(w->arena,
                                          "Your mood right now: %.*s. Let it colour how you speak; do not "
                                          "announce it.",
                                          STR_ARG(w->in->mood));
    if (w->in->profile.n) {
        add_section(&b, NULL, fill(w, STR("About {{user}}:"), STR_NONE));
        buf_add_char(&b, '\n');
        buf_add(&b, str_trim(fill(w, w->in->profile, STR_NONE)));
        w->part[PART_PROFILE] = take(w, &b);
    }
    add_list(w, &b, "Your boundaries:", &p->boundaries);
    if (w->in->limits) {
        add_list(w, &b, "You keep away from:", &p->content.avoid_themes);
        w->part[PART_LIMITS] = limits_text(w->arena, w->in->limits, p);
    }
    w->part[PART_BOUNDARIES] = take(w, &b);
    add_section(&b, NULL, fill(w, p->post_history, STR_NONE));
    add_section(&b, NULL, fill(w, w->in->instruction, STR_NONE));
    w->post = take(w, &b);
}

static size_t weigh(struct work *w, enum prompt_part part)
{
    struct str text = w->part[part];
    w->out->parts[part] = text.n ? compose_tokens(text) + SEPARATOR_TOKENS : 0;
    return w->out->parts[part];
}

static size_t minus(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* Core blocks' or memories' lines, as many as fit into `room`; returns how many. */
static size_t add_lines(struct work *w, enum prompt_part part, const char *title, size_t count, size_t room,
                        struct str (*line)(struct work *, size_t))
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t kept = 0, used = compose_tokens(str_c(title)) + SEPARATOR_TOKENS;
    for (; kept < count; kept++) {
        struct str text = line(w, kept);
        size_t tokens = compose_tokens(text) + SEPARATOR_TOKENS;
        if (used + tokens > room)
            break;
        used += tokens;
        buf_printf(&b, "%s%.*s", b.n ? "\n" : "", STR_ARG(text));
    }
    if (kept)
        w->part[part] = arena_printf(w->arena, "%s\n%.*s", title, STR_ARG(buf_str(&b)));
    w->left = minus(w->left, weigh(w, part));
    return kept;
}

static struct str block_line(struct work *w, size_t i)
{
    return str_trim(w->in->blocks[i]);
}

static struct str memory_line(struct work *w, size_t i)
{
    const struct prompt_memory *m = &w->in->memories[i];
    char at[CLOCK_TEXT];
    clock_format(at, m->at_ms + (int64_t)w->in->utc_offset_min * 60000);
    return arena_printf(w->arena, "- %.10s: %.*s", at, STR_ARG(str_trim(m->text)));
}

/* Whole <START> sections, the first ones, within `room`. */
static void add_examples(struct work *w, size_t room)
{
    static const struct str start = STR_INIT("<START>");
    struct str title = STR("How you talk, by example (not part of this conversation):");
    struct str rest = str_trim(w->in->persona->examples);
    CLEANUP_BUF struct buf b = BUF_INIT;
    size_t used = compose_tokens(title) + SEPARATOR_TOKENS;
    while (rest.n) {
        if (rest.n >= start.n && str_ieq(str_sub(rest, 0, start.n), start))
            rest = str_from(rest, start.n);
        size_t end = str_find(rest, start);
        struct str section = str_trim(fill(w, str_sub(rest, 0, end), STR_NONE));
        rest = end == SIZE_MAX ? STR_NONE : str_from(rest, end);
        size_t tokens = compose_tokens(section) + 2 * SEPARATOR_TOKENS;
        if (used + tokens > room)
            break;
        if (section.n)
            buf_printf(&b, "\n---\n%.*s", STR_ARG(section));
        used += tokens;
    }
    if (b.n)
        w->part[PART_EXAMPLES] = arena_printf(w->arena, "%.*s%.*s", STR_ARG(title), STR_ARG(buf_str(&b)));
    w->left = minus(w->left, weigh(w, PART_EXAMPLES));
}

static struct str turn_text(struct work *w, const struct prompt_turn *t)
{
    if (t->self || !w->in->other_count || str_empty(t->name))
        return t->text;
    return arena_printf(w->arena, "%.*s: %.*s", STR_ARG(t->name), STR_ARG(t->text));
}

static size_t message_tokens(struct str text)
{
    return compose_tokens(text) + PROMPT_MESSAGE_TOKENS;
}

/* Weighs what must be there; where it is too much, the larger of persona and newest message is cut. */
static struct str fit_fixed(struct work *w, size_t budget)
{
    static const enum prompt_part fixed[] = {PART_SYSTEM, PART_PERSONA,    PART_PROFILE,
                                             PART_MOOD,   PART_BOUNDARIES, PART_LIMITS};
    struct str newest = w->in->turn_count ? turn_text(w, &w->in->turns[w->in->turn_count - 1]) : STR_NONE;
    size_t own = PROMPT_MESSAGE_TOKENS, last = w->in->turn_count ? message_tokens(newest) : 0;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        own += weigh(w, fixed[i]);
    if (w->post.n)
        w->out->parts[PART_POST_HISTORY] = message_tokens(w->post) + w->out->parts[PART_LIMITS];
    size_t room = minus(budget, w->out->parts[PART_POST_HISTORY]);
    if (own + last <= room) {
        w->left = room - own - last;
        return newest;
    }
    w->out->cut = true;
    w->left = 0;
    size_t half = room / 2, give_last = last <= half ? last : own <= half ? room - own : half;
    if (last > give_last)
        newest = tokens_cut_middle(w->arena, newest, minus(give_last, PROMPT_MESSAGE_TOKENS));
    size_t over = minus(own, minus(room, give_last));
    if (over) {
        size_t persona = w->out->parts[PART_PERSONA];
        enum prompt_part part = persona >= w->out->parts[PART_SYSTEM] ? PART_PERSONA : PART_SYSTEM;
        size_t keep = minus(minus(w->out->parts[part], over), SEPARATOR_TOKENS);
        w->part[part] = tokens_cut_middle(w->arena, w->part[part], keep);
        weigh(w, part);
    }
    return newest;
}

/* Fills messages[1..] with the turns that fit, newest first into the end; returns the first index used. */
static size_t place_turns(struct work *w, struct prompt_message *slots, struct str newest)
{
    size_t budget = w->in->budget_tokens ? w->in->budget_tokens : PROMPT_BUDGET, at = w->in->turn_count;
    for (bool more = true; more && at > 0;) {
        const struct prompt_turn *t = &w->in->turns[at - 1];
        bool is_newest = at == w->in->turn_count;
        struct str text = is_newest ? newest : turn_text(w, t);
        size_t tokens = message_tokens(text);
        if (!is_newest && tokens > w->left) {
            if (tokens < budget / LARGE_SHARE || w->left < CUT_LEAST)
                break;
            text = tokens_cut_middle(w->arena, text, w->left - PROMPT_MESSAGE_TOKENS);
            tokens = message_tokens(text);
            w->out->cut = true;
            more = false;
        }
        if (!is_newest)
            w->left = minus(w->left, tokens);
        w->out->parts[PART_TRANSCRIPT] += tokens;
        at--;
        slots[at] = (struct prompt_message){
            .role = t->self ? PROMPT_ASSISTANT : PROMPT_USER, .name = t->name, .text = text, .seq = t->seq};
    }
    return at;
}

/* The persona with the lore that belongs to its single texts; one that was cut is a single text. */
static void add_persona(struct work *w, struct buf *b)
{
    const struct str *lore = w->lore.section;
    add_section(b, NULL, lore[LORE_BEFORE_CHAR]);
    if (w->out->cut) {
        add_section(b, NULL, w->part[PART_PERSONA]);
        add_section(b, NULL, lore[LORE_PERSONALITY]);
        add_section(b, NULL, lore[LORE_SCENARIO]);
    } else {
        add_section(b, NULL, w->description);
        add_section(b, NULL, w->personality);
        add_section(b, NULL, lore[LORE_PERSONALITY]);
        add_section(b, NULL, w->scenario);
        add_section(b, NULL, lore[LORE_SCENARIO]);
        add_section(b, NULL, w->nature);
    }
    add_section(b, NULL, lore[LORE_AFTER_CHAR]);
}

/* Whether a system message follows the conversation: where a card says something behind the opening (in its
 * post-history or its lore), the limits are said once more behind that. */
static bool closes(struct work *w)
{
    bool later = w->post.n > 0;
    if (!w->post.n && w->lore.insert_count && w->part[PART_LIMITS].n) {
        w->out->parts[PART_LIMITS] += message_tokens(w->part[PART_LIMITS]);
        later = true;
    }
    return later;
}

/* Post-history and instructions, and after them the limits again. */
static struct str closing(struct work *w)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    add_section(&b, NULL, w->post);
    add_section(&b, NULL, w->part[PART_LIMITS]);
    return arena_str(w->arena, buf_str(&b));
}

static struct str opening(struct work *w)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    for (int part = PART_SYSTEM; part < PART_LIMITS; part++) {
        if (part == PART_PERSONA) {
            add_persona(w, &b);
            continue;
        }
        if (part == PART_EXAMPLES)
            add_section(&b, NULL, w->lore.section[LORE_BEFORE_EXAMPLES]);
        add_section(&b, NULL, w->part[part]);
    }
    add_section(&b, NULL, w->lore.section[LORE_AFTER_EXAMPLES]);
    add_section(&b, NULL, w->part[PART_LIMITS]);
    return arena_str(w->arena, buf_str(&b));
}

static void add_lore(struct work *w)
{
    if (!w->in->lore)
        return;
    lore_place(w->arena, w->in->lore, w->left, &w->lore);
    w->out->parts[PART_LORE] = w->lore.tokens;
    w->left = minus(w->left, w->lore.tokens);
}

/* Lore's messages between the transcript's: the opening message stays first. */
static void insert_lore(struct work *w)
{
    static const enum prompt_role roles[LORE_ROLES] = {PROMPT_SYSTEM, PROMPT_USER, PROMPT_ASSISTANT};
    struct prompt *out = w->out;
    size_t turns = out->turns_kept, count = 0;
    if (!w->lore.insert_count)
        return;
    struct prompt_message *all =
        arena_array(w->arena, struct prompt_message, out->count + w->lore.insert_count);
    all[count++] = out->messages[0];
    for (size_t t = 0; t <= turns; t++) {
        for (size_t i = 0; i < w->lore.insert_count; i++) {
            const struct lore_insert *insert = &w->lore.inserts[i];
            if (lore_insert_at(insert, turns) == t)
                all[count++] = (struct prompt_message){.role = roles[insert->role], .text = insert->text};
        }
        if (t < turns)
            all[count++] = out->messages[t + 1];
    }
    for (size_t i = turns + 1; i < out->count; i++)
        all[count++] = out->messages[i];
    out->messages = all;
    out->count = count;
}

struct macro_values prompt_macros(const struct prompt_input *in)
{
    struct macro_values v = {.persona = in->persona,
                             .user = in->user,
                             .mood = in->mood,
                             .who = in->profile,
                             .now_ms = in->now_ms,
                             .utc_offset_min = in->utc_offset_min,
                             .pick_seed = in->pick_seed};
    for (size_t i = 0; i < in->turn_count; i++) {
        const struct prompt_turn *t = &in->turns[i];
        *(t->self ? &v.said_self : &v.said_user) = t->text;
        v.said_last = t->text;
    }
    v.idle_ms = in->heard_before_ms ? clock_gap_ms(in->heard_before_ms, in->now_ms) : -1;
    return v;
}

void persona_compose(struct arena *a, const struct prompt_input *in, struct prompt *out)
{
    struct work w = {.arena = a, .in = in, .out = out};
    size_t budget = in->budget_tokens ? in->budget_tokens : PROMPT_BUDGET;
    *out = (struct prompt){0};
    w.values = prompt_macros(in);
    write_fixed(&w);
    struct str newest = fit_fixed(&w, budget);
    add_lore(&w);
    out->blocks_kept = add_lines(&w, PART_BLOCKS, "What you know:", in->block_count, w.left, block_line);
    out->memories_kept =
        add_lines(&w, PART_MEMORIES, "What comes to your mind from before, with its date:", in->memory_count,
                  w.left / 2, memory_line);
    add_examples(&w, w.left / 3);

    struct prompt_message *slots = arena_array(a, struct prompt_message, in->turn_count + 2);
    size_t first = place_turns(&w, slots + 1, newest);
    out->turns_kept = in->turn_count - first;
    out->first_seq = out->turns_kept ? slots[first + 1].seq : 0;
    slots[first] = (struct prompt_message){.role = PROMPT_SYSTEM, .text = opening(&w)};
    out->messages = slots + first;
    out->count = out->turns_kept + 1;
    if (closes(&w))
        out->messages[out->count++] = (struct prompt_message){.role = PROMPT_SYSTEM, .text = closing(&w)};
    insert_lore(&w);
    memcpy(out->texts, w.part, sizeof out->texts);
    out->texts[PART_POST_HISTORY] = w.post;
    out->tokens = PROMPT_MESSAGE_TOKENS;
    for (int part = 0; part < PART_COUNT; part++)
        out->tokens += out->parts[part];
}

struct str persona_greeting_fill(struct arena *a, const struct prompt_input *in, struct str text)
{
    struct macro_values values = prompt_macros(in);
    return macro_expand(a, text, &values);
}

struct str persona_greeting(struct arena *a, const struct prompt_input *in, size_t number)
{
    const struct persona *p = in->persona;
    return persona_greeting_fill(
        a, in, number && number <= p->greetings.n ? p->greetings.v[number - 1] : p->greeting);
}
