/*
 * Reading rule files. The format is described for users in share/scripted/README.md; each line is
 *
 *   set NAME = words            style NAME             rule NAME [replace]
 *   hear: PATTERN   unless: PATTERN   if: CONDITIONS   rank: NUMBER   again: yes   say[ STYLES]: TEXT   ask[
 * STYLES]: TEXT
 *
 * Rules of the same name in later files add to the earlier one. A line that cannot be read is skipped and
 * told.
 */
#include "engine/scripted_impl.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/share.h"
#include "base/utf8.h"

enum { RULE_FILE_MAX = 4 << 20, RULE_LINE_MAX = 2000, RULE_FILES_MAX = 256 };

struct reading {
    struct scripted_rules *rules;
    struct str file;
    unsigned line;
    uint32_t style; /* of the file from here on; 0 = everyone */
    size_t rule;    /* index + 1 of the current rule; 0 = none */
    struct buf *complaints;
};

static void complain(struct reading *r, const char *sentence)
{
    if (r->complaints)
        buf_printf(r->complaints, "%.*s:%u: %s\n", STR_ARG(r->file), r->line, sentence);
}

static uint32_t style_bit(struct scripted_rules *rules, struct str name, bool add)
{
    for (size_t i = 0; i < rules->style_count; i++)
        if (str_ieq(rules->styles[i], name))
            return 1u << i;
    if (!add || rules->style_count == STYLES_MAX)
        return 0;
    rules->styles[rules->style_count] = arena_str(&rules->arena, name);
    return 1u << rules->style_count++;
}

static void begin_rule(struct reading *r, struct str text)
{
    struct str name = STR_NONE;
    str_cut(&text, ' ', &name);
    bool replace = str_eq(str_trim(text), STR("replace"));
    struct scripted_rules *rules = r->rules;
    r->rule = (size_t)map_get(&rules->by_name, name);
    if (!name.n || (!r->rule && rules->count == RULES_MAX)) {
        complain(r, name.n ? "There are too many rules; this one is left out." : "A rule needs a name.");
        r->rule = 0;
        return;
    }
    if (!r->rule) {
        if (rules->count == rules->cap) {
            rules->cap = rules->cap ? rules->cap * 2 : 128;
            rules->rules = heap_realloc(rules->rules, rules->cap * sizeof *rules->rules);
        }
        rules->rules[rules->count] = (struct rule){.name = arena_str(&rules->arena, name), .rank = 30};
        r->rule = ++rules->count;
        map_set(&rules->by_name, name, (void *)r->rule);
    }
    if (replace)
        rules->rules[r->rule - 1].count = 0;
}

static struct str plain_key(struct str text)
{
    struct str best = STR_NONE;
    size_t from = 0;
    for (size_t i = 0; i <= text.n; i++) {
        bool mark = i == text.n || strchr("{[|]}", text.p[i]);
        if (!mark)
            continue;
        struct str run = str_trim(str_sub(text, from, i - from));
        if (run.n > best.n)
            best = run;
        if (i < text.n && text.p[i] == '{')
            while (i < text.n && text.p[i] != '}')
                i++;
        from = i + 1;
    }
    return best;
}

static bool balanced(struct str text)
{
    int depth = 0;
    bool brace = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        depth += (c == '[') - (c == ']');
        if ((c == '{' && brace) || (c == '}' && !brace) || depth < 0 || depth > 1)
            return false;
        brace = c == '{' || (brace && c != '}');
    }
    return depth == 0 && !brace;
}

