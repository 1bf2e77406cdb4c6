/* Arguments and settings of the commands; see command.h. */
#include "app/command.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

int complain(const struct error *e)
{
    static const struct {
        enum err err;
        int code;
    } codes[] = {
        {ERR_INVALID, EX_CONFIG},   {ERR_NOT_FOUND, EX_NOINPUT},   {ERR_CONFLICT, EX_TEMPFAIL},
        {ERR_BUSY, EX_TEMPFAIL},    {ERR_READ_ONLY, EX_IOERR},     {ERR_IO, EX_IOERR},
        {ERR_CORRUPT, EX_DATAERR},  {ERR_REFUSED, EX_UNAVAILABLE}, {ERR_UNAVAILABLE, EX_OSERR},
        {ERR_FORBIDDEN, EX_NOPERM},
    };
    fprintf(stderr, "eidolon: %s\n", e->message);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].err == e->err)
            return codes[i].code;
    }
    return EX_SOFTWARE;
}

void print_help(const char *usage, const char *text)
{
    printf("Usage: eidolon %s\n\n%s\n\n"
           "Options of every command:\n"
           "  --config FILE           settings in INI form; else eidolon.ini in the data folder, if it is "
           "there\n"
           "  --data DIR              the data folder (server.data)\n"
           "  --SECTION.KEY=VALUE     any setting; also EIDOLON_SECTION_KEY in the environment\n"
           "  --help                  this text\n",
           usage, text);
}

static int add_flag(struct options *o, const char *key, const char *value)
{
    if (o->flag_count == OPTIONS_MAX) {
        fprintf(stderr, "eidolon: more than %d options; put them into a file and name it with --config.\n",
                OPTIONS_MAX);
        return EX_USAGE;
    }
    o->flags[o->flag_count++] = (char *)arena_printf(&o->arena, "--%s=%s", key, value).p;
    return EX_OK;
}

/* Options that are short for a setting. */
static const struct {
    const char *option, *key;
} shorts[] = {{"--data", "server.data"}, {"--listen", "server.listen"}, {"--loops", "server.loops"}};

/* One of `shorts`, as "--data DIR" or "--data=DIR"; *used says how many arguments it took, 0: it is none of
 * them. */
static int read_short(struct options *o, char **argv, int left, int *used)
{
    *used = 0;
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++) {
        size_t n = strlen(shorts[i].option);
        if (strncmp(argv[0], shorts[i].option, n) != 0)
            continue;
        if (argv[0][n] == '=') {
            *used = 1;
            return add_flag(o, shorts[i].key, argv[0] + n + 1);
        }
        if (argv[0][n] != '\0')
            continue;
        if (left < 2) {
            fprintf(stderr, "eidolon: %s wants a value after it.\n", shorts[i].option);
            return EX_USAGE;
        }
        *used = 2;
        return add_flag(o, shorts[i].key, argv[1]);
    }
    return EX_OK;
}

static int read_arguments(struct options *o, int argc, char **argv, size_t operands)
{
    for (int i = 0; i < argc;) {
        int used = 0, code = read_short(o, argv + i, argc - i, &used);
        if (code != EX_OK)
            return code;
        if (used) {
            i += used;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            o->help = true;
            i++;
        } else if (!strcmp(argv[i], "--config") && i + 1 < argc) {
            o->config_file = argv[i + 1];
            i += 2;
        } else if (!strncmp(argv[i], "--config=", 9)) {
            o->config_file = argv[i++] + 9;
        } else if (argv[i][0] == '-' && argv[i][1] && strchr(argv[i], '.') && strchr(argv[i], '=')) {
            if (o->flag_count == OPTIONS_MAX)
                return add_flag(o, "", "");
            o->flags[o->flag_count++] = argv[i++];
        } else if (argv[i][0] == '-' && argv[i][1]) {
            fprintf(stderr, "eidolon: the option '%s' is not known here, or lacks its value; see --help.\n",
                    argv[i]);
            return EX_USAGE;
        } else if (o->operand_count < operands) {
            o->operands[o->operand_count++] = argv[i++];
        } else {
            fprintf(stderr, "eidolon: '%s' is one argument too many; see --help.\n", argv[i]);
            return EX_USAGE;
        }
    }
    return EX_OK;
}

static enum err read_whole(struct options *o, const char *path, struct str *out, struct error *e)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "The settings file %s cannot be read: %s.", path, strerror(errno));
    struct buf text = BUF_MAX(FILE_MAX);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        buf_add(&text, str_of(piece, n));
    fclose(file);
    enum err err = buf_check(&text, "The settings file", e);
    *out = arena_str(&o->arena, buf_str(&text));
    buf_release(&text);
    return err;
}

/* The data folder as flags, environment and default have it: where eidolon.ini is looked for. */
static const char *data_folder(struct options *o)
{
    struct config config;
    bool used = false;
    struct error ignored;
    extern char **environ;
    config_init(&config);
    config_read_environment(&config, environ, &ignored);
    for (size_t i = 0; i < o->flag_count; i++)
        config_read_flag(&config, o->flags[i], &used, &ignored);
    const char *folder = arena_cstr(&o->arena, config.server.data);
    config_release(&config);
    return folder;
}

int options_read(struct options *o, int argc, char **argv, size_t operands)
{
    extern char **environ;
    struct error e = {0};
    *o = (struct options){0};
    int code = read_arguments(o, argc, argv, operands);
    if (code != EX_OK || o->help)
        return code;
    struct str text = STR_NONE;
    const char *file = o->config_file;
    if (!file) {
        file = arena_printf(&o->arena, "%s/eidolon.ini", data_folder(o)).p;
        if (access(file, R_OK) != 0)
            file = NULL;
    }
    if (file && read_whole(o, file, &text, &e) != ERR_OK)
        return complain(&e);
    struct settings_sources sources = {
        .file_text = text, .file_name = file, .environment = environ, .flags = o->flags};
    if (settings_new(&sources, &o->settings, &e) != ERR_OK) {
        complain(&e);
        return EX_CONFIG;
    }
    const struct config *config = options_config(o);
    enum log_level level = LOG_INFO;
    log_level_parse(config->server.log_level, &level);
    log_setup(level, str_eq(config->server.log_format, STR("json")) ? LOG_JSON : LOG_TEXT);
    for (size_t i = 0; i < config->warnings.n; i++)
        log_warn("app", "%.*s", STR_ARG(config->warnings.v[i]));
    return EX_OK;
}

void options_release(struct options *o)
{
    if (o->settings)
        settings_free(o->settings);
    arena_release(&o->arena);
}

const struct config *options_config(const struct options *o)
{
    return settings_config(o->settings);
}
