/*
 * Where settings come from: an INI text, the environment, one flag; see config.h.
 *
 * INI as read here: [section] or [section.NAME], key = value to the end of the line, lines that begin with
 * '#' or ';' and empty ones are skipped; a value may stand in double quotes to keep its spaces. Before the
 * first section a key is written in full (server.data = ...).
 */
#include "base/config.h"

#include "base/config_value.h"
#include "base/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_TEXT = 256, WHERE_TEXT = 256, FILE_MAX = 4 << 20 };

/* `[section]`; *out is what is inside. */
static bool section_head(struct str line, struct str *out)
{
    if (line.n < 3 || line.p[0] != '[' || line.p[line.n - 1] != ']')
        return false;
    *out = str_trim(str_sub(line, 1, line.n - 2));
    return out->n > 0;
}

static enum err read_line(struct config *c, struct str line, struct str *section, const char *where,
                          struct error *e)
{
    char name[NAME_TEXT];
    if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
        return ERR_OK;
    if (line.p[0] == '[') {
        if (!section_head(line, section))
            return error_set(e, ERR_INVALID, "%s: a section is written [server] or [provider.NAME].", where);
        return ERR_OK;
    }
    struct str rest = line, key;
    str_cut(&rest, '=', &key);
    key = str_trim(key);
    if (key.n == line.n || key.n == 0 || str_find_char(line, '=') == SIZE_MAX)
        return error_set(e, ERR_INVALID, "%s: a setting is written key = value.", where);
    int n = snprintf(name, sizeof name, "%.*s%s%.*s", STR_ARG(*section), section->n ? "." : "", STR_ARG(key));
    if (n < 0 || (size_t)n >= sizeof name)
        return error_set(e, ERR_INVALID, "%s: the name of the setting is too long.", where);
    return config_set(c, str_c(name), str_trim(rest), CONFIG_FROM_FILE, where, e);
}

