/* The drivers' tables, for drivers.c; everybody else asks provider_driver() (provider.h). */
#ifndef EIDOLON_ENGINE_DRIVERS_H
#define EIDOLON_ENGINE_DRIVERS_H

#include "engine/provider.h"

extern const struct provider_driver openai_driver;   /* openai.c */
extern const struct provider_driver llama_driver;    /* llama.c */
extern const struct provider_driver realtime_driver; /* realtime.c */
extern const struct provider_driver scripted_driver; /* scripted.c */

#endif
