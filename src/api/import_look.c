/*
 * The first reading of an import: what chats the file holds, how many messages, who speaks in them, what
 * cannot be read. Nothing is stored. See import.h.
 */
#include "api/import.h"

#include <stdlib.h>

static void look_begin(void *arg, const struct chat_head *head)
{
    struct import *i = arg;
    if (i->chat_count == i->chat_cap) {
        i->chat_cap = i->chat_cap ? i->chat_cap * 2 : 8;
        i->chats = heap_realloc(i->chats, i->chat_cap * sizeof *i->chats);
    }
    struct import_chat *chat = &i->chats[i->chat_count++];
    *chat = (struct import_chat){.title = arena_str(&i->arena, head->title), .at_ms = head->at_ms};
    chat->speakers = arena_array(&i->arena, struct import_speaker, CHAT_MEMBERS_MAX);
    for (size_t k = 0; k < head->member_count && k < CHAT_MEMBERS_MAX; k++) {
        const struct chat_member *m = &head->members[k];
        if (str_empty(m->name))
            continue;
        chat->speakers[chat->speaker_count++] = (struct import_speaker){
            .name = arena_str(&i->arena, m->name), .who = import_who_of(i, m->name, m->slug, m->id)};
    }
}

struct import_speaker *import_speaker_of(struct import_chat *chat, struct str name)
{
    for (size_t k = 0; k < chat->speaker_count; k++) {
        if (str_eq(chat->speakers[k].name, name))
            return &chat->speakers[k];
    }
    return NULL;
}

struct str import_speaker_name(const struct chat_message *m)
{
    return str_empty(m->name) ? STR("Character") : m->name;
}

static void look_message(void *arg, const struct chat_message *m)
{
    struct import *i = arg;
    struct import_chat *chat = &i->chats[i->chat_count - 1];
    if (m->kind != CHAT_SAID)
        return;
    chat->messages++;
    i->messages++;
    if (!chat->at_ms)
        chat->at_ms = m->at_ms;
    if (m->role != CHAT_CHARACTER && m->role != CHAT_SPEAKER)
        return;
    struct import_speaker *s = import_speaker_of(chat, import_speaker_name(m));
    if (!s && chat->speaker_count < CHAT_MEMBERS_MAX) {
        s = &chat->speakers[chat->speaker_count++];
        *s = (struct import_speaker){.name = arena_str(&i->arena, import_speaker_name(m)),
                                     .only_named = m->role == CHAT_SPEAKER,
                                     .who = import_who_of(i, import_speaker_name(m), STR_NONE, STR_NONE)};
    }
    if (s)
        s->said++;
}

static void look_end(void *arg)
{
    (void)arg;
}

static void look_skip(void *arg, uint64_t line, const char *reason)
{
    struct import *i = arg;
    if (!i->skipped)
        i->skipped = arena_array(&i->arena, struct import_skip, IMPORT_SKIPPED_MAX);
    if (i->skipped_total++ < IMPORT_SKIPPED_MAX)
        i->skipped[i->skipped_count++] = (struct import_skip){line, arena_str(&i->arena, str_c(reason))};
}

const struct chat_sink import_looking = {look_begin, look_message, look_end, look_skip};
