/*
 * Telling a model's kind by its folder; see sherpa_model.h. The order matters: what only one kind has is
 * looked for first (a joiner, a vocoder, voices.bin), the one file that many kinds have last, by its
 * metadata.
 */
#include "voice/sherpa_model.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 1024, SPEAKERS_MAX = 4096, SPEAKERS_JSON_MAX = 1 << 20 };

struct folder {
    struct arena *a;
    const char *path;
    struct str *names; /* in order */
    size_t count;
    struct sherpa_meta meta[SHERPA_META_MAX]; /* of the model, or of its encoder */
    size_t meta_count;
};

const char *sherpa_kind_name(enum sherpa_kind kind)
{
    static const char *const names[] = {
#define SHERPA_KIND(symbol, name, speaks) name,
        SHERPA_KINDS(SHERPA_KIND)
#undef SHERPA_KIND
    };
    return names[kind];
}

bool sherpa_speaks(enum sherpa_kind kind)
{
    static const bool speaking[] = {
#define SHERPA_KIND(symbol, name, speaks) speaks,
        SHERPA_KINDS(SHERPA_KIND)
#undef SHERPA_KIND
    };
    return speaking[kind];
}

/* ---- files ---- */
static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static enum err list_files(struct folder *f, struct error *e)
{
    DIR *dir = opendir(f->path);
    if (!dir)
        return error_set(e, ERR_NOT_FOUND, "The model's folder %s cannot be read: %s.", f->path,
                         strerror(errno));
    f->names = arena_array(f->a, struct str, FILES_MAX);
    for (struct dirent *entry; f->count < FILES_MAX && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            f->names[f->count++] = arena_str(f->a, str_c(entry->d_name));
    }
    closedir(dir);
    qsort(f->names, f->count, sizeof *f->names, by_name);
    return ERR_OK;
}

static const char *path_of(const struct folder *f, struct str name)
{
    return arena_printf(f->a, "%s/%.*s", f->path, STR_ARG(name)).p;
}

static bool has(struct str name, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= name.n; i++) {
        if (str_ieq(str_sub(name, i, strlen(word)), str_c(word)))
            return true;
    }
    return false;
}

static bool is_graph(struct str name)
{
    return str_ends(name, STR(".onnx")) || str_ends(name, STR(".ort"));
}

/* The graph with this word in its name and none of the `not` (parted by spaces); of two, the one made smaller
 * for hearing, and the whole one for speaking, where one hears the difference. */
static const char *graph(const struct folder *f, const char *word, const char * not, bool small)
{
    const char *best = NULL;
    bool best_small = false;
    for (size_t i = 0; i < f->count; i++) {
        struct str name = f->names[i], rest = str_c(not ), part;
        bool is_small = has(name, "int8"), out = !is_graph(name) || !has(name, word);
        while (!out && str_cut(&rest, ' ', &part))
            out = part.n && has(name, arena_cstr(f->a, part));
        if (out || (best && best_small == small) || (best && is_small != small))
            continue;
        best = path_of(f, name);
        best_small = is_small;
    }
    return best;
}

static const char *file(const struct folder *f, const char *ending)
{
    for (size_t i = 0; i < f->count; i++) {
        if (str_ends(f->names[i], str_c(ending)))
            return path_of(f, f->names[i]);
    }
    return NULL;
}

static const char *data_folder(const struct folder *f)
{
    const char *path = path_of(f, STR("espeak-ng-data"));
    return access(arena_printf(f->a, "%s/phontab", path).p, R_OK) == 0 ? path : NULL;
}

/* Those of one beginning and ending, but for what has the word `not`. `first`: words of those that go before.
 */
