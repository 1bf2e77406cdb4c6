/* What is shown of the settings: JSON, help, tables for the docs, TypeScript; see config.h. */
#include "base/config.h"

#include "base/config_value.h"

#include <stdio.h>

struct section_doc {
    const char *name, *doc;
};
static const struct section_doc sections[] = {
#define CONFIG_SECTION(section, doc) {#section, doc},
#include "base/config.def"
};
enum { SECTION_COUNT = sizeof sections / sizeof *sections };

static const char *const source_names[] = {"default", "stored", "file", "environment", "flag"};

static void write_members(struct jw *w, const struct config_row *rows, size_t count, const char *section,
                          const void *base)
{
    for (size_t i = 0; i < count; i++) {
        if (section && strcmp(rows[i].section, section) != 0)
            continue;
        jw_key(w, str_c(rows[i].key));
        config_value_write_json(w, &rows[i], base);
    }
}

void config_write_json(struct jw *w, const struct config *c)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    jw_object(w);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        jw_key(w, str_c(sections[i].name));
        jw_object(w);
        write_members(w, rows, count, sections[i].name, c);
        jw_end_object(w);
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_kind_info *info = config_kind(kind);
        jw_key(w, str_c(info->member));
        jw_array(w);
        for (size_t i = 0; i < config_named_count(c, kind); i++) {
            const struct config_named *named = config_named_at(c, kind, i);
            jw_object(w);
            jw_kv_string(w, "name", named->name);
            write_members(w, info->rows, info->count, NULL, named);
            jw_end_object(w);
        }
        jw_end_array(w);
    }
    jw_end_object(w);
}

static void write_row_schema(struct jw *w, const struct config_row *row, bool named, const char *from)
{
    static const char *const types[] = {
        [CONFIG_TEXT] = "text", [CONFIG_PATH] = "path",   [CONFIG_CHOICE] = "choice",
        [CONFIG_INT] = "int",   [CONFIG_FLOAT] = "float", [CONFIG_SIZE] = "size",
        [CONFIG_BOOL] = "bool", [CONFIG_LIST] = "list",   [CONFIG_DURATION] = "duration",
    };
    jw_object(w);
    jw_kv_string(w, "section", str_c(row->section));
    jw_kv_bool(w, "named", named);
    jw_kv_string(w, "key", str_c(row->key));
    jw_kv_string(w, "type", str_c(types[row->type]));
    jw_kv_string(w, "default", str_c(row->fallback));
    jw_kv_string(w, "limits", str_c(row->limits));
    jw_kv_bool(w, "live", row->flags & CONFIG_LIVE);
    jw_kv_bool(w, "secret", row->flags & CONFIG_SECRET);
    jw_kv_string(w, "doc", str_c(row->doc));
    if (from)
        jw_kv_string(w, "from", str_c(from));
    jw_end_object(w);
}

void config_write_schema(struct jw *w, const struct config *c)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    jw_array(w);
    for (size_t i = 0; i < count; i++)
        write_row_schema(w, &rows[i], false, source_names[config_source_of(c, &rows[i])]);
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        for (size_t i = 0; i < config_kind(kind)->count; i++)
            write_row_schema(w, &config_kind(kind)->rows[i], true, NULL);
    }
    jw_end_array(w);
}

/* "default 10s; 100ms..10m" */
static void facts_of(const struct config_row *row, char to[128])
{
    const char *fallback = row->fallback[0] ? row->fallback : "not set";
    snprintf(to, 128, "default %s%s%s", fallback, row->limits[0] ? "; " : "", row->limits);
}

static void help_rows(struct buf *to, const struct config_row *rows, size_t count, const char *section,
                      const char *infix)
{
    char facts[128];
    for (size_t i = 0; i < count; i++) {
        if (section && strcmp(rows[i].section, section) != 0)
            continue;
        facts_of(&rows[i], facts);
        buf_printf(to, "  --%s.%s%s=%s  (%s)\n      %s\n", rows[i].section, infix, rows[i].key,
                   rows[i].type == CONFIG_BOOL ? "on|off" : "VALUE", facts, rows[i].doc);
    }
}

