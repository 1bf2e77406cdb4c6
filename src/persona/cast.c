/*
 * Seeding the shipped cast (share/personas/SLUG.json) into the store.
 *
 * A setting document "cast" remembers, for each slug, the hash of the card that was dealt with last; an
 * unchanged one costs nothing at start. What is not remembered is created, under an id made of its slug. What
 * changed is brought up to date if its character_version is higher and nobody touched or deleted the persona.
 * What the user deleted stays remembered, so it does not come back, also after it was purged.
 */
#include "persona/registry.h"

#include "base/share.h"

#include <stdio.h>
#include <stdlib.h>

static const struct str folder = STR_INIT("personas/");
static const struct str ending = STR_INIT(".json");

struct seeding {
    struct personas *ps;
    struct personas_op *op;
    struct arena arena; /* the remembered hashes */
    struct json *known; /* {"mia":"hash",…}; NULL: nothing yet */
    struct buf hashes;  /* what will be remembered */
    struct jw w;
    size_t at;            /* in the embedded files */
    struct str slug;      /* of the card under way */
    struct persona *card; /* in op->arena */
    unsigned attempt;     /* at a free slug */
    bool changed;
};

static void next_card(struct seeding *s) LOOP;

static struct id marker_id(void)
{
    return id_of_name(STR("setting"), STR("cast"));
}

static LOOP void finish(struct seeding *s)
{
    struct personas_op *op = s->op;
    arena_release(&s->arena);
    buf_release(&s->hashes);
    free(s);
    op->done(op);
}

static LOOP void fail(struct seeding *s, const struct store_op *op)
{
    s->op->err = op->err;
    s->op->error = op->error;
}

/* FNV-1a: the same on every machine and start. */
static uint64_t stable_hash(struct str bytes)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < bytes.n; i++)
        h = (h ^ (unsigned char)bytes.p[i]) * 0x100000001b3ull;
    return h;
}

static enum err read_card(struct seeding *s, struct str bytes)
{
    enum err err = persona_card_read(s->op->arena, bytes, &s->card, &s->op->error);
    if (err != ERR_OK)
        return err;
    struct json *extras = NULL;
    uint64_t version = 1;
    if (json_parse(s->op->arena, s->card->extras, &extras, NULL) == ERR_OK)
        str_to_u64(json_get_str(json_get(extras, "data"), "character_version", STR("1")), &version);
    s->card->id = id_of_name(STR("persona"), s->slug);
    s->card->owner = s->ps->options.owner;
    s->card->slug = s->card->cast = s->slug;
    s->card->cast_version = version;
    return ERR_OK;
}

/* ---- one card ---- */

static void put_card(struct seeding *s, uint64_t expect_version) LOOP;

static void card_written(struct store_op *op)
{
    on_loop();
    struct seeding *s = op->arg;
    enum { ATTEMPTS = 100 };
    bool create = ((struct store_doc_put *)op)->create;
    if (op->err == ERR_CONFLICT && str_eq(str_c(op->error.param), STR("slug")) && ++s->attempt < ATTEMPTS) {
        store_op_free(op);
        s->card->slug = persona_slug(s->op->arena, s->slug, s->attempt);
        put_card(s, create ? 0 : s->card->version);
        return;
    }
    if (op->err == ERR_OK) {
        s->op->count++;
        personas_changed(s->ps, s->card->id);
    } else if (op->err != ERR_CONFLICT && op->err != ERR_PRECONDITION && op->err != ERR_GONE) {
        fail(s, op);
        store_op_free(op);
        finish(s);
        return;
    }
    store_op_free(op);
    next_card(s);
}

static void put_card(struct seeding *s, uint64_t expect_version)
{
    struct store_doc_put *put = persona_doc_put(s->ps, s->card);
    put->create = expect_version == 0;
    put->expect_version = expect_version;
    put->op.done = card_written;
    put->op.arg = s;
    store_submit(s->ps->store, &put->op);
}

