/* Importing a card's file; see card_import.h. */
#include "persona/card_import.h"

#include "base/log.h"

#include <stdlib.h>

#define CARD_DOC_TYPE STR("persona.card")

struct card_import *card_import_new(void)
{
    return heap_alloc(sizeof(struct card_import));
}

void card_import_free(struct card_import *import)
{
    arena_release(&import->arena);
    free(import);
}

static void end(struct card_import *m, enum err err, const struct error *e) LOOP
{
    m->err = err;
    if (err)
        m->error = *e;
    m->done(m);
}

/* ---- remembering which card it was ---- */

/* The document of a card's hash has its first sixteen bytes as its id. */
static struct id card_doc_id(struct str card)
{
    struct blob_hash hash;
    struct id id = {0};
    if (blob_parse(card, &hash))
        memcpy(id.b, hash.b, sizeof id.b);
    return id;
}

static void noted(struct store_op *op)
{
    on_loop();
    struct card_import *m = op->arg;
    if (op->err)
        log_warn("cards", "an imported card will not be known again: %s", op->error.message);
    store_op_free(op);
    end(m, ERR_OK, NULL);
}

static void note_card(struct card_import *m) LOOP
{
    struct store_doc_put *put = STORE_NEW(doc_put, DOC_PUT);
    put->doc = (struct doc_row){
        .type = CARD_DOC_TYPE,
        .id = card_doc_id(m->persona->card),
        .tenant = m->importer->tenant,
        .owner = m->persona->owner,
        .data = arena_printf(&put->op.arena, "{\"persona\":\"%s\"}", id_text(m->persona->id).c),
    };
    put->undelete = true;
    put->op.done = noted;
    put->op.arg = m;
    store_submit(m->importer->store, &put->op);
}

/* ---- the persona ---- */

static void added(struct personas_op *op)
{
    on_loop();
    struct card_import *m = CONTAINER(op, struct card_import, op);
    if (op->err) {
        end(m, op->err, &op->error);
        return;
    }
    m->persona = op->persona;
    note_card(m); /* before the answer: whoever sends the card again at once is told */
}

static void add(struct card_import *m) LOOP
{
    m->op = (struct personas_op){
        .given = m->persona, .owner = m->owner, .idem = m->idem, .arena = &m->arena, .done = added};
    personas_add(m->importer->personas, &m->op);
}

static void found_persona(struct personas_op *op)
{
    on_loop();
    struct card_import *m = CONTAINER(op, struct card_import, op);
    if (op->err || !str_eq(op->persona->card, m->persona->card)) {
        add(m); /* it went, or is another by now */
        return;
    }
    m->persona = op->persona;
    m->same = true;
    end(m, ERR_OK, NULL);
}

static void found_card(struct store_op *op)
{
    on_loop();
    struct store_doc_get *get = (struct store_doc_get *)op;
    struct card_import *m = op->arg;
    struct json *doc = NULL;
    struct str id = STR_NONE;
    if (!op->err && json_parse(&op->arena, get->doc.data, &doc, NULL) == ERR_OK)
        id = arena_str(&m->arena, json_get_str(doc, "persona", STR_NONE));
    store_op_free(op);
    if (!id.n) {
        add(m);
        return;
    }
    m->op = (struct personas_op){.key = id, .arena = &m->arena, .done = found_persona};
    personas_get(m->importer->personas, &m->op);
}

static void look_for_same(struct card_import *m) LOOP
{
    struct store_doc_get *get = STORE_NEW(doc_get, DOC_GET);
    get->type = CARD_DOC_TYPE;
    get->tenant = m->importer->tenant;
    get->id = card_doc_id(m->persona->card);
    get->op.done = found_card;
    get->op.arg = m;
    store_submit(m->importer->store, &get->op);
}

/* ---- on a worker ---- */

static enum err keep_bytes(struct card_import *m, struct str bytes, struct persona_file *to)
{
    to->type = card_media_type(bytes);
    to->size = bytes.n;
    return blob_put(m->importer->blobs, bytes, &to->hash, &m->error);
}

static bool is_main_icon(const struct persona_asset *asset)
{
    return str_eq(asset->type, STR("icon")) && str_eq(asset->name, STR("main"));
}

static bool is_image(const struct persona_file *file)
{
    return !strncmp(file->type, "image/", 6);
}

/* The main icon, else the first one, of which we have the bytes as a picture. */
static const struct persona_file *icon_of(const struct persona_files *files)
{
    const struct persona_file *first = NULL;
    for (size_t i = 0; i < files->asset_count; i++) {
        const struct persona_asset *asset = &files->assets[i];
        if (!asset->file || !is_image(asset->file) || !str_eq(asset->type, STR("icon")))
            continue;
        if (is_main_icon(asset))
            return asset->file;
        first = first ? first : asset->file;
    }
    return first;
}

/*
 * Which file is the portrait: the one that an export of ours put among the assets for it, else the card's own
 * picture (as the icon, where it is the same), else the icon.
 */
static void choose_portrait(struct card_import *m, struct persona_file *list, size_t *n, struct str ours,
                            const struct persona_file *picture)
{
    struct persona_files files;
    persona_files_write(&m->arena, m->persona, list, *n);
    persona_files_read(&m->arena, m->persona, &files);
    const struct persona_file *icon = icon_of(&files);
    for (size_t i = 0; i < *n && ours.n; i++) {
        if (list[i].role == FILE_ASSET && str_eq(list[i].uri, ours)) {
            list[i].role = FILE_PORTRAIT;
            list[i].uri = list[i].head = STR_NONE;
            return;
        }
    }
    struct persona_file *to = &list[*n];
    /* A picture with a CHARX behind it is its cover; who it shows is the CHARX's icon. */
    if (icon && m->read.file.form == CARD_CHARX)
        picture = NULL;
    if (picture && icon && !memcmp(&picture->hash, &icon->hash, sizeof icon->hash))
        *to = *icon;
    else if (picture)
        *to = *picture;
    else if (icon)
        *to = *icon;
    else
        return;
    to->role = FILE_PORTRAIT;
    ++*n;
}

