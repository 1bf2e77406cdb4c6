/*
 * Completion for bash, zsh and fish from the table of commands; see usage.h.
 *
 * Commands, options and their kinds of values come from the table; names of personas, rooms and models are
 * asked of the program itself when Tab is pressed (its lists are parted by tabs when piped).
 */
#include "app/usage.h"

/* In single quotes of a shell. */
static void quoted(struct buf *to, const char *text)
{
    buf_add_char(to, '\'');
    for (; *text; text++) {
        if (*text == '\'')
            buf_add(to, STR("'\\''"));
        else
            buf_add_char(to, *text);
    }
    buf_add_char(to, '\'');
}

static const char *kind_word(enum usage_kind kind)
{
    static const char *const words[] = {
        [USAGE_NONE] = "none",       [USAGE_FILE] = "file", [USAGE_FOLDER] = "folder",
        [USAGE_PERSONA] = "persona", [USAGE_ROOM] = "room", [USAGE_MODEL] = "model"};
    return words[kind];
}

static bool is_new_word(size_t i, size_t *length)
{
    const char *name = usage_at(i)->name, *space = strchr(name, ' ');
    *length = space ? (size_t)(space - name) : strlen(name);
    const struct usage *before = i ? usage_at(i - 1) : NULL;
    return !before || strncmp(before->name, name, *length) != 0 ||
           (before->name[*length] != ' ' && before->name[*length] != '\0');
}

static void first_words(struct buf *to)
{
    size_t n;
    for (size_t i = 0; usage_at(i); i++)
        if (is_new_word(i, &n))
            buf_printf(to, "%s%.*s", i ? " " : "", (int)n, usage_at(i)->name);
}

/* ---- bash ---- */

static void bash_rows(struct buf *to)
{
    const struct usage *u;
    const struct usage_option *o;
    for (size_t i = 0; (u = usage_at(i)); i++) {
        buf_add(to, STR("    "));
        quoted(to, u->name);
        buf_printf(to, ") kind=%s; options='", kind_word(u->kind));
        for (size_t k = 0; (o = usage_option_at(u, k)); k++)
            buf_printf(to, "%s--%s", k ? " " : "", o->name);
        buf_add(to, STR("'; valued='"));
        for (size_t k = 0; (o = usage_option_at(u, k)); k++) {
            if (!o->value[0])
                continue;
            buf_printf(to, " --%s:%s", o->name, kind_word(o->kind));
            if (o->letter)
                buf_printf(to, " -%c:%s", o->letter, kind_word(o->kind));
        }
        buf_add(to, STR(" ' ;;\n"));
    }
}

static void bash_groups(struct buf *to)
{
    size_t n, m;
    for (size_t i = 0; usage_at(i); i++) {
        const char *name = usage_at(i)->name;
        if (!is_new_word(i, &n) || name[n] != ' ')
            continue;
        buf_printf(to, "    %.*s) sub='", (int)n, name);
        for (size_t k = i; usage_at(k) && (k == i || !is_new_word(k, &m)); k++)
            buf_printf(to, "%s%s", k == i ? "" : " ", usage_at(k)->name + n + 1);
        buf_add(to, STR("' ;;\n"));
    }
}