static void card_found(struct store_op *op)
{
    on_loop();
    struct seeding *s = op->arg;
    const struct doc_row *doc = &((struct store_doc_get *)op)->doc;
    struct persona *there = NULL;
    if (op->err == ERR_NOT_FOUND) {
        /* Remembered, and purged since: the user let it go. */
        if (json_get(s->known, s->card->cast.p))
            next_card(s);
        else
            put_card(s, 0);
    } else if (op->err != ERR_OK) {
        fail(s, op);
        finish(s);
    } else if (persona_of_doc(&op->arena, doc, &there, NULL) != ERR_OK || there->deleted_ms ||
               there->touched || there->cast_version >= s->card->cast_version) {
        next_card(s);
    } else {
        s->card->slug = arena_str(s->op->arena, there->slug);
        s->card->version = there->version;
        put_card(s, there->version);
    }
    store_op_free(op);
}

static LOOP void look_for_card(struct seeding *s)
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = PERSONA_DOC_TYPE;
    get->tenant = s->ps->options.tenant;
    get->id = s->card->id;
    get->deleted = true;
    get->op.done = card_found;
    get->op.arg = s;
    store_submit(s->ps->store, &get->op);
}

/* ---- all of them ---- */

static void remembered(struct store_op *op)
{
    on_loop();
    struct seeding *s = op->arg;
    if (op->err != ERR_OK)
        fail(s, op);
    store_op_free(op);
    finish(s);
}

static LOOP void remember(struct seeding *s)
{
    jw_end_object(&s->w);
    if (!s->changed) {
        finish(s);
        return;
    }
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    put->doc = (struct doc_row){.type = STR("cast"),
                                .id = marker_id(),
                                .tenant = s->ps->options.tenant,
                                .owner = s->ps->options.owner,
                                .data = arena_str(&put->op.arena, buf_str(&s->hashes))};
    put->op.done = remembered;
    put->op.arg = s;
    store_submit(s->ps->store, &put->op);
}

static void next_card(struct seeding *s)
{
    struct share_file file;
    while (share_next(&s->at, folder, &file)) {
        if (!str_ends(file.path, ending))
            continue;
        char hash[20];
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)stable_hash(file.bytes));
        s->slug = arena_str(s->op->arena, str_sub(file.path, folder.n, file.path.n - folder.n - ending.n));
        jw_kv_string(&s->w, s->slug.p, str_c(hash));
        if (str_eq(json_get_str(s->known, s->slug.p, STR_NONE), str_c(hash)))
            continue;
        s->changed = true;
        s->attempt = 0;
        s->op->err = read_card(s, file.bytes);
        if (s->op->err != ERR_OK)
            finish(s);
        else
            look_for_card(s);
        return;
    }
    remember(s);
}

static void marker_read(struct store_op *op)
{
    on_loop();
    struct seeding *s = op->arg;
    const struct doc_row *doc = &((struct store_doc_get *)op)->doc;
    bool fresh = op->err == ERR_NOT_FOUND || op->err == ERR_GONE;
    if (op->err == ERR_OK &&
        json_parse(&s->arena, arena_str(&s->arena, doc->data), &s->known, NULL) != ERR_OK)
        s->known = NULL;
    if (op->err != ERR_OK && !fresh) {
        fail(s, op);
        store_op_free(op);
        finish(s);
        return;
    }
    store_op_free(op);
    next_card(s);
}

void personas_seed(struct personas *ps, struct personas_op *op)
{
    struct seeding *s = heap_alloc(sizeof *s);
    s->ps = ps;
    s->op = op;
    s->w = JW(&s->hashes);
    jw_object(&s->w);
    op->err = ERR_OK;
    op->count = 0;
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = STR("cast");
    get->tenant = ps->options.tenant;
    get->id = marker_id();
    get->op.done = marker_read;
    get->op.arg = s;
    store_submit(ps->store, &get->op);
}
