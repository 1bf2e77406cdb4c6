/* The document of a picture or recording; see media.h. */
#include "media/media.h"

#include "base/fold.h"
#include "base/utf8.h"

#include <stdio.h>
#include <time.h>

const char *const media_source_names[MEDIA_SOURCES] = {"upload", "generated", "recording", "speech"};

bool media_source_parse(struct str name, enum media_source *out)
{
    for (unsigned i = 0; i < MEDIA_SOURCES; i++) {
        if (str_eq(name, str_c(media_source_names[i]))) {
            *out = (enum media_source)i;
            return true;
        }
    }
    return false;
}

/* ---- reading ---- */

static bool read_hash(const struct json *data, const char *key, struct blob_hash *out)
{
    return blob_parse(json_get_str(data, key, STR_NONE), out);
}

static void read_named(struct arena *a, const struct json *data, struct media *m)
{
    const struct json *list = json_get(data, "named");
    m->named = arena_array(a, struct id, (list ? list->count : 0) + 1);
    for (const struct json *one = list ? list->child : NULL; one; one = one->next) {
        if (id_parse(one->string, &m->named[m->named_count]))
            m->named_count++;
    }
}

enum err media_of_doc(struct arena *a, const struct doc_row *doc, struct media *m, struct error *e)
{
    struct json *data = NULL;
    *m = (struct media){
        .id = doc->id, .owner = doc->owner, .created_ms = doc->created_ms, .version = doc->version};
    if (json_parse(a, arena_str(a, doc->data), &data, NULL) || !read_hash(data, "file", &m->file))
        return error_set(e, ERR_CORRUPT, "The document of the medium %s cannot be read; delete it.",
                         id_text(doc->id).c);
    id_parse(json_get_str(data, "room", STR_NONE), &m->room);
    media_source_parse(json_get_str(data, "source", STR_NONE), &m->source);
    m->image = str_eq(json_get_str(data, "kind", STR_NONE), STR("image"));
    m->animated = json_get_bool(data, "animated", false);
    m->places = json_get_bool(data, "places", false);
    m->keep = json_get_bool(data, "keep", false);
    m->type = json_get_str(data, "type", STR("application/octet-stream"));
    m->name = json_get_str(data, "name", STR_NONE);
    m->bytes = (uint64_t)json_get_i64(data, "bytes", 0);
    m->duration_ms = (uint64_t)json_get_i64(data, "duration_ms", 0);
    m->width = (uint32_t)json_get_i64(data, "width", 0);
    m->height = (uint32_t)json_get_i64(data, "height", 0);
    m->rate = (uint32_t)json_get_i64(data, "rate", 0);
    m->channels = (uint32_t)json_get_i64(data, "channels", 0);
    m->has_preview = read_hash(data, "preview", &m->preview);
    m->has_seen = read_hash(data, "seen", &m->seen);
    m->has_words = read_hash(data, "words", &m->words);
    const struct json *peaks = json_get(data, "peaks");
    m->peaks = peaks && peaks->type == JSON_ARRAY ? peaks->raw : STR_NONE;
    m->state = json_get_str(data, "state", STR("ready"));
    m->transcript = json_get_str(data, "transcript", STR_NONE);
    m->language = json_get_str(data, "language", STR_NONE);
    m->prompt = json_get_str(data, "prompt", STR_NONE);
    read_named(a, data, m);
    return ERR_OK;
}

/* ---- writing ---- */

static void put_hash(struct jw *w, const char *key, bool has, const struct blob_hash *hash)
{
    if (has)
        jw_kv_string(w, key, str_c(blob_text(hash).c));
}

static void write_doc(struct jw *w, const struct media *m)
{
    jw_object(w);
    jw_kv_string(w, "kind", m->image ? STR("image") : STR("audio"));
    jw_kv_string(w, "source", str_c(media_source_names[m->source]));
    jw_kv_string(w, "type", m->type);
    jw_kv_string(w, "name", m->name);
    if (!id_none(m->room))
        jw_kv_string(w, "room", str_c(id_text(m->room).c));
    jw_kv_u64(w, "bytes", m->bytes);
    jw_kv_u64(w, "duration_ms", m->duration_ms);
    jw_kv_u64(w, "width", m->width);
    jw_kv_u64(w, "height", m->height);
    jw_kv_u64(w, "rate", m->rate);
    jw_kv_u64(w, "channels", m->channels);
    jw_kv_bool(w, "animated", m->animated);
    jw_kv_bool(w, "places", m->places);
    jw_kv_bool(w, "keep", m->keep);
    put_hash(w, "file", true, &m->file);
    put_hash(w, "preview", m->has_preview, &m->preview);
    put_hash(w, "seen", m->has_seen, &m->seen);
    put_hash(w, "words", m->has_words, &m->words);
    if (m->peaks.n)
        jw_kv_raw(w, "peaks", m->peaks);
    jw_kv_string(w, "state", m->state);
    jw_kv_string(w, "transcript", m->transcript);
    jw_kv_string(w, "language", m->language);
    jw_kv_string(w, "prompt", m->prompt);
    jw_key(w, STR("named"));
    jw_array(w);
    for (size_t i = 0; i < m->named_count; i++)
        jw_string(w, str_c(id_text(m->named[i]).c));
    jw_end_array(w);
    jw_end_object(w);
}

