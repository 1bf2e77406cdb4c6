/*
 * Talking with the scripted engine in a terminal: scripted_chat PERSONA [RULES-FOLDER]. Lines come from
 * standard input; "/new" begins a new room, in which all that was said before is recalled (as memory would).
 */
#include <stdio.h>
#include <stdlib.h>

#include "affect/affect.h"
#include "engine/scripted.h"

enum { TURNS = 1000 };

int main(int argc, char **argv)
{
    static struct scripted_turn turns[TURNS];
    static struct scripted_recall recalled[TURNS];
    size_t count = 0, known = 0;
    int64_t now = 1795000000000;
    struct buf complaints = BUF_INIT;
    struct str slug = str_c(argc > 1 ? argv[1] : "mia");
    struct scripted_rules *rules = scripted_rules_load(str_c(argc > 2 ? argv[2] : ""), &complaints);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&complaints)));
    char line[4096], name[64];
    snprintf(name, sizeof name, "%.*s", STR_ARG(slug));
    name[0] = (char)(name[0] & ~0x20);
    while (fgets(line, sizeof line, stdin) && count + 2 < TURNS) {
        struct str text = str_trim(str_c(line));
        if (str_eq(text, STR("/new"))) {
            for (size_t i = 0; i < count; i++)
                recalled[known++] = (struct scripted_recall){turns[i].author, turns[i].text, now, false, 1};
            count = 0;
            now += 24 * 3600 * 1000;
            puts("--- a new room, a day later");
            continue;
        }
        turns[count++] = (struct scripted_turn){SCRIPTED_PERSON, STR_NONE, str_c(heap_cstr(text)), now};
        struct affect heard = {0};
        affect_read(text, &heard);
        struct scripted_input in = {.persona = {.name = str_c(name), .slug = slug},
                                    .transcript = turns,
                                    .transcript_count = count,
                                    .recalled = recalled,
                                    .recalled_count = known,
                                    .heard_valence = heard.valence * heard.confidence,
                                    .heard_arousal = heard.arousal,
                                    .seed = count * 7919 + 13 + (uint64_t)atoi(argc > 3 ? argv[3] : "0"),
                                    .now_ms = now};
        struct buf out = BUF_INIT;
        scripted_reply(rules, &in, &out);
        printf("> %.*s\n  %.*s\n", STR_ARG(text), STR_ARG(buf_str(&out)));
        turns[count++] =
            (struct scripted_turn){SCRIPTED_SELF, str_c(name), str_c(heap_cstr(buf_str(&out))), now};
        buf_release(&out);
        now += 30000;
    }
    scripted_rules_free(rules);
    buf_release(&complaints);
    return 0;
}
