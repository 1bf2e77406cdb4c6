/*
 * Changing personas: create, update, delete, restore, duplicate, import; see personas.h.
 *
 * Every change is one document written with the version it was read at. A slug that we chose ourselves and
 * that turns out to be taken is chosen again; an update that lost a race, and whose caller named no version,
 * is made again on what is there now.
 */
#include "persona/registry.h"

enum { SLUG_ATTEMPTS = 40, SLUG_COUNTED = 8, SLUG_NUMBERS = 10000000, UPDATE_ATTEMPTS = 8 };

static void write_persona(struct deed *d, bool create) LOOP;

/* ---- writing ---- */

static void end_now(void *arg)
{
    on_loop();
    deed_end(arg);
}

/* Fails before anything was submitted: done() must still come after the call. */
static LOOP void refuse(struct deed *d, enum err err)
{
    d->op->err = err;
    loop_defer(d->loop, end_now, d);
}

static bool slug_taken(const struct store_op *op)
{
    return op->err == ERR_CONFLICT && str_eq(str_c(op->error.param), STR("slug"));
}

static void written(struct store_op *op)
{
    on_loop();
    struct store_doc_put *put = (struct store_doc_put *)op;
    struct deed *d = op->arg;
    struct persona *p = d->persona;
    bool create = put->create, again = slug_taken(op) && d->own_slug && d->attempt + 1 < SLUG_ATTEMPTS;
    if (op->err == ERR_OK) {
        p->version = put->doc.version;
        p->created_ms = put->doc.created_ms;
        p->updated_ms = put->doc.updated_ms;
        p->deleted_ms = 0;
        d->op->persona = p;
        personas_changed(d->ps, p->id);
    } else if (slug_taken(op)) {
        d->op->err =
            error_set_param(&d->op->error, ERR_CONFLICT, "slug",
                            "Another persona has the slug '%.*s'; choose a different one.", STR_ARG(p->slug));
    } else {
        d->op->err = op->err;
        d->op->error = op->error;
    }
    store_op_free(op);
    if (!again) {
        deed_end(d);
        return;
    }
    d->op->err = ERR_OK;
    /* "name-2", "name-3"; where many are called the same, a number of chance is found sooner. */
    unsigned number = ++d->attempt < SLUG_COUNTED ? d->attempt : (unsigned)(id_hash(id_new()) % SLUG_NUMBERS);
    p->slug = persona_slug(d->op->arena, p->name, number);
    write_persona(d, create);
}

static void write_persona(struct deed *d, bool create)
{
    struct store_doc_put *put = persona_doc_put(d->ps, d->persona);
    put->create = create;
    put->undelete = d->restore;
    put->expect_version = create ? 0 : d->persona->version;
    put->idem = create ? d->op->idem : NULL;
    if (create)
        persona_doc_change(d->ps, put, d->op, NULL, d->persona);
    if (put->idem && str_empty(put->idem->result))
        put->idem->result = arena_str(d->op->arena, str_c(id_text(d->persona->id).c));
    put->op.done = written;
    put->op.arg = d;
    store_submit(d->ps->store, &put->op);
}

/* A new persona in d->persona: id, owner and slug are given to it. */
static LOOP void write_new(struct deed *d)
{
    struct persona *p = d->persona;
    p->id = id_new();
    p->owner = id_none(d->op->owner) ? d->ps->options.owner : d->op->owner;
    p->version = 1;
    p->deleted_ms = 0;
    d->own_slug = str_empty(p->slug);
    if (d->own_slug)
        p->slug = persona_slug(d->op->arena, p->name, 0);
    write_persona(d, true);
}

/* The body as an object; an empty body is NULL where that is allowed. */
static enum err parse_body(struct personas_op *op, bool optional, struct json **out)
{
    *out = NULL;
    if (optional && str_empty(str_trim(op->body)))
        return ERR_OK;
    return json_parse(op->arena, op->body, out, &op->error);
}

void personas_create(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    struct json *body = NULL;
    d->persona = arena_new(op->arena, struct persona);
    persona_init(d->persona);
    enum err err = parse_body(op, false, &body);
    if (err == ERR_OK)
        err = persona_apply(op->arena, d->persona, body, PERSONA_CREATE, &op->error);
    if (err != ERR_OK)
        refuse(d, err);
    else
        write_new(d);
}

void personas_import(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    struct str body = str_trim(op->body);
    enum err err;
    if (str_empty(body) || (body.p[0] != '{' && !str_starts(body, STR("\xef\xbb\xbf"))))
        err = error_set(&op->error, ERR_UNSUPPORTED_TYPE,
                        "This is no character card; send a V1, V2 or V3 card as JSON.");
    else
        err = persona_card_read(op->arena, op->body, &d->persona, &op->error);
    if (err == ERR_OK)
        persona_mark_imported(d->persona);
    if (err != ERR_OK)
        refuse(d, err);
    else
        write_new(d);
}

void personas_add(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    d->persona = persona_copy(op->arena, op->given);
    persona_mark_imported(d->persona);
    write_new(d);
}

/* ---- changing what is there ---- */

static bool matches(struct arena *a, struct str if_match, const struct persona *p)
{
    struct str etag = persona_etag(a, p), one;
    if (str_empty(if_match) || str_eq(str_trim(if_match), STR("*")))
        return true;
    while (str_cut(&if_match, ',', &one)) {
        if (str_eq(str_trim(one), etag))
            return true;
    }
    return false;
}

