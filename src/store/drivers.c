/*
 * The list of store drivers. A new driver is one file and one line here.
 */
#include "store/driver.h"

static const struct store_driver *const drivers[] = {&store_driver_sqlite, &store_driver_memory};

const struct store_driver *store_driver_find(struct str name)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (str_eq(name, str_c(drivers[i]->name)))
            return drivers[i];
    return NULL;
}

const char *store_driver_names(void)
{
    return "sqlite, memory";
}
