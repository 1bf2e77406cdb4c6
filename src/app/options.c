/* Arguments and settings of the commands; see command.h. */
#include "app/command.h"

#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, HELP_COLUMNS = 100, HELP_LEAST = 50, HELP_MOST = 110 };

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

static int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int usage_error(const char *format, ...)
{
    va_list args;
    fputs("eidolon: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EX_USAGE;
}

static int add_flag(struct options *o, char *flag)
{
    if (o->flag_count == OPTIONS_MAX)
        return usage_error("more than %d options; put them into a file and name it with --config.",
                           OPTIONS_MAX);
    o->flags[o->flag_count++] = flag;
    return EX_OK;
}

/* Options that are short for a setting. */
static const struct {
    const char *option, *key;
} shorts[] = {{"data", "server.data"}, {"listen", "server.listen"}, {"loops", "server.loops"}};

static int take_option(struct options *o, const struct usage_option *option, const char *value)
{
    if (!strcmp(option->name, "help"))
        o->help = true;
    if (!strcmp(option->name, "config"))
        o->config_file = value;
    if (!strcmp(option->name, "phone"))
        return add_flag(o, (char *)"--server.https=:8443");
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (!strcmp(option->name, shorts[i].option))
            return add_flag(o, (char *)arena_printf(&o->arena, "--%s=%s", shorts[i].key, value).p);
    if (o->given_count == OPTIONS_MAX)
        return add_flag(o, NULL);
    o->given[o->given_count].option = option;
    o->given[o->given_count++].value = value;
    return EX_OK;
}

/* The option that this argument names: "--name", "--name=value", "-n" or "-nvalue"; *inside is the value that
 * is in the argument, or NULL. */
static const struct usage_option *find_option(const struct usage *u, const char *arg, const char **inside)
{
    const struct usage_option *option;
    bool is_long = arg[1] == '-';
    *inside = NULL;
    for (size_t i = 0; (option = usage_option_at(u, i)); i++) {
        size_t n = strlen(option->name);
        if (is_long && !strncmp(arg + 2, option->name, n) && (arg[2 + n] == '\0' || arg[2 + n] == '=')) {
            *inside = arg[2 + n] ? arg + 3 + n : NULL;
            return option;
        }
        if (!is_long && option->letter && arg[1] == option->letter && (!arg[2] || option->value[0])) {
            *inside = arg[2] ? arg + 2 : NULL;
            return option;
        }
    }
    return NULL;
}

/* One argument that begins with a dash, with its value where it has one; *used says how many it took. */
static int read_option(struct options *o, char **argv, int left, int *used)
{
    const char *inside;
    const struct usage_option *option = find_option(o->command, argv[0], &inside);
    *used = 1;
    if (!option && strchr(argv[0], '.') && strchr(argv[0], '='))
        return add_flag(o, argv[0]);
    if (!option)
        return usage_error("`eidolon %s` does not know the option '%s'; see `eidolon %s --help`.",
                           o->command->name, argv[0], o->command->name);
    if (!option->value[0]) {
        if (inside)
            return usage_error("--%s takes no value.", option->name);
        return take_option(o, option, "");
    }
    if (inside)
        return take_option(o, option, inside);
    if (left < 2)
        return usage_error("--%s wants a value after it (%s).", option->name, option->value);
    *used = 2;
    return take_option(o, option, argv[1]);
}

static int read_arguments(struct options *o, int argc, char **argv)
{
    bool only_operands = false;
    o->operands = arena_array(&o->arena, const char *, (size_t)argc + 1);
    for (int i = 0; i < argc;) {
        int used = 1, code = EX_OK;
        if (!only_operands && !strcmp(argv[i], "--"))
            only_operands = true;
        else if (!only_operands && argv[i][0] == '-' && argv[i][1])
            code = read_option(o, argv + i, argc - i, &used);
        else if (o->command->most >= 0 && o->operand_count >= (size_t)o->command->most)
            code = usage_error("'%s' is one argument too many; see `eidolon %s --help`.", argv[i],
                               o->command->name);
        else
            o->operands[o->operand_count++] = argv[i];
        if (code != EX_OK)
            return code;
        i += used;
    }
    return EX_OK;
}

const char *option_value(const struct options *o, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < o->given_count; i++)
        if (!strcmp(o->given[i].option->name, name))
            value = o->given[i].value;
    return value;
}

const char *option_next(const struct options *o, const char *name, size_t *at)
{
    while (*at < o->given_count) {
        size_t i = (*at)++;
        if (!strcmp(o->given[i].option->name, name))
            return o->given[i].value;
    }
    return NULL;
}

static void show_help(const struct usage *u)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct winsize size = {0};
    unsigned columns = HELP_COLUMNS;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > HELP_LEAST)
        columns = size.ws_col < HELP_MOST ? size.ws_col : HELP_MOST;
    usage_write_help(&text, u, columns);
    if (!strcmp(u->name, "serve")) {
        buf_add(&text, STR("\nSettings:\n"));
        config_write_help(&text);
    }
    fwrite(text.p, 1, text.n, stdout);
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

int options_read(struct options *o, const char *command, int argc, char **argv)
{
    extern char **environ;
    struct error e = {0};
    *o = (struct options){.command = usage_named(command)};
    int code = read_arguments(o, argc, argv);
    if (code == EX_OK && o->help)
        show_help(o->command);
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
