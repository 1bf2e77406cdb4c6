/* Reads lines; prints the facts or the question found in each. For looking at src/language by hand. */
#include <stdio.h>

#include "language/facts.h"

int main(void)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        struct arena a = ARENA_INIT;
        struct str text = str_trim(str_c(line));
        struct person_fact facts[PERSON_FACTS_MAX];
        struct person_question q;
        printf("> %.*s\n", STR_ARG(text));
        size_t n = person_facts_extract(&a, text, STR_NONE, facts, PERSON_FACTS_MAX);
        for (size_t i = 0; i < n; i++)
            printf("    %.*s%s%s = [%.*s]%s%.*s  {%.*s}\n", STR_ARG(facts[i].relation),
                   facts[i].negated ? " NOT" : "", facts[i].past ? " PAST" : "", STR_ARG(facts[i].value),
                   facts[i].instead.n ? " instead of " : "", STR_ARG(facts[i].instead),
                   STR_ARG(facts[i].clause));
        if (person_question_parse(&a, text, &q))
            printf("    ? %s of [%.*s] about [%.*s]%s%s%s\n", fact_kind_name(q.kind), STR_ARG(q.subject),
                   STR_ARG(q.about), q.yes_no ? " yes/no" : "", q.everything ? " everything" : "",
                   q.tentative ? " tentative" : "");
        arena_release(&a);
    }
    return 0;
}