static const char *joined(const struct folder *f, const char *beginning, const char *ending, const char * not,
                          const char *first)
{
    CLEANUP_BUF struct buf all = BUF_INIT;
    struct str rest = str_c(first), word = STR_NONE;
    bool last = false;
    do {
        last = !str_cut(&rest, ' ', &word);
        const char *now = last ? "" : arena_cstr(f->a, word);
        for (size_t i = 0; i < f->count; i++) {
            struct str name = f->names[i];
            if (!str_starts(name, str_c(beginning)) || !str_ends(name, str_c(ending)) || !has(name, now) ||
                (*not &&has(name, not )) || str_find(buf_str(&all), name) != SIZE_MAX)
                continue;
            buf_printf(&all, "%s%s", all.n ? "," : "", path_of(f, name));
        }
    } while (!last);
    return all.n ? arena_cstr(f->a, buf_str(&all)) : NULL;
}

/* ---- what is told of it ---- */
static struct str meta(const struct folder *f, const char *key)
{
    return sherpa_meta_get(f->meta, f->meta_count, key);
}

static void read_meta(struct folder *f, const char *path)
{
    f->meta_count = path ? sherpa_meta_read(f->a, path, f->meta) : 0;
}

/* `missing` is said of a file that is not there. */
static enum err need(const struct folder *f, const char *path, enum sherpa_kind kind, const char *missing,
                     struct error *e)
{
    if (path)
        return ERR_OK;
    return error_set(e, ERR_UNAVAILABLE, "The folder %s has a %s model, but %s.", f->path,
                     sherpa_kind_name(kind), missing);
}

#define NO_TOKENS "no tokens.txt; copy it there from where the model came"
#define NO_ESPEAK                                                                                            \
    "no folder espeak-ng-data, which it needs to read texts; copy it there from where the model came"

static enum err need_parts(const struct folder *f, const struct sherpa_model *m, struct error *e)
{
    enum err err = ERR_OK;
    if (m->kind == SHERPA_MOONSHINE && !m->merged_decoder) {
        err = need(f, m->encoder, m->kind, "no encode.onnx", e);
        if (!err)
            err = need(f, m->uncached_decoder, m->kind, "no uncached_decode.onnx", e);
        if (!err)
            err = need(f, m->cached_decoder, m->kind, "no cached_decode.onnx", e);
    } else if (!m->model) {
        err = need(f, m->encoder, m->kind, "no encoder (a file as encoder.onnx)", e);
        if (!err && !m->merged_decoder)
            err = need(f, m->decoder, m->kind, "no decoder (a file as decoder.onnx)", e);
    }
    if (!err && m->kind == SHERPA_MATCHA)
        err = need(f, m->vocoder, m->kind,
                   "no vocoder; put one beside it, as vocos-22khz-univ.onnx or hifigan_v2.onnx", e);
    if (!err && (m->kind == SHERPA_KOKORO || m->kind == SHERPA_KITTEN)) {
        err = need(f, m->voices, m->kind, "no voices.bin; copy it there from where the model came", e);
        if (!err)
            err = need(f, m->data_dir, m->kind, NO_ESPEAK, e);
    }
    if (!err && (m->kind == SHERPA_VITS || m->kind == SHERPA_MATCHA) && !m->data_dir && !m->lexicons &&
        !str_eq(meta(f, "frontend"), STR("characters")))
        err = need(f, NULL, m->kind, NO_ESPEAK, e);
    return err ? err : need(f, m->tokens, m->kind, NO_TOKENS, e);
}

/* Models whose parts are in several files. True where it is one; the kind may still be one that is not used.
 */
