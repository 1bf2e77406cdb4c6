/*
 * `eidolon persona import`: files, folders and URLs, several at a time.
 *
 * The list of what is to be imported is made first (a folder is searched with all its folders for files that
 * cards come in; symbolic links are not followed), then a number of requests is kept running until it is used
 * up. On a terminal a line shows how far it is. Each refusal is kept with the server's sentence and told at
 * the end; so is what was left out because of an interruption.
 */
#include "app/act.h"

#include "base/clock.h"
#include "term/text.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PARALLEL_DEFAULT = 8, PARALLEL_MOST = 64, OPEN_FOLDERS = 32, PROGRESS_MS = 100, REFUSALS_SHOWN = 20 };

struct card {
    char *path; /* or URL */
    bool url, from_folder;
};

struct importing;

struct slot {
    struct importing *of;
    size_t card;
    uint64_t id; /* 0: free */
    FILE *file;
    struct buf body;
    int status;
};

struct importing {
    struct act *act;
    struct card *cards;
    size_t count, capacity, next, running;
    size_t done, made, same, refused;
    struct slot slots[PARALLEL_MOST];
    const char *policy; /* of --same, or NULL */
    FILE *report;
    struct buf refusals;
    bool json, stopped;
};

/* ---- the list ---- */

static void add_card(struct importing *m, const char *path, bool url, bool from_folder)
{
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 64;
        m->cards = heap_realloc(m->cards, m->capacity * sizeof *m->cards);
    }
    m->cards[m->count++] = (struct card){heap_cstr(str_c(path)), url, from_folder};
}

static bool is_card_name(const char *path)
{
    static const char *const endings[] = {".png", ".json", ".charx", ".jpg", ".jpeg", ".zip", ".apng"};
    size_t n = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t k = strlen(endings[i]);
        if (n > k && str_ieq(str_c(path + n - k), str_c(endings[i])))
            return true;
    }
    return false;
}

/* nftw() has no argument of the caller's; there is one command a process. */
static struct importing *walking;

static int walk(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)at;
    if (type == FTW_F && S_ISREG(st->st_mode) && is_card_name(path))
        add_card(walking, path, false, true);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct card *)a)->path, ((const struct card *)b)->path);
}

static bool list_operand(struct importing *m, const char *operand)
{
    struct stat st;
    if (!strncmp(operand, "http://", 7) || !strncmp(operand, "https://", 8)) {
        add_card(m, operand, true, false);
        return true;
    }
    if (stat(operand, &st) != 0) {
        fprintf(stderr, "eidolon: %s cannot be read: %s.\n", operand, strerror(errno));
        m->act->code = EX_NOINPUT;
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        add_card(m, operand, false, false);
        return true;
    }
    size_t before = m->count;
    walking = m;
    nftw(operand, walk, OPEN_FOLDERS, FTW_PHYS);
    if (m->count > before)
        qsort(m->cards + before, m->count - before, sizeof *m->cards, by_path);
    else
        fprintf(stderr, "eidolon: no card lies in %s (PNG, JPEG, JSON, CHARX, zip).\n", operand);
    return true;
}

/* ---- one import ---- */

static void refuse(struct importing *m, const struct card *card, const struct error *e)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    text_clean_line(&line, str_c(card->path));
    buf_add(&line, STR(": "));
    text_clean_line(&line, str_c(e->message));
    m->refused++;
    if (m->report)
        fprintf(m->report, "%.*s\n", STR_ARG(buf_str(&line)));
    if (m->refused <= REFUSALS_SHOWN) {
        buf_add(&m->refusals, buf_str(&line));
        buf_add_char(&m->refusals, '\n');
    }
}

static void tell(struct importing *m, const struct card *card, const struct slot *s)
{
    struct arena arena = ARENA_INIT;
    struct json *persona = NULL;
    if (m->json) {
        printf("%.*s\n", STR_ARG(buf_str(&s->body)));
    } else if (!card->from_folder && json_parse(&arena, buf_str(&s->body), &persona, NULL) == ERR_OK) {
        CLEANUP_BUF struct buf name = BUF_INIT;
        text_clean_line(&name, json_get_str(persona, "name", STR_NONE));
        printf("%.*s is here as %.*s%s.\n", STR_ARG(buf_str(&name)),
               STR_ARG(json_get_str(persona, "slug", STR_NONE)), s->status == 200 ? ", as before" : "");
    }
    arena_release(&arena);
}

static void slot_data(void *arg, int status, struct str bytes)
{
    struct slot *s = arg;
    (void)status;
    buf_add(&s->body, bytes);
}

static void slot_end(void *arg, int status, const struct error *e)
{
    struct slot *s = arg;
    struct importing *m = s->of;
    struct card *card = &m->cards[s->card];
    struct error why = {0};
    s->status = status;
    if (e || status >= 400) {
        if (!e)
            client_error(status, buf_str(&s->body), &why);
        refuse(m, card, e ? e : &why);
        if (e && e->err == ERR_UNAVAILABLE)
            m->stopped = true;
    } else {
        m->made += status != 200;
        m->same += status == 200;
        tell(m, card, s);
    }
    m->done++;
    m->running--;
    s->id = 0;
    if (s->file)
        fclose(s->file);
    s->file = NULL;
    buf_clear(&s->body);
}

