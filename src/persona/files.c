/* The files of a persona; see files.h. */
#include "persona/files.h"

#include "base/buf.h"

static const char *const roles[FILE_ROLES] = {"portrait", "asset", "kept"};

/* Media types are of our own choosing; what a store says is looked up among them. */
static const char *const types[] = {
    "image/png", "image/jpeg", "image/gif",  "image/webp", "image/avif",        "audio/ogg",  "audio/mpeg",
    "audio/wav", "audio/flac", "video/webm", "video/mp4",  "model/gltf-binary", "font/woff2",
};

static const char *type_of(struct str name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (str_eq(name, str_c(types[i])))
            return types[i];
    }
    return "application/octet-stream";
}

static bool read_file(const struct json *entry, struct persona_file *f)
{
    struct str role = json_get_str(entry, "role", STR_NONE);
    unsigned i = 0;
    while (i < FILE_ROLES && !str_eq(role, str_c(roles[i])))
        i++;
    if (i == FILE_ROLES || !blob_parse(json_get_str(entry, "sha256", STR_NONE), &f->hash))
        return false;
    f->role = (enum persona_file_role)i;
    f->uri = json_get_str(entry, "uri", STR_NONE);
    f->head = json_get_str(entry, "head", STR_NONE);
    f->type = type_of(json_get_str(entry, "type", STR_NONE));
    f->size = (uint64_t)json_get_i64(entry, "size", 0);
    f->clean = json_get_bool(entry, "clean", false);
    return true;
}

static const struct persona_file *find_asset(const struct persona_files *files, struct str uri)
{
    for (size_t i = 0; i < files->n; i++) {
        if (files->v[i].role == FILE_ASSET && str_eq(files->v[i].uri, uri))
            return &files->v[i];
    }
    return NULL;
}

static void read_assets(struct arena *a, const struct persona *p, struct persona_files *out)
{
    struct json *extras = NULL;
    if (!p->extras.n || json_parse(a, p->extras, &extras, NULL) != ERR_OK)
        return;
    const struct json *assets = json_get(json_get(extras, "data"), "assets");
    if (!assets || assets->type != JSON_ARRAY)
        return;
    out->assets = arena_array(a, struct persona_asset, assets->count);
    json_each (asset, assets) {
        struct persona_asset *to = &out->assets[out->asset_count++];
        *to = (struct persona_asset){
            .type = json_get_str(asset, "type", STR_NONE),
            .name = json_get_str(asset, "name", STR_NONE),
            .ext = json_get_str(asset, "ext", STR_NONE),
            .uri = json_get_str(asset, "uri", STR_NONE),
        };
        to->file = find_asset(out, to->uri);
    }
}

static void read_files(struct arena *a, const struct persona *p, struct persona_files *out)
{
    struct json *list = NULL;
    *out = (struct persona_files){0};
    if (!p->files.n || json_parse(a, p->files, &list, NULL) != ERR_OK || list->type != JSON_ARRAY)
        return;
    out->v = arena_array(a, struct persona_file, list->count);
    json_each (entry, list) {
        struct persona_file *f = &out->v[out->n];
        if (!read_file(entry, f))
            continue;
        if (f->role == FILE_PORTRAIT && !out->portrait)
            out->portrait = f;
        out->n++;
    }
}

void persona_files_read(struct arena *a, const struct persona *p, struct persona_files *out)
{
    read_files(a, p, out);
    read_assets(a, p, out);
}

void persona_files_write(struct arena *a, struct persona *p, const struct persona_file *files, size_t n)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct jw w = JW(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kv_string(&w, "role", str_c(roles[files[i].role]));
        if (files[i].uri.n)
            jw_kv_string(&w, "uri", files[i].uri);
        jw_kv_string(&w, "sha256", str_c(blob_text(&files[i].hash).c));
        jw_kv_u64(&w, "size", files[i].size);
        jw_kv_string(&w, "type", str_c(files[i].type));
        if (files[i].clean)
            jw_kv_bool(&w, "clean", true);
        if (files[i].head.n)
            jw_kv_string(&w, "head", files[i].head);
        jw_end_object(&w);
    }
    jw_end_array(&w);
    p->files = n ? arena_str(a, buf_str(&b)) : STR_NONE;
}

void persona_set_portrait(struct arena *a, struct persona *p, const struct persona_file *portrait)
{
    struct persona_files files;
    read_files(a, p, &files);
    struct persona_file *all = arena_array(a, struct persona_file, files.n + 1);
    size_t n = 0;
    if (portrait) {
        all[n] = *portrait;
        all[n++].role = FILE_PORTRAIT;
    }
    for (size_t i = 0; i < files.n; i++) {
        if (files.v[i].role != FILE_PORTRAIT)
            all[n++] = files.v[i];
    }
    persona_files_write(a, p, all, n);
}

struct str persona_portrait_address(struct arena *a, const struct persona *p)
{
    /* Written by persona_files_write(): the portrait comes first where there is one. */
    enum { SHOWN = 12 };
    struct str begins = STR("[{\"role\":\"portrait\"");
    if (!str_starts(p->files, begins))
        return STR_NONE;
    struct str mark = STR("\"sha256\":\"");
    size_t at = str_find(p->files, mark);
    if (at == SIZE_MAX)
        return STR_NONE;
    return arena_printf(a, "/api/personas/%s/portrait?v=%.*s", id_text(p->id).c,
                        STR_ARG(str_sub(p->files, at + mark.n, SHOWN)));
}
