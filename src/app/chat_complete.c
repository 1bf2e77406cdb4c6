/* Tab in a chat: commands, personas, rooms, states, files. See chat.h. */
#include "app/chat.h"

#include "term/text.h"

#include <dirent.h>

struct offering {
    struct line_completions *to;
    struct str typed;
    const char *field;
};

/* ASCII letters without case, so that a title is found as people type it. */
static bool begins(struct str s, struct str typed)
{
    return s.n >= typed.n && str_ieq(str_sub(s, 0, typed.n), typed);
}

static bool offer_item(void *arg, const struct json *item)
{
    struct offering *o = arg;
    CLEANUP_BUF struct buf clean = BUF_INIT;
    text_clean_line(&clean, json_get_str(item, o->field, STR_NONE));
    if (clean.n && begins(buf_str(&clean), o->typed))
        line_offer(o->to, buf_str(&clean));
    return o->to->count < COMPLETIONS_MAX;
}

static void offer_files(struct str typed, struct line_completions *to)
{
    size_t slash = SIZE_MAX;
    char folder[4096];
    for (size_t i = 0; i < typed.n; i++)
        slash = typed.p[i] == '/' ? i : slash;
    struct str front = slash == SIZE_MAX ? STR_NONE : str_sub(typed, 0, slash + 1);
    str_copy(folder, sizeof folder, front.n ? front : STR("."));
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        CLEANUP_BUF struct buf path = BUF_INIT;
        buf_add(&path, front);
        text_clean_line(&path, str_c(entry->d_name));
        if (entry->d_name[0] != '.' && str_starts(buf_str(&path), typed))
            line_offer(to, buf_str(&path));
    }
    if (dir)
        closedir(dir);
}

static void offer_words(const char *const *words, struct str typed, struct line_completions *to)
{
    for (; *words; words++)
        if (begins(str_c(*words), typed))
            line_offer(to, str_c(*words));
}

static void offer_values(struct chat *c, char takes, struct str typed, struct line_completions *to)
{
    static const char *const states[] = {"start", "pause", "stop", "idle", NULL}, *const fresh[] = {"new",
                                                                                                    NULL};
    struct offering o = {.to = to, .typed = typed};
    to->typed = typed.n;
    if (takes == 's')
        offer_words(states, typed, to);
    if (takes == 'f')
        offer_files(typed, to);
    if (takes == 'r') {
        offer_words(fresh, typed, to);
        o.field = "title";
        act_each(&c->act, STR("/api/rooms"), offer_item, &o);
    } else if (takes == 'p') {
        o.field = "slug";
        act_each(&c->act, STR("/api/personas?fields=summary"), offer_item, &o);
    }
}

void chat_complete(void *arg, struct str before, struct line_completions *to)
{
    struct chat *c = arg;
    const char *name;
    char takes;
    size_t space = str_find_char(before, ' ');
    if (!str_starts(before, STR("/")))
        return;
    for (size_t i = 0; chat_command_names(i, &name, &takes); i++) {
        if (space == SIZE_MAX) {
            CLEANUP_BUF struct buf command = BUF_INIT;
            buf_printf(&command, "/%s", name);
            to->typed = before.n;
            if (begins(buf_str(&command), before))
                line_offer(to, buf_str(&command));
        } else if (str_eq(str_sub(before, 1, space - 1), str_c(name))) {
            offer_values(c, takes, str_from(before, space + 1), to);
        }
    }
}
