/* Every recogniser there is; see asr.h. */
#include "voice/asr.h"
#include "voice/asr_wav.h"

#include <stdatomic.h>

static const struct asr_driver *const drivers[] = {&asr_sphinx, &asr_openai, &asr_sherpa};

const struct asr_driver *asr_driver(struct str name)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++) {
        if (str_eq(name, str_c(drivers[i]->name)))
            return drivers[i];
    }
    return NULL;
}

uint64_t asr_id_new(void)
{
    static atomic_ullong last;
    return atomic_fetch_add(&last, 1) + 1;
}
