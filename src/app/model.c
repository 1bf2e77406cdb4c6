/* `eidolon model ...`: what the models API offers, for the terminal. See usage.def. */
#include "app/act.h"

#include "term/text.h"

#include <unistd.h>

enum { LOOK_MS = 300, BAR = 24 };

static void model_path(struct buf *to, const char *name, const char *rest)
{
    buf_add(to, STR("/api/models/"));
    client_encode(to, str_c(name));
    buf_add(to, str_c(rest));
}

/* ---- lists ---- */

static bool list_row(void *arg, const struct json *m)
{
    struct table *t = arg;
    char size[32];
    double progress = json_get_double(m, "progress", 0), parameters = json_get_double(m, "parameters", 0);
    struct str state = json_get_str(m, "state", STR_NONE);
    table_add(t, json_get_str(m, "name", STR_NONE));
    table_add(t, str_c(show_size(size, json_get_double(m, "size_bytes", 0))));
    if (parameters >= 1e9)
        table_addf(t, "%.1f B", parameters / 1e9);
    else if (parameters > 0)
        table_addf(t, "%.0f M", parameters / 1e6);
    else
        table_add(t, STR(""));
    table_add(t, json_get_str(m, "quantization", STR_NONE));
    if (str_eq(state, STR("loading")))
        table_addf(t, "loading %.0f %%", progress * 100);
    else
        table_add(t, state);
    table_add(t, json_get_str(m, "error", STR_NONE));
    return true;
}

int model_list_main(int argc, char **argv)
{
    struct act a;
    struct table t;
    if (!act_begin(&a, "model list", argc, argv, 0, ""))
        return act_end(&a);
    if (a.json) {
        act_print_list(&a, STR("/api/models"));
        return act_end(&a);
    }
    table_init(&t, "NAME|SIZE>|PARAMETERS>|KIND|STATE|WHAT IS WRONG*");
    if (!act_each(&a, STR("/api/models"), list_row, &t)) {
        table_release(&t);
    } else if (t.count == t.columns) {
        printf("No model lies here yet; `eidolon model catalogue` lists some that are worth having.\n");
        table_release(&t);
    } else {
        act_print_table(&a, &t);
    }
    return act_end(&a);
}

static void catalogue_row(struct table *t, const struct json *m)
{
    char size[32];
    double bytes = json_get_double(m, "size_bytes", 0), memory = json_get_double(m, "memory_4k", 0);
    table_add(t, json_get_str(m, "id", STR_NONE));
    table_add(t, json_get_str(m, "parameters", STR_NONE));
    table_add(t, str_c(bytes > 0 ? show_size(size, bytes) : ""));
    table_add(t, str_c(memory > 0 ? show_size(size, memory) : ""));
    table_add(t, json_get_str(m, "licence", STR_NONE));
    table_add(t, json_get_str(m, "good_for", STR_NONE));
}

int model_catalogue_main(int argc, char **argv)
{
    struct act a;
    struct table t;
    struct client_answer answer = {0};
    struct error e = {0};
    if (!act_begin(&a, "model catalogue", argc, argv, 0, ""))
        return act_end(&a);
    if (client_get(a.client, STR("/api/models/catalogue"), &answer, &e) != ERR_OK) {
        act_fail(&a, &e);
    } else if (a.json) {
        act_print_answer(&a, &answer);
    } else {
        const struct json *models = json_get(answer.json, "models");
        table_init(&t, "NAME|WEIGHTS>|SIZE>|MEMORY>|LICENCE|GOOD FOR*");
        for (const struct json *m = models ? models->child : NULL; m; m = m->next)
            catalogue_row(&t, m);
        act_print_table(&a, &t);
    }
    answer_release(&answer);
    return act_end(&a);
}

/* ---- one request about one model ---- */

/* Sends it and prints the answer as JSON where that was asked for; false after act_fail(). */
static bool simple(struct act *a, const char *method, struct str path, struct str body)
{
    struct client_answer answer;
    struct error e = {0};
    struct client_request request = {.method = method, .path = path, .body = body, .stream = true};
    bool ok = client_call(a->client, &request, &answer, &e) == ERR_OK;
    if (!ok)
        act_fail(a, &e);
    else if (a->json)
        act_print_answer(a, &answer);
    answer_release(&answer);
    return ok;
}