static enum err look_at_parts(struct folder *f, struct sherpa_model *m, bool *found, struct error *e)
{
    m->encoder = graph(f, "encode", "", true);
    m->decoder = graph(f, "decode", "uncached cached merged", true);
    m->joiner = graph(f, "joiner", "", true);
    m->preprocessor = graph(f, "preprocess", "", true);
    m->uncached_decoder = graph(f, "uncached", "", true);
    m->cached_decoder = graph(f, "cached_decode", "uncached", true);
    m->merged_decoder = graph(f, "decoder_model_merged", "", true);
    *found = m->encoder || m->decoder || m->joiner || m->preprocessor;
    if (!*found)
        return ERR_OK;
    read_meta(f, m->encoder);
    struct str type = meta(f, "model_type");
    if (m->preprocessor || m->merged_decoder) {
        m->kind = SHERPA_MOONSHINE;
    } else if (m->joiner) {
        m->kind = str_starts(type, STR("EncDec")) ? SHERPA_NEMO_TRANSDUCER : SHERPA_TRANSDUCER;
        if (meta(f, "decode_chunk_len").n || meta(f, "window_size").n)
            return error_set(e, ERR_REFUSED,
                             "The folder %s has a streaming transducer, which is not used here; take the one "
                             "for whole recordings (non-streaming).",
                             f->path);
    } else if (str_starts(type, STR("whisper")) || !type.n) {
        m->kind = SHERPA_WHISPER;
    } else {
        return error_set(e, ERR_REFUSED,
                         "The folder %s has a model of the kind %.*s, which is not used here.", f->path,
                         STR_ARG(str_sub(type, 0, 60)));
    }
    return ERR_OK;
}

static bool kind_of_one(const struct folder *f, enum sherpa_kind *kind)
{
    struct str type = meta(f, "model_type"), comment = meta(f, "comment");
    static const struct {
        const char *type;
        enum sherpa_kind kind;
    } known[] = {
        {"vits", SHERPA_VITS},
        {"melo-vits", SHERPA_VITS},
        {"matcha-tts", SHERPA_MATCHA},
        {"kokoro", SHERPA_KOKORO},
        {"kitten-tts", SHERPA_KITTEN},
        {"paraformer", SHERPA_PARAFORMER},
        {"sense_voice_ctc", SHERPA_SENSE_VOICE},
        {"zipformer2_ctc", SHERPA_ZIPFORMER_CTC},
        {"EncDecCTCModel", SHERPA_NEMO_CTC},
        {"EncDecCTCModelBPE", SHERPA_NEMO_CTC},
        {"EncDecHybridRNNTCTCBPEModel", SHERPA_NEMO_CTC},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_ieq(type, str_c(known[i].type))) {
            *kind = known[i].kind;
            return true;
        }
    }
    *kind = SHERPA_VITS;
    if (meta(f, "n_speakers").n && (has(comment, "piper") || has(comment, "coqui") ||
                                    has(comment, "icefall") || has(comment, "melo") || has(comment, "vits")))
        return true;
    *kind = SHERPA_SENSE_VOICE;
    if (meta(f, "lang_auto").n && meta(f, "neg_mean").n)
        return true;
    *kind = SHERPA_PARAFORMER;
    return meta(f, "lfr_window_size").n && meta(f, "neg_mean").n;
}

static enum err look_at_one(struct folder *f, struct sherpa_model *m, struct error *e)
{
    const char *beside = "vocos vocoder hifigan silero_vad encode decode joiner";
    bool speaking = false;
    m->model = graph(f, "", beside, true);
    m->vocoder = graph(f, "vocos", "", false);
    if (!m->vocoder)
        m->vocoder = graph(f, "vocoder", "", false);
    if (!m->vocoder)
        m->vocoder = graph(f, "hifigan", "", false);
    if (!m->model)
        return error_set(e, ERR_UNAVAILABLE, "The folder %s has no model (a file ending in .onnx)%s.",
                         f->path, m->vocoder ? ", only a vocoder" : "");
    read_meta(f, m->model);
    if (m->voices)
        m->kind = str_eq(meta(f, "model_type"), STR("kitten-tts")) ? SHERPA_KITTEN : SHERPA_KOKORO;
    else if (m->vocoder)
        m->kind = SHERPA_MATCHA;
    else if (!kind_of_one(f, &m->kind) && file(f, ".onnx.json"))
        return error_set(e, ERR_REFUSED,
                         "The folder %s has a voice as Piper itself has it; sherpa-onnx needs the same voice "
                         "from its own releases (vits-piper-...), with tokens.txt and espeak-ng-data.",
                         f->path);
    else if (!kind_of_one(f, &m->kind))
        return error_set(e, ERR_REFUSED,
                         "The folder %s has a model whose kind its metadata does not tell%s%.*s%s.", f->path,
                         meta(f, "model_type").n ? " (" : "", STR_ARG(str_sub(meta(f, "model_type"), 0, 60)),
                         meta(f, "model_type").n ? ")" : "");
    speaking = sherpa_speaks(m->kind);
    if (speaking)
        m->model = graph(f, "", beside, false);
    return ERR_OK;
}