static void put_number(struct jw *w, const char *key, bool there, uint64_t value)
{
    if (there)
        jw_kv_u64(w, key, value);
    else
        jw_kv_null(w, key);
}

static void put_text(struct jw *w, const char *key, struct str text)
{
    if (text.n)
        jw_kv_string(w, key, text);
    else
        jw_kv_null(w, key);
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
    char text[40];
    struct tm tm;
    time_t seconds = ms / 1000;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%03dZ", (int)(ms % 1000));
    jw_kv_string(w, key, str_c(text));
}

static void put_address(struct jw *w, const char *key, const struct media *m, const char *rest)
{
    char text[100];
    snprintf(text, sizeof text, "/api/media/%s%s", id_text(m->id).c, rest);
    jw_kv_string(w, key, str_c(text));
}

void media_write(struct jw *w, const struct media *m, bool whole)
{
    char excerpt[MEDIA_EXCERPT + 1];
    str_copy(excerpt, sizeof excerpt, m->transcript);
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(m->id).c));
    jw_kv_string(w, "kind", m->image ? STR("image") : STR("audio"));
    jw_kv_string(w, "type", m->type);
    jw_kv_string(w, "name", m->name);
    jw_kv_u64(w, "bytes", m->bytes);
    put_text(w, "room", id_none(m->room) ? STR_NONE : str_c(id_text(m->room).c));
    put_number(w, "duration_ms", !m->image, m->duration_ms);
    put_number(w, "width", m->image, m->width);
    put_number(w, "height", m->image, m->height);
    put_number(w, "rate", !m->image, m->rate);
    put_number(w, "channels", !m->image, m->channels);
    jw_kv_bool(w, "animated", m->animated);
    jw_kv_bool(w, "places", m->places);
    jw_kv_bool(w, "keep", m->keep);
    jw_kv_string(w, "source", str_c(media_source_names[m->source]));
    jw_kv_string(w, "state", m->state);
    if (m->has_words)
        jw_kv_string(w, "transcript", whole ? m->transcript : str_c(excerpt));
    else
        jw_kv_null(w, "transcript");
    put_text(w, "language", m->language);
    put_text(w, "prompt", m->prompt);
    if (m->peaks.n)
        jw_kv_raw(w, "peaks", m->peaks);
    else
        jw_kv_null(w, "peaks");
    put_time(w, "created_at", m->created_ms);
    put_address(w, "url", m, "");
    if (m->has_preview)
        put_address(w, "preview", m, "/preview");
    else
        jw_kv_null(w, "preview");
    jw_end_object(w);
}

void media_write_short(struct jw *w, const struct media *m)
{
    jw_object(w);
    jw_kv_string(w, "id", str_c(id_text(m->id).c));
    jw_kv_string(w, "type", m->type);
    jw_kv_string(w, "name", m->name);
    if (m->image) {
        jw_kv_u64(w, "width", m->width);
        jw_kv_u64(w, "height", m->height);
    } else {
        jw_kv_u64(w, "duration_ms", m->duration_ms);
    }
    jw_end_object(w);
}

/* ---- what it is found by ---- */

struct str media_tag(struct arena *a, const char *what, struct str value)
{
    return arena_printf(a, "%s:%.*s", what, STR_ARG(value));
}

static const struct doc_listing *listing(struct arena *a, const struct media *m)
{
    CLEANUP_BUF struct buf words = BUF_INIT, brief = BUF_INIT;
    struct jw w = JW(&brief);
    struct str *tags = arena_array(a, struct str, 3);
    struct doc_listing *l = arena_new(a, struct doc_listing);
    size_t n = 0;
    fold_words(m->name, &words, MEDIA_WORDS_MAX);
    fold_words(m->prompt, &words, MEDIA_WORDS_MAX);
    fold_words(m->transcript, &words, MEDIA_WORDS_MAX);
    tags[n++] = media_tag(a, "kind", m->image ? STR("image") : STR("audio"));
    tags[n++] = media_tag(a, "source", str_c(media_source_names[m->source]));
    if (!id_none(m->room))
        tags[n++] = media_tag(a, "room", str_c(id_text(m->room).c));
    jw_object(&w); /* what counting and cleaning need */
    jw_kv_string(&w, "source", str_c(media_source_names[m->source]));
    jw_kv_u64(&w, "bytes", m->bytes);
    jw_kv_bool(&w, "keep", m->keep);
    jw_end_object(&w);
    *l = (struct doc_listing){.name = m->name,
                              .brief = arena_str(a, buf_str(&brief)),
                              .words = arena_str(a, buf_str(&words)),
                              .tags = tags,
                              .tag_count = n,
                              .favourite = m->keep,
                              .form = MEDIA_LISTING_FORM};
    return l;
}

void media_fill_put(struct store_doc_put *put, const struct media *m, struct id tenant)
{
    struct arena *a = &put->op.arena;
    CLEANUP_BUF struct buf data = BUF_INIT;
    struct jw w = JW(&data);
    write_doc(&w, m);
    put->doc.type = MEDIA_DOC_TYPE;
    put->doc.id = m->id;
    put->doc.tenant = tenant;
    put->doc.owner = m->owner;
    put->doc.sort = arena_str(a, m->name);
    put->doc.data = arena_str(a, buf_str(&data));
    put->listing = listing(a, m);
}