static enum err keep_files(struct card_import *m, struct str ours)
{
    const struct card_file *file = &m->read.file;
    struct persona_file *list = arena_array(&m->arena, struct persona_file, file->part_count + 1);
    struct persona_file picture = {.clean = file->form == CARD_PNG};
    bool has_picture = file->picture.n && !file->own_picture;
    size_t n = 0;
    enum err err = has_picture ? keep_bytes(m, file->picture, &picture) : ERR_OK;
    for (; n < file->part_count && !err; n++) {
        const struct card_part *part = &file->parts[n];
        list[n] = (struct persona_file){.role = part->role == CARD_KEPT ? FILE_KEPT : FILE_ASSET,
                                        .uri = part->uri,
                                        .head = part->head,
                                        .clean = part->clean};
        err = keep_bytes(m, part->bytes, &list[n]);
    }
    if (err)
        return err;
    choose_portrait(m, list, &n, ours, has_picture ? &picture : NULL);
    /* The portrait comes first (persona_portrait_address). */
    for (size_t i = n; i-- > 1;) {
        if (list[i].role == FILE_PORTRAIT) {
            struct persona_file portrait = list[i];
            memmove(list + 1, list, i * sizeof *list);
            list[0] = portrait;
            break;
        }
    }
    persona_files_write(&m->arena, m->persona, list, n);
    return ERR_OK;
}

static void build(struct job *job)
{
    on_worker();
    struct card_import *m = CONTAINER(job, struct card_import, work);
    const struct card_file *file = &m->read.file;
    struct str ours = STR_NONE;
    struct blob_hash hash;
    m->err = persona_card_read_both(&m->arena, file->text, file->other, &m->persona, &ours, &m->error);
    if (!m->err)
        m->err = keep_files(m, ours);
    if (m->err)
        return;
    blob_hash_of(file->text, &hash);
    m->persona->card = arena_str(&m->arena, str_c(blob_text(&hash).c));
}

static void built(struct job *job)
{
    on_loop();
    struct card_import *m = CONTAINER(job, struct card_import, work);
    if (m->err)
        end(m, m->err, &m->error);
    else if (m->skip_same)
        look_for_same(m);
    else
        add(m);
}

/* The workers go when the server stops, after the pool. */
static void work(struct card_import *m, void (*run)(struct job *), void (*done)(struct job *)) LOOP
{
    struct error e = {0};
    if (card_pool_stopped(m->importer->pool)) {
        error_set(&e, ERR_CLOSED, "The server is stopping; send the file again later.");
        end(m, ERR_CLOSED, &e);
        return;
    }
    m->work.run = run;
    m->work.done = done;
    workers_submit(m->importer->workers, &m->work);
}

static void read_done(struct card_job *job)
{
    on_loop();
    struct card_import *m = CONTAINER(job, struct card_import, read);
    if (job->err) {
        end(m, job->err, &job->error);
        return;
    }
    work(m, build, built);
}

static void start(const struct card_importer *importer, struct card_import *m, enum card_task task,
                  void (*done)(struct card_job *)) LOOP
{
    m->importer = importer;
    m->read = (struct card_job){
        .task = task, .bytes = m->bytes, .limits = m->limits, .arena = &m->arena, .done = done};
    card_pool_submit(importer->pool, &m->read);
}

void card_import_start(const struct card_importer *importer, struct card_import *import)
{
    start(importer, import, CARD_READ, read_done);
}

/* ---- portraits ---- */

static void change_portrait(struct arena *a, struct persona *p, void *arg)
{
    persona_set_portrait(a, p, arg);
}

static void portrait_changed(struct personas_op *op)
{
    on_loop();
    struct card_import *m = CONTAINER(op, struct card_import, op);
    m->persona = op->persona;
    end(m, op->err, &op->error);
}

static void keep_portrait(struct job *job)
{
    on_worker();
    struct card_import *m = CONTAINER(job, struct card_import, work);
    struct str picture = m->read.file.picture;
    m->portrait = (struct persona_file){.role = FILE_PORTRAIT};
    m->err = keep_bytes(m, picture, &m->portrait);
    m->portrait.clean = !strcmp(m->portrait.type, "image/png");
}

static void portrait_kept(struct job *job)
{
    on_loop();
    struct card_import *m = CONTAINER(job, struct card_import, work);
    if (m->err) {
        end(m, m->err, &m->error);
        return;
    }
    m->op = (struct personas_op){.key = m->key,
                                 .if_match = m->if_match,
                                 .change = change_portrait,
                                 .change_arg = &m->portrait,
                                 .arena = &m->arena,
                                 .done = portrait_changed};
    personas_change(m->importer->personas, &m->op);
}

static void portrait_read(struct card_job *job)
{
    on_loop();
    struct card_import *m = CONTAINER(job, struct card_import, read);
    if (job->err) {
        end(m, job->err, &job->error);
        return;
    }
    work(m, keep_portrait, portrait_kept);
}

void card_import_portrait(const struct card_importer *importer, struct card_import *import)
{
    start(importer, import, CARD_IMAGE, portrait_read);
}