static void add_line(struct reading *r, enum line_kind kind, struct str styles, struct str text)
{
    struct rule *rule = &r->rules->rules[r->rule - 1];
    struct str style;
    uint32_t bits = r->style;
    if (!text.n || !utf8_valid(text) || !balanced(text)) {
        complain(r, "The text is empty, is not UTF-8, or its {} or [] do not match; the line is left out.");
        return;
    }
    while (str_cut(&styles, ' ', &style))
        if (style.n)
            bits |= style_bit(r->rules, style, true);
    if (rule->count == rule->cap) {
        rule->cap = rule->cap ? rule->cap * 2 : 8;
        rule->lines = heap_realloc(rule->lines, rule->cap * sizeof *rule->lines);
    }
    text = arena_str(&r->rules->arena, text);
    rule->lines[rule->count++] = (struct line){text, plain_key(text), bits, kind};
}

static void add_pattern(struct reading *r, struct str text, bool unless)
{
    struct error e = {0};
    struct rule *rule = &r->rules->rules[r->rule - 1];
    if (unless && !rule->unless)
        rule->unless = pattern_set_new();
    if (!utf8_valid(text) ||
        pattern_add(unless ? rule->unless : r->rules->patterns, text, (uint32_t)(r->rule - 1), &e)) {
        char sentence[500];
        snprintf(sentence, sizeof sentence, "%s The pattern is left out.",
                 e.message[0] ? e.message : "It is not UTF-8.");
        complain(r, sentence);
    }
}

static void add_conditions(struct reading *r, struct str text)
{
    static const char *const names[] = {"named", "first", "persona", "low",   "high",
                                        "bad",   "good",  "asks",    "short", "asked"};
    struct rule *rule = &r->rules->rules[r->rule - 1];
    struct str word;
    while (str_cut(&text, ' ', &word)) {
        bool negated = str_starts(word, STR("not-")), known = false;
        if (negated)
            word = str_from(word, 4);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (str_eq(word, str_c(names[i]))) {
                *(negated ? &rule->unwanted : &rule->wanted) |= 1u << i;
                known = true;
            }
        if (word.n && !known)
            complain(r, "A condition is one of named first persona low high bad good asks short asked, or "
                        "not- before it.");
    }
}

static void read_field(struct reading *r, struct str head, struct str text)
{
    struct str key = STR_NONE, styles = head;
    int64_t rank;
    str_cut(&styles, ' ', &key);
    if (!r->rule)
        complain(r, "This line belongs to no rule; begin one with 'rule NAME'.");
    else if (str_eq(key, STR("say")))
        add_line(r, LINE_SAY, styles, text);
    else if (str_eq(key, STR("ask")))
        add_line(r, LINE_ASK, styles, text);
    else if (str_eq(key, STR("hear")))
        add_pattern(r, text, false);
    else if (str_eq(key, STR("unless")))
        add_pattern(r, text, true);
    else if (str_eq(key, STR("if")))
        add_conditions(r, text);
    else if (str_eq(key, STR("again")) && str_eq(text, STR("yes")))
        r->rules->rules[r->rule - 1].again = true;
    else if (str_eq(key, STR("rank")) && str_to_i64(text, &rank) && rank >= 0 && rank <= 100)
        r->rules->rules[r->rule - 1].rank = (int)rank;
    else
        complain(
            r,
            "A line of a rule begins with hear:, unless:, if:, rank: (0 to 100), again: yes, say: or ask:.");
}

static void read_line(struct reading *r, struct str line)
{
    struct error e = {0};
    line = str_trim(line);
    if (!line.n || line.p[0] == '#')
        return;
    if (line.n > RULE_LINE_MAX) {
        complain(r, "The line is longer than 2000 bytes and is left out.");
    } else if (str_starts(line, STR("set "))) {
        size_t equals = str_find_char(line, '=');
        if (equals == SIZE_MAX)
            complain(r, "A set is written 'set NAME = word, word'.");
        else if (pattern_define(r->rules->patterns, str_trim(str_sub(line, 4, equals - 4)),
                                str_from(line, equals + 1), &e))
            complain(r, e.message);
    } else if (str_starts(line, STR("style "))) {
        struct str name = str_trim(str_from(line, 6));
        r->style = str_eq(name, STR("all")) ? 0 : style_bit(r->rules, name, true);
        r->rule = 0;
    } else if (str_starts(line, STR("rule "))) {
        begin_rule(r, str_trim(str_from(line, 5)));
    } else {
        size_t colon = str_find_char(line, ':');
        if (colon == SIZE_MAX)
            complain(r, "The line is no set, style, rule, or field of a rule; it is left out.");
        else
            read_field(r, str_trim(str_sub(line, 0, colon)), str_trim(str_from(line, colon + 1)));
    }
}