static int about_one(const char *command, int argc, char **argv, const char *rest, const char *said)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, command, argc, argv, 1, "the name of a model"))
        return act_end(&a);
    model_path(&path, a.options.operands[0], rest);
    if (simple(&a, "POST", buf_str(&path), STR("{}")) && !a.json)
        printf(said, a.options.operands[0]);
    return act_end(&a);
}

int model_load_main(int argc, char **argv)
{
    return about_one("model load", argc, argv, "/load",
                     "%s is being loaded; `eidolon model list` says how far it is.\n");
}

int model_unload_main(int argc, char **argv)
{
    return about_one("model unload", argc, argv, "/unload", "%s was unloaded.\n");
}

int model_remove_main(int argc, char **argv)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "model remove", argc, argv, 1, "the name of a model"))
        return act_end(&a);
    model_path(&path, a.options.operands[0], "");
    if (act_confirm(&a, "Delete the file of %s?", a.options.operands[0]) &&
        simple(&a, "DELETE", buf_str(&path), STR_NONE) && !a.json)
        printf("%s was removed.\n", a.options.operands[0]);
    return act_end(&a);
}

int model_engine_main(int argc, char **argv)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    CLEANUP_BUF struct buf body = BUF_INIT;
    if (!act_begin(&a, "model engine", argc, argv, 1, "the name of a model"))
        return act_end(&a);
    struct jw w = JW(&body);
    jw_object(&w);
    if (option_value(&a.options, "name"))
        jw_kv_string(&w, "name", str_c(option_value(&a.options, "name")));
    if (option_value(&a.options, "default"))
        jw_kv_bool(&w, "default", true);
    jw_end_object(&w);
    model_path(&path, a.options.operands[0], "/engine");
    if (simple(&a, "POST", buf_str(&path), buf_str(&body)) && !a.json)
        printf("%s is an engine now; personas can name it.\n", a.options.operands[0]);
    return act_end(&a);
}

int model_library_main(int argc, char **argv)
{
    struct act a;
    struct client_answer answer = {0};
    struct error e = {0};
    if (!act_begin(&a, "model library", argc, argv, 0, ""))
        return act_end(&a);
    if (client_get(a.client, STR("/api/models/library"), &answer, &e) != ERR_OK) {
        act_fail(&a, &e);
    } else if (a.json) {
        act_print_answer(&a, &answer);
    } else if (json_get_bool(answer.json, "found", false)) {
        const struct json *backends = json_get(answer.json, "backends");
        printf("llama.cpp %.*s; computes on",
               STR_ARG(json_get_str(answer.json, "version", STR("of unknown version"))));
        for (const struct json *b = backends ? backends->child : NULL; b; b = b->next)
            printf("%s %.*s", b == backends->child ? "" : ",",
                   STR_ARG(b->type == JSON_STRING ? b->string : json_get_str(b, "name", b->raw)));
        printf(".\n");
    } else {
        error_set(&e, ERR_UNAVAILABLE, "No llama.cpp library was found. %.*s",
                  STR_ARG(json_get_str(answer.json, "error", STR("`eidolon doctor` says how to get it."))));
        act_fail(&a, &e);
    }
    answer_release(&answer);
    return act_end(&a);
}

/* ---- pulling ---- */

static void show_pull(const struct act *a, const struct json *pull)
{
    char received[32], size[32], rate[32];
    double have = json_get_double(pull, "received", 0), all = json_get_double(pull, "size", 0);
    double speed = json_get_double(pull, "bytes_per_s", 0), part = all > 0 ? have / all : 0;
    if (!a->term.err_tty || a->json)
        return;
    int full = (int)(part * BAR + 0.5);
    fprintf(stderr, "\r\033[K%.*s [", STR_ARG(json_get_str(pull, "state", STR_NONE)));
    for (int i = 0; i < BAR; i++)
        fputs(i < full ? "#" : ".", stderr);
    fprintf(stderr, "] %3.0f %%  %s of %s  %s/s", part * 100, show_size(received, have),
            all > 0 ? show_size(size, all) : "?", show_size(rate, speed));
    if (speed > 0 && all > have)
        fprintf(stderr, "  %.0f s left", (all - have) / speed);
    fflush(stderr);
}

