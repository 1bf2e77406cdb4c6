/* Who listens in a room; see audience.h. */
#include "room/audience.h"

#include "base/arena.h"

#include <stdlib.h>

static struct listening_person *find(const struct audience *a, struct id user)
{
    for (unsigned i = 0; i < a->count; i++) {
        if (id_eq(a->people[i].user, user))
            return &a->people[i];
    }
    return NULL;
}

void audience_join(struct audience *a, struct id user)
{
    struct listening_person *person = find(a, user);
    if (!person) {
        if (a->count == a->cap) {
            a->cap = a->cap ? a->cap * 2 : 2;
            a->people = heap_realloc(a->people, a->cap * sizeof *a->people);
        }
        person = &a->people[a->count++];
        *person = (struct listening_person){.user = user};
    }
    person->subs++;
    a->subs++;
}

void audience_leave(struct audience *a, struct id user)
{
    struct listening_person *person = find(a, user);
    if (!person)
        return;
    a->subs--;
    if (--person->subs == 0)
        *person = a->people[--a->count];
}

bool audience_others(const struct audience *a, struct id user)
{
    return a->count > 1 || (a->count == 1 && !id_eq(a->people[0].user, user));
}

void audience_release(struct audience *a)
{
    free(a->people);
    *a = (struct audience){0};
}