static void read_text(struct scripted_rules *rules, struct str file, struct str text, struct buf *complaints)
{
    struct reading r = {.rules = rules, .file = file, .complaints = complaints};
    struct str line;
    while (str_cut(&text, '\n', &line)) {
        r.line++;
        read_line(&r, line);
    }
}

static struct scripted_rules *rules_new(void)
{
    struct scripted_rules *rules = heap_alloc(sizeof *rules);
    rules->patterns = pattern_set_new();
    return rules;
}

static struct scripted_rules *seal(struct scripted_rules *rules)
{
    pattern_seal(rules->patterns);
    for (size_t i = 0; i < rules->count; i++)
        if (rules->rules[i].unless)
            pattern_seal(rules->rules[i].unless);
    return rules;
}

struct scripted_rules *scripted_rules_parse(struct str file_name, struct str text, struct buf *complaints)
{
    struct scripted_rules *rules = rules_new();
    read_text(rules, file_name, text, complaints);
    return seal(rules);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void read_file(struct scripted_rules *rules, const char *path, struct buf *complaints)
{
    struct buf text = BUF_MAX(RULE_FILE_MAX);
    FILE *file = fopen(path, "rb");
    char block[4096];
    size_t n;
    while (file && (n = fread(block, 1, sizeof block, file)) > 0)
        buf_add(&text, str_of(block, n));
    bool failed = !file || ferror(file) || text.overflow;
    if (file)
        fclose(file);
    if (!failed)
        read_text(rules, str_c(path), buf_str(&text), complaints);
    else if (complaints)
        buf_printf(complaints,
                   "%s:1: The rule file cannot be read or is larger than 4 MiB; it is left out.\n", path);
    buf_release(&text);
}

static void read_directory(struct scripted_rules *rules, struct str directory, struct buf *complaints)
{
    char *names[RULE_FILES_MAX];
    size_t count = 0;
    char *path = heap_cstr(directory);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && count < RULE_FILES_MAX && (entry = readdir(dir));)
        if (str_ends(str_c(entry->d_name), STR(".rules")) && entry->d_name[0] != '.')
            names[count++] = heap_cstr(str_c(entry->d_name));
    if (dir)
        closedir(dir);
    if (count)
        qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        struct buf full = BUF_INIT;
        buf_printf(&full, "%s/%s", path, names[i]);
        buf_add_char(&full, 0);
        read_file(rules, full.p, complaints);
        buf_release(&full);
        free(names[i]);
    }
    free(path);
}

struct scripted_rules *scripted_rules_load(struct str directory, struct buf *complaints)
{
    struct scripted_rules *rules = rules_new();
    struct share_file file;
    for (size_t i = 0; share_next(&i, STR("scripted/"), &file);)
        if (str_ends(file.path, STR(".rules")))
            read_text(rules, file.path, file.bytes, complaints);
    if (directory.n)
        read_directory(rules, directory, complaints);
    return seal(rules);
}

void scripted_rules_free(struct scripted_rules *rules)
{
    if (!rules)
        return;
    for (size_t i = 0; i < rules->count; i++) {
        free(rules->rules[i].lines);
        pattern_set_free(rules->rules[i].unless);
    }
    free(rules->rules);
    pattern_set_free(rules->patterns);
    map_release(&rules->by_name);
    arena_release(&rules->arena);
    free(rules);
}