/* Looks at the pull until it has ended. */
static void follow_pull(struct act *a, struct str id)
{
    CLEANUP_BUF struct buf path = BUF_INIT;
    buf_add(&path, STR("/api/models/pulls/"));
    client_encode(&path, id);
    for (bool over = false; !over;) {
        struct client_answer answer;
        struct error e = {0};
        if (client_get(a->client, buf_str(&path), &answer, &e) != ERR_OK) {
            act_fail(a, &e);
            answer_release(&answer);
            return;
        }
        struct str state = json_get_str(answer.json, "state", STR_NONE);
        bool done = str_eq(state, STR("done"));
        over = done || str_eq(state, STR("failed")) || str_eq(state, STR("cancelled"));
        show_pull(a, answer.json);
        if (over && a->term.err_tty && !a->json)
            fputc('\n', stderr);
        if (over && a->json)
            act_print_answer(a, &answer);
        else if (done)
            printf("%.*s is here; `eidolon model engine %.*s --default` lets personas use it.\n",
                   STR_ARG(json_get_str(answer.json, "name", STR_NONE)),
                   STR_ARG(json_get_str(answer.json, "name", STR_NONE)));
        if (over && !done) {
            const struct json *why = json_get(answer.json, "error");
            struct str text =
                why && why->type == JSON_STRING ? why->string : json_get_str(why, "message", state);
            error_set(&e, ERR_UPSTREAM, "The model was not fetched: %.*s", STR_ARG(text));
            act_fail(a, &e);
        }
        answer_release(&answer);
        if (!over)
            client_pump(a->client, LOOK_MS, NULL, 0);
        if (!over && client_interrupted(a->client)) {
            if (a->home.own)
                fprintf(stderr, "\nWhat was fetched is kept; the same command goes on from there.\n");
            else
                fprintf(stderr,
                        "\nThe server goes on fetching it; `eidolon model pull --cancel %.*s` ends that.\n",
                        STR_ARG(id));
            a->code = EXIT_INTERRUPTED;
            return;
        }
    }
}

static void begin_pull(struct act *a, const char *what)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    struct client_answer answer;
    struct error e = {0};
    bool url = !strncmp(what, "http://", 7) || !strncmp(what, "https://", 8);
    struct jw w = JW(&body);
    jw_object(&w);
    jw_kv_string(&w, url ? "url" : "catalogue", str_c(what));
    if (option_value(&a->options, "name"))
        jw_kv_string(&w, "name", str_c(option_value(&a->options, "name")));
    if (option_value(&a->options, "sha256"))
        jw_kv_string(&w, "sha256", str_c(option_value(&a->options, "sha256")));
    jw_end_object(&w);
    if (client_send(a->client, "POST", STR("/api/models/pull"), buf_str(&body), &answer, &e) != ERR_OK) {
        act_fail(a, &e);
    } else if (option_value(&a->options, "detach")) {
        if (a->json)
            act_print_answer(a, &answer);
        else
            printf("The server fetches it as pull %.*s.\n",
                   STR_ARG(json_get_str(answer.json, "id", STR_NONE)));
    } else {
        follow_pull(a, json_get_str(answer.json, "id", STR_NONE));
    }
    answer_release(&answer);
}

int model_pull_main(int argc, char **argv)
{
    struct act a;
    CLEANUP_BUF struct buf path = BUF_INIT;
    if (!act_begin(&a, "model pull", argc, argv, 0, ""))
        return act_end(&a);
    const char *cancel = option_value(&a.options, "cancel");
    bool own = a.home.own;
    if (cancel) {
        buf_add(&path, STR("/api/models/pulls/"));
        client_encode(&path, str_c(cancel));
        if (simple(&a, "DELETE", buf_str(&path), STR_NONE) && !a.json)
            printf("The pull %s was ended.\n", cancel);
    } else if (!a.options.operand_count) {
        fprintf(stderr, "eidolon: `eidolon model pull` wants a name of the catalogue, or a URL.\n");
        a.code = EX_USAGE;
    } else if (own && option_value(&a.options, "detach")) {
        fprintf(stderr, "eidolon: no server runs that could go on fetching; leave out --detach.\n");
        a.code = EX_USAGE;
    } else {
        begin_pull(&a, a.options.operands[0]);
    }
    return act_end(&a);
}