void usage_write_bash(struct buf *to)
{
    buf_add(
        to,
        STR("# Completion of eidolon for bash. Made by `eidolon print completion-bash`.\n"
            "_eidolon_names() { # KIND: the names of personas, rooms or models, a line each\n"
            "    local column=1\n"
            "    case $1 in\n"
            "    room) column=2 ;;\n"
            "    esac\n"
            "    \"${COMP_WORDS[0]}\" \"$1\" list \"${reach[@]}\" 2>/dev/null </dev/null | cut -f$column | "
            "sort -u\n"
            "}\n"
            "_eidolon_values() { # KIND: completes the current word with values of that kind\n"
            "    local IFS=$'\\n' name\n"
            "    case $1 in\n"
            "    file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
            "    folder) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
            "    persona | room | model)\n"
            "        local typed=${cur//\\\\/}\n"
            "        for name in $(_eidolon_names \"$1\"); do\n"
            "            [[ -n $name && $name == \"$typed\"* ]] && COMPREPLY+=(\"$(printf %q \"$name\")\")\n"
            "        done ;;\n"
            "    esac\n"
            "}\n"
            "_eidolon() {\n"
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
            "    local first=${COMP_WORDS[1]} command options='' valued='' kind=none sub='' i reach=()\n"
            "    COMPREPLY=()\n"
            "    if [[ $COMP_CWORD == 1 ]]; then\n"
            "        mapfile -t COMPREPLY < <(compgen -W '"));
    first_words(to);
    buf_add(to, STR(" --help --version' -- \"$cur\")\n        return\n    fi\n    command=$first\n    case "
                    "$first in\n"));
    bash_groups(to);
    buf_add(to, STR("    esac\n"
                    "    if [[ -n $sub ]]; then\n"
                    "        if [[ $COMP_CWORD == 2 ]]; then\n"
                    "            mapfile -t COMPREPLY < <(compgen -W \"$sub\" -- \"$cur\")\n"
                    "            return\n"
                    "        fi\n"
                    "        command=\"$first ${COMP_WORDS[2]}\"\n"
                    "    fi\n"
                    "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
                    "        case ${COMP_WORDS[i]} in\n"
                    "        --data | --url | --token | --config) reach+=(\"${COMP_WORDS[i]}\" "
                    "\"${COMP_WORDS[i+1]}\") ;;\n"
                    "        esac\n"
                    "    done\n"
                    "    case $command in\n"));
    bash_rows(to);
    buf_add(to, STR("    esac\n"
                    "    if [[ $valued == *\" $prev:\"* ]]; then\n"
                    "        local rest=${valued#*\" $prev:\"}\n"
                    "        _eidolon_values \"${rest%% *}\"\n"
                    "    elif [[ $cur == -* ]]; then\n"
                    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
                    "    else\n"
                    "        _eidolon_values \"$kind\"\n"
                    "    fi\n"
                    "}\n"
                    "complete -o filenames -o bashdefault -F _eidolon eidolon\n"));
}

/* ---- zsh ---- */

/* An argument's action of _arguments. */
static const char *zsh_action(enum usage_kind kind)
{
    switch (kind) {
    case USAGE_FILE:
        return "_files";
    case USAGE_FOLDER:
        return "_files -/";
    case USAGE_PERSONA:
        return "_eidolon_names persona 1";
    case USAGE_ROOM:
        return "_eidolon_names room 2";
    case USAGE_MODEL:
        return "_eidolon_names model 1";
    default:
        return " ";
    }
}

/* Text for the inside of '...[...]' of _arguments. */
static void zsh_text(struct buf *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            buf_add(to, STR("'\\''"));
        else if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
            buf_printf(to, "\\%c", *text);
        else
            buf_add_char(to, *text);
    }
}

static void zsh_command(struct buf *to, const struct usage *u)
{
    const struct usage_option *o;
    buf_add(to, STR("        "));
    quoted(to, u->name);
    buf_add(to, STR(") _arguments"));
    for (size_t k = 0; (o = usage_option_at(u, k)); k++) {
        for (int form = o->letter ? 0 : 1; form < 2; form++) {
            buf_add(to, STR(" \\\n            '*"));
            if (form == 0)
                buf_printf(to, "-%c[", o->letter);
            else
                buf_printf(to, "--%s[", o->name);
            zsh_text(to, o->doc);
            buf_add_char(to, ']');
            if (o->value[0]) {
                buf_add_char(to, ':');
                zsh_text(to, o->value);
                buf_printf(to, ":%s", zsh_action(o->kind));
            }
            buf_add_char(to, '\'');
        }
    }
    if (u->most)
        buf_printf(to, " \\\n            '*:what:%s'", zsh_action(u->kind));
    buf_add(to, STR(" ;;\n"));
}