static const char *type_of(FILE *file)
{
    unsigned char first[4] = {0};
    size_t n = fread(first, 1, sizeof first, file);
    rewind(file);
    if (n == sizeof first && !memcmp(first, "\x89PNG", sizeof first))
        return "image/png";
    if (n == sizeof first && !memcmp(first, "\xff\xd8\xff", 3))
        return "image/jpeg";
    if (n == sizeof first && !memcmp(first, "PK\3\4", sizeof first))
        return "application/zip";
    return "application/json";
}

static void begin(struct importing *m, struct slot *s)
{
    static const struct client_events events = {slot_data, slot_end};
    CLEANUP_BUF struct buf body = BUF_INIT;
    CLEANUP_BUF struct buf path = BUF_INIT;
    struct error e = {0};
    struct stat st;
    size_t index = m->next++;
    struct card *card = &m->cards[index];
    struct client_request request = {.method = "POST", .stream = true};
    const char *same = m->policy ? m->policy : card->from_folder ? "skip" : "keep";
    buf_printf(&path, "/api/personas/import%s%s", card->url ? "/url" : "",
               strcmp(same, "skip") ? "" : "?same=skip");
    request.path = buf_str(&path);
    if (card->url) {
        struct jw w = JW(&body);
        jw_object(&w);
        jw_kv_string(&w, "url", str_c(card->path));
        jw_end_object(&w);
        request.body = buf_str(&body);
    } else {
        s->file = fopen(card->path, "re");
        if (!s->file || fstat(fileno(s->file), &st) != 0) {
            error_set(&e, ERR_IO, "It cannot be read: %s.", strerror(errno));
            refuse(m, card, &e);
            m->done++;
            return;
        }
        request.file = s->file;
        request.file_bytes = (uint64_t)st.st_size;
        request.type = type_of(s->file);
    }
    s->of = m;
    s->card = index;
    m->running++;
    s->id = client_start(m->act->client, &request, &events, s, &e);
    if (!s->id)
        slot_end(s, 0, &e);
}

/* ---- all of them ---- */

static void progress(struct importing *m, uint64_t *shown_us)
{
    uint64_t now = clock_mono_us();
    if (!m->act->term.err_tty || m->count < 2 || now - *shown_us < PROGRESS_MS * 1000)
        return;
    *shown_us = now;
    fprintf(stderr, "\r%zu of %zu: %zu new, %zu here already, %zu refused ", m->done, m->count, m->made,
            m->same, m->refused);
    fflush(stderr);
}

static void run(struct importing *m, unsigned parallel)
{
    uint64_t shown_us = 0;
    while (!m->stopped && (m->next < m->count || m->running)) {
        for (unsigned i = 0; i < parallel && m->next < m->count; i++)
            if (!m->slots[i].id)
                begin(m, &m->slots[i]);
        client_pump(m->act->client, PROGRESS_MS, NULL, 0);
        progress(m, &shown_us);
        if (client_interrupted(m->act->client))
            m->stopped = true;
    }
    if (shown_us)
        fprintf(stderr, "\r%*s\r", 79, "");
}

static void conclude(struct importing *m)
{
    if (m->refusals.n)
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&m->refusals)));
    if (m->refused > REFUSALS_SHOWN)
        fprintf(stderr, "... and %zu more; --report FILE keeps them all.\n", m->refused - REFUSALS_SHOWN);
    if (m->count > 1 && !m->json)
        printf("%zu cards: %zu new, %zu here already, %zu refused%s.\n", m->count, m->made, m->same,
               m->refused, m->stopped ? "; not finished" : "");
    if (m->stopped)
        m->act->code = EXIT_INTERRUPTED;
    else if (m->refused && m->act->code == EX_OK)
        m->act->code = EX_DATAERR;
    for (size_t i = 0; i < PARALLEL_MOST; i++) {
        if (m->slots[i].id)
            client_cancel(m->act->client, m->slots[i].id);
        if (m->slots[i].file)
            fclose(m->slots[i].file);
        buf_release(&m->slots[i].body);
    }
    for (size_t i = 0; i < m->count; i++)
        free(m->cards[i].path);
    free(m->cards);
    buf_release(&m->refusals);
    if (m->report)
        fclose(m->report);
}

int persona_import_main(int argc, char **argv)
{
    struct act a;
    if (!act_begin(&a, "persona import", argc, argv, 1, "a file, a folder or a URL"))
        return act_end(&a);
    const char *parallel = option_value(&a.options, "parallel"), *report = option_value(&a.options, "report");
    unsigned long slots = parallel ? strtoul(parallel, NULL, 10) : PARALLEL_DEFAULT;
    struct importing *m = heap_alloc(sizeof *m);
    *m = (struct importing){.act = &a, .policy = option_value(&a.options, "same"), .json = a.json};
    if (report && !(m->report = fopen(report, "we"))) {
        fprintf(stderr, "eidolon: %s cannot be written: %s.\n", report, strerror(errno));
        a.code = EX_CANTCREAT;
    }
    for (size_t i = 0; i < a.options.operand_count && a.code != EX_CANTCREAT; i++)
        list_operand(m, a.options.operands[i]);
    if (a.code != EX_CANTCREAT)
        run(m, slots < 1 ? 1 : slots > PARALLEL_MOST ? PARALLEL_MOST : (unsigned)slots);
    conclude(m);
    free(m);
    return act_end(&a);
}
