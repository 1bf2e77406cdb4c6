/* Core blocks as values; see blocks.h. */
#include "memory/blocks.h"

void block_read(struct arena *a, struct str data, struct block *out)
{
    struct json *doc = NULL;
    *out = (struct block){0};
    if (str_empty(data) || json_parse(a, arena_str(a, data), &doc, NULL) != ERR_OK)
        return;
    id_parse(json_get_str(doc, "persona", STR_NONE), &out->persona);
    out->pos = (uint64_t)json_get_i64(doc, "pos", 0);
    const struct json *facts = json_get(doc, "facts");
    if (!facts)
        return;
    json_each (fact, facts) {
        struct block_fact *f = &out->facts[out->count];
        if (out->count == BLOCK_FACTS_MAX || !id_parse(json_get_str(fact, "room", STR_NONE), &f->room))
            continue;
        f->relation = json_get_str(fact, "relation", STR_NONE);
        f->value = json_get_str(fact, "value", STR_NONE);
        f->clause = json_get_str(fact, "clause", STR_NONE);
        f->single = json_get_bool(fact, "single", false);
        f->seq = (uint64_t)json_get_i64(fact, "seq", 0);
        f->at_ms = json_get_i64(fact, "at_ms", 0);
        out->count++;
    }
}

void block_write(const struct block *b, struct buf *to)
{
    struct jw w = JW(to);
    jw_object(&w);
    jw_kv_string(&w, "name", STR("person"));
    jw_kv_string(&w, "persona", str_c(id_text(b->persona).c));
    jw_kv_u64(&w, "pos", b->pos);
    jw_key(&w, STR("facts"));
    jw_array(&w);
    for (size_t i = 0; i < b->count; i++) {
        const struct block_fact *f = &b->facts[i];
        jw_object(&w);
        jw_kv_string(&w, "relation", f->relation);
        jw_kv_string(&w, "value", f->value);
        jw_kv_string(&w, "clause", f->clause);
        jw_kv_bool(&w, "single", f->single);
        jw_kv_string(&w, "room", str_c(id_text(f->room).c));
        jw_kv_u64(&w, "seq", f->seq);
        jw_kv_i64(&w, "at_ms", f->at_ms);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    jw_end_object(&w);
}

/* What is worth being in every prompt: who somebody is, not what they feel like today. */
static bool stable(const struct person_fact *f)
{
    bool own = str_empty(f->subject);
    if (f->past || str_empty(f->relation) || f->value.n > BLOCK_VALUE_MAX || f->clause.n > BLOCK_CLAUSE_MAX)
        return false;
    switch (f->kind) {
    case FACT_NAME:
        return true;
    case FACT_PRONOUNS:
    case FACT_AGE:
    case FACT_BIRTHDAY:
    case FACT_HOME:
    case FACT_ORIGIN:
    case FACT_JOB:
    case FACT_EMPLOYER:
    case FACT_STUDY:
    case FACT_STATUS:
    case FACT_DIET:
    case FACT_ALLERGY:
    case FACT_LANGUAGE:
        return own;
    default:
        return false;
    }
}

size_t block_facts(struct arena *a, struct str text, struct str asked, struct person_fact *out, size_t max)
{
    struct person_fact all[PERSON_FACTS_MAX];
    size_t n = person_facts_extract(a, text, asked, all, PERSON_FACTS_MAX), kept = 0;
    for (size_t i = 0; i < n && kept < max; i++) {
        if (stable(&all[i]))
            out[kept++] = all[i];
    }
    return kept;
}

static void drop(struct block *b, size_t at)
{
    memmove(&b->facts[at], &b->facts[at + 1], (b->count - at - 1) * sizeof *b->facts);
    b->count--;
}

static bool drop_value(struct block *b, struct str relation, struct str value)
{
    bool changed = false;
    for (size_t i = b->count; i-- > 0;) {
        if (str_eq(b->facts[i].relation, relation) && str_ieq(b->facts[i].value, value)) {
            drop(b, i);
            changed = true;
        }
    }
    return changed;
}

static void make_room(struct block *b)
{
    if (b->count < BLOCK_FACTS_MAX)
        return;
    for (size_t i = 0; i < b->count; i++) {
        if (!str_eq(b->facts[i].relation, STR("name"))) {
            drop(b, i);
            return;
        }
    }
    drop(b, 0);
}

bool block_add(struct block *b, const struct person_fact *fact, struct id room, uint64_t seq, int64_t at_ms)
{
    bool changed = fact->instead.n && drop_value(b, fact->relation, fact->instead);
    if (fact->negated)
        return drop_value(b, fact->relation, fact->value) || changed;
    for (size_t i = 0; i < b->count; i++) {
        if (id_eq(b->facts[i].room, room) && b->facts[i].seq == seq &&
            str_eq(b->facts[i].relation, fact->relation) && str_ieq(b->facts[i].value, fact->value))
            return changed; /* the same message, read again */
    }
    make_room(b);
    b->facts[b->count++] = (struct block_fact){.relation = fact->relation,
                                               .value = fact->value,
                                               .clause = fact->clause,
                                               .single = fact_kind_single(fact->kind),
                                               .room = room,
                                               .seq = seq,
                                               .at_ms = at_ms};
    return true;
}

bool block_forget(struct block *b, struct id room, uint64_t seq)
{
    bool changed = false;
    for (size_t i = b->count; i-- > 0;) {
        if (b->facts[i].seq == seq && id_eq(b->facts[i].room, room)) {
            drop(b, i);
            changed = true;
        }
    }
    return changed;
}

/* Whether a later fact says otherwise, or the same again. */
static bool superseded(const struct block *b, size_t at)
{
    const struct block_fact *f = &b->facts[at];
    for (size_t i = at + 1; i < b->count; i++) {
        if (str_eq(b->facts[i].relation, f->relation) && (f->single || str_ieq(b->facts[i].value, f->value)))
            return true;
    }
    return false;
}

static void add_line(struct buf *b, struct str line)
{
    if (b->n)
        buf_add_char(b, '\n');
    for (size_t i = 0; i < line.n; i++)
        buf_add_char(b, line.p[i] == '\n' || line.p[i] == '\r' ? ' ' : line.p[i]);
}

static struct str fact_line(struct arena *a, const struct block_fact *f)
{
    bool bare = str_empty(f->clause) || str_ieq(str_trim(f->clause), str_trim(f->value)) ||
                str_eq(f->relation, STR("name"));
    return bare ? arena_printf(a, "%.*s: %.*s", STR_ARG(f->relation), STR_ARG(f->value)) : f->clause;
}

/* The newest lines that fit, names before all; shown oldest first. */
struct str block_text(struct arena *a, const struct block *b)
{
    bool shown[BLOCK_FACTS_MAX] = {false};
    struct str lines[BLOCK_FACTS_MAX];
    size_t used = 0;
    for (int names = 1; names >= 0; names--) {
        for (size_t i = b->count; i-- > 0;) {
            if (str_eq(b->facts[i].relation, STR("name")) != (names == 1) || superseded(b, i))
                continue;
            lines[i] = fact_line(a, &b->facts[i]);
            if (used + lines[i].n + 1 > BLOCK_TEXT_MAX)
                continue;
            used += lines[i].n + 1;
            shown[i] = true;
        }
    }
    CLEANUP_BUF struct buf own = BUF_INIT, text = BUF_INIT;
    for (size_t i = 0; i < b->count; i++) {
        if (shown[i])
            add_line(str_eq(b->facts[i].relation, STR("name")) ? &text : &own, lines[i]);
    }
    if (own.n) {
        add_line(&text, STR("In their own words:"));
        buf_add_char(&text, '\n');
        buf_add(&text, buf_str(&own));
    }
    return arena_str(a, buf_str(&text));
}