void usage_write_zsh(struct buf *to)
{
    size_t n, m;
    buf_add(
        to,
        STR("#compdef eidolon\n# Completion of eidolon for zsh. Made by `eidolon print completion-zsh`.\n"
            "_eidolon_names() {\n    local -a names\n"
            "    names=(${(f)\"$(eidolon $1 list 2>/dev/null </dev/null | cut -f$2 | sort -u)\"})\n"
            "    compadd -a names\n}\n_eidolon() {\n    local command=$words[2]\n    case $command in\n"));
    for (size_t i = 0; usage_at(i); i++) {
        const char *name = usage_at(i)->name;
        if (!is_new_word(i, &n) || name[n] != ' ')
            continue;
        buf_printf(to, "    %.*s)\n        if (( CURRENT == 3 )); then compadd", (int)n, name);
        for (size_t k = i; usage_at(k) && (k == i || !is_new_word(k, &m)); k++)
            buf_printf(to, " %s", usage_at(k)->name + n + 1);
        buf_add(
            to,
            STR("; return; fi\n        command=\"$words[2] $words[3]\"; shift words; (( CURRENT-- )) ;;\n"));
    }
    buf_add(to, STR("    esac\n    if (( CURRENT == 2 )) && [[ $command != *' '* ]]; then compadd "));
    first_words(to);
    buf_add(to, STR("; return; fi\n    shift words; (( CURRENT-- ))\n    case $command in\n"));
    for (size_t i = 0; usage_at(i); i++)
        zsh_command(to, usage_at(i));
    buf_add(to, STR("    esac\n}\n_eidolon \"$@\"\n"));
}

/* ---- fish ---- */

static void fish_condition(struct buf *to, const char *name)
{
    const char *space = strchr(name, ' ');
    buf_printf(to, " -n '__fish_seen_subcommand_from %.*s", space ? (int)(space - name) : (int)strlen(name),
               name);
    if (space)
        buf_printf(to, "; and __fish_seen_subcommand_from %s", space + 1);
    buf_add_char(to, '\'');
}

static void fish_values(struct buf *to, enum usage_kind kind)
{
    static const char *const lists[] = {[USAGE_PERSONA] = "persona list | cut -f1",
                                        [USAGE_ROOM] = "room list | cut -f2",
                                        [USAGE_MODEL] = "model list | cut -f1"};
    if (kind == USAGE_PERSONA || kind == USAGE_ROOM || kind == USAGE_MODEL)
        buf_printf(to, " -f -a '(eidolon %s 2>/dev/null </dev/null)'", lists[kind]);
    else if (kind == USAGE_FOLDER)
        buf_add(to, STR(" -f -a '(__fish_complete_directories)'"));
    else if (kind == USAGE_NONE)
        buf_add(to, STR(" -f"));
}

void usage_write_fish(struct buf *to)
{
    const struct usage *u;
    const struct usage_option *o;
    size_t n;
    buf_add(to, STR("# Completion of eidolon for fish. Made by `eidolon print completion-fish`.\n"));
    for (size_t i = 0; (u = usage_at(i)); i++) {
        const char *space = strchr(u->name, ' ');
        bool fresh = is_new_word(i, &n);
        if (fresh)
            buf_printf(to, "complete -c eidolon -f -n __fish_use_subcommand -a %.*s -d ", (int)n, u->name);
        if (fresh) {
            quoted(to, space ? "commands" : u->summary);
            buf_add_char(to, '\n');
        }
        if (space) {
            buf_printf(to, "complete -c eidolon -f -n '__fish_seen_subcommand_from %.*s' -a %s -d ", (int)n,
                       u->name, space + 1);
            quoted(to, u->summary);
            buf_add_char(to, '\n');
        }
        for (size_t k = 0; (o = usage_option_at(u, k)); k++) {
            buf_add(to, STR("complete -c eidolon"));
            fish_condition(to, u->name);
            buf_printf(to, " -l %s", o->name);
            if (o->letter)
                buf_printf(to, " -s %c", o->letter);
            buf_add(to, o->value[0] ? STR(" -r") : STR(""));
            if (o->value[0])
                fish_values(to, o->kind);
            buf_add(to, STR(" -d "));
            quoted(to, o->doc);
            buf_add_char(to, '\n');
        }
        if (u->most && u->kind != USAGE_NONE && u->kind != USAGE_FILE) {
            buf_add(to, STR("complete -c eidolon"));
            fish_condition(to, u->name);
            fish_values(to, u->kind);
            buf_add_char(to, '\n');
        }
    }
}
