/* Rows that grow; see timings.h. */
#include "voice/timings.h"

#include <string.h>

void tts_words_add(struct arena *a, struct tts_word **list, size_t *count, const struct tts_word *more,
                   size_t more_count)
{
    struct tts_word *all = arena_array(a, struct tts_word, *count + more_count);
    if (*count)
        memcpy(all, *list, *count * sizeof *all);
    for (size_t i = 0; i < more_count; i++) {
        all[*count + i] = more[i];
        all[*count + i].text = arena_str(a, more[i].text);
    }
    *list = all;
    *count += more_count;
}

void viseme_keys_add(struct arena *a, struct viseme_key **list, size_t *count, const struct viseme_key *more,
                     size_t more_count)
{
    struct viseme_key *all = arena_array(a, struct viseme_key, *count + more_count);
    if (*count)
        memcpy(all, *list, *count * sizeof *all);
    if (more_count)
        memcpy(all + *count, more, more_count * sizeof *all);
    *list = all;
    *count += more_count;
}
