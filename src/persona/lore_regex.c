/*
 * Keys that are regular expressions, by PCRE2 with JavaScript's manners; see lore_match.h.
 *
 * Flags: i, m, s as there; g, y, d, u, v say nothing to a search for one find in UTF-8. "\u1234" and "[^]"
 * mean what they do in JavaScript; "\w" and "\d" are ASCII, "\b" too. What one match may cost is bounded by
 * PCRE2's counters, so a catastrophic pattern ends as "not found" after some milliseconds, and is not tried
 * again.
 */
#include "persona/lore_match.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct lore_regex {
    pcre2_code *code;
    bool tired;
};

/* What matching needs besides the pattern: one for a whole book. */
struct lore_matching {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
};

struct lore_matching *lore_matching_new(void)
{
    struct lore_matching *m = heap_alloc(sizeof *m);
    m->data = pcre2_match_data_create(1, NULL);
    m->context = pcre2_match_context_create(NULL);
    m->stack = pcre2_jit_stack_create(LORE_STACK_BEGIN, LORE_STACK_MAX, NULL); /* NULL without JIT */
    pcre2_set_match_limit(m->context, LORE_MATCH_LIMIT);
    pcre2_set_depth_limit(m->context, LORE_DEPTH_LIMIT);
    pcre2_set_heap_limit(m->context, LORE_HEAP_LIMIT_KIB);
    if (m->stack)
        pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return m;
}

void lore_matching_free(struct lore_matching *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    free(m);
}

bool lore_slashed(struct str key, struct str *pattern, struct str *flags)
{
    key = str_trim(key);
    if (key.n < 3 || key.p[0] != '/')
        return false;
    size_t end = key.n;
    while (end > 1 && key.p[end - 1] != '/')
        end--;
    *pattern = str_sub(key, 1, end < 2 ? 0 : end - 2);
    *flags = str_from(key, end);
    if (end < 3 || str_empty(*pattern))
        return false;
    for (size_t i = 0; i < flags->n; i++) {
        if (str_find_char(STR("dgimsuvy"), flags->p[i]) == SIZE_MAX)
            return false;
    }
    for (size_t i = 0; i < pattern->n; i++) {
        if (pattern->p[i] == '\\')
            i++;
        else if (pattern->p[i] == '/')
            return false;
    }
    return true;
}

bool lore_is_regex(const struct lore_entry *e, struct str key)
{
    struct str pattern, flags;
    return (e->use_regex && !e->slashed) || lore_slashed(key, &pattern, &flags);
}

static uint32_t options_of(struct str flags, bool case_sensitive)
{
    uint32_t options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
                       PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C | PCRE2_ALT_BSUX;
    for (size_t i = 0; i < flags.n; i++) {
        if (flags.p[i] == 'i')
            options |= PCRE2_CASELESS;
        else if (flags.p[i] == 'm')
            options |= PCRE2_MULTILINE;
        else if (flags.p[i] == 's')
            options |= PCRE2_DOTALL;
    }
    return case_sensitive ? options : options | PCRE2_CASELESS;
}

/* Verbs at the head ("(*UTF)", "(*LIMIT_MATCH=...)") are PCRE2's own, and not for a book to say. */
static bool has_verb(struct str pattern)
{
    return str_starts(pattern, STR("(*"));
}

struct lore_regex *lore_regex_new(const struct lore_entry *e, struct str key, bool jit, char why[160])
{
    struct str pattern = key, flags = STR_NONE;
    int code = 0;
    PCRE2_SIZE at = 0;
    /* A bare pattern (V3) follows the entry's own switch; one in slashes says it by its flags. */
    bool bare = !lore_slashed(key, &pattern, &flags);
    if (pattern.n > LORE_REGEX_MAX || has_verb(pattern)) {
        str_copy(why, 160, has_verb(pattern) ? STR("it begins with a verb of PCRE2") : STR("it is too long"));
        return NULL;
    }
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
    pcre2_set_parens_nest_limit(context, 100);
    pcre2_code *made = pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n,
                                     options_of(flags, !bare || e->case_sensitive == 1), &code, &at, context);
    pcre2_compile_context_free(context);
    if (!made) {
        pcre2_get_error_message(code, (PCRE2_UCHAR *)why, 160);
        return NULL;
    }
    struct lore_regex *r = heap_alloc(sizeof *r);
    r->code = made;
    if (jit)
        pcre2_jit_compile(made, PCRE2_JIT_COMPLETE); /* where it cannot, the interpreter does */
    return r;
}

void lore_regex_free(struct lore_regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

bool lore_regex_tired(const struct lore_regex *r)
{
    return r->tired;
}

enum lore_found lore_regex_find(struct lore_regex *r, struct lore_matching *m, struct str text)
{
    if (r->tired)
        return LORE_NOT_FOUND;
    int n = pcre2_match(r->code, (PCRE2_SPTR)(text.p ? text.p : ""), text.n, 0, PCRE2_NO_UTF_CHECK, m->data,
                        m->context);
    if (n >= 0)
        return LORE_FOUND;
    if (n == PCRE2_ERROR_NOMATCH)
        return LORE_NOT_FOUND;
    r->tired = true;
    return LORE_GAVE_UP;
}