bool deed_fresh(struct deed *d)
{
    if (matches(d->op->arena, d->op->if_match, d->persona))
        return true;
    d->op->err =
        error_set(&d->op->error, ERR_PRECONDITION,
                  "The persona was changed meanwhile (it is at version %llu); read it again and repeat.",
                  (unsigned long long)d->persona->version);
    deed_end(d);
    return false;
}

static void updated(struct store_op *op)
{
    on_loop();
    struct deed *d = op->arg;
    bool lost_race = op->err == ERR_PRECONDITION && str_empty(d->op->if_match);
    if (!lost_race || ++d->attempt >= UPDATE_ATTEMPTS) {
        written(op);
        return;
    }
    store_op_free(op);
    deed_find(d, d->op->key, false, d->found);
}

/* The book in the persona's card: the body's, or none without a body. */
static enum err apply_lore(struct personas_op *op, struct persona *p, const struct json *body)
{
    struct lore_book *old = NULL, *book = NULL;
    if (lore_of_persona(op->arena, p, &old, NULL) != ERR_OK)
        old = NULL;
    enum err err = body ? lore_book_apply(op->arena, old, body, false, &book, &op->error) : ERR_OK;
    if (err == ERR_OK)
        lore_set_persona(op->arena, p, book);
    if (err == ERR_OK && p->extras.n > LORE_BOOK_MAX)
        err = error_set(&op->error, ERR_TOO_BIG,
                        "The persona's card would have more than %d bytes; make its lorebook "
                        "shorter, or a book of its own.",
                        LORE_BOOK_MAX);
    return err;
}

static void update_found(struct deed *d)
{
    on_loop();
    struct json *body = NULL;
    struct personas_op *op = d->op;
    if (!deed_fresh(d))
        return;
    enum err err = ERR_OK;
    d->before = persona_copy(op->arena, d->persona);
    if (op->change)
        op->change(op->arena, d->persona, op->change_arg);
    else
        err = parse_body(op, d->lore, &body);
    if (err == ERR_OK && d->lore)
        err = apply_lore(op, d->persona, body);
    else if (err == ERR_OK && !op->change)
        err = persona_apply(op->arena, d->persona, body, d->how, &op->error);
    if (err != ERR_OK) {
        deed_fail(d, err, &op->error);
        return;
    }
    deed_write_change(d);
}

/* The change of `before` to `persona`. Only what is the owner's own (favourite) makes no version. */
void deed_write_change(struct deed *d)
{
    bool own = str_eq(persona_changed_fields(d->op->arena, d->before, d->persona), STR("[]")) &&
               d->before->favourite != d->persona->favourite;
    if (!own)
        d->persona->touched = true;
    struct store_doc_put *put = persona_doc_put(d->ps, d->persona);
    put->expect_version = d->persona->version;
    if (!own)
        persona_doc_change(d->ps, put, d->op, d->before, d->persona);
    put->op.done = updated;
    put->op.arg = d;
    store_submit(d->ps->store, &put->op);
}

void personas_update(struct personas *ps, struct personas_op *op, enum persona_change how)
{
    struct deed *d = deed_new(ps, op);
    d->how = how;
    deed_find(d, op->key, false, update_found);
}

void personas_change(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, update_found);
}

void personas_set_lore(struct personas *ps, struct personas_op *op)
{
    struct deed *d = deed_new(ps, op);
    d->lore = true;
    deed_find(d, op->key, false, update_found);
}

static void deleted(struct store_op *op)
{
    on_loop();
    struct deed *d = op->arg;
    d->op->err = op->err;
    d->op->error = op->error;
    if (op->err == ERR_OK) {
        d->op->persona = d->persona;
        personas_changed(d->ps, d->persona->id);
    }
    store_op_free(op);
    deed_end(d);
}

static void delete_found(struct deed *d)
{
    on_loop();
    if (!deed_fresh(d))
        return;
    struct store_doc_delete *del = STORE_NEW(doc_delete, DOC_DELETE);
    del->type = PERSONA_DOC_TYPE;
    del->tenant = d->ps->options.tenant;
    del->id = d->persona->id;
    del->expect_version = str_empty(d->op->if_match) ? 0 : d->persona->version;
    del->erase = d->op->erase;
    del->op.done = deleted;
    del->op.arg = d;
    store_submit(d->ps->store, &del->op);
}

void personas_delete(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, op->erase, delete_found);
}

static void restore_found(struct deed *d)
{
    on_loop();
    if (!d->persona->deleted_ms) {
        d->op->persona = d->persona;
        deed_end(d);
        return;
    }
    d->restore = d->own_slug = true; /* its slug may have gone to another meanwhile */
    write_persona(d, false);
}

void personas_restore(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, true, restore_found);
}

static void duplicate_found(struct deed *d)
{
    on_loop();
    struct personas_op *op = d->op;
    struct persona *p = d->persona;
    struct json *body = NULL;
    struct str copy = arena_printf(op->arena, "%.*s (copy)", STR_ARG(p->name));
    p->name = copy.n <= PERSONA_NAME_MAX ? copy : p->name;
    p->slug = p->cast = STR_NONE;
    p->cast_version = 0;
    p->touched = p->favourite = false;
    enum err err = parse_body(op, true, &body);
    if (err == ERR_OK && body)
        err = persona_apply(op->arena, p, body, PERSONA_PATCH, &op->error);
    if (err != ERR_OK)
        deed_fail(d, err, &op->error);
    else
        write_new(d);
}

void personas_duplicate(struct personas *ps, struct personas_op *op)
{
    deed_find(deed_new(ps, op), op->key, false, duplicate_found);
}