void config_write_help(struct buf *to)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        buf_printf(to, "%s\n", sections[i].doc);
        help_rows(to, rows, count, sections[i].name, "");
        buf_add_char(to, '\n');
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_kind_info *info = config_kind(kind);
        buf_printf(to, "%s%s\n", kind ? "\n" : "", info->doc);
        help_rows(to, info->rows, info->count, NULL, "NAME.");
    }
}

static void markdown_cell(struct buf *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_add_char(to, '\\');
        buf_add_char(to, *text);
    }
}

static void markdown_rows(struct buf *to, const struct config_row *rows, size_t count, const char *section)
{
    buf_add(
        to,
        STR("| key | value | default | allowed | takes effect | what it is |\n|---|---|---|---|---|---|\n"));
    for (size_t i = 0; i < count; i++) {
        if (section && strcmp(rows[i].section, section) != 0)
            continue;
        buf_printf(to, "| `%s` | %s | ", rows[i].key, config_type_name(rows[i].type));
        if (rows[i].fallback[0])
            buf_printf(to, "`%s`", rows[i].fallback);
        buf_add(to, STR(" | "));
        markdown_cell(to, rows[i].limits);
        buf_printf(to, " | %s | ", rows[i].flags & CONFIG_LIVE ? "at once" : "at the next start");
        markdown_cell(to, rows[i].doc);
        buf_add(to, rows[i].flags & CONFIG_SECRET ? STR(" Secret. |\n") : STR(" |\n"));
    }
    buf_add_char(to, '\n');
}

void config_write_markdown(struct buf *to)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        buf_printf(to, "### `[%s]`\n%s\n\n", sections[i].name, sections[i].doc);
        markdown_rows(to, rows, count, sections[i].name);
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_kind_info *info = config_kind(kind);
        buf_printf(to, "### `[%s.NAME]`\n%s\n\n", info->section, info->doc);
        markdown_rows(to, info->rows, info->count, NULL);
    }
}

static void typescript_rows(struct buf *to, const struct config_row *rows, size_t count, const char *section,
                            const char *indent)
{
    for (size_t i = 0; i < count; i++) {
        if (section && strcmp(rows[i].section, section) != 0)
            continue;
        const char *type =
            rows[i].flags & CONFIG_SECRET ? "{ set: boolean }" : config_type_typescript(rows[i].type);
        buf_printf(to, "%s/** %s */\n%s%s: ", indent, rows[i].doc, indent, rows[i].key);
        struct str rest = str_c(rows[i].limits), word;
        if (rows[i].type != CONFIG_CHOICE)
            buf_add(to, str_c(type));
        for (bool first = true; rows[i].type == CONFIG_CHOICE && str_cut(&rest, '|', &word); first = false)
            buf_printf(to, "%s'%.*s'", first ? "" : " | ", STR_ARG(word));
        buf_add(to, STR(";\n"));
    }
}

void config_write_typescript(struct buf *to)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    buf_add(to, STR("export interface Config {\n"));
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        buf_printf(to, "\t/** %s */\n\t%s: {\n", sections[i].doc, sections[i].name);
        typescript_rows(to, rows, count, sections[i].name, "\t\t");
        buf_add(to, STR("\t};\n"));
    }
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++)
        buf_printf(to, "\t%s: %s[];\n", config_kind(kind)->member, config_kind(kind)->interface);
    buf_add(to, STR("}\n"));
    for (unsigned kind = 0; kind < CONFIG_KINDS; kind++) {
        const struct config_kind_info *info = config_kind(kind);
        buf_printf(to, "\nexport interface %s {\n\tname: string;\n", info->interface);
        typescript_rows(to, info->rows, info->count, NULL, "\t");
        buf_add(to, STR("}\n"));
    }
}