/* ---- who speaks ---- */
static void add_name(struct sherpa_model *m, size_t at, struct str name)
{
    if (at < m->speakers && name.n && utf8_valid(name)) {
        m->names[at] = name;
        m->name_count = at + 1 > m->name_count ? at + 1 : m->name_count;
    }
}

/* Piper tells them beside the model: "speaker_id_map": {"name": 0}. */
static void read_piper_names(const struct folder *f, struct sherpa_model *m)
{
    const char *path = file(f, ".onnx.json");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    char *text = arena_alloc(f->a, SPEAKERS_JSON_MAX);
    ssize_t n = fd >= 0 ? read(fd, text, SPEAKERS_JSON_MAX) : -1;
    struct json *json = NULL;
    int64_t id;
    if (fd >= 0)
        close(fd);
    if (n <= 0 || json_parse(f->a, str_of(text, (size_t)n), &json, NULL) != ERR_OK)
        return;
    const struct json *map = json_get(json, "speaker_id_map");
    for (const struct json *item = map && map->type == JSON_OBJECT ? map->child : NULL; item;
         item = item->next) {
        if (json_i64(item, &id) && id >= 0)
            add_name(m, (size_t)id, item->key);
    }
}

static void read_speakers(const struct folder *f, struct sherpa_model *m)
{
    uint64_t count = 0;
    struct str rest = meta(f, "speaker_names"), name;
    str_to_u64(meta(f, "n_speakers"), &count);
    m->speakers = count < 1 ? 1 : count > SPEAKERS_MAX ? SPEAKERS_MAX : (unsigned)count;
    m->names = arena_array(f->a, struct str, m->speakers);
    for (size_t i = 0; rest.n && str_cut(&rest, ',', &name); i++)
        add_name(m, i, str_trim(name));
    if (!m->name_count && m->speakers > 1)
        read_piper_names(f, m);
    m->language = meta(f, "language");
    if (!utf8_valid(m->language))
        m->language = STR_NONE;
}

enum err sherpa_model_look(struct arena *a, const char *path, struct str language, struct sherpa_model *m,
                           struct error *e)
{
    struct folder *f = arena_new(a, struct folder);
    bool parts = false, british = str_ieq(language, STR("en-GB"));
    *f = (struct folder){.a = a, .path = path};
    *m = (struct sherpa_model){.speakers = 1};
    enum err err = list_files(f, e);
    if (err)
        return err;
    m->tokens = file(f, "tokens.txt");
    m->voices = file(f, "voices.bin");
    m->data_dir = data_folder(f);
    err = look_at_parts(f, m, &parts, e);
    if (!err && !parts)
        err = look_at_one(f, m, e);
    if (!err && m->kind == SHERPA_KOKORO)
        m->lexicons = joined(f, "lexicon", ".txt", british ? "us-en" : "gb-en", "");
    else if (!err && sherpa_speaks(m->kind))
        m->lexicons = joined(f, "lexicon", ".txt", "", "");
    if (!err)
        err = need_parts(f, m, e);
    if (err)
        return err;
    m->rule_fsts = joined(f, "", ".fst", "", "phone date number");
    m->rule_fars = joined(f, "", ".far", "", "");
    if (sherpa_speaks(m->kind))
        read_speakers(f, m);
    return ERR_OK;
}