enum err config_read_text(struct config *c, struct str text, const char *file, struct error *e)
{
    struct str section = STR_NONE, line;
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = str_from(text, 3);
    for (unsigned number = 1; str_cut(&text, '\n', &line); number++) {
        char where[WHERE_TEXT];
        snprintf(where, sizeof where, "%s:%u", file, number);
        enum err err = read_line(c, str_trim(line), &section, where, e);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_all(int fd, const char *path, struct buf *text, struct error *e)
{
    enum { CHUNK = 16 << 10 };
    for (;;) {
        char *to = buf_reserve(text, CHUNK);
        if (!to)
            return error_set(e, ERR_TOO_BIG, "The settings file %s is larger than %d bytes.", path, FILE_MAX);
        ssize_t got = read(fd, to, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(e, ERR_IO, "Cannot read the settings file %s: %s.", path, strerror(errno));
        if (got == 0)
            return ERR_OK;
        text->n += (size_t)got;
    }
}

enum err config_read_file(struct config *c, const char *path, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return error_set(e, ERR_NOT_FOUND, "There is no settings file %s.", path);
    if (fd < 0)
        return error_set(e, ERR_IO, "Cannot open the settings file %s: %s.", path, strerror(errno));
    CLEANUP_BUF struct buf text = BUF_MAX(FILE_MAX);
    enum err err = read_all(fd, path, &text, e);
    close(fd);
    return err == ERR_OK ? config_read_text(c, buf_str(&text), path, e) : err;
}

/* The environment. A variable's name tells section and key only by the table: both may hold '_'. */

/* Compares the variable's letters with a name's: case aside, '_' standing for '-', '_' and '.'. */
static bool env_eq(struct str variable, struct str name)
{
    if (variable.n != name.n || !variable.p || !name.p)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char want = name.p[i] == '-' || name.p[i] == '.' ? '_' : (char)toupper((unsigned char)name.p[i]);
        if (toupper((unsigned char)variable.p[i]) != want)
            return false;
    }
    return true;
}

/* What Kubernetes sets for a service called eidolon-server and the like. */
static bool set_by_orchestrator(struct str rest)
{
    static const char *const marks[] = {"SERVICE_HOST", "SERVICE_PORT", "PORT_"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (str_find(rest, str_c(marks[i])) != SIZE_MAX)
            return true;
    }
    return str_ends(rest, STR("_PORT")) || str_eq(rest, STR("PORT"));
}

/* NAME_KEY of a named section: the longest field that ends it. */
static const struct config_row *named_row(const struct config_row *rows, size_t count, struct str rest,
                                          struct str *name)
{
    const struct config_row *best = NULL;
    for (size_t i = 0; i < count; i++) {
        struct str key = str_c(rows[i].key);
        bool fits = rest.n > key.n + 1 && rest.p[rest.n - key.n - 1] == '_' &&
                    env_eq(str_from(rest, rest.n - key.n), key);
        if (fits && (!best || key.n > strlen(best->key))) {
            best = &rows[i];
            *name = str_sub(rest, 0, rest.n - key.n - 1);
        }
    }
    return best;
}

/* The section that is already there under a name that reads the same, else the lower-cased name. */
static struct str known_name(struct config *c, enum config_kind kind, struct str name)
{
    for (size_t i = 0; i < config_named_count(c, kind); i++) {
        struct str known = config_named_at(c, kind, i)->name;
        if (env_eq(name, known))
            return known;
    }
    return name;
}

static enum err set_named_variable(struct config *c, enum config_kind kind, struct str rest, struct str value,
                                   const char *where, bool *found, struct error *e)
{
    const struct config_kind_info *info = config_kind(kind);
    struct str name = STR_NONE;
    const struct config_row *row = named_row(info->rows, info->count, rest, &name);
    *found = row != NULL;
    if (!row)
        return ERR_OK;
    char full[NAME_TEXT];
    int n =
        snprintf(full, sizeof full, "%s.%.*s.%s", row->section, STR_ARG(known_name(c, kind, name)), row->key);
    if (n < 0 || (size_t)n >= sizeof full)
        return error_set(e, ERR_INVALID, "%s: the name is too long.", where);
    return config_set(c, str_c(full), value, CONFIG_FROM_ENVIRONMENT, where, e);
}

static void warn_ignored(struct config *c, struct str name)
{
    struct config_list *list = &c->warnings;
    struct str *grown = arena_array(&c->arena, struct str, list->n + 1);
    if (list->n)
        memcpy(grown, list->v, list->n * sizeof *grown);
    grown[list->n] =
        arena_printf(&c->arena, "The variable %.*s is no setting and is ignored.", STR_ARG(name));
    *list = (struct config_list){grown, list->n + 1};
}

/* `rest` is the part after EIDOLON_. */
static enum err read_variable(struct config *c, struct str name, struct str rest, struct str value,
                              struct error *e)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    char where[WHERE_TEXT], full[NAME_TEXT];
    const char *section = NULL;
    snprintf(where, sizeof where, "The variable %.*s", STR_ARG(name));
    struct nearest near = NEAREST(name);
    for (size_t i = 0; i < count; i++) {
        struct str known = str_c(rows[i].section);
        snprintf(full, sizeof full, "%s.%s", rows[i].section, rows[i].key);
        if (env_eq(rest, str_c(full)))
            return config_set(c, str_c(full), value, CONFIG_FROM_ENVIRONMENT, where, e);
        if (rest.n > known.n && rest.p[known.n] == '_' && env_eq(str_sub(rest, 0, known.n), known))
            section = rows[i].section;
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        struct str prefix = str_c(config_kind(kind)->section);
        bool found = false;
        if (rest.n <= prefix.n || rest.p[prefix.n] != '_' || !env_eq(str_sub(rest, 0, prefix.n), prefix))
            continue;
        enum err err = set_named_variable(c, kind, str_from(rest, prefix.n + 1), value, where, &found, e);
        if (found)
            return err;
        section = config_kind(kind)->section;
    }
    if (!section || set_by_orchestrator(rest)) {
        warn_ignored(c, name);
        return ERR_OK;
    }
    for (size_t i = 0; i < count; i++) {
        struct str spelt = arena_printf(&c->arena, "EIDOLON_%s_%s", rows[i].section, rows[i].key);
        for (size_t k = 0; k < spelt.n; k++)
            ((char *)spelt.p)[k] = (char)toupper((unsigned char)spelt.p[k]);
        nearest_offer(&near, spelt);
    }
    return error_set(e, ERR_NOT_FOUND, "%s names no setting of the section '%s'.%s", where, section,
                     nearest_hint(&near));
}

enum err config_read_environment(struct config *c, char *const *environment, struct error *e)
{
    static const char prefix[] = "EIDOLON_";
    for (size_t i = 0; environment && environment[i]; i++) {
        const char *text = environment[i], *equals = strchr(text, '=');
        if (!equals || strncmp(text, prefix, sizeof prefix - 1) != 0)
            continue;
        struct str name = str_of(text, (size_t)(equals - text)), value = str_c(equals + 1);
        struct str rest = str_of(text + sizeof prefix - 1, name.n - (sizeof prefix - 1));
        if (str_eq(rest, STR("CONFIG"))) /* the file's path, which main reads */
            continue;
        enum err err = read_variable(c, name, rest, value, e);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

enum err config_read_flag(struct config *c, const char *arg, bool *used, struct error *e)
{
    struct str rest = str_c(arg), name;
    char where[WHERE_TEXT];
    *used = false;
    if (!str_starts(rest, STR("--")))
        return ERR_OK;
    size_t equals = str_find_char(rest, '=');
    name = equals == SIZE_MAX ? str_from(rest, 2) : str_sub(rest, 2, equals - 2);
    if (str_find_char(name, '.') == SIZE_MAX)
        return ERR_OK;
    *used = true;
    snprintf(where, sizeof where, "The flag --%.*s", STR_ARG(str_sub(name, 0, NAME_TEXT / 2)));
    if (equals == SIZE_MAX)
        return error_set(e, ERR_INVALID, "%s needs a value: --%.*s=VALUE.", where, STR_ARG(name));
    return config_set(c, name, str_from(rest, equals + 1), CONFIG_FROM_FLAG, where, e);
}
