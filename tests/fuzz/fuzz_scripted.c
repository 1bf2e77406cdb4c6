/*
 * The rule parser and the reply, fed with anything. The input is cut at the first NUL: a rule file before it,
 * what a person says behind it (in two halves, told and asked). The embedded rules get the person's part too.
 */
#include "engine/scripted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reply_to(const struct scripted_rules *rules, struct str told, struct str asked)
{
    const struct scripted_turn turns[] = {{SCRIPTED_PERSON, STR_NONE, told, 1},
                                          {SCRIPTED_SELF, STR("Mia"), STR("What's your name?"), 2},
                                          {SCRIPTED_PERSON, STR_NONE, asked, 3}};
    const struct scripted_recall recalled[] = {{SCRIPTED_PERSON, told, 1, false, 1}};
    struct scripted_input in = {.persona = {.name = STR("Mia"), .slug = STR("mia"), .description = told},
                                .transcript = turns,
                                .transcript_count = 3,
                                .recalled = recalled,
                                .recalled_count = 1,
                                .core = &told,
                                .core_count = 1,
                                .seed = asked.n,
                                .now_ms = 1795000000000};
    struct buf out = BUF_INIT;
    scripted_reply(rules, &in, &out);
    if (out.n == 0)
        __builtin_trap();
    buf_clear(&out);
    scripted_expand_query(asked, &out);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scripted_rules *embedded;
    struct str all = str_of((const char *)data, size), rules, said = all;
    struct buf complaints = BUF_INIT;
    if (!embedded)
        embedded = scripted_rules_load(STR_NONE, NULL);
    if (!str_cut(&said, 0, &rules))
        return 0;
    struct scripted_rules *own = scripted_rules_parse(STR("fuzz.rules"), rules, &complaints);
    struct str told = str_sub(said, 0, said.n / 2), asked = str_from(said, said.n / 2);
    reply_to(own, told, asked);
    reply_to(embedded, told, asked);
    scripted_rules_free(own);
    buf_release(&complaints);
    return 0;
}
