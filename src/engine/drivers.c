/* Every engine driver there is; see provider.h. A new driver is one file and one line here. */
#include "engine/drivers.h"

static const struct provider_driver *const drivers[] = {
    &openai_driver,
    &llama_driver,
    &realtime_driver,
    &scripted_driver,
};
enum { DRIVER_COUNT = sizeof drivers / sizeof(void *) };

const struct provider_driver *const *provider_drivers(size_t *count)
{
    *count = DRIVER_COUNT;
    return drivers;
}

const struct provider_driver *provider_driver(struct str name)
{
    for (size_t i = 0; i < DRIVER_COUNT; i++) {
        if (str_eq(str_c(drivers[i]->name), name))
            return drivers[i];
    }
    return NULL;
}
